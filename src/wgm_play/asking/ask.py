"""Ask the target one thing that a playbook says, so that it cannot do anything.

In: how a connection is opened, a text. Out: rows, or `NotAsked` with the reason. Each text has a connection and a transaction
of its own, which begins READ ONLY, is rolled back, and ends with the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from wgm_play.asking import effects
from wgm_play.asking.text import check_query
from wgm_play.errors import Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.sql import quoted, reveal

if TYPE_CHECKING:
    import psycopg

# What looks at all rows of a table may take long, but not for ever: seconds.
LONGEST = 3600.0
# A query that was written for a few rows may return all there are: what is past these stays on the server.
MOST = 10_000
UNTRUSTED = "nothing of an untrusted playbook is asked"


class NotAsked(Exception):
    """A text that was not sent, with the reason in words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query returned: the names of its columns, and its rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def named(self) -> list[dict[str, Any]]:
        """Return the rows as mappings."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(slots=True)
class Asker:
    """Asks texts of a playbook. `opened` opens a connection that may only read; `trusted` false asks nothing.

    While a playbook is run and not only looked at, its superuser may call functions of superusers and of `owners`: the run
    gives them as much. `heard` is told of each text that was asked.
    """

    opened: Callable[[], psycopg.Connection[Any]]
    trusted: bool = True
    running: bool = False
    owners: tuple[str, ...] = ()
    seconds: float = 30.0
    lock_seconds: float = 2.0
    heard: Callable[[], None] | None = None
    superuser: bool | None = None

    def ask(
        self,
        text: str,
        *,
        schemas: Iterable[str] | None = (),
        where: Position | None = None,
        seconds: float | None = None,
        most: int = MOST,
    ) -> Answer:
        """Return what a query returns, at most `most` rows. `schemas` are where unqualified names are looked for, None
        means where the application looks.

        Raise `InputError` for what is no SELECT, `NotAsked`, or the server's error.
        """
        from psycopg.rows import tuple_row

        check_query(text, where)
        path = None if schemas is None else ", ".join(map(quoted, dict.fromkeys([*schemas, "public"])))
        with self.transaction([text], path=path, seconds=seconds) as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            found = cast("Generator[tuple[Any, ...]]", cursor.stream(plain(text).encode()))
            with closing(found):
                rows = list(islice(found, most))
            if self.heard is not None:
                self.heard()
            return Answer(tuple(column.name for column in cursor.description or ()), rows)

    @contextmanager
    def transaction(
        self, texts: Sequence[str], *, path: str | None = "", seconds: float | None = None, planned: bool = False
    ) -> Iterator[psycopg.Connection[Any]]:
        """Open a connection in a READ ONLY transaction in which `texts`, one SELECT each, may be sent. Raise `NotAsked`.

        With `planned` they are only explained, and may write: what is volatile is not called for that.
        """
        if not self.trusted:
            raise NotAsked(UNTRUSTED)
        connection = self.opened()
        connection.prepare_threshold = 0  # the extended protocol takes one statement at a time
        try:
            limits = render(
                "asking/limits.sql.j2",
                statement=_milliseconds(self.seconds if seconds is None else seconds),
                lock=_milliseconds(self.lock_seconds),
                path=path,
            )
            connection.execute(render("asking/begin.sql.j2").sql.encode())
            if path is None:
                connection.execute(render("alerts/path.sql.j2").sql.encode())
            connection.execute(limits.sql.encode())
            self._look(connection, texts, planned=planned)
            yield connection
        finally:
            if not connection.broken:
                connection.execute(render("asking/rollback.sql.j2").sql.encode())
            connection.close()

    def _look(self, connection: psycopg.Connection[Any], texts: Sequence[str], *, planned: bool) -> None:
        """Raise `NotAsked` where one of the texts uses what it must not."""
        if self.superuser is None:
            self.superuser = effects.is_superuser(connection)
        owners = self.owners if self.running else None
        for text in map(plain, texts):
            found = effects.obstacles(connection, text, superuser=self.superuser, owners=owners, planned=planned)
            if found:
                known = any(one.startswith("pg_catalog.") for one in found) or not self.superuser
                reason = "" if known else ", and a superuser is connected"
                raise NotAsked(f"it uses {', '.join(found)}{reason}")


def plain(text: str) -> str:
    """Return a query without the semicolon at its end."""
    return reveal(text).strip().removesuffix(";")


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
