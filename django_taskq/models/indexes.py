"""Indexes over the jobs of one state, which ended jobs leave."""

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement


class PartialIndex(models.Index):
    """An index that holds only the rows of a condition, where the database can.

    Django leaves a conditional index out altogether on MySQL and MariaDB; this one is made
    whole there, with `leading` in front of its fields, so that the claim still finds its rows.
    `unique` makes it a constraint: a whole unique index lets any number of NULLs in as well.
    """

    def __init__(
        self,
        *,
        fields: list[str] | tuple[str, ...],
        name: str,
        where: models.Q,
        leading: tuple[str, ...] = (),
        unique: bool = False,
    ) -> None:
        self.where = where
        self.leading = tuple(leading)
        self.unique = unique
        super().__init__(fields=fields, name=name)

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        """Return what a migration needs to make this index again."""
        path, args, kwargs = super().deconstruct()
        kwargs |= {"where": self.where, "leading": self.leading, "unique": self.unique}
        return path, args, kwargs

    def create_sql(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        using: str = "",
        **kwargs: Any,
    ) -> Statement:
        """Return the statement that creates the index on this database."""
        if schema_editor.connection.features.supports_partial_indexes:
            index = models.Index(fields=list(self.fields), name=self.name, condition=self.where)
        else:
            index = models.Index(fields=[*self.leading, *self.fields], name=self.name)
        statement = index.create_sql(model, schema_editor, using, **kwargs)
        if self.unique:
            statement.template = statement.template.replace("CREATE INDEX", "CREATE UNIQUE INDEX")
        return statement
