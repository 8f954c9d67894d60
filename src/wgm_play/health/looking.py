"""The checks made: each is one query, in a transaction that can only read and ends soon.

In: a connection; for `deep`, somebody who asks tables so that nothing can happen. Out: `Finding`s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from wgm_play import health
from wgm_play.finding import INFO, Finding
from wgm_play.health.model import Check, Row
from wgm_play.render import render
from wgm_play.secret import mask, without_values
from wgm_play.sql import ident

if TYPE_CHECKING:
    from wgm_play.asking.ask import Asker

SOURCE = "health"
TIMEOUT_SECONDS = 10


def look(connection: Any, asker: Asker | None = None, without: Collection[str] = ()) -> list[Finding]:
    """Return what is found, in the order of `CHECKS`. A check that cannot be made is advice that says so.

    With an `asker` tables are read too. Nothing is written and no lock is taken beyond reading.
    """
    chosen = [check for check in health.CHECKS if check.name not in without and (asker or not check.deep)]
    return [found for check in chosen for found in _made(connection, check, asker)]


def _made(connection: Any, check: Check, asker: Asker | None) -> Iterator[Finding]:
    import psycopg

    try:
        rows = _rows(connection, check)
    except psycopg.errors.InsufficientPrivilege as error:
        yield _unknown(check, connection, error)
        return
    except psycopg.OperationalError as error:
        if connection.closed:
            raise
        yield _unknown(check, connection, error)
        return
    kept: Iterable[Row] = check.judge(rows) if check.judge is not None else rows
    if asker is not None:
        from wgm_play.health.deep import LOOKS

        if check.name in LOOKS:
            kept = LOOKS[check.name](asker, kept)
    for row in kept:
        yield _finding(check, row)


def _rows(connection: Any, check: Check) -> list[Row]:
    from psycopg.rows import dict_row

    with connection.transaction(force_rollback=True):
        connection.execute(render("health/limits.sql.j2", milliseconds=TIMEOUT_SECONDS * 1000).sql)
        statement = render(f"health/{check.name}.sql", version=connection.info.server_version, **check.values)
        with connection.cursor(row_factory=dict_row) as cursor:
            found: list[Row] = cursor.execute(statement.sql.encode()).fetchall()
    return found


def _finding(check: Check, found: Row) -> Finding:
    row: Row = {name: mask(value) if isinstance(value, str) else value for name, value in found.items()}
    urgent = check.urgent is None or row["percent"] >= check.urgent
    return Finding(
        check.name,
        row.get("severity") or (check.severity if urgent else INFO),
        check.message.format(**row),
        row["object"],
        row.get("attribute") or "",
        check.remedy.format(**row),
        (*(line.format(**row) for line in check.evidence), *row.get("evidence", ())),
        source=SOURCE,
    )


def _unknown(check: Check, connection: Any, error: Any) -> Finding:
    told = without_values(error)
    return Finding(
        check.name,
        INFO,
        f"{check.name.replace('_', ' ')}: not checked ({mask(told)})",
        attribute="unknown",
        remedy=check.grant.format(role=ident(connection.info.user)),
        source=SOURCE,
    )
