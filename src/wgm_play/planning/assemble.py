"""The tail of every plan: changes in an order, what must not run refused, the rest proved, the contract written.

In: a planner, and a draft of what is wanted and of what comes first. Out: `Planned`. Apply and rollback end here, and with
them rehearsals, promotions and reviews, whose plans are made by these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.model import DesiredState
from wgm_play.diff.compare import Difference
from wgm_play.operations.base import Change, PlanContext
from wgm_play.operations.order import constraints_without_index, groups, order
from wgm_play.plan import Group, Operation, Plan
from wgm_play.planning import bodies, column_limit, rename, taken_names, trashed_users
from wgm_play.planning.consent import Consents
from wgm_play.planning.model import Planned
from wgm_play.planning.privileges import Skips

if TYPE_CHECKING:
    import psycopg

    from wgm_play.planning.imperative import Imperative
    from wgm_play.planning.model import Choices
    from wgm_play.planning.refusals import Together


class Stages(Protocol):
    """What the tail asks of a planner; a review, which has no target, answers some of it otherwise."""

    connection: psycopg.Connection[Any]
    imperative: Imperative
    choices: Choices

    def unseen(self, situation: PlanContext, ordered: list[Change]) -> list[Change]:
        """Return the changes with what keeps triggers and subscribers out of them."""

    def refusals(self) -> Together:
        """Return what collects refusals."""

    def refuse_missing_roles(self, operations: Sequence[Operation], wanted: Catalog) -> None:
        """Refuse privileges and owners of roles that there are not."""

    def refuse_others_code(self, operations: Sequence[Operation], live: Catalog, wanted: Catalog) -> None:
        """Refuse to run code of others as a superuser."""

    def look_at_privileges(self, operations: Sequence[Operation], wanted: Catalog) -> list[str]:
        """Refuse what the role that runs may not do."""

    def look_at_rows(self, draft: Draft) -> list[str]:
        """Refuse what the rows do not allow; return what could not be looked at."""

    def firing(self, live: Catalog, wanted: DesiredState) -> list[str]:
        """Return the event triggers of others that fire on a run."""

    def prove(self, draft: Draft, made: tuple[Group, ...]) -> None:
        """Refuse a plan that does not lead to what is wanted."""

    def stand_ins(self, made: tuple[Group, ...], wanted: Catalog) -> list[str]:
        """Name what could not be tried."""

    def contract(self, draft: Draft, made: tuple[Group, ...], unknown: Iterable[str], warnings: Iterable[str]) -> Plan:
        """Return the plan as it is shown, saved and run."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan before anything of it is refused or proved.

    `before` is the catalog whose rows a run would meet. `unknown` is what nobody could find out. `own` tells that the steps
    of the play ask for it, so that what they accept must be met. `trashed` are definitions of what comes back from the
    trash, `rewritten` the tables whose rows are put back.
    """

    live: Catalog
    wanted: DesiredState
    situation: PlanContext
    renamed: rename.Renamed
    groups: tuple[Group, ...]
    consents: Consents
    skips: Skips
    before: Catalog
    unknown: Sequence[str] = ()
    own: bool = True
    trashed: Sequence[Mapping[str, Any]] = ()
    rewritten: frozenset[Key] = frozenset()
    realised: bool = False


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
        together.ordered,
    )


def transactions(planner: Stages, situation: PlanContext, ordered: list[Change]) -> tuple[Group, ...]:
    """Return the transactions of ordered changes."""
    return groups(planner.unseen(situation, ordered))


def assemble(planner: Stages, draft: Draft) -> Planned:
    """Refuse what must not run, all at once; prove the rest in a scratch database; return the plan.

    Raises `Refused`.
    """
    made, wanted = draft.groups, draft.wanted.catalog
    unknown, warnings = list(draft.unknown), list(draft.wanted.kept)
    if made:
        column_limit.refuse(planner.connection, made)
        operations = [one for group in made for one in group.operations]
        planner.refuse_missing_roles(operations, wanted)
        planner.refuse_others_code(operations, draft.live, wanted)  # looking at rows would run it
        with planner.refusals() as refusals:
            with refusals.one():
                taken_names.refuse(operations, draft.situation.current, wanted)
            with refusals.one():
                trashed_users.refuse(operations, draft.situation, draft.live, draft.renamed.pairs)
            with refusals.one():
                made = draft.consents.settle(made)
            with refusals.one():
                warnings += planner.look_at_privileges(operations, wanted)
            with refusals.one():
                unknown += planner.look_at_rows(draft)
        if draft.own:
            warnings += draft.consents.unused(made)
            warnings += planner.firing(draft.live, draft.wanted)
        planner.prove(draft, made)
        unknown += planner.stand_ins(made, wanted)
    plan = planner.contract(draft, made, unknown, warnings)
    return Planned(
        plan,
        draft.wanted,
        draft.live,
        draft.situation,
        draft.skips,
        planner.imperative,
        draft.realised,
        planner.choices.selected,
    )


def keys_of(made: Iterable[Group]) -> list[Key]:
    """Return what operations are about, those that drop something left out."""
    return [one.key for group in made for one in group.operations if one.verb != "drop"]
