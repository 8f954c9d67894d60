"""Whether a run converged: the live catalog read again must be what was wanted, and what waits for the end must hold.

In: a `PlaySession`, a plan that ran. Out: the live catalog; a run that did not converge is recorded as failed and raised.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from wgm_play.catalog.graph import object_of
from wgm_play.catalog.kinds import ACCESS, CLUSTER, OF_OBJECT
from wgm_play.catalog.model import Catalog, Key, differing_fields, row_of
from wgm_play.errors import Refused, StepFailed
from wgm_play.planning.versions import really_differing
from wgm_play.run import invariants

if TYPE_CHECKING:
    from wgm_play.planning.model import Planned
    from wgm_play.run.executing import Begun
    from wgm_play.run.work import PlaySession


def converged(work: PlaySession, planned: Planned, after: Catalog, begun: Begun) -> None:
    """Compare the live catalog as it is now: it must be what was wanted. Raise `StepFailed`."""
    wanted = _with_what_is_not_said(work, planned, after)
    names = {operation.key.name[:2] for operation in planned.plan.operations}
    skipped = {
        key for key in {*after.rows, *wanted.rows} if _of_others(key, planned) or _untouched(key, planned, names)
    }
    if planned.choices_selected is not None:
        done = {operation.key for operation in planned.plan.operations}
        skipped |= {key for key in {*after.rows, *wanted.rows} if key not in done}
    differing = [
        key
        for key in sorted({*after.rows, *wanted.rows})
        if key not in skipped and after.rows.get(key) != wanted.rows.get(key)
    ]
    differing = really_differing(work.connections, after, wanted, differing)
    problem: StepFailed | None = None
    if differing:
        problem = StepFailed(
            "the run did not converge: the live catalog is not what was wanted",
            details=[_said(key, after, wanted, planned.live) for key in differing[:10]],
            hint="run `wgm-play check`; the same command tries again",
        )
    if problem is None and planned.imperative.later:
        try:
            planned.imperative.connection = work.reading
            planned.imperative.ask(list(planned.imperative.later), again=True)
        except Refused as refused:
            problem = StepFailed(refused.message, where=refused.where, step=refused.step, details=refused.details)
    if problem is None:
        try:
            invariants.ask(work, before=False, after=True)
        except StepFailed as broken:
            problem = broken
    if problem is not None:
        begun.ledger.finish(begun.run, "failed", error=problem.message, after=after)
        raise problem


def _of_others(key: Key, planned: Planned) -> bool:
    """Tell whether nobody asked for an owner, a privilege or a role: a new object has its own, by default privileges."""
    if key.kind not in ACCESS or key in planned.wanted.managed:
        return False
    return key.kind in CLUSTER or key not in planned.wanted.catalog.rows


def _untouched(key: Key, planned: Planned, names: Collection[tuple[str, ...]]) -> bool:
    """Tell whether no step declares an object and the plan leaves it alone: others may change it during the run."""
    if key in planned.wanted.managed or planned.live.rows.get(key) != planned.wanted.catalog.rows.get(key):
        return False
    of = object_of(key) if key.kind in OF_OBJECT else key
    # A column's, trigger's or privilege's table or view may be made again by the plan, whose `names` these are.
    return of.name[:2] not in names


def _with_what_is_not_said(work: PlaySession, planned: Planned, after: Catalog) -> Catalog:
    """Return the wanted catalog with row security of new tables as event triggers of the database left it, where no step says it."""
    wanted = planned.wanted.catalog
    if not (planned.live.of("event_trigger") or after.of("event_trigger")):  # one may have come meanwhile
        return wanted
    said = {
        key for key, one in planned.imperative.folded.declarations.items() if "row_level_security" in one.attributes
    }
    made = wanted.copy()
    for key in wanted.of("table"):
        if key in planned.live.rows or key in said or key not in after.rows:
            continue
        now = after[key]
        row = replace(wanted[key], row_security=now.row_security, force_row_security=now.force_row_security)
        if row != wanted[key]:
            made.rows[key] = row_of(row)
            work.reporter.note(
                f"row level security of {key.label} is {'on' if now.row_security else 'off'}: no step says it, an event trigger did it"
            )
    return made


def read_again(work: PlaySession) -> Catalog:
    """Return the live catalog, by the session that read it before: it has the plans of the queries still."""
    import psycopg

    try:
        return work.read_live()
    except psycopg.OperationalError:  # it was lost meanwhile, as when the server was started again: a new one is opened
        return work.read_live()


def _said(key: Key, after: Catalog, wanted: Catalog, before: Catalog) -> str:
    if key not in after.rows:
        return f"{key} is missing"
    if key not in wanted.rows:
        return f"{key} is still there" if key in before.rows else f"{key} appeared during the run"
    have, want = after[key], wanted[key]
    return f"{key}: " + ", ".join(
        f"{name} is {getattr(have, name)!r}, wanted {getattr(want, name)!r}" for name in differing_fields(want, have)
    )
