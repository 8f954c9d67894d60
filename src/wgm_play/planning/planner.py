"""From a folded play to a plan: realise, lay over, compare, order, look at the rows, prove.

In: a play, the live catalog, a read-only connection, a way to open the shadow. Out: `Planned`. Nothing is written to
the target; the shadow is opened only when something has to be tried.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from wgm_play.cache.store import Cache
from wgm_play.catalog.graph import touched
from wgm_play.catalog.kinds import ACCESS, WITH_BODY
from wgm_play.catalog.model import Catalog, Key, digest
from wgm_play.desired.manage import Manage
from wgm_play.desired.model import DesiredState
from wgm_play.desired.overlay import lay_over
from wgm_play.diff.compare import diff
from wgm_play.environment import Environment
from wgm_play.errors import Refused
from wgm_play.execute.pausing import ASKED
from wgm_play.ledger import UNKNOWN
from wgm_play.operations.base import Change, Facts, Findings, Goal, PlanContext, TableSize
from wgm_play.operations.online import acting, published
from wgm_play.operations.online.leftover import removals
from wgm_play.operations.search_path import calling
from wgm_play.operations.trash import NEEDED
from wgm_play.plan import Group, Operation, Plan
from wgm_play.planning import fills, inheritance, kept_extensions, live_facts, may_change, rename, role_passwords
from wgm_play.planning.assemble import Draft, assemble, in_order, keys_of, transactions
from wgm_play.planning.consent import Consents
from wgm_play.planning.convert import TypesOf, uncastable
from wgm_play.planning.dependents import realise_dependents
from wgm_play.planning.full_names import in_full_names
from wgm_play.planning.imperative import Already, Imperative, Unchecked, broken_bodies, said_unchecked
from wgm_play.planning.locks_below import with_children
from wgm_play.planning.model import Choices, Planned
from wgm_play.planning.optional_roles import without_unmade_roles
from wgm_play.planning.plan_hazards import announced
from wgm_play.planning.privileges import Skips, unprivileged_settings
from wgm_play.planning.prove import prove
from wgm_play.planning.refusals import Together
from wgm_play.planning.role_names import refuse_missing_roles
from wgm_play.planning.undeclared import refuse_suspected, refuse_unsaid
from wgm_play.planning.versions import restated, said_otherwise, same_words, with_expressions
from wgm_play.playbook.model import Declaration, Declarations, Play, Playbook
from wgm_play.render import query
from wgm_play.secret import mask
from wgm_play.shadow import BATCH, Shadow, names_of, open_shadow
from wgm_play.shadow.lacking import Extensions, extensions
from wgm_play.shadow.realise import Realised, realise, schemas_of
from wgm_play.shadow.superuser import MADE_FOR_OTHERS, TRUSTED_LANGUAGES, listed

if TYPE_CHECKING:
    import psycopg

    from wgm_play.connections import Connections
    from wgm_play.planning.edited_part import EditedPart


_CLUSTER = "belongs to the cluster or names its roles: compared, and not tried in the shadow"
_LABELS = "is read by a provider of the target's: compared, and not tried in the shadow"


@dataclass(slots=True)
class Planner:
    """Plans one play against one database."""

    playbook: Playbook
    play: Play
    folded: Declarations
    environment: Environment
    connection: psycopg.Connection[Any]
    connections: Connections
    cache: Cache
    choices: Choices
    step_names: tuple[str, ...]
    live: Catalog
    imperative: Imperative
    part: EditedPart | None = None
    # Where they are not those of the live tables: a rehearsal chooses the forms that the original's sizes ask for.
    sizes: Mapping[Key, TableSize] | None = None
    stack: ExitStack = field(default_factory=ExitStack)
    # What a rollback changes back while the pool is paused, as the runs did that it takes back.
    paused: frozenset[Key] = frozenset()
    _shadow: Shadow | None = None

    def shadow(self) -> Shadow:
        """Open the shadow once; it is closed with the planner's stack."""
        if self._shadow is None:
            self._shadow = self.stack.enter_context(open_shadow(self.connections.place(self.connection)))
        return self._shadow

    def types(self) -> TypesOf:
        """Return what tells types apart: the target, or for an untrusted playbook the shadow's server."""
        if self.imperative.asker.trusted:
            return TypesOf(self.imperative.asker.transaction)
        return TypesOf(lambda _: self.shadow().database(rolled_back=True), elsewhere=True)

    def plan(self) -> Planned:
        """Make the plan. Raises `Problems`, `Refused`, `Unreachable`."""
        with self.stack:
            return self._plan()

    def compared(self) -> DesiredState:
        """Return what the play wants, as far as comparing goes: nothing is refused, and a rename is a removal."""
        with self.stack:
            skips = Skips()
            folded = without_unmade_roles(self.connection, self.folded, self.live, skips)
            realised, _ = self._realise(folded, skips)
            spoken = self._in_words_of_shadow(self.live, realised)
            manage = Manage.of(self.play.manage)
            wanted = lay_over(spoken, realised, skips.remaining(folded), prune=False, manage=manage)
            self._in_own_words(wanted.catalog, spoken, self.live)
            return wanted

    def _plan(self) -> Planned:
        skips = self.skips()
        manage = Manage.of(self.play.manage)
        manage.check(self.folded.declarations)
        folded = self._obtainable(skips)
        realised, fresh = self._realise(folded, skips)
        live = self.live
        found_out = Findings()
        facts = self.facts(live)
        renamed = rename.find(live, folded.declarations, PlanContext(live, live, facts, findings=found_out))
        current = rename.apply(self.shadow(), live, renamed) if renamed.changes else live
        folded, moves, current = self._moves(PlanContext(current, live, facts, findings=found_out), realised, folded)
        spoken = self._in_words_of_shadow(current, realised)
        wanted = lay_over(spoken, realised, skips.remaining(folded), prune=self.play.prune, manage=manage)
        self._in_own_words(wanted.catalog, spoken, current)
        self._suspect(current, wanted, folded)
        self._permit(wanted)
        rename.tell_users(renamed, wanted.catalog)
        facts = self.with_sequences(self.under_new_names(facts, renamed), current, wanted.catalog)
        facts = self.with_trash_needs(facts, current, wanted)
        goal = self._goal(folded, wanted, current, renamed, moves)
        situation = PlanContext(current, wanted.catalog, facts, goal, found_out)
        said = in_full_names(self.shadow, situation, schemas_of(folded.declarations))
        situation = self.with_uncastable(replace(situation, goal=said))
        realise_dependents(self.shadow, situation, wanted)
        found = diff(situation)
        changes = [
            *removals(situation.facts.helpers, situation.findings.used_helpers),
            *renamed.changes,
            *moves.changes,
            *found.changes,
        ]
        early = rename.put_first(renamed, found.changes, situation.findings.delayed)
        for change in moves.changes:
            change.wait_for(*early)
        moves.order(found.changes)
        changes += self.imperative.changes(self.live, situation, changes, allow_prune=self.choices.allow_destructive)
        ordered = self._select(in_order(situation, wanted.catalog, changes, found, renamed), wanted.catalog)
        made = announced(transactions(self, situation, ordered), current, wanted.catalog)
        made = with_children(calling(made, live, wanted.catalog), current)
        consents = Consents(self.play.steps, folded.declarations)
        unknown = tuple(dict.fromkeys(self._unknown(made)))
        return assemble(
            self, Draft(live, wanted, situation, renamed, made, consents, skips, live, unknown, realised=fresh)
        )

    def _unknown(self, made: tuple[Group, ...]) -> Iterator[str]:
        """Yield what nobody can find out about a plan: what is not modelled, must not be asked or cannot be proved."""
        yield from (f"not modelled: {name}" for name in self.live.unmodelled)
        yield from self.imperative.unknown
        yield from (f"not asked: {one}" for one in self.imperative.unasked)
        if self.imperative.ledger.access() == "unknown":
            yield UNKNOWN
        kinds = {one.key.kind for group in made for one in group.operations if one.key.kind in ACCESS}
        yield from sorted(f"not proved: {kind} {_LABELS if kind == 'security_label' else _CLUSTER}" for kind in kinds)
        yield from said_unchecked(self.imperative.unchecked, keys_of(made))

    # Stages

    def _obtainable(self, skips: Skips) -> Declarations:
        """Return what is declared without the optional part that this role may not have."""
        folded = self.folded
        if self.imperative.asker.trusted:
            folded = unprivileged_settings(
                self.connection, self.imperative.asker, folded, self.live, skips, self.play.hidden
            )
        return without_unmade_roles(self.connection, folded, self.live, skips)

    def skips(self) -> Skips:
        """Return where steps go that the database does not give."""
        return Skips()

    def passwords(self, folded: Declarations, current: Catalog) -> Mapping[Key, str]:
        """Return verifiers of the passwords that are to be set."""
        return role_passwords.to_set(self.connection, folded.declarations, current)

    def refusals(self) -> Together:
        """Return what collects refusals, and raises them together."""
        return Together()

    def refuse_missing_roles(self, operations: Sequence[Operation], wanted: Catalog) -> None:
        """Refuse privileges and owners of roles that there are not."""
        refuse_missing_roles(self.connection, operations, wanted, (*self.play.steps, *self.play.handlers))

    def _realise(self, folded: Declarations, skips: Skips) -> tuple[Realised, bool]:
        """Return the declared objects as the server describes them; from the cache where nothing they say changed."""
        self.imperative.live = self.live
        if self.part is not None:
            return self._realise_part(self.part, skips), True
        mark = self._mark(folded)
        kept = self.cache.load(mark)
        if kept is not None and self._holds(kept.catalog):
            skips.restore(kept.skipped)
            self.imperative.unchecked.update(tuple(one) for one in kept.unchecked)
            return Realised(kept.catalog), False
        with self.shadow().database(rolled_back=self._in_one_transaction(folded.declarations)) as connection:
            realised = self.realise_in(connection, folded, skips)
            with names_of(connection, schemas_of(folded.declarations)):
                sound = self.imperative.check(connection, realised, self.play, folded, self._broken_already(realised))
        if sound and not realised.borrowed:
            self.cache.save(mark, realised.catalog, skips.kept(), self.imperative.unchecked)
        return realised, True

    def realise_in(self, connection: psycopg.Connection[Any], folded: Declarations, skips: Skips) -> Realised:
        """Make the declared objects in a scratch database, and read them back."""
        own = self.shadow().own
        with names_of(connection, schemas_of(folded.declarations)):
            declarations = skips.try_optional(connection, folded.declarations, self.live, self.connection, own=own)
            declarations = skips.without_missing_extensions(
                connection, declarations, self.live, self.connection, own=own
            )
        realised = realise(connection, declarations, self.live, extensions=self._extensions(connection, skips))
        skips.add_recorded(realised.catalog)
        return realised

    def _in_one_transaction(self, declarations: Mapping[Key, Declaration]) -> bool:
        """Tell whether declarations can be made in one transaction: what a superuser makes sees what is committed alone."""
        texts = [statement.sql for one in declarations.values() for statement in (*one.statements, *one.late)]
        if len(texts) > BATCH:
            return False
        return not self.shadow().confined or not (
            any(map(listed, texts)) or any(key.kind in MADE_FOR_OTHERS for key in self.live.rows)
        )

    def _broken_already(self, realised: Realised) -> Already:
        """Return what tells of errors in bodies whether they are in the live database too, where nothing changed."""

        def errors(keys: Sequence[Key]) -> Collection[Unchecked]:
            same = [key for key in keys if self.live.rows.get(key) == realised.catalog.rows[key]]
            if not same:
                return ()
            with self.shadow().database() as connection:
                found = broken_bodies(connection, self.live, same, schemas_of(self.folded.declarations))
            return {said for _, said in found}

        return errors

    def _realise_part(self, part: EditedPart, skips: Skips) -> Realised:
        """Return what a part of the play declares, made on top of what it needs."""
        made = part.declarations()
        if not part.folded.declarations:
            return Realised(Catalog(version=self.live.version))
        shadow = self.shadow()
        with shadow.database(rolled_back=self._in_one_transaction(made)) as connection:
            with names_of(connection, part.schemas):
                made = skips.try_optional(connection, made, self.live, self.connection, own=shadow.own)
                made = skips.without_missing_extensions(connection, made, self.live, self.connection, own=shadow.own)
            realised = realise(connection, made, self.live, part.schemas, self._extensions(connection, skips))
            skips.add_recorded(realised.catalog)
            with names_of(connection, part.schemas):
                bodies = {key: one for key, one in made.items() if key in part.checked}
                asked = part.imperative
                asked.check(connection, realised, asked.play, replace(asked.folded, declarations=bodies))
        return Realised(part.own(realised.catalog), realised.borrowed)

    def _extensions(self, connection: psycopg.Connection[Any], skips: Skips) -> Callable[[], Extensions | None]:
        """Return how to find out what the target's extensions hold; asked where something fails in the shadow."""
        shown = self.shadow().place.shown
        return functools.cache(lambda: extensions(connection, self.live, skips.recorded, self.connection, shown))

    def _holds(self, kept: Catalog) -> bool:
        """Tell whether a kept catalog is in the target's words, or in those of the shadow that there is now."""
        version = self.connection.info.server_version
        return same_words(kept.version, version) or same_words(kept.version, self.shadow().version)

    def _in_words_of_shadow(self, current: Catalog, realised: Realised) -> Catalog:
        """Return the live catalog as the server that realised the declarations would write it."""
        alike = same_words(realised.catalog.version, current.version)
        keys = said_otherwise(current, realised.catalog) if alike else touched(current, realised.catalog.rows)
        if not keys:
            return current
        mark = f"words {realised.catalog.version} {digest({key: current.rows[key] for key in keys})}"
        mark = hashlib.sha256(mark.encode()).hexdigest()
        kept = self.cache.load(mark)
        if kept is None:
            with self.shadow().database() as connection:
                said = restated(connection, current, keys).only(keys)
            self.cache.save(mark, said, [])
        else:
            said = kept.catalog
        result = current.copy()
        for key, row in said.rows.items():
            result.rows[key] = with_expressions(key.kind, current.rows[key], row) if alike else row
        return result

    @staticmethod
    def _in_own_words(wanted: Catalog, spoken: Catalog, current: Catalog) -> None:
        """Give each wanted object that is live already the words in which it is live."""
        if spoken is current:
            return
        same = [key for key, row in wanted.rows.items() if key in current.rows and spoken.rows.get(key) == row]
        for key in same:
            wanted.rows[key] = current.rows[key]

    def _goal(
        self,
        folded: Declarations,
        wanted: DesiredState,
        current: Catalog,
        renamed: rename.Renamed,
        moves: inheritance.Moves,
    ) -> Goal:
        """Return what is asked for beside the wanted catalog."""
        converts, forced = self._converts(wanted, current, renamed.pairs)
        return Goal(
            wanted.steps,
            wanted.backfills,
            wanted.given,
            renamed.pairs,
            converts,
            forced,
            passwords=self.passwords(folded, current),
            let_go=moves.let_go,
        )

    def with_uncastable(self, situation: PlanContext) -> PlanContext:
        """Return the situation with what no cast converts."""
        found = uncastable(self.types(), situation)
        return replace(situation, goal=replace(situation.goal, uncastable=found)) if found else situation

    def _moves(
        self, situation: PlanContext, realised: Realised, folded: Declarations
    ) -> tuple[Declarations, inheritance.Moves, Catalog]:
        """Return what joins or leaves a parent first, the catalog after it, and what goes with a parent as removed."""
        current = situation.current
        moves = inheritance.declared_moves(
            situation, realised.catalog, folded.declarations, prune=self.play.prune, manage=Manage.of(self.play.manage)
        )
        if moves.gone:
            folded = replace(folded, declarations={**folded.declarations, **moves.gone})
        if moves.changes:
            current = inheritance.after(self.shadow(), current, moves)
            inheritance.prove_bounds(situation, moves)
        return folded, moves, current

    def _mark(self, folded: Declarations) -> str:
        """Return what the realised catalog depends on: the SQL of all steps, what is checked with it, the server."""
        made = hashlib.sha256()
        made.update(str(self.connection.info.server_version).encode())
        made.update(repr(self.environment.shadow).encode())
        role = self.connection.info.user
        made.update(f"{role}@{self.connection.info.host}:{self.connection.info.port}".encode())
        for key, declaration in folded.declarations.items():
            texts = [statement.sql for statement in (*declaration.statements, *declaration.late)]
            made.update(
                repr((key, texts, declaration.absent, declaration.required, dict(declaration.attributes))).encode()
            )
        made.update(self.imperative.mark().encode())
        made.update(repr(sorted((alert.name, list(map(str, alert.texts()))) for alert in self.play.alerts)).encode())
        made.update(repr(sorted((one.name, str(one.query)) for one in self.play.queries)).encode())
        return made.hexdigest()

    def facts(self, current: Catalog) -> Facts:
        """Read what is known of the server beside its catalog."""
        rights = self.connection.execute(query("rights", self.connection.info.server_version)).fetchone()
        role, login, superuser, may_replicate, tablespace = rights or ("", "", False, False, "pg_default")
        return Facts(
            self.environment.policy,
            self.connection.info.server_version,
            self._sizes(),
            trash=self.choices.trash and self.environment.policy.trash_retention > 0,
            trash_names=live_facts.trash_names(self.connection),
            attached=live_facts.attached_keys(self.connection, current),
            helpers=live_facts.helpers(self.connection),
            role=role,
            login=login,
            superuser=superuser,
            may_replicate=may_replicate,
            database=self.connection.info.dbname,
            tablespace=tablespace,
        )

    def under_new_names(self, facts: Facts, renamed: rename.Renamed) -> Facts:
        """Return the facts under the names that the plan gives."""
        return replace(
            facts, sizes=renamed.sizes(facts.sizes), acting=live_facts.acting_on(self.connection, renamed.pairs)
        )

    def with_sequences(self, facts: Facts, current: Catalog, wanted: Catalog) -> Facts:
        """Return the facts with the sequences behind identity columns that go."""
        return replace(facts, identity_sequences=live_facts.identity_sequences(self.connection, current, wanted))

    def with_trash_needs(self, facts: Facts, current: Catalog, wanted: DesiredState) -> Facts:
        """Return the facts with what the trash depends on, asked for where such a thing goes or changes; what must stay for
        the trash is wanted from here on.
        """
        rows = wanted.catalog.rows
        changed = any(row != rows.get(key) for key, row in current.rows.items() if key.kind in NEEDED)
        if facts.trash_names and changed:
            facts = replace(facts, trash_needs=live_facts.trash_needs(self.connection))
        kept_extensions.keep(self.connection, facts, current, wanted)
        return facts

    def _sizes(self) -> Mapping[Key, TableSize]:
        return {**live_facts.sizes(self.connection), **(self.sizes or {})}

    def unseen(self, situation: PlanContext, ordered: list[Change]) -> list[Change]:
        """Return the changes with what keeps the application's triggers out of our batches, and our columns from subscribers."""
        ordered = acting.kept_out(situation, ordered)
        if not situation.current.of("publication"):
            return ordered
        rows = self.connection.execute(query("hidden", self.connection.info.server_version)).fetchall()
        if self.imperative.ledger.access() == "absent":
            published.sends_ledger(situation, ordered)
        return published.kept_in(situation, ordered, {tuple(row) for row in rows})

    def _suspect(self, current: Catalog, wanted: DesiredState, folded: Declarations) -> None:
        if self.choices.renames and self.play.renames:
            refuse_suspected(current, wanted, folded, self.step_names)

    def _permit(self, wanted: DesiredState) -> None:
        if not self.choices.allow_destructive:
            refuse_unsaid(wanted, self.live)

    def _converts(
        self, wanted: DesiredState, current: Catalog, pairs: Mapping[Key, Key]
    ) -> tuple[dict[Key, Any], frozenset[Key]]:
        """Return the conversions that apply now: where the live type is the one they start from."""
        from wgm_play.planning.convert import applicable

        return applicable(self.types(), wanted, current, pairs, self.folded.declarations)

    def _select(self, ordered: list[Change], wanted: Catalog) -> list[Change]:
        """Keep the changes of chosen steps. Raises `Refused` where one of them needs a change that is not chosen."""
        chosen = self.choices.selected
        if chosen is None:
            return ordered
        kept = [change for change in ordered if change.operation.step in chosen or change.operation.step < 0]
        maker = {key: change for change in kept for key in change.makes}
        left_out = {key: change for change in ordered for key in change.makes if key not in maker}
        for dependent, referenced in wanted.edges:
            if dependent in maker and referenced in left_out:
                needed = left_out[referenced].operation
                raise Refused(
                    f"{maker[dependent].operation.title}: needs {needed.title!r}, whose step is not selected",
                    hint=f"select the step {self.step_names[needed.step]!r} too",
                )
        return kept

    @staticmethod
    def firing(live: Catalog, wanted: DesiredState) -> list[str]:
        """Return the event triggers of others that may act or raise as the plan runs: what they do is not tried before."""
        return [
            f"{key} is in no step and fires on {live[key].event}: what it does to the run's statements is not tried"
            for key in live.of("event_trigger")
            if key not in wanted.managed and live[key].enabled != "D"
        ]

    def look_at_privileges(self, operations: Sequence[Operation], wanted: Catalog) -> list[str]:
        """Refuse what the role that runs may not do; return what is to be said of one that may only plan."""
        look = may_change.only_plans if self.choices.check else may_change.refuse
        return look(self.connection, operations, self.live, wanted)

    def look_at_rows(self, draft: Draft) -> list[str]:
        """Refuse what the rows do not allow; return what could not be looked at."""
        if not self.environment.policy.check_data:
            return ["the rows: policy.check_data is false"]
        from wgm_play.planning.datacheck import RowChecks, refuse_bad_rows

        looker = RowChecks(
            self.imperative.asker,
            draft.situation,
            draft.before,
            draft.renamed.pairs,
            self.play.hidden,
            self.folded.declarations,
            draft.rewritten,
        )
        return refuse_bad_rows(looker)

    def prove(self, draft: Draft, made: tuple[Group, ...]) -> None:
        """Run a plan in a scratch database; refuse one that does not lead to what is wanted."""
        operations = [operation for group in made for operation in group.operations]
        texts = (command.sql for operation in operations for command in operation.commands)
        if all(operation.verb == "run" for operation in operations) and not fills.filled(draft.live, texts):
            return
        live, wanted = draft.live, draft.wanted.catalog
        skipped = self.unprovable(wanted) | self._unselected(live, draft.wanted, made)
        steps = {step.index: (step.position, step.name) for step in self.play.steps if not step.no_log}
        with self.shadow().database() as connection:
            prove(connection, live, wanted, made, draft.trashed, skipped, steps)

    def refuse_others_code(self, operations: Sequence[Operation], live: Catalog, wanted: Catalog) -> None:
        """Refuse to run code of others as a superuser: before rows are looked at by it."""
        from wgm_play.planning.foreign_code import refuse_others_code

        steps = {step.index: (step.position, step.name) for step in self.play.steps}
        refuse_others_code(self.connection, operations, live, wanted, self.environment.policy.trusted_owners, steps)

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

    def unprovable(self, wanted: Catalog) -> frozenset[Key]:
        """Return what a server that is not the target's has otherwise: its extensions."""
        if self.shadow().own:
            return frozenset()
        return frozenset(key for key in wanted.rows if key.kind == "extension")

    def _unselected(self, live: Catalog, wanted: DesiredState, made: tuple[Group, ...]) -> frozenset[Key]:
        """Return the keys that differ and are left alone, because their steps are not selected."""
        if self.choices.selected is None:
            return frozenset()
        done = {operation.key for group in made for operation in group.operations}
        return frozenset(
            key
            for key in {*live.rows, *wanted.catalog.rows}
            if key not in done and live.rows.get(key) != wanted.catalog.rows.get(key)
        )

    def contract(self, draft: Draft, made: tuple[Group, ...], unknown: Iterable[str], warnings: Iterable[str]) -> Plan:
        """Return the plan as it is shown, saved and run."""
        items = {step.index: step.item for step in (*self.play.steps, *self.play.handlers)}
        return Plan(
            playbook=self.playbook.path,
            play=self.play.name,
            environment=self.environment.name,
            server_version=self.connection.info.server_version,
            from_digest=digest(draft.live.rows),
            to_digest=digest(draft.wanted.catalog.rows),
            playbook_digest=self.playbook.digest,
            groups=self._without_pool(made),
            skipped=tuple(draft.skips.listed()),
            unknown=tuple(dict.fromkeys(unknown)),
            step_names=self.step_names,
            step_items=tuple(mask(items.get(number, "")) for number in range(len(self.step_names))),
            warnings=tuple(warnings),
        )

    def _without_pool(self, made: tuple[Group, ...]) -> tuple[Group, ...]:
        """Return the groups; those of steps with `pause_pool` ask for it, where the environment has a pool; so does what takes
        them back."""
        steps = {step.index for step in self.play.steps if step.pause_pool}
        if self.environment.pool is None or not steps:
            return made

        def asks(one: Operation) -> bool:
            return one.step in steps or (one.key.relation or one.key) in self.paused

        return tuple(
            replace(
                group,
                operations=tuple(
                    replace(one, payload={**one.payload, ASKED: True}) if asks(one) else one for one in group.operations
                ),
            )
            for group in made
        )
