"""Drift: what differs from what the last run left, within what the playbook manages.

In: a play's work, its plan where there is one, the live catalog. Out: findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play.catalog.kinds import ACCESS, AS_ROWS, CLUSTER, IN_TABLE
from wgm_play.catalog.model import Catalog, Key, told_fields
from wgm_play.finding import INFO, WARNING, Finding
from wgm_play.ledger import UNKNOWN, Ledger
from wgm_play.run.undrifted import NO_DRIFT, PART, remember

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wgm_play.planning.model import Planned
    from wgm_play.playbook.model import Declaration
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

SOURCE = PART


def drift(work: PlaySession, planned: Planned | None, live: Catalog, reporter: Reporter) -> list[Finding]:
    """Compare the live catalog with the last recorded snapshot."""
    ledger = Ledger(work.reading)
    last = next((run for run in ledger.last_runs() if run.status == "done"), None)
    recorded = ledger.snapshot_of(last.id, "after") if last is not None else None
    if ledger.access() == "unknown":
        told = f"unknown whether there is drift: {UNKNOWN}"
        reporter.warn(told)
        return [Finding("drift", INFO, told, attribute="unknown", source=SOURCE)]
    if recorded is None:
        reporter.note("no run is recorded for this database, so there is nothing to compare with")
        return []
    declared = _declared(work) if planned is None else {}
    changed = sorted(key for key in {*recorded.rows, *live.rows} if recorded.rows.get(key) != live.rows.get(key))
    if changed:
        managed = set(planned.wanted.managed) if planned is not None else _managed(_about(declared, changed), live)
        changed = _inside(changed, managed)
    if not changed:
        reporter.note(NO_DRIFT)
        remember(work, live)
    return [_finding(work, key, recorded, live) for key in changed]


def _finding(work: PlaySession, key: Key, recorded: Catalog, live: Catalog) -> Finding:
    book = work.options.playbook
    return Finding(
        "drift",
        WARNING,
        _words(key, recorded, live),
        str(key),
        remedy=f"wgm-play {book} --check --diff shows the way back; or write into the playbook what is meant",
        source=SOURCE,
    )


def _inside(keys: Iterable[Key], managed: set[Key]) -> list[Key]:
    """Return those keys that are managed, or parts of tables that are."""
    tables = {key.name for key in managed if key.kind == "table"}

    def inside(key: Key) -> bool:
        if key.kind in AS_ROWS | ACCESS:
            return key in managed
        return key in managed or (key.kind in IN_TABLE and key.name[:2] in tables)

    return [key for key in keys if inside(key)]


def _declared(work: PlaySession) -> Mapping[Key, Declaration]:
    """Return what the steps declare. Raises what is wrong with them, as far as they say anything new."""
    from wgm_play.playbook.fold import fold

    known = work.kept_last_run()
    return fold(work.play.steps, known=known.said if known else None).declarations


def _about(declared: Mapping[Key, Declaration], keys: Iterable[Key]) -> Mapping[Key, Declaration]:
    """Return what may be about `keys`: where only roles of other databases are new, nothing else is made to be looked at."""
    if any(key.kind not in CLUSTER for key in keys):
        return declared
    return {key: one for key, one in declared.items() if key.kind in CLUSTER}


def _managed(declared: Mapping[Key, Declaration], live: Catalog) -> set[Key]:
    """Return what is declared: what is managed where the plan that would tell exactly is refused, or not made."""
    from wgm_play.desired.overlay import same_object

    found: set[Key] = set()
    for key, declaration in declared.items():
        found.update((key, *same_object(live, key), *declaration.parts))
    return found


def _words(key: Key, recorded: Catalog, live: Catalog) -> str:
    if key not in live.rows:
        return f"{key} is missing"
    if key not in recorded.rows:
        return f"{key} was added"
    return f"{key}: {told_fields(recorded[key], live[key])}"
