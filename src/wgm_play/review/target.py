"""What a review's plan asks: the stages are a run's, the live database is the base as a scratch server holds it.

In: a session on the scratch database that holds the base. Out: answers for a plan, and what would be refused.

Nobody knows the sizes of tables, so each is taken for a large one; nobody knows the role that will run, so it may do
everything. What the rows say is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from typing import Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.model import DesiredState
from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import Facts, TableSize
from wgm_play.plan import Group, Operation
from wgm_play.planning.convert import TypesOf
from wgm_play.planning.draft import Draft
from wgm_play.planning.privileges import Skips
from wgm_play.planning.refusals import Together
from wgm_play.planning.request import PlanRequest
from wgm_play.planning.target import PlanTarget
from wgm_play.playbook.model import Declarations
from wgm_play.review.assumed import AssumedSkips, KeptRefusals, each
from wgm_play.secret import MASK
from wgm_play.shadow import Shadow
from wgm_play.sql import reveal

# As many rows and bytes as no policy calls small.
LARGE = TableSize(1e15, 10**18)


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is taken for granted of the database: who runs, its name."""

    role: str
    database: str
    superuser: bool = False


@dataclass(slots=True)
class ReviewTarget(PlanTarget):
    """Answers for a play that is planned against the base.

    `refused` is what a run would be refused for; `before` is the base as folded.
    """

    made_in: Shadow | None = None
    assumed: Assumed = field(default_factory=lambda: Assumed("", ""))
    before: Declarations | None = None
    sized: Callable[[Catalog], Mapping[Key, TableSize]] = field(
        default=lambda live: dict.fromkeys(live.of("table"), LARGE)
    )
    refused: list[Refused] = field(default_factory=list)
    assumed_skips: AssumedSkips = field(default_factory=AssumedSkips)

    @contextmanager
    def planning(self) -> Iterator[None]:
        """Make one plan; what an attempt before it refused is forgotten."""
        self.refused.clear()
        with super().planning():
            yield

    def shadow(self) -> Shadow:
        """Return the scratch server, which outlives the plan."""
        assert self.made_in is not None  # noqa: S101 - a review opens it first
        return self.made_in

    def types(self, request: PlanRequest) -> TypesOf:
        """Return what tells types apart: the scratch server."""
        return TypesOf(lambda _: self.shadow().database(rolled_back=True), elsewhere=True)

    def skips(self) -> Skips:
        """Return where steps go that the database does not give: it gives all."""
        self.assumed_skips = AssumedSkips()
        return self.assumed_skips

    def refusals(self) -> Together:
        """Return what keeps refusals."""
        return KeptRefusals(self.refused)

    def passwords(self, folded: Declarations, current: Catalog) -> Mapping[Key, str]:
        """Return a mask for each password of a new role, and for each that is another text than in the base."""
        then = self.before.declarations if self.before else {}
        found = {}
        for key, one in folded.declarations.items():
            if key.kind == "role" and not one.absent and "password" in one.attributes:
                was = then[key].attributes.get("password") if key in then else None
                if was is None or reveal(was) != reveal(one.attributes["password"]):
                    found[key] = MASK
        return found

    def obtainable(self, request: PlanRequest, skips: Skips) -> Declarations:
        """Return all that is declared: what the role may have is known there."""
        return request.folded

    def refuse_missing_roles(self, request: PlanRequest, operations: Sequence[Operation], wanted: Catalog) -> None:
        """Refuse none: which roles a cluster has is known there."""

    def refuse_others_code(
        self, request: PlanRequest, operations: Sequence[Operation], live: Catalog, wanted: Catalog
    ) -> None:
        """Refuse none: whether a superuser runs is known there."""

    def look_at_privileges(self, request: PlanRequest, operations: Sequence[Operation], wanted: Catalog) -> list[str]:
        """Refuse none: who runs is not known."""
        return []

    def look_at_rows(self, request: PlanRequest, draft: Draft) -> list[str]:
        """Look at none: a base has no rows."""
        return []

    def facts(self, request: PlanRequest, current: Catalog) -> Facts:
        """Return what is known of the scratch server, and taken for granted of the target."""
        one = self.assumed
        return replace(
            super().facts(request, current),
            role=one.role,
            login=one.role,
            superuser=one.superuser,
            may_replicate=one.superuser,
            database=one.database,
            tablespace="pg_default",
        )

    def sizes(self, request: PlanRequest) -> Mapping[Key, TableSize]:
        """Return the sizes that are known or taken for granted."""
        return self.sized(request.live)

    def suspect(self, request: PlanRequest, current: Catalog, wanted: DesiredState, folded: Declarations) -> None:
        """Keep what a run would refuse as a rename that nobody declared."""
        with self.refusals().one():
            super().suspect(request, current, wanted, folded)

    def permit(self, request: PlanRequest, wanted: DesiredState) -> None:
        """Keep what a run would refuse to remove."""
        with self.refusals().one():
            super().permit(request, wanted)

    def prove(self, request: PlanRequest, draft: Draft, made: tuple[Group, ...]) -> None:
        """Run a plan in the scratch server, as far as its extensions allow it; keep what is refused."""
        if request.part is not None:  # a part that does not hold is planned again with the whole
            super().prove(request, draft, made)
        elif not self._missing_extensions(made):
            with self.refusals().one():
                super().prove(request, draft, made)

    def _missing_extensions(self, made: tuple[Group, ...]) -> list[str]:
        """Name the extensions of a plan that this server lacks: without them nothing after them can be tried."""
        keys = {one.key for group in made for one in group.operations}
        return sorted(key.name[0] for key in self.assumed_skips.recorded if key in keys)

    def stand_ins(self, made: tuple[Group, ...], wanted: Catalog) -> list[str]:
        """Name what could not be tried."""
        lacking = [
            f"not tried: the scratch server lacks the extension {name!r}" for name in self._missing_extensions(made)
        ]
        return lacking + super().stand_ins(made, wanted)

    def all_refused(self) -> list[Refused]:
        """Return each refusal once."""
        found: dict[tuple[str, Any], Refused] = {}
        for refused in self.refused:
            for one in each(refused):
                found.setdefault((one.message, one.where), one)
        return list(found.values())
