"""START HERE for a plan: from a folded play to `Planned`, stage by stage; each takes values and returns values.

In: what is to be planned, what its target answers. Out: `Planned`. Nothing is written to the target; the shadow is opened
only when something has to be tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wgm_play.catalog.kinds import ACCESS
from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.manage import Manage
from wgm_play.desired.model import DesiredState
from wgm_play.desired.overlay import lay_over
from wgm_play.diff.compare import diff
from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import UNKNOWN
from wgm_play.operations.base import Change, Facts, Findings, Goal, PlanContext
from wgm_play.operations.online.leftover import removals
from wgm_play.operations.search_path import calling
from wgm_play.plan import Group
from wgm_play.planning import inheritance, kept_extensions, live_facts, rename
from wgm_play.planning.assemble import assemble, in_order, keys_of, transactions
from wgm_play.planning.consent import Consents
from wgm_play.planning.convert import applicable, with_uncastable
from wgm_play.planning.dependents import realise_dependents
from wgm_play.planning.draft import Draft
from wgm_play.planning.full_names import in_full_names
from wgm_play.planning.imperative import Imperative, said_unchecked
from wgm_play.planning.locks_below import with_children
from wgm_play.planning.model import Planned
from wgm_play.planning.optional_roles import without_unmade_roles
from wgm_play.planning.plan_hazards import announced
from wgm_play.planning.privileges import Skips
from wgm_play.planning.realising import in_own_words, in_words_of_shadow, realised_of
from wgm_play.planning.request import PlanRequest
from wgm_play.planning.target import PlanTarget
from wgm_play.playbook.model import Declarations
from wgm_play.shadow.realise import Realised

_CLUSTER = "belongs to the cluster or names its roles: compared, and not tried in the shadow"
_LABELS = "is read by a provider of the target's: compared, and not tried in the shadow"


def plan(request: PlanRequest, target: PlanTarget) -> Planned:
    """Make the plan. Raises `Problems`, `Refused`, `Unreachable`."""
    with target.planning():
        declared = _declared(request, target)
        before = _before_diff(request, target, declared)
        wanted = _wanted(request, target, declared, before)
        context = _context(request, target, before, wanted)
        groups = _groups(request, target, before, wanted, context)
        return assemble(request, target, _draft(request, declared, before, wanted, context, groups))


def compared(request: PlanRequest, target: PlanTarget) -> DesiredState:
    """Return what the play wants, as far as comparing goes: nothing is refused, and a rename is a removal."""
    with target.planning():
        skips, live = Skips(), request.live
        folded = without_unmade_roles(target.connection, request.folded, live, skips)
        realised, _ = realised_of(request, target, folded, skips)
        spoken = in_words_of_shadow(target, live, realised)
        wanted = lay_over(spoken, realised, skips.remaining(folded), prune=False, manage=Manage.of(request.play.manage))
        in_own_words(wanted.catalog, spoken, live)
        return wanted


# What the steps declare -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Declared:
    """What the steps declare, and how a server describes it. `fresh` tells that it was made for this plan."""

    folded: Declarations
    skips: Skips
    realised: Realised
    fresh: bool


def _declared(request: PlanRequest, target: PlanTarget) -> _Declared:
    skips = target.skips()
    Manage.of(request.play.manage).check(request.folded.declarations)
    folded = target.obtainable(request, skips)
    realised, fresh = realised_of(request, target, folded, skips)
    return _Declared(folded, skips, realised, fresh)


# What comes before the diff ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _BeforeDiff:
    """Renames and moves between parents: these come first, and `current` is the catalog after them.

    `folded` is what is declared beside what goes with a parent.
    """

    renamed: rename.Renamed
    moves: inheritance.Moves
    current: Catalog
    folded: Declarations
    facts: Facts
    findings: Findings


def _before_diff(request: PlanRequest, target: PlanTarget, declared: _Declared) -> _BeforeDiff:
    live, folded, findings = request.live, declared.folded, Findings()
    facts = target.facts(request, live)
    renamed = rename.find(live, folded.declarations, PlanContext(live, live, facts, findings=findings))
    current = rename.apply(target.shadow(), live, renamed) if renamed.changes else live
    context = PlanContext(current, live, facts, findings=findings)
    moves = inheritance.declared_moves(
        context,
        declared.realised.catalog,
        folded.declarations,
        prune=request.play.prune,
        manage=Manage.of(request.play.manage),
    )
    if moves.gone:
        folded = replace(folded, declarations={**folded.declarations, **moves.gone})
    if moves.changes:
        current = inheritance.after(target.shadow(), current, moves)
        inheritance.prove_bounds(context, moves)
    return _BeforeDiff(renamed, moves, current, folded, facts, findings)


# What is wanted, and by which way ---------------------------------------------------------------------------------


def _wanted(request: PlanRequest, target: PlanTarget, declared: _Declared, before: _BeforeDiff) -> DesiredState:
    """Return what is declared over what is live; refuse what somebody must say first."""
    play, current, folded = request.play, before.current, before.folded
    spoken = in_words_of_shadow(target, current, declared.realised)
    remaining = declared.skips.remaining(folded)
    wanted = lay_over(spoken, declared.realised, remaining, prune=play.prune, manage=Manage.of(play.manage))
    in_own_words(wanted.catalog, spoken, current)
    target.suspect(request, current, wanted, folded)
    target.permit(request, wanted)
    rename.tell_users(before.renamed, wanted.catalog)
    return wanted


def _context(request: PlanRequest, target: PlanTarget, before: _BeforeDiff, wanted: DesiredState) -> PlanContext:
    """Return all that the operations are made from."""
    current, declarations = before.current, before.folded.declarations
    facts = live_facts.under_new_names(target.connection, before.facts, before.renamed)
    facts = live_facts.of_what_goes(target.connection, facts, current, wanted.catalog)
    kept_extensions.keep(target.connection, facts, current, wanted)
    types = target.types(request)
    converts, forced = applicable(types, wanted, current, before.renamed.pairs, request.folded.declarations)
    goal = Goal(
        wanted.steps,
        wanted.backfills,
        wanted.given,
        before.renamed.pairs,
        converts,
        forced,
        passwords=target.passwords(before.folded, current),
        let_go=before.moves.let_go,
    )
    context = PlanContext(current, wanted.catalog, facts, goal, before.findings)
    said = in_full_names(target.shadow, context, declarations)
    context = with_uncastable(types, replace(context, goal=said))
    realise_dependents(target.shadow, context, wanted)
    return context


def _groups(
    request: PlanRequest, target: PlanTarget, before: _BeforeDiff, wanted: DesiredState, context: PlanContext
) -> tuple[Group, ...]:
    """Return the transactions that lead from what is live to what is wanted."""
    live, current, renamed, moves = request.live, before.current, before.renamed, before.moves
    found = diff(context)
    changes = [
        *removals(context.facts.helpers, context.findings.used_helpers),
        *renamed.changes,
        *moves.changes,
        *found.changes,
    ]
    early = rename.put_first(renamed, found.changes, context.findings.delayed)
    for change in moves.changes:
        change.wait_for(*early)
    moves.order(found.changes)
    changes += request.imperative.changes(live, context, changes, allow_prune=request.choices.allow_destructive)
    ordered = _selected(request, in_order(context, wanted.catalog, changes, found, renamed), wanted.catalog)
    made = announced(transactions(request, target, context, ordered), current, wanted.catalog)
    return with_children(calling(made, live, wanted.catalog), current)


def _selected(request: PlanRequest, ordered: list[Change], wanted: Catalog) -> list[Change]:
    """Keep the changes of chosen steps. Raises `Refused` where one of them needs a change that is not chosen."""
    chosen = request.choices.selected
    if chosen is None:
        return ordered
    kept = [change for change in ordered if change.operation.step in chosen or change.operation.step < 0]
    maker: dict[Key, Change] = {key: change for change in kept for key in change.makes}
    left_out = {key: change for change in ordered for key in change.makes if key not in maker}
    for dependent, referenced in wanted.edges:
        if dependent in maker and referenced in left_out:
            needed = left_out[referenced].operation
            raise Refused(
                f"{maker[dependent].operation.title}: needs {needed.title!r}, whose step is not selected",
                hint=f"select the step {request.step_names[needed.step]!r} too",
            )
    return kept


def _draft(
    request: PlanRequest,
    declared: _Declared,
    before: _BeforeDiff,
    wanted: DesiredState,
    context: PlanContext,
    groups: tuple[Group, ...],
) -> Draft:
    live = request.live
    return Draft(
        live,
        wanted,
        context,
        before.renamed,
        groups,
        Consents(request.play.steps, before.folded.declarations),
        declared.skips,
        live,
        tuple(dict.fromkeys(_unknown(live, request.imperative, groups))),
        realised=declared.fresh,
    )


def _unknown(live: Catalog, imperative: Imperative, made: tuple[Group, ...]) -> Iterator[str]:
    """Yield what nobody can find out about a plan: what is not modelled, must not be asked or cannot be proved."""
    yield from (f"not modelled: {name}" for name in live.unmodelled)
    yield from imperative.unknown
    yield from (f"not asked: {one}" for one in imperative.unasked)
    if imperative.ledger.access() == "unknown":
        yield UNKNOWN
    kinds = {one.key.kind for group in made for one in group.operations if one.key.kind in ACCESS}
    yield from sorted(f"not proved: {kind} {_LABELS if kind == 'security_label' else _CLUSTER}" for kind in kinds)
    yield from said_unchecked(imperative.unchecked, keys_of(made))
