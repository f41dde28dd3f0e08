"""Many values handed to PostgreSQL at once: columns as arrays, equal ones as a single value."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

_PLAIN = frozenset({"bigint", "integer", "smallint", "float8", "boolean", "uuid"})


def given_rows(
    types: Mapping[str, str], columns: Mapping[str, Sequence[Any]], values: dict[str, Any]
) -> str:
    """Return a subquery with these columns, named `given`, and add its parameters to `values`.

    A column in which all rows agree is sent once: most batches are of one task, one queue, one
    worker. The first column is always an array and decides how many rows there are.
    """
    (first, first_type), *others = types.items()
    arrays = {first: first_type}
    selected = [first]
    values[first] = literal(columns[first], first_type)
    for name, type in others:
        column = columns[name]
        if column.count(column[0]) == len(column):
            values[name] = column[0]
            selected.append(f"%({name})s::{type} AS {name}")
        else:
            arrays[name] = type
            values[name] = literal(column, type)
            selected.append(name)
    unnested = ", ".join(f"%({name})s::{type}[]" for name, type in arrays.items())
    return (
        f"(SELECT {', '.join(selected)} FROM unnest({unnested}) AS array_of ({', '.join(arrays)}))"
        " AS given"
    )


def given_row(
    types: Mapping[str, str], columns: Mapping[str, Sequence[Any]], values: dict[str, Any]
) -> str:
    """Return the same for one row; the planner sees that it is one."""
    values.update((name, columns[name][0]) for name in types)
    selected = ", ".join(f"%({name})s::{type} AS {name}" for name, type in types.items())
    return f"(SELECT {selected}) AS given"


def any_of(column: str, numbers: Sequence[int]) -> RawSQL:
    """Return the condition that a column has one of these numbers.

    As one parameter: the driver looks for those at every sign of a statement.
    """
    told = literal(numbers, "bigint")
    return RawSQL(f"{column} = ANY(%s::bigint[])", (told,), output_field=BooleanField())


def literal(column: Sequence[Any], type: str) -> str:
    """Write an array the way PostgreSQL reads it.

    One parameter of text costs a tenth of what a driver takes to look at every element.
    """
    quote = str if type in _PLAIN else _quoted
    return "{" + ",".join(["NULL" if item is None else quote(item) for item in column]) + "}"


def _quoted(item: str | datetime) -> str:
    text = str(item)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
