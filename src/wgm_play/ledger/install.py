"""Creating and upgrading the ledger: schema `wgm`, its tables and the trigger that keeps them append-only.

In: a connection inside a transaction. Out: the ledger in the newest version; readers granted SELECT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from wgm_play.errors import Refused, Unreachable
from wgm_play.ledger.statements import Connection, run, send, text
from wgm_play.sql import ident

# The tables of each version of the ledger, in the order of their creation; version n + 1 only adds to version n.
TABLES = {
    1: (
        "version",
        "marker",
        "run",
        "run_end",
        "operation",
        "statement",
        "statement_end",
        "snapshot",
        "run_snapshot",
        "sql_once",
        "row_change",
        "trash",
        "handler",
        "checkpoint",
        "restore_point",
        "backup_pin",
    ),
    2: ("steering",),
    3: ("consent",),
    4: ("alert_check",),
    5: ("revision", "approval", "decision", "flag"),
    6: ("evidence",),
    7: ("query_record",),
}
OTHER: dict[int, tuple[str, ...]] = {
    1: ("snapshot_storage", "refuse_change"),
    5: ("stamp", "stamped_approval", "always_approval", "stamped_decision", "always_decision"),
}
NEWEST = max(TABLES)


def ensure(connection: Connection, readers: Sequence[str], program: str) -> list[str]:
    """Create or upgrade the ledger and grant it to `readers`; return the readers that are not roles of the server.

    Raises Refused where a newer program made the ledger, Unreachable where the role may not create it.
    """
    create = f"GRANT CREATE ON DATABASE {ident(connection.info.dbname)} TO {ident(connection.info.user)}"
    with written(f", or let an administrator run {create}"):
        _upgrade(connection, program)
        return _grant(connection, readers)


@contextmanager
def written(otherwise: str = "") -> Iterator[None]:
    """Raise Unreachable where what is done in this block is refused, because the role may not write the ledger."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise Unreachable(
            'this role may not write the ledger, schema "wgm"',
            details=(str(error).strip(),),
            hint=f"run as the role that owns the ledger{otherwise}",
        ) from error


def _upgrade(connection: Connection, program: str) -> None:
    present = run(connection, "access").fetchone()
    before = installed(connection) if present and present[0] else 0
    if before > NEWEST:
        raise Refused(
            f"the ledger has version {before}, this program knows {NEWEST}",
            hint="upgrade wgm-play: pip install --upgrade wgm-play",
        )
    for version in range(before + 1, NEWEST + 1):
        # One round trip for all: they are in the first run's way.
        send(connection, ";\n".join(creation(version)))
        run(connection, "add_version", version, program)


def installed(connection: Connection) -> int:
    """Return the version of the ledger that is there, 0 where schema `wgm` holds none."""
    (named,) = send(connection, text("ledger/version_table")).fetchone() or (None,)
    return int(run(connection, "installed").fetchone()[0]) if named else 0  # type: ignore[index]


def creation(version: int) -> list[str]:
    """Return the statements that bring the ledger from the version before to `version`."""
    folder = f"ledger/v{version}"
    first = [text(f"{folder}/schema")] if version == 1 else []
    tables = [text(f"{folder}/{table}") for table in TABLES[version]]
    other = [text(f"{folder}/{name}") for name in OTHER.get(version, ())]
    return first + tables + other + [text("ledger/v1/append_only", table=table) for table in TABLES[version]]


def ungranted(connection: Connection, readers: Sequence[str]) -> list[str]:
    """Return the roles among `readers` that may not read all of the ledger, sorted."""
    return sorted(name for name, missing in run(connection, "readers_missing", list(readers)).fetchall() if missing)


def _grant(connection: Connection, readers: Sequence[str]) -> list[str]:
    if not readers:
        return []
    found = dict(run(connection, "readers_missing", list(readers)).fetchall())
    ungranted = tuple(sorted(name for name, missing in found.items() if missing))
    if ungranted:
        send(connection, text("ledger/grant_schema", readers=ungranted))
        send(connection, text("ledger/grant_tables", readers=ungranted))
    return [name for name in readers if name not in found]
