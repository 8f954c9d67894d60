"""Purge: what lies in the trash past its retention is removed for good.

In: the ledger's trash entries, the environment's retention. Out: nothing; what went is recorded and reported.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wgm_play.catalog.kinds import RESTORED
from wgm_play.catalog.model import Key
from wgm_play.commands.backups import expire
from wgm_play.commands.upkeep import run_of
from wgm_play.ledger import Ledger, TrashEntry
from wgm_play.operations.base import ACCESS_EXCLUSIVE, command
from wgm_play.operations.online.published import LISTS_SINCE, relist_own
from wgm_play.operations.trash import RECORDS
from wgm_play.plan import Command, Group, Lock, Operation
from wgm_play.quantities import format_duration
from wgm_play.reporter import StepResult

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

# What must go before what: a table before the types of its columns.
_ORDER = {**{kind: -place for kind, place in RESTORED.items()}, "conversion": 0, "rename": 1}


def purge(work: PlaySession, options: Options, reporter: Reporter) -> int:
    """Remove what is past its retention; with --check only show it."""
    work.check_marker()
    reporter.play(work.play.name, work.target)
    retention = work.environment.policy.trash_retention
    entries = [entry for entry in Ledger(work.reading).trash_entries() if _old(entry, retention)]
    groups = tuple(
        _group(entry, work.reading.info.server_version)
        for entry in sorted(entries, key=lambda one: (_ORDER.get(one.kind, 9), one.name))
    )
    operations = [operation for group in groups for operation in group.operations]
    outcome = "changed" if operations else "ok"
    name = f"Purge what is older than {format_duration(retention)}"
    if not options.check:
        expire(work, reporter)
    if options.check or not operations:
        reporter.step(StepResult(work.target, name, outcome, operations=operations))
        reporter.recap()
        return 0
    run_of(work, groups, "purge", reporter)
    reporter.step(StepResult(work.target, name, outcome, operations=operations))
    reporter.recap()
    return 0


def _old(entry: TrashEntry, retention: float) -> bool:
    return datetime.now(UTC) - entry.at >= timedelta(seconds=retention)


def _group(entry: TrashEntry, version: int) -> Group:
    key = Key(entry.kind, tuple(entry.name))
    place = list(entry.trash_name)
    event = {"event": "purged", "kind": entry.kind, "name": list(entry.name), "trash_name": place, "definition": {}}
    operation = Operation(
        "purge",
        key,
        f"remove {entry.kind} {'.'.join(entry.name)} for good",
        _commands(entry.kind, place, version),
        irreversible="it was purged",
        payload={"trash": event},
    )
    return Group((operation,), -1)


def _commands(kind: str, place: list[str], version: int) -> tuple[Command, ...]:
    if kind in RECORDS:
        return ()
    if kind == "column":
        lock = Lock(ACCESS_EXCLUSIVE, ".".join(place[:2]))
        gone = command("column/drop", lock, table=tuple(place[:2]), name=place[2])
        return (gone, relist_own(tuple(place[:2]))) if version >= LISTS_SINCE else (gone,)
    return (command(f"{kind}/drop", Lock(ACCESS_EXCLUSIVE, ".".join(place)), name=tuple(place)),)
