"""START HERE for a rollback: the same diff with another wanted state, the one before; nobody writes down-scripts.

In: a request, its target, the ledger, the runs to take back. Out: a planned play that is run like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.model import DesiredState
from wgm_play.diff.compare import diff
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger, RunChange
from wgm_play.operations.base import Change, Goal, PlanContext
from wgm_play.operations.online.leftover import removals
from wgm_play.operations.order import constraints_without_index, order
from wgm_play.operations.search_path import calling
from wgm_play.plan import Group
from wgm_play.planning import inheritance, kept_extensions, live_facts, rename
from wgm_play.planning.assemble import assemble, in_order, transactions
from wgm_play.planning.consent import Consents
from wgm_play.planning.convert import castable, with_uncastable
from wgm_play.planning.dependents import realise_dependents
from wgm_play.planning.draft import Draft
from wgm_play.planning.locks_below import with_children
from wgm_play.planning.model import Planned
from wgm_play.planning.plan_hazards import announced
from wgm_play.planning.privileges import Skips
from wgm_play.planning.request import PlanRequest
from wgm_play.planning.target import PlanTarget
from wgm_play.playbook.fold import fold
from wgm_play.rollback import conversions, desired, edges, from_trash, names, rows, sql
from wgm_play.rollback.past import Past, ids_of, read_past


def plan(request: PlanRequest, target: PlanTarget, ledger: Ledger, changes: Sequence[RunChange]) -> Planned:
    """Plan how changes are taken back. Raises `Refused`, `Problems`, `Unreachable`."""
    with target.planning():
        request = replace(request, paused=_paused(request, ledger, changes))
        past = read_past(ledger, changes, request.live)
        wanted = desired.wanted(request.live, past)
        start = _start(request, target, past, wanted)
        moved = _moved(request, target, past, wanted, start)
        return _assembled(request, target, past, wanted, start, moved)


def _paused(request: PlanRequest, ledger: Ledger, changes: Sequence[RunChange]) -> frozenset[Key]:
    """Return what the runs changed in steps that pause the pool: it is changed back in the same way."""
    steps = {step.name for step in request.play.steps if step.pause_pool}
    if request.environment.pool is None or not steps:
        return frozenset()
    done = [one for one in ledger.done_in(ids_of(changes)) if one.step_name in steps]
    keys = [Key(one.kind, tuple(one.name)) for one in done]
    return frozenset(key.relation or key for key in keys)


@dataclass(frozen=True, slots=True)
class _Start:
    """What must be so before the diff: old names free and given back, data out of the trash (`brought`).

    `cleared` is the catalog without what is in the way of old names, `clearing` the changes that remove that.
    """

    cleared: Catalog
    clearing: list[Change]
    renamed: rename.Renamed
    restored: list[Change]
    brought: set[Key]
    situation: PlanContext


def _start(request: PlanRequest, target: PlanTarget, past: Past, wanted: DesiredState) -> _Start:
    live = request.live
    situation = PlanContext(live, wanted.catalog, target.facts(request, live))
    cleared, clearing = names.clear(target, situation, names.in_the_way(live, past.entries))
    renamed = names.renames(situation, cleared, wanted.catalog, past.entries)
    current = rename.apply(target.shadow(), cleared, renamed) if renamed.changes else live
    situation = replace(situation, facts=live_facts.under_new_names(target.connection, situation.facts, renamed))
    restored, current, brought = from_trash.restores(situation, current, wanted.catalog, past.entries)
    facts = live_facts.of_what_goes(target.connection, situation.facts, current, wanted.catalog)
    kept_extensions.keep(target.connection, facts, current, wanted)
    situation = replace(situation, current=current, facts=facts)
    waiting = from_trash.waiting(situation, wanted.catalog, past.entries)
    brought |= waiting.keys()
    casts = partial(castable, target.types(request), wanted.catalog, live.rows)
    converts, forced = conversions.conversions(past, current, wanted.catalog, renamed, casts)
    fills = conversions.fills(current, wanted.catalog, brought)
    returning = from_trash.returning(current, wanted.catalog, past.entries)
    goal = Goal(
        backfills=fills,
        converts=converts,
        forced=forced | returning.keys(),
        waiting=waiting,
        returning=returning,
        returned=frozenset(brought),
    )
    return _Start(cleared, clearing, renamed, restored, brought, replace(situation, goal=goal))


@dataclass(frozen=True, slots=True)
class _MovedTables:
    """Tables that leave and join parents: before the diff (`moves`), and after all else (`last`)."""

    moves: inheritance.Moves
    last: list[Change]
    situation: PlanContext


def _moved(request: PlanRequest, target: PlanTarget, past: Past, wanted: DesiredState, start: _Start) -> _MovedTables:
    situation = start.situation
    moves = inheritance.moves_between(situation, start.brought)
    last = inheritance.joins_last(situation, start.brought)
    if moves.changes:
        situation = replace(situation, current=inheritance.after(target.shadow(), situation.current, moves))
        inheritance.prove_bounds(situation, moves)
    before_joining = edges.before_joining(wanted.catalog, situation.current, last)
    goal = replace(situation.goal, let_go=moves.let_go)
    situation = with_uncastable(target.types(request), replace(situation, wanted=before_joining, goal=goal))
    realise_dependents(target.shadow, situation, wanted)
    return _MovedTables(moves, last, situation)


def _assembled(
    request: PlanRequest, target: PlanTarget, past: Past, wanted: DesiredState, start: _Start, moved: _MovedTables
) -> Planned:
    situation, renamed, last = moved.situation, start.renamed, moved.last
    found = diff(situation)
    edges.take_over(wanted.catalog, situation.wanted, last)
    conversions.mark_conversions(found.changes, past.entries, renamed)
    early, late = rename.apart(renamed, situation)
    edges.after_what_returns(situation, found.changes, moved.moves, early, start.restored, late)
    loosening = edges.loosening(found.changes)
    undone = sql.undone_sql(request.play, past)
    back = rows.undone_rows(past, start.cleared, wanted.catalog, renamed, situation.current if loosening else None)
    restored = [*early, *start.restored, *moved.moves.changes]
    edges.put_rows_between(undone, back, restored, found.changes, loosening)
    edges.join_last(wanted.catalog, found.changes, restored, last)
    first = [*removals(situation.facts.helpers, situation.findings.used_helpers), *undone]
    early_rows, late_rows = ([], back) if loosening else (back, [])
    rest = [*restored, *late, *found.changes, *last]
    if start.cleared is request.live:
        made: tuple[Group, ...] = ()
        rest = [*first, *back, *rest]
    else:  # apart: what returns has the names of what goes
        made = _cleared(request, target, start, [*first, *early_rows], [*undone, *early_rows])
        rest = [*late_rows, *rest]
    ordered = in_order(situation, wanted.catalog, rest, found, renamed)
    made = names.without_gap(made, transactions(request, target, situation, ordered), renamed)
    return assemble(request, target, _draft(request, target, past, wanted, start, situation, made))


def _cleared(
    request: PlanRequest, target: PlanTarget, start: _Start, first: Sequence[Change], before: Sequence[Change]
) -> tuple[Group, ...]:
    """Return the transactions that remove what is in the way of old names."""
    live = request.live
    for change in start.clearing:
        change.wait_for(*before)
    ordered = order([*first, *start.clearing], live.edges, (), without_index=constraints_without_index(live))
    return transactions(request, target, PlanContext(live, start.cleared, target.facts(request, live)), ordered)


def _draft(
    request: PlanRequest,
    target: PlanTarget,
    past: Past,
    wanted: DesiredState,
    start: _Start,
    situation: PlanContext,
    made: tuple[Group, ...],
) -> Draft:
    live, steps = request.live, request.play.steps
    made = with_children(calling(announced(made, live, wanted.catalog), live, wanted.catalog), live)
    return Draft(
        live,
        wanted,
        situation,
        start.renamed,
        made,
        Consents(steps, fold(steps).declarations, past.consents),
        Skips(),
        start.cleared,
        own=False,
        trashed=_definitions(past, start, situation),
        rewritten=rows.rewritten(past),
        put_back=rows.put_back(past, live),
    )


def _definitions(past: Past, start: _Start, situation: PlanContext) -> list[Mapping[str, Any]]:
    """Return what lies in the trash and is brought back, or gives values back."""
    return [
        from_trash.definition(entry, situation)
        for entry in past.entries
        if Key(entry.kind, tuple(entry.name)) in start.brought
        or entry in from_trash.replaced(past.entries)
        or from_trash.is_used(entry, situation, start.renamed)
    ]
