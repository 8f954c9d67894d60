"""What a play does beside declaring objects: seed rows, imperative SQL, handlers, assertions.

In: the folded play, what the ledger knows, the live rows. Out: changes that take their place between the others, and
the checks of all this SQL in the shadow.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wgm_play.asking.ask import UNTRUSTED, NotAsked
from wgm_play.catalog import introspect
from wgm_play.catalog.kinds import WITH_BODY
from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.overlay import same_object
from wgm_play.document.nodes import position_of
from wgm_play.errors import InputError, Problems, Refused, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.locate import pinpoint
from wgm_play.operations.base import Change, PlanContext
from wgm_play.plan import Command, Hazard, Lock, Operation
from wgm_play.planning.versions import make_live
from wgm_play.playbook.model import Assertion, Declaration, Declarations, Play, Seed, SqlStep
from wgm_play.quantities import counted
from wgm_play.secret import mask, register
from wgm_play.shadow import names_of
from wgm_play.shadow.realise import Realised, schemas_of
from wgm_play.sql import reveal

if TYPE_CHECKING:
    import psycopg

    from wgm_play.asking.ask import Asker
    from wgm_play.checks.bodies import FunctionRef
    from wgm_play.ledger import Ledger

# Objects or columns that a query names are not there yet: it can be asked only after the run.
_NOT_YET = frozenset(["42P01", "42703", "42883", "42704", "3F000"])
_WORD = re.compile(r"[\w$]+")
# People's own SQL means what it means in the application: with the search_path of the role and the database.
SEARCH_PATH = "SET LOCAL search_path TO DEFAULT"
# Handlers come after everything else.
LAST = 10**9


# Schema and name of a routine, the line of its body, and what of it nobody can check before it is called.
Unchecked = tuple[str, str, int, str]
# Which of the errors in bodies that are live and declared alike are there already, before the plan.
Already = Callable[[Sequence[Key]], Collection[Unchecked]]


@dataclass(slots=True)
class Imperative:
    """The imperative part of one play. `later` are assertions that can only be asked after the run; `unasked` is
    what must not be asked; `unchecked` is what no check of the routines' bodies could see."""

    play: Play
    folded: Declarations
    handlers: Declarations
    ledger: Ledger
    connection: psycopg.Connection[Any]
    asker: Asker
    selected: frozenset[int] | None = None
    later: list[Assertion] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    unchecked: set[Unchecked] = field(default_factory=set)
    registered: dict[str, Any] = field(default_factory=dict)
    live: Catalog | None = None

    def mark(self) -> str:
        """Return a digest of the SQL that is checked in the shadow."""
        made = hashlib.sha256()
        for one in (*self.folded.sqls, *self.handlers.sqls):
            made.update(repr((reveal(one.text), one.down)).encode())
        for assertion in self.folded.assertions:
            made.update(repr(reveal(assertion.query)).encode())
        for seed in self.folded.seeds:
            made.update(repr((seed.table, seed.key, [(row.absent, dict(row.values)) for row in seed.rows])).encode())
        return made.hexdigest()

    # In the shadow

    def naming(self, names: Collection[str]) -> Imperative:
        """Return the part that names one of the objects called so."""

        def named(text: str) -> bool:
            return not names_in(reveal(text)).isdisjoint(names)

        play = replace(
            self.play,
            invariants=tuple(one for one in self.play.invariants if named(one.query)),
            alerts=tuple(one for one in self.play.alerts if any(map(named, one.texts()))),
            queries=tuple(one for one in self.play.queries if named(one.query)),
        )
        folded, handlers = self.folded, self.handlers
        return replace(
            self,
            play=play,
            folded=replace(
                folded,
                sqls=tuple(one for one in folded.sqls if named(one.text)),
                assertions=tuple(one for one in folded.assertions if named(one.query)),
                seeds=tuple(seed for seed in folded.seeds if seed.table.name[-1] in names),
            ),
            handlers=replace(handlers, sqls=tuple(one for one in handlers.sqls if named(one.text))),
        )

    def texts(self) -> list[str]:
        """Return the SQL that is checked in the shadow, and the names of the tables that get rows."""
        found = [reveal(one.text) for one in (*self.folded.sqls, *self.handlers.sqls)]
        found += [reveal(one.query) for one in self.folded.assertions]
        found += [reveal(one.query) for one in self.play.invariants]
        found += [reveal(text) for one in self.play.alerts for text in one.texts()]
        found += [reveal(one.query) for one in self.play.queries]
        return found + [seed.table.name[-1] for seed in self.folded.seeds]

    def check(
        self,
        connection: psycopg.Connection[Any],
        realised: Realised,
        play: Play,
        folded: Declarations,
        already: Already | None = None,
    ) -> bool:
        """Check function bodies, imperative SQL, queries of alerts and seed rows against the realised objects.

        Return whether nothing had to be excused because it was so `already`.
        """
        from wgm_play.checks.sqlsteps import analyse_query, analyse_sql, check_alert_query, prepare_sql, problems_of
        from wgm_play.planning.queries import reads_outside, unprepared

        problems: list[WgmError] = []
        catalog = realised.catalog
        bodies, unchecked = _bodies(connection, catalog, folded)
        known = already([key for key, _, _ in bodies]) if bodies and already is not None else ()
        excused = [said for _, said, _ in bodies if said in known]
        self.unknown += [
            f"broken already: function {schema}.{name}, line {line}: {mask(message)}"
            for schema, name, line, message in excused
        ]
        problems += [problem for _, said, problem in bodies if said not in known]
        self.unchecked |= unchecked
        for one in (*self.folded.sqls, *self.handlers.sqls):
            parts = analyse_sql(
                reveal(one.text), getattr(one.text, "position", None) or one.position, transaction=one.transaction
            )
            found = problems_of(parts)
            problems += found or prepare_sql(connection, parts)
            if one.down:
                problems += problems_of(analyse_sql(one.down, self._down_position(one), transaction=one.transaction))
        for assertion in folded.assertions:
            shape = analyse_query(connection, assertion.query)
            if shape.problem is not None:
                problems.append(self._with_other_place(_at(shape.problem, assertion.position), assertion.query))
        for invariant in play.invariants:
            shape = analyse_query(connection, invariant.query)
            if shape.problem is not None:
                problems.append(self._with_other_place(_at(shape.problem, invariant.position), invariant.query))
        for alert in play.alerts:
            if not alert.texts():
                continue
            query = alert.query_for(connection.info.server_version)
            problem = check_alert_query(connection, query)
            if problem is not None:
                problem = self._with_other_place(problem, query)
                problems.append(_at(problem, alert.position, f"alert {alert.name!r}: {problem.message}"))
        aside = False
        for one_query in play.queries:
            made, refused = unprepared(connection, one_query)
            if refused is not None and (outside := reads_outside(refused, self.live, realised.catalog)):
                told = f"the query {one_query.name!r} reads {outside}, which no step declares: it was not prepared"
                self.unknown.append(told)
                aside = True
                continue
            problems += [self._with_other_place(refused, made.text)] if refused is not None else []
        if not problems:
            problems += _seeds(connection, folded, catalog)
        if problems:
            raise Problems(problems) if len(problems) > 1 else problems[0]
        return not excused and not aside

    def _with_other_place(self, problem: InputError, query: str) -> InputError:
        """Tell also where what a query names goes."""
        from wgm_play.planning.other_place import other_places

        problem.details = (*problem.details, *other_places(problem.message, query, self.folded))
        return problem

    def _down_position(self, one: SqlStep) -> Any:
        steps = {step.index: step for step in (*self.play.steps, *self.play.handlers)}
        step = steps.get(one.step)
        return (position_of(step.spec, "down") if step is not None else None) or one.position

    # In the plan

    def changes(
        self, live: Catalog, situation: PlanContext, others: Sequence[Change], *, allow_prune: bool
    ) -> list[Change]:
        """Return the changes that insert rows and run SQL, each after the changes of the steps before it."""
        made: list[Change] = []
        removals: list[Change] = []
        for index, operation in sorted(
            self._operations(live, situation, allow_prune=allow_prune), key=lambda pair: pair[0]
        ):
            earlier = tuple(change for change in others if change.operation.step < index)
            if operation.payload.get("removes"):
                removals.append(Change(operation, after=earlier, rank=61))
            else:
                made.append(Change(operation, after=(*earlier, *made[-1:]), rank=60))
        for change in reversed(removals):  # when nothing refers to the rows any more: those of later steps first
            change.wait_for(*made[-1:])
            made.append(change)
        notified = self._notify([*others, *made])
        for one in self.handlers.sqls:
            if one.name in notified:
                operation = self._sql_operation(one, situation)
                operation.payload["handlers"] = [{"event": "done", "play": self.play.name, "name": one.name}]
                if one.down:
                    operation.payload["sql_once"] = self._done(one, f"handler {one.name}")
                made.append(Change(replace(operation, step=one.step), after=(*others, *made), rank=LAST))
        return made

    def _operations(self, live: Catalog, situation: PlanContext, *, allow_prune: bool) -> list[tuple[int, Operation]]:
        from psycopg.errors import InsufficientPrivilege

        from wgm_play.planning.hidden_rows import HiddenRows
        from wgm_play.planning.seeds import plan_seed

        found: list[tuple[int, Operation]] = []
        moved = []
        looked_at: list[Key] = []
        for seed in self.folded.seeds:
            if not self._chosen(seed.step):
                continue
            if not self.asker.trusted:
                self.unasked.append(f"the rows of {seed.table}: {UNTRUSTED}")
                continue
            looked_at.append(situation.goal.renames.get(seed.table, seed.table))
            try:
                operations = plan_seed(
                    self.connection,
                    seed,
                    live,
                    situation.wanted,
                    allow_prune=allow_prune,
                    situation=situation,
                    asker=self.asker,
                )
            except InsufficientPrivilege:
                self.unknown.append(f"the rows of {seed.table}: this role may not read them")
                continue
            found += [(seed.step, operation) for operation in operations]
            if operations:
                moved.append(seed)
        if any(getattr(live.get(table), "row_security", False) for table in looked_at):
            self.unknown += HiddenRows.read(self.connection).told(looked_at)
        self._check_references(live, situation, moved, [operation for _, operation in found])
        known = self.ledger.sql_once_known() if self.folded.sqls else {}
        hidden = self.play.hidden
        for one in self.folded.sqls:
            if not self._chosen(one.step):
                continue
            before = known.get((self.play.name, one.name, one.item))
            if before is not None and before.checksum == checksum(one):
                continue
            if before is not None and one.rerun != "changed":
                raise Refused(
                    f"the SQL of the step {one.name!r} changed after it ran (run {before.run}, {before.at:%Y-%m-%d %H:%M})",
                    where=one.position,
                    hint="put the old text back and add a new step, or say `rerun: changed`",
                )
            operation = self._sql_operation(one, situation)
            operation.payload["sql_once"] = self._done(one, one.name)
            if one.step in hidden:
                for text in (
                    reveal(one.text),
                    *(part.sql for part in operation.commands if part.wait == "data"),
                ):
                    register(text)
            found.append((one.step, operation))
        return found

    def _check_references(
        self, live: Catalog, situation: PlanContext, moved: Sequence[Seed], operations: Sequence[Operation]
    ) -> None:
        """Refuse seed rows that refer to nothing, or go though others refer to them; SQL may change that in between."""
        if self.folded.sqls or not moved or not self.asker.trusted:
            return
        from wgm_play.planning.hidden_rows import HiddenRows
        from wgm_play.planning.references import missing_references, still_referred_to

        removed: dict[Key, list[Any]] = {}
        written: dict[Key, list[Any]] = {}
        for operation in operations:
            before = [one["key"] for one in operation.payload["row_changes"] if one["before"] is not None]
            written.setdefault(operation.key, []).extend(before)
            gone = [one["before"] for one in operation.payload["row_changes"] if one["after"] is None]
            removed.setdefault(operation.key, []).extend(gone)
        seeds, hidden = self.folded.seeds, HiddenRows.read(self.connection).tables
        problems = missing_references(self.connection, hidden, moved, seeds, live, situation.current, situation.wanted)
        problems += still_referred_to(self.connection, hidden, removed, written, seeds, live, situation.wanted)
        if problems:
            raise Problems(problems) if len(problems) > 1 else problems[0]

    def _chosen(self, step: int) -> bool:
        return self.selected is None or step in self.selected

    def _done(self, one: SqlStep, name: str) -> dict[str, Any]:
        """Return the event that tells the ledger what ran, and how it is undone."""
        return {
            "event": "done",
            "play": self.play.name,
            "step": name,
            "item": one.item,
            "checksum": checksum(one),
            "sql": reveal(one.text),
            "down": one.down,
        }

    def _sql_operation(self, one: SqlStep, situation: PlanContext) -> Operation:
        from wgm_play.checks.sqlsteps import analyse_sql

        if one.batches is not None:
            return self._batched(one)
        parts = analyse_sql(reveal(one.text), one.position, transaction=one.transaction)
        path = Command(
            SEARCH_PATH if one.transaction else SEARCH_PATH.replace("LOCAL ", ""),
            transactional=one.transaction,
            shadow=False,
        )
        commands = (
            path,
            *(Command(part.text, wait="data", transactional=one.transaction, shadow=False) for part in parts),
        )
        name = (self.play.name, one.name, one.item) if one.item else (self.play.name, one.name)
        lasting = None if one.down or one.handler else f"the step {one.name!r} has no `down`"
        item = f" ({one.item})" if one.item else ""
        return Operation(
            "run",
            Key("sql", name),
            f"run {one.name}{item}",
            commands,
            one.step,
            irreversible=lasting,
            alone=not one.transaction,
        )

    def _batched(self, one: SqlStep) -> Operation:
        """Return the operation of a `backfill` step: its statement is run a few rows at a time."""
        batches = one.batches
        assert batches is not None  # noqa: S101 - the caller has looked
        name = (self.play.name, one.name, one.item) if one.item else (self.play.name, one.name)
        task = {
            "table": list(batches.table),
            "set": batches.assignments,
            "where": batches.where,
            "columns": list(batches.columns),
            "key": list(batches.key),
            "batch": batches.seconds,
            "name": f"{'/'.join(name)} {checksum(one)[:16]}",
            "path": True,
        }
        lock = Lock("RowExclusive", Key("table", batches.table).label)
        made = Command(reveal(one.text), wait="data", locks=(lock,), transactional=False, scans=True, shadow=False)
        lasting = None if one.down else f"the step {one.name!r} has no `down`"
        hazards = (Hazard("X05", "rows are changed in batches, each committed alone"),)
        return Operation(
            "run",
            Key("sql", name),
            f"run {one.name}",
            (made,),
            one.step,
            hazards,
            lasting,
            {"backfill": task},
            alone=True,
        )

    def _notify(self, changes: Sequence[Change]) -> set[str]:
        """Return the handlers to run: those that changed steps notify, and those an earlier run did not come to."""
        steps = {step.index: step for step in self.play.steps}
        notified: set[str] = set()
        for change in changes:
            step = steps.get(change.operation.step)
            if step is None or not step.notify:
                continue
            fresh = [name for name in step.notify if name not in notified]
            notified.update(step.notify)
            if fresh:
                events = [{"event": "notified", "play": self.play.name, "name": str(name)} for name in fresh]
                change.operation.payload.setdefault("handlers", []).extend(events)
        notified = {str(name) for name in notified}
        if self.handlers.sqls:
            notified |= {pending.name for pending in self.ledger.pending_handlers() if pending.play == self.play.name}
        return notified

    # Assertions

    def ask(self, assertions: Sequence[Assertion], *, again: bool = False) -> None:
        """Ask the assertions; raise `Refused` where one returns rows. What cannot be asked yet waits in `later`."""
        import psycopg as library

        from wgm_play.checks.data import as_lines

        schemas = schemas_of(self.folded.declarations) if assertions else []
        steps = {step.index: step for step in self.play.steps}
        for assertion in assertions:
            if not self._chosen(assertion.step):
                continue
            step = steps.get(assertion.step)
            try:
                rows = self.asker.ask(assertion.query, schemas=schemas, where=assertion.position).named()
            except NotAsked as reason:
                self.unasked.append(f"the assertion {step.name if step else ''!r}: {reason}")
                continue
            except library.Error as error:
                if error.sqlstate in _NOT_YET and not again:
                    self.later.append(assertion)
                    continue
                raise _unasked(error, assertion) from error
            if step is not None and step.register:
                self.registered[step.register] = {"changed": False, "rows": rows}
                continue
            if rows:
                lines = as_lines(rows[:10], masked=bool(step and step.no_log))
                raise Refused(
                    assertion.message
                    or f"the assertion {step.name if step else ''!r} found {counted(len(rows), 'row')}",
                    where=assertion.position,
                    step=step.name if step else None,
                    details=lines,
                )


def names_in(text: str) -> set[str]:
    """Return the words of a text that may be names."""
    return set(_WORD.findall(text))


def _unasked(error: Any, assertion: Assertion) -> InputError:
    """Return the error for a query that the server refuses, at the character that it refuses."""
    offset = int(error.diag.statement_position) - 1 if error.diag.statement_position else None
    written = getattr(assertion.query, "position", None)
    return InputError(
        mask(str(error.diag.message_primary or error)),
        where=pinpoint(written, reveal(assertion.query), offset) or assertion.position,
        hint=mask(error.diag.message_hint or "correct the query"),
    )


def checksum(one: SqlStep) -> str:
    """Return what tells the text of a step from another."""
    return hashlib.sha256(
        "\n".join(line.rstrip() for line in reveal(one.text).strip().splitlines()).encode()
    ).hexdigest()


def _at(problem: InputError, position: Any, message: str | None = None) -> InputError:
    problem.where = problem.where or position
    if message:
        problem.message = message
        problem.args = (message,)
    return problem


def said_unchecked(unchecked: Collection[Unchecked], changed: Collection[Key]) -> list[str]:
    """Return in words what of the bodies of changed routines is unchecked."""
    names = {key.name[:2] for key in changed if key.kind in WITH_BODY}
    return [
        f"not checked: function {schema}.{name}{f', line {line}' if line else ''}: {mask(message)}"
        for schema, name, line, message in sorted(unchecked)
        if (schema, name) in names
    ]


def references_to(catalog: Catalog, keys: Collection[Key]) -> list[FunctionRef]:
    """Return routines of the database that a catalog was read from, as the check of their bodies takes them."""
    from wgm_play.checks.bodies import FunctionRef

    return [FunctionRef(key.name[0], key.name[1], key.name[2], catalog.extras[key].oid) for key in keys]


def broken_bodies(
    connection: psycopg.Connection[Any], live: Catalog, keys: Collection[Key], schemas: Sequence[str]
) -> list[tuple[Key, Unchecked]]:
    """Return the errors in the bodies of live routines, tried in a scratch database that becomes like the live one."""
    from wgm_play.checks.bodies import check_bodies

    make_live(connection, live)
    made = introspect.read(connection, edges=False, kinds=WITH_BODY)
    # The types of arguments may be written with their schema in the one catalog, and without it in the other.
    names = {there.name: key for key in keys for there in same_object(made, key)[:1]}
    with names_of(connection, schemas):
        issues = check_bodies(connection, references_to(made, [Key(names[name].kind, name) for name in names]))
    found = [(names[one.function.schema, one.function.name, one.function.identity_arguments], one) for one in issues]
    return [
        (key, (one.function.schema, one.function.name, one.line, one.message))
        for key, one in found
        if one.level == "error"
    ]


def _bodies(
    connection: psycopg.Connection[Any], catalog: Catalog, folded: Declarations
) -> tuple[list[tuple[Key, Unchecked, WgmError]], set[Unchecked]]:
    """Return the errors in function bodies, at the step that declares the function, and what could not be checked."""
    from wgm_play.checks.bodies import check_bodies

    declared = {
        key.name[:2]: one for key, one in folded.declarations.items() if key.kind in WITH_BODY and not one.absent
    }
    trusted = {name for name, one in declared.items() if not one.attributes.get("check_body", True)}
    keys = {
        key.name: key for key in catalog.rows if key.kind in WITH_BODY and key.name[:2] in declared.keys() - trusted
    }
    references = references_to(catalog, keys.values())
    problems: list[tuple[Key, Unchecked, WgmError]] = []
    unchecked: set[Unchecked] = {(str(name[0]), str(name[1]), 0, "check_body is false") for name in trusted}
    for issue in check_bodies(connection, references):
        if issue.level != "error":
            unchecked.add((issue.function.schema, issue.function.name, issue.line, issue.message))
            continue
        one = declared[(issue.function.schema, issue.function.name)]
        key = keys[issue.function.schema, issue.function.name, issue.function.identity_arguments]
        said = (issue.function.schema, issue.function.name, issue.line, issue.message)
        error = InputError(
            f"function {issue.function.name!r}, line {issue.line} of its body: {mask(issue.message)}",
            where=_body_position(one, issue.line),
            hint=issue.hint
            or "correct the body, or declare what it names in a step; `check_body: false` leaves it unchecked",
            details=issue.statement.splitlines()[:3],
        )
        problems.append((key, said, error))
    return problems, unchecked


_BODY = re.compile(r"\bAS\s+(\$\w*\$)")


def _body_position(declaration: Declaration, line: int) -> Any:
    """Return where a line of a function's body stands in the playbook or template."""
    for statement in declaration.statements:
        opened = _BODY.search(statement.sql)
        if opened is None:
            continue
        lines = statement.sql[opened.end() :].split("\n")
        if 0 < line <= len(lines):
            offset = opened.end() + sum(len(one) + 1 for one in lines[: line - 1])
            return statement.where(offset + len(lines[line - 1]) - len(lines[line - 1].lstrip()))
    return declaration.position


def _seeds(connection: psycopg.Connection[Any], folded: Declarations, catalog: Catalog) -> list[WgmError]:
    from wgm_play.planning.seeds import check_in_shadow

    try:
        check_in_shadow(connection, [seed for seed in folded.seeds if seed.table in catalog.rows], catalog)
    except Problems as error:
        return list(error.problems)
    except WgmError as error:
        return [error]
    return []
