"""The tail of every plan: changes in an order, what must not run refused, the rest proved, the contract written.

In: what is to be planned, its target, a draft of what is wanted and of what comes first. Out: `Planned`. Apply and rollback
end here, and with them rehearsals, promotions and reviews, whose plans are made by these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.model import DesiredState
from wgm_play.diff.compare import Difference
from wgm_play.operations.base import Change, PlanContext
from wgm_play.operations.online import acting, published
from wgm_play.operations.order import constraints_without_index, groups, order
from wgm_play.plan import Group
from wgm_play.planning import bodies, column_limit, rename, row_order, taken_names, trashed_users
from wgm_play.planning.contract import contract
from wgm_play.planning.draft import Draft
from wgm_play.planning.model import Planned
from wgm_play.planning.request import PlanRequest
from wgm_play.planning.target import PlanTarget
from wgm_play.render import query


def in_order(
    situation: PlanContext, wanted: Catalog, changes: Sequence[Change], found: Difference, renamed: rename.Renamed
) -> list[Change]:
    """Return changes in an order that keeps every dependency, with the functions that are compiled between them.

    `found` is what the diff found among them, `wanted` the whole catalog that they lead to.
    """
    together = bodies.together(renamed, found.changes, situation)
    joined = [*together.joined, *found.joined, *rename.joined(renamed, found.changes, situation.goal.forced)]
    return order(
        [*changes, *together.compiled],
        situation.current.edges,
        wanted.edges,
        found.rebuilt,
        joined,
        constraints_without_index(situation.current, wanted),
        [*together.ordered, *row_order.pairs(situation, changes)],
    )


def transactions(
    request: PlanRequest, target: PlanTarget, context: PlanContext, ordered: list[Change]
) -> tuple[Group, ...]:
    """Return the transactions of ordered changes."""
    return groups(_kept_out(request, target, context, ordered))


def _kept_out(request: PlanRequest, target: PlanTarget, context: PlanContext, ordered: list[Change]) -> list[Change]:
    """Return the changes with what keeps the application's triggers out of our batches, and our columns from subscribers."""
    ordered = acting.kept_out(context, ordered)
    if not context.current.of("publication"):
        return ordered
    rows = target.connection.execute(query("hidden", target.connection.info.server_version)).fetchall()
    if request.imperative.ledger.access() == "absent":
        published.sends_ledger(context, ordered)
    return published.kept_in(context, ordered, {tuple(row) for row in rows})


def assemble(request: PlanRequest, target: PlanTarget, draft: Draft) -> Planned:
    """Refuse what must not run, all at once; prove the rest in a scratch database; return the plan.

    Raises `Refused`.
    """
    made, wanted = draft.groups, draft.wanted.catalog
    unknown, warnings = list(draft.unknown), list(draft.wanted.kept)
    if made:
        column_limit.refuse(target.connection, made)
        operations = [one for group in made for one in group.operations]
        target.refuse_missing_roles(request, operations, wanted)
        target.refuse_others_code(request, operations, draft.live, wanted)  # looking at rows would run it
        with target.refusals() as refusals:
            with refusals.one():
                taken_names.refuse(operations, draft.situation.current, wanted)
            with refusals.one():
                trashed_users.refuse(operations, draft.situation, draft.live, draft.renamed.pairs)
            with refusals.one():
                made = draft.consents.settle(made)
            with refusals.one():
                warnings += target.look_at_privileges(request, operations, wanted)
            with refusals.one():
                unknown += target.look_at_rows(request, draft)
        if draft.own:
            warnings += draft.consents.unused(made)
            warnings += _firing(draft.live, draft.wanted)
        target.prove(request, draft, made)
        unknown += target.stand_ins(made, wanted)
    return Planned(
        contract(request, target.connection.info.server_version, draft, made, unknown, warnings),
        draft.wanted,
        draft.live,
        draft.situation,
        draft.skips,
        request.imperative,
        draft.realised,
        request.choices.selected,
    )


def _firing(live: Catalog, wanted: DesiredState) -> list[str]:
    """Return the event triggers of others that may act or raise as the plan runs: what they do is not tried before."""
    return [
        f"{key} is in no step and fires on {live[key].event}: what it does to the run's statements is not tried"
        for key in live.of("event_trigger")
        if key not in wanted.managed and live[key].enabled != "D"
    ]


def keys_of(made: Iterable[Group]) -> list[Key]:
    """Return what operations are about, those that drop something left out."""
    return [one.key for group in made for one in group.operations if one.verb != "drop"]
