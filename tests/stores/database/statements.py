"""Looking at the statements that a verb sends, and at the plans the database makes of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

type Statement = tuple[str, Any]


@contextmanager
def recorded(database: str) -> Iterator[list[Statement]]:
    """Record the statements that this thread sends, in a form in which they can be sent again."""
    statements: list[Statement] = []

    def record(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not many:
            statements.append((sql, params))
        return execute(sql, params, many, context)

    with connections[database].execute_wrapper(record):
        yield statements


def plan_of(database: str, statement: Statement) -> str:
    """Return the plan of a statement without running it."""
    sql, params = statement
    word = "EXPLAIN QUERY PLAN" if connections[database].vendor == "sqlite" else "EXPLAIN"
    with connections[database].cursor() as cursor:
        cursor.execute(f"{word} {sql}", params)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def run(database: str, sql: str, params: Any = ()) -> list[Any]:
    """Run one statement and return its rows, if it has any."""
    with connections[database].cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []
