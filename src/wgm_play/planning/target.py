"""What a plan asks of the database that it is for: what is known there, what is refused, what is proved.

In: a read-only connection to it, a way to open the shadow. Out: answers to one stage each. A review, which has no database,
answers some of them otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play.cache.store import Cache
from wgm_play.catalog.kinds import WITH_BODY
from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.model import DesiredState
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import Facts, TableSize
from wgm_play.plan import Group, Operation
from wgm_play.planning import fills, live_facts, may_change, role_passwords
from wgm_play.planning.convert import TypesOf
from wgm_play.planning.draft import Draft
from wgm_play.planning.optional_roles import without_unmade_roles
from wgm_play.planning.privileges import Skips, unprivileged_settings
from wgm_play.planning.prove import only_makes, prove
from wgm_play.planning.refusals import Together
from wgm_play.planning.request import PlanRequest
from wgm_play.planning.role_names import refuse_missing_roles
from wgm_play.planning.undeclared import refuse_suspected, refuse_unsaid
from wgm_play.playbook.model import Declarations
from wgm_play.shadow import Shadow, open_shadow
from wgm_play.shadow.superuser import TRUSTED_LANGUAGES

if TYPE_CHECKING:
    import psycopg

    from wgm_play.connections import Connections


@dataclass(slots=True)
class PlanTarget:
    """The database that a plan is for. Its shadow is opened once, where something has to be tried."""

    connection: psycopg.Connection[Any]
    connections: Connections
    cache: Cache
    stack: ExitStack = field(default_factory=ExitStack)
    _shadow: Shadow | None = None

    @contextmanager
    def planning(self) -> Iterator[None]:
        """Make one plan; the shadow is closed after it."""
        with self.stack:
            yield

    def shadow(self) -> Shadow:
        """Open the shadow once."""
        if self._shadow is None:
            self._shadow = self.stack.enter_context(open_shadow(self.connections.place(self.connection)))
        return self._shadow

    def types(self, request: PlanRequest) -> TypesOf:
        """Return what tells types apart: the target, or for an untrusted playbook the shadow's server."""
        asker = request.imperative.asker
        if asker.trusted:
            return TypesOf(asker.transaction)
        return TypesOf(lambda _: self.shadow().database(rolled_back=True), elsewhere=True)

    # What is known

    def facts(self, request: PlanRequest, current: Catalog) -> Facts:
        """Read what is known of the server beside its catalog."""
        return live_facts.facts(
            self.connection, request.environment.policy, current, self.sizes(request), trash=request.choices.trash
        )

    def sizes(self, request: PlanRequest) -> Mapping[Key, TableSize]:
        """Return how large tables are."""
        return {**live_facts.sizes(self.connection), **(request.sizes or {})}

    def skips(self) -> Skips:
        """Return where steps go that the database does not give."""
        return Skips()

    def obtainable(self, request: PlanRequest, skips: Skips) -> Declarations:
        """Return what is declared without the optional part that this role may not have."""
        folded, asker = request.folded, request.imperative.asker
        if asker.trusted:
            folded = unprivileged_settings(self.connection, asker, folded, request.live, skips, request.play.hidden)
        return without_unmade_roles(self.connection, folded, request.live, skips)

    def passwords(self, folded: Declarations, current: Catalog) -> Mapping[Key, str]:
        """Return verifiers of the passwords that are to be set."""
        return role_passwords.to_set(self.connection, folded.declarations, current)

    # What is refused

    def refusals(self) -> Together:
        """Return what collects refusals, and raises them together."""
        return Together()

    def suspect(self, request: PlanRequest, current: Catalog, wanted: DesiredState, folded: Declarations) -> None:
        """Refuse what looks like a rename that nobody declared."""
        if request.choices.renames and request.play.renames:
            refuse_suspected(current, wanted, folded, request.step_names)

    def permit(self, request: PlanRequest, wanted: DesiredState) -> None:
        """Refuse to remove what no step says."""
        if not request.choices.allow_destructive:
            refuse_unsaid(wanted, request.live)

    def refuse_missing_roles(self, request: PlanRequest, operations: Sequence[Operation], wanted: Catalog) -> None:
        """Refuse privileges and owners of roles that there are not."""
        play = request.play
        refuse_missing_roles(self.connection, operations, wanted, (*play.steps, *play.handlers))

    def refuse_others_code(
        self, request: PlanRequest, operations: Sequence[Operation], live: Catalog, wanted: Catalog
    ) -> None:
        """Refuse to run code of others as a superuser: before rows are looked at by it."""
        from wgm_play.planning.foreign_code import refuse_others_code

        steps = {step.index: (step.position, step.name) for step in request.play.steps}
        refuse_others_code(self.connection, operations, live, wanted, request.environment.policy.trusted_owners, steps)

    def look_at_privileges(self, request: PlanRequest, operations: Sequence[Operation], wanted: Catalog) -> list[str]:
        """Refuse what the role that runs may not do; return what is to be said of one that may only plan."""
        look = may_change.only_plans if request.choices.check else may_change.refuse
        return look(self.connection, operations, request.live, wanted)

    def look_at_rows(self, request: PlanRequest, draft: Draft) -> list[str]:
        """Refuse what the rows do not allow; return what could not be looked at."""
        if not request.environment.policy.check_data:
            return ["the rows: policy.check_data is false"]
        from wgm_play.planning.datacheck import RowChecks, refuse_bad_rows

        return refuse_bad_rows(
            RowChecks(
                request.imperative.asker,
                draft.situation,
                draft.before,
                draft.renamed.pairs,
                request.play.hidden,
                request.folded.declarations,
                draft.rewritten,
                draft.put_back,
            )
        )

    # What is tried

    def prove(self, request: PlanRequest, draft: Draft, made: tuple[Group, ...]) -> None:
        """Run a plan in a scratch database; refuse one that does not lead to what is wanted."""
        operations = [operation for group in made for operation in group.operations]
        texts = (command.sql for operation in operations for command in operation.commands)
        if all(operation.verb == "run" for operation in operations) and not fills.filled(draft.live, texts):
            return
        live, wanted = draft.live, draft.wanted.catalog
        if not draft.trashed and only_makes(live, made):
            return
        skipped = self.unprovable(wanted) | _unselected(request, live, wanted, made)
        steps = {step.index: (step.position, step.name) for step in request.play.steps if not step.no_log}
        with self.shadow().database() as connection:
            prove(connection, live, wanted, made, draft.trashed, skipped, steps)

    def unprovable(self, wanted: Catalog) -> frozenset[Key]:
        """Return what a server that is not the target's has otherwise: its extensions."""
        if self.shadow().own:
            return frozenset()
        return frozenset(key for key in wanted.rows if key.kind == "extension")

    def stand_ins(self, made: tuple[Group, ...], wanted: Catalog) -> list[str]:
        """Name the functions in whose place the shadow had one that raises."""
        if not self.shadow().confined:
            return []
        changed = {one.key for group in made for one in group.operations} & wanted.rows.keys()
        return [
            f"not proved: {key} is written in {wanted[key].language}: in the shadow a stand-in that raises"
            for key in sorted(changed)
            if key.kind in WITH_BODY and wanted[key].language not in TRUSTED_LANGUAGES
        ]


def _unselected(request: PlanRequest, live: Catalog, wanted: Catalog, made: tuple[Group, ...]) -> frozenset[Key]:
    """Return the keys that differ and are left alone, because their steps are not selected."""
    if request.choices.selected is None:
        return frozenset()
    done = {operation.key for group in made for operation in group.operations}
    return frozenset(
        key for key in {*live.rows, *wanted.rows} if key not in done and live.rows.get(key) != wanted.rows.get(key)
    )
