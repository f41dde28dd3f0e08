"""A database to measure in, as a value that can be handed to another process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["postgresql", "sqlite", "memory", "processes", "redis"]

SQLITE_OPTIONS = {
    "timeout": 30,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
}


@dataclass(frozen=True)
class Place:
    """One database: its name is a file path on SQLite.

    In memory, where jobs are run by threads or by processes, the name is empty unless there is
    an SQLite file beside the jobs, for rows about tenants. With Redis it is the SQLite file for
    what a peer keeps in rows.
    """

    kind: Kind
    name: str = ""
    host: str = ""
    port: int = 0
    user: str = ""

    @property
    def is_memory(self) -> bool:
        return self.kind in ("memory", "processes")

    @property
    def dsn(self) -> str:
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.name}"

    def databases(self) -> dict[str, Any]:
        """Return Django's DATABASES for this place; connections are kept, for everybody alike."""
        if self.is_memory and not self.name:
            return {}
        if self.kind != "postgresql":
            default = {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": self.name,
                "OPTIONS": SQLITE_OPTIONS,
            }
        else:
            default = {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": self.name,
                "HOST": self.host,
                "PORT": str(self.port),
                "USER": self.user,
            }
        return {"default": default | {"CONN_MAX_AGE": None}}

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Place:
        return cls(**json.loads(text))
