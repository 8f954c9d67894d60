"""A drill: the newest backup is brought back on a scratch server, looked at, and thrown away.

In: a play with its `backup:` policy. Out: findings, and evidence in the ledger; nothing else is written to the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from wgm_play.backup import target
from wgm_play.backup.base import Drill as Asked
from wgm_play.catalog import introspect
from wgm_play.catalog.kinds import OF_SERVER
from wgm_play.catalog.model import Catalog, Key, told_fields
from wgm_play.finding import ERROR, WARNING, Finding
from wgm_play.ledger import Ledger
from wgm_play.quantities import format_duration, format_size
from wgm_play.rehearsal.login import with_own_login
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.server import connect_to

if TYPE_CHECKING:
    import psycopg

    from wgm_play.backup.base import Backup, Drill, ScratchServer
    from wgm_play.run.work import PlaySession

KIND = "drill"
# A table with fewer rows changes by more than any share without anybody's fault.
FEW_ROWS = 100


def drill(work: PlaySession, backup_id: str | None) -> list[Finding]:
    """Bring a backup back (the newest for None), look at it, keep what was found in the ledger; return the findings."""
    from wgm_play.run.gate import engine_of

    work.check_marker()
    policy, engine = engine_of(work)
    backup = engine.find(backup_id)
    work.reporter.note(f"drill: backup {backup.id} of {backup.database!r}, {format_size(backup.size)}")
    with engine.on_scratch(backup) as given:
        copy = with_own_login(given, "", superuser=True) if engine.capabilities.cluster else given
        if not copy.rows:
            copy = replace(copy, rows=_counted(copy))
        for note in (*copy.notes, *(f"not brought back here: {one}" for one in copy.unproved)):
            work.reporter.note(note)
        findings = [Finding("restore", ERROR, one, source=KIND) for one in copy.problems]
        findings += _look(work, copy, policy.drill or Asked())
    content = _content(work, backup, copy, findings)
    _keep(work, content, passed=not findings)
    return findings


def _counted(copy: ScratchServer) -> dict[str, int]:
    with target.connect(copy.url, "wgm-play drill") as connection:
        target.patience(connection)
        return target.rows(connection, target.column(connection, "tables.sql.j2"))


def _look(work: PlaySession, copy: ScratchServer, asked: Drill) -> list[Finding]:
    with (
        target.connect(copy.url, "wgm-play drill") as connection,
        target.connect(copy.admin, "wgm-play drill") as admin,
    ):
        target.patience(connection)
        target.patience(admin)
        return [
            *_pages(work, admin),
            *_catalog(work, copy),
            *_rows(work, copy, asked.within),
            *_assertions(connection, asked.restored),
        ]


def _pages(work: PlaySession, admin: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Look at indexes and tables with amcheck, where the server has it."""
    import psycopg

    if not admin.execute(render("rehearsal/amcheck.sql.j2").sql).fetchall():
        return
    try:
        admin.execute(render("rehearsal/make_amcheck.sql.j2").sql)
    except psycopg.errors.InsufficientPrivilege:
        work.reporter.note("amcheck did not look at it: this role may not create the extension")
        return
    for kind, name, oid in admin.execute(render("rehearsal/relations.sql.j2").sql).fetchall():
        try:
            rows = admin.execute(
                render("rehearsal/check_relation.sql.j2", kind=kind, oid=oid, version=admin.info.server_version).sql
            ).fetchall()
            said = [row[0] for row in rows if row[0]]
        except psycopg.Error as error:
            said = [str(error.diag.message_primary or error)]
        for one in said[:1]:
            yield Finding("corruption", ERROR, f"{kind} {name}: {one}", object=name, source=KIND)


def _catalog(work: PlaySession, copy: ScratchServer) -> Iterator[Finding]:
    """Compare what came back with what its own ledger says that it was; what is live so now too is drift, not loss."""
    with connect_to(
        copy.url, policy=work.environment.policy, application_name="wgm-play drill", read_only=True
    ) as reading:
        yield from _differences(work, reading)


def _differences(work: PlaySession, connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    ledger = Ledger(connection)
    last = next((run for run in ledger.last_runs() if run.status == "done"), None)
    recorded = ledger.snapshot_of(last.id, "after") if last is not None else None
    if recorded is None:
        work.reporter.note("no run is recorded in the backup: its catalog is compared with nothing")
        return
    found, live = introspect.read(connection, edges=False), work.read_live()
    same_words = found.version // 10000 == recorded.version // 10000
    for key in sorted({*recorded.rows, *found.rows}):
        if key.kind in OF_SERVER or recorded.rows.get(key) == found.rows.get(key):
            continue
        there = key in recorded.rows and key in found.rows
        if (there and not same_words) or live.rows.get(key) == found.rows.get(key):
            continue
        yield Finding("catalog", ERROR, _differs(key, recorded, found), object=str(key), source=KIND)


def _differs(key: Key, recorded: Catalog, found: Catalog) -> str:
    if key not in found.rows:
        return f"{key} is in the ledger and did not come back"
    if key not in recorded.rows:
        return f"{key} came back and is not in the ledger"
    return f"{key} came back otherwise: {told_fields(recorded[key], found[key])}"


def _rows(work: PlaySession, copy: ScratchServer, within: float) -> Iterator[Finding]:
    """Compare the rows that came back with what the live statistics say of each table."""
    counted = copy.rows
    for name, alive, estimated in work.reading.execute(render("rehearsal/live_rows.sql.j2").sql).fetchall():
        known = [number for number in (alive, estimated) if number is not None]
        if name not in counted or not known:
            continue
        have = counted[name]
        nearest = min(known, key=lambda number: abs(number - have))
        if have == 0 and min(known) > 0:
            yield Finding(
                "empty",
                ERROR,
                f"table {name} is empty in the backup; the live statistics say {nearest:,} rows",
                object=name,
                remedy=f"wgm-play backup {work.options.playbook}",
                source=KIND,
            )
        elif max(have, nearest) >= FEW_ROWS and abs(have - nearest) > within * max(have, nearest):
            yield Finding(
                "rows",
                WARNING,
                f"table {name}: {have:,} rows in the backup, {nearest:,} by the live statistics: more than {within:.0%} apart",
                object=name,
                remedy=f"ANALYZE {name}; wgm-play backup {work.options.playbook}",
                source=KIND,
            )


def _assertions(connection: psycopg.Connection[Any], queries: Sequence[str]) -> Iterator[Finding]:
    """Ask what must hold in what came back."""
    import psycopg

    for number, query in enumerate(queries, 1):
        where = getattr(query, "position", None)
        try:
            rows = connection.execute(str(query).encode()).fetchmany(2)
            told = "" if len(rows) == 1 and rows[0][0] is True else f"it returned {_shown(rows)}"
        except psycopg.Error as error:
            told = str(error.diag.message_primary or error)
        if told:
            yield Finding(
                "restored",
                ERROR,
                f"what must hold does not: {' '.join(str(query).split())}: {mask(told)}",
                object=f"restored {number}",
                where=where,
                source=KIND,
            )


def _shown(rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return "no row"
    return "more than one row" if len(rows) > 1 else ", ".join(map(str, rows[0]))


def _content(work: PlaySession, backup: Backup, copy: ScratchServer, findings: Sequence[Finding]) -> dict[str, Any]:
    content = {
        "backup": backup.id,
        "taken": f"{backup.started:%Y-%m-%dT%H:%M:%SZ}",
        "size": backup.size,
        "seconds": round(copy.seconds, 3),
        "server_version": copy.major,
        "reached": copy.reached,
        "rows": sum(number for name, number in copy.rows.items() if not name.startswith("wgm.")),
        "findings": [
            {key: value for key, value in asdict(one).items() if value and key != "where"} for one in findings
        ],
    }
    work.reporter.note(
        f"brought back in {format_duration(copy.seconds)}: {copy.reached}, {content['rows']:,} rows on PostgreSQL {copy.major}"
    )
    work.reporter.data("drill", content)
    return content


def _keep(work: PlaySession, content: Mapping[str, Any], *, passed: bool) -> None:
    """Write the drill into the ledger; say so where that cannot be."""
    from wgm_play.rehearsal.evidence import keep

    keep(work, KIND, content, passed=passed)
