"""PgBouncer's console: its tables, asked by the simple protocol, which is the only one that it speaks.

In: an environment's `pool:`. Out: rows; `Unreachable` where it does not answer in time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wgm_play import pooler, server
from wgm_play.errors import Unreachable
from wgm_play.lazy_dataclass import dataclass
from wgm_play.secret import mask
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from psycopg import Connection

    from wgm_play.environment import Pool

# The database that is the console.
CONSOLE = "pgbouncer"
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Console:
    """An open console."""

    connection: Connection[Any]
    deadline: float

    def send(self, command: str) -> list[Row]:
        """Send a command; return its rows. Raise `Unreachable` where it fails, or no answer comes in time."""
        import psycopg

        try:
            results = pooler.answers(self.connection, command, self.deadline)
        except psycopg.Error as error:
            told = mask(str(error).strip())
            late = "query_wait_timeout" in told and "ERROR" not in told
            why = f"no answer within {self.deadline:g}s" if late else told
            raise Unreachable(f"PgBouncer's console, {command}: {why}", hint="ask it by psql") from error
        return [row for result in results for row in _rows(result)]

    def version(self) -> tuple[int, int] | None:
        """Return PgBouncer's version."""
        found = re.search(r"(\d+)\.(\d+)", " ".join(row.get("version", "") for row in self.send("SHOW VERSION")))
        return (int(found[1]), int(found[2])) if found else None


def _rows(result: Any) -> Iterator[Row]:
    names = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
    for row in range(result.ntuples):
        yield {name: (result.get_value(row, column) or b"").decode() for column, name in enumerate(names)}


@contextmanager
def console(pool: Pool) -> Iterator[Console]:
    """Open the console of an environment's pooler. Raise `Unreachable`."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    given: dict[str, Any] = conninfo_to_dict(reveal(pool.admin))
    ours: dict[str, Any] = {"application_name": "wgm-play pool"}
    ours |= {} if "connect_timeout" in given else {"connect_timeout": max(2, round(pool.deadline))}
    ours |= {} if "dbname" in given else {"dbname": CONSOLE}
    try:
        connection = psycopg.connect(reveal(pool.admin), autocommit=True, prepare_threshold=None, **ours)
    except psycopg.OperationalError as error:
        failed = server.unreachable(error, given | ours)
        said = failed.message.replace("PostgreSQL", "PgBouncer's console", 1)
        raise Unreachable(
            said, hint="see that it runs, and that `pool.admin` is right", details=failed.details
        ) from error
    try:
        yield Console(connection, pool.deadline)
    finally:
        connection.close()
