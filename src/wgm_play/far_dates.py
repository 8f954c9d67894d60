"""Dates and times that PostgreSQL has and Python has not: infinity, before Christ, after the year 9999, 24:00, months.

In: a connection. Out: the same one, which reads such values as their text.
"""

from __future__ import annotations

import functools
from typing import Any

_TYPES = ("date", "time", "timetz", "timestamp", "timestamptz", "interval")


def as_text(connection: Any) -> None:
    """Let a connection read dates and times that Python's types cannot hold as their text, in arrays and ranges too."""
    for name, loader in _loaders():
        connection.adapters.register_loader(name, loader)


@functools.cache
def _loaders() -> list[tuple[str, Any]]:
    import psycopg

    return [(name, _tolerant(_usual(psycopg, name))) for name in _TYPES]


def _usual(library: Any, name: str) -> Any:
    return library.adapters.get_loader(library.adapters.types[name].oid, library.pq.Format.TEXT)


def _tolerant(usual: Any) -> Any:
    import psycopg
    from psycopg.adapt import Loader

    class Tolerant(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self.usual = usual(oid, context)

        def load(self, data: Any) -> Any:
            text = bytes(data).decode()
            if " mon" in text or " year" in text:  # of an interval: Python would count 30 days, and 365
                return text
            try:
                return self.usual.load(data)
            except psycopg.DataError:
                return text

    return Tolerant
