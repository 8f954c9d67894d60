"""Running a plan: the run lock, the gates, the executor, the proof afterwards, the ledger.

In: a planned play. Out: nothing; each step's result is reported as its transactions commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import object_of
from wgm_play.catalog.kinds import ACCESS, CLUSTER, OF_OBJECT
from wgm_play.catalog.model import Catalog, Key, differing_fields, digest, row_of
from wgm_play.errors import Refused, StepFailed
from wgm_play.ledger import Ledger, RunInfo
from wgm_play.ledger.model import Decision
from wgm_play.plan import Operation, Plan
from wgm_play.planning import may_change
from wgm_play.planning.consent import given
from wgm_play.planning.versions import really_differing
from wgm_play.reporter import StepResult
from wgm_play.run import after_changes, alert_gate, plan_gate
from wgm_play.run.evidence import made_from, named_roles
from wgm_play.run.permission import FreezeWatch, is_resumption, permitted
from wgm_play.shadow import sweep

if TYPE_CHECKING:
    from wgm_play.execute.executor import GroupResult, OnGroup, Outcome
    from wgm_play.execute.guard import RunLock
    from wgm_play.execute.pausing import Pauses
    from wgm_play.planning.model import Planned
    from wgm_play.run.gate import Cover
    from wgm_play.run.work import Work

# Planning again because the live catalog moved while the run lock was taken: more often is a fight with another tool.
REPLANS = 3


def run(work: Work, planned: Planned) -> None:
    """Gate, execute, prove and record a plan of a trusted playbook."""
    if not work.trusted:
        raise Refused(
            "the environment does not trust playbooks; nothing was touched",
            where=work.environment.position,
            hint="`policy: {trust: playbook}` lets one be run; --check looks at it",
        )
    run_plan(work, planned)


def run_plan(
    work: Work, planned: Planned, *, command: str = "apply", rolls_back: Sequence[int] = (), title: str | None = None
) -> None:
    """Run a plan under the run lock. Raises what the executor raises; what was done is recorded."""
    from wgm_play.execute import guard

    connect = work.connections.writing
    with guard.run_lock(connect, policy=work.environment.policy, reporter=work.reporter) as lock:
        planned = _still_true(work, planned, command)
        if not planned.plan.groups and command != "rollback":
            work.report_ok(planned)
            return
        may_change.refuse(work.reading, planned.plan.operations, planned.live, planned.wanted.catalog)
        _refuse_unasked(work)
        if command == "apply" and (work.play.alerts or work.environment.policy.watched):
            alert_gate.refuse(work, planned)
        decisions = permitted(work, planned, command)
        if command == "apply" and work.play.gate and not is_resumption(work, planned):
            plan_gate.refuse(work, planned)
        _preflight(work, planned, lock)
        if command == "apply" and work.environment.policy.require and not is_resumption(work, planned):
            _refuse_unrehearsed(work, planned)
        watched = after_changes.before(work) if command == "apply" else None
        cover = _gate(work)
        _execute(work, planned, lock, command, rolls_back, title, decisions, cover, watched)


def _refuse_unasked(work: Work) -> None:
    """Refuse a run that would go on without an answer that it was to have first."""
    if work.unasked:
        raise Refused(
            "what the playbook asks first cannot be asked; nothing was touched",
            details=work.unasked,
            hint="connect as a role that is no superuser, or give the environment a `planner:`; or rewrite the query",
        )


def _still_true(work: Work, planned: Planned, command: str) -> Planned:
    """Plan again until the live catalog under the lock is the one that was planned for."""
    anew = work.options.plan or command == "rollback"
    for _ in range(REPLANS):
        if not anew and not work.moved_on():
            return planned
        live = work.read_live()
        if digest(live.rows) == planned.plan.from_digest:
            return planned
        if anew:
            raise Refused(
                "the live catalog moved on after the plan was made; nothing was touched",
                hint="plan again and review it",
            )
        planned = work.plan()
    raise Refused("the live catalog keeps changing: another tool is at work", hint="stop it, then run again")


def _preflight(work: Work, planned: Planned, lock: RunLock) -> None:
    """Say what would make the run wait; refuse where it would do harm."""
    from wgm_play.execute import preflight

    found = preflight.look(lock.connection, work.reading)
    commands = [command for operation in planned.plan.operations for command in operation.commands]
    heavy = any(command.rewrites or not command.transactional for command in commands)
    for warning in found.warnings if heavy else found.warnings[:-1]:
        work.reporter.warn(warning)
    found.raise_refusals()
    sweep(lock.connection, roles=False)  # copies of the schema that a killed run of an earlier version left there


def _refuse_unrehearsed(work: Work, planned: Planned) -> None:
    """Refuse a plan that has no certificate, where the environment requires one."""
    from wgm_play.run.gate import unrehearsed

    if problem := unrehearsed(work, planned.plan):
        raise problem


def _gate(work: Work) -> Cover | None:
    """Take the backup that the play asks for before anything changes; return what covers the run."""
    if work.play.backup is None:
        return None
    if work.options.no_backup:
        if not work.environment.policy.allow_no_backup:
            raise Refused(
                f"{work.environment.name} does not allow --no-backup; nothing was touched",
                where=work.environment.position,
                hint="run without it; where that is refused, it says which backup is missing",
            )
        work.reporter.warn("no backup covers the changes (--no-backup), which is recorded")
        return None
    from wgm_play.run.gate import before_changes

    return before_changes(work)


def _execute(
    work: Work,
    planned: Planned,
    lock: RunLock,
    command: str,
    rolls_back: Sequence[int],
    title: str | None,
    decisions: Sequence[Decision],
    cover: Cover | None,
    watched: Mapping[str, Any] | None,
) -> None:
    from wgm_play.execute import executor
    from wgm_play.execute.session import open_session
    from wgm_play.planning.planfile import plan_digest

    environment, plan, options = work.environment, planned.plan, work.options
    with open_session(work.connections.writing, "run", environment.policy) as session:
        ledger = Ledger(session.connection)
        info = RunInfo(
            playbook=work.playbook.path, play=work.play.name, environment=environment.name, command=command,
            plan_digest=plan_digest(plan), from_digest=plan.from_digest, to_digest=plan.to_digest,
            playbook_digest=plan.playbook_digest, rolls_back=tuple(rolls_back), tags=options.tags,
            skip_tags=options.skip_tags, start_at_step=options.start_at_step, consents=tuple(given(plan.groups)),
            revision=made_from(work, planned) if command == "apply" else None, decisions=tuple(decisions),
        )  # fmt: skip
        run = ledger.begin(
            info,
            before=named_roles(planned.live, planned),
            before_digest=plan.from_digest,
            before_kept=planned.snapshot,
            readers=environment.readers,
            marker=environment.marker or environment.name,
        )
        _say_restore_point(work, ledger, run)
        after_changes.begun(ledger, work, run, watched)
        if cover is not None:
            from wgm_play.run.gate import begun

            begun(work, cover, ledger, run)
        elif work.play.backup is not None and options.no_backup:
            from wgm_play.run.gate import uncovered

            uncovered(work, ledger, run)
        queries = plan_gate.begin(work, run, session.connection) if command == "apply" else None
        progress = _Progress(work, planned, title)
        resumed = ledger.groups_done(run) if options.plan else frozenset()
        pauses = _pauses(work, plan)
        try:
            outcome = executor.execute(
                plan, session=session, ledger=ledger, run=run, environment=environment, reporter=work.reporter, lock=lock,
                on_group=_watched(work, progress), positions=work.positions, skip_groups=resumed,
                kill_after=environment.policy.lock_timeout if options.kill_blockers else None, alarm=_alarm(work),
                pauses=pauses,
            )  # fmt: skip
        except BaseException:
            progress.failed()
            raise
        finally:
            if pauses is not None:
                pauses.close()
        progress.finish()
        with _already_done():
            found = _read_again(work)
            after = named_roles(found, planned)
            _verify(work, planned, after, ledger, run)
            mark = digest(after.rows)
            kept = ledger.finish(run, "done", after=after, after_digest=mark)
            after_changes.done(ledger, work, run, watched)
        if command == "apply":
            work.keep_basis(planned, found, work.versions, mark, kept)
        work.slower += plan_gate.finish(work, planned, queries, session.connection)
        _afterwards(work, planned, outcome, run, command)


@contextmanager
def _already_done() -> Iterator[None]:
    """Tell a connection that is lost after all was done: the same command finds that, and records it."""
    import psycopg

    try:
        yield
    except psycopg.OperationalError as error:
        raise StepFailed(
            f"all is done, but the connection was lost before it was proved: {str(error).strip()}",
            hint="run the same command again",
        ) from error


def _watched(work: Work, progress: _Progress) -> OnGroup:
    """Report each committed group, and ask the invariants after it."""

    watch = FreezeWatch(work)

    def committed(result: GroupResult) -> None:
        progress.group(result)
        if work.on_group is not None:
            work.on_group(result)
        if progress.step_is_done(result):
            watch.between_steps()
        if work.play.invariants:
            work.ask_invariants(before=False)

    return committed


def _pauses(work: Work, plan: Plan) -> Pauses | None:
    """Return the pool that transactions of the plan are run without; None where none asks for it."""
    from wgm_play.execute.pausing import Pauses, asks

    pool = work.environment.pool
    if pool is None or not any(map(asks, plan.groups)):
        return None
    return Pauses(pool, pool.database or work.reading.info.dbname, work.reporter.warn)


def _alarm(work: Work) -> Callable[[], str | None] | None:
    """Return what names an alert of the play that fires, seen for as long as its `for`; None where it has no alerts."""
    watched = [one for one in work.play.alerts if alert_gate.at_least(one, work.environment.policy.alerts_pause)]
    if not watched:
        return None

    since: dict[str, float] = {}

    def firing() -> str | None:
        from wgm_play.alerts import evaluate_now

        now = time.monotonic()
        # A query that fails is told by `check`: it may name what this very run is about to make.
        crossed = {
            one.name: one.seconds for one in evaluate_now(work.asker, watched, work.reading) if one.state == "firing"
        }
        for name in {*since, *crossed}:
            if name not in crossed:
                del since[name]
            else:
                since.setdefault(name, now)
        return next((name for name, seconds in crossed.items() if now - since[name] >= seconds), None)

    return firing


def _say_restore_point(work: Work, ledger: Ledger, run: int) -> None:
    point = ledger.restore_point(run)
    work.reporter.data("run", run)
    if point is not None:
        work.reporter.data("restore_point", {"kind": point.kind, "name": point.name, "lsn": point.lsn})


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


def _with_what_is_not_said(work: Work, planned: Planned, after: Catalog) -> Catalog:
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


def _verify(work: Work, planned: Planned, after: Catalog, ledger: Ledger, run: int) -> None:
    """Compare the live catalog as it is now: it must be what was wanted."""
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
    if problem is None and work.play.invariants:
        try:
            work.ask_invariants(before=False, after=True)
        except StepFailed as broken:
            problem = broken
    if problem is not None:
        ledger.finish(run, "failed", error=problem.message, after=after)
        raise problem


def _read_again(work: Work) -> Catalog:
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


def _say_locks(work: Work, outcome: Outcome) -> None:
    """Tell the locks and waits as they were: with -vv all of them, otherwise those transactions that had to wait."""
    told: list[dict[str, Any]] = [
        {
            "transaction": result.index + 1,
            "title": result.group.operations[0].title,
            "seconds": round(result.seconds, 3),
            "waited": round(result.lock_wait, 3),
            "attempts": result.attempts,
            "locks": [f"{lock.level} on {lock.relation}" for lock in result.locks],
        }
        for result in outcome.results
    ]
    work.reporter.data("locks", told)
    shown = [one for one in told if work.options.verbosity >= 2 or one["waited"] or one["attempts"] > 1]
    if shown:
        columns = ("transaction", "title", "seconds", "waited", "attempts", "locks")
        rows = [(*(one[name] for name in columns[:-1]), ", ".join(one["locks"])) for one in shown]
        work.reporter.table("locks and waits", columns, rows)


def _afterwards(work: Work, planned: Planned, outcome: Outcome, run: int, command: str) -> None:
    _say_locks(work, outcome)
    work.reporter.data("outcome", {"run": run, "groups": outcome.groups, "statements": outcome.statements,
                                   "retries": outcome.retries, "lock_wait": outcome.lock_wait})  # fmt: skip
    if command == "apply":
        from wgm_play.rehearsal.forecast import remember

        remember(work, planned.plan, outcome, run)
    work.say_rest(planned, ran=True, steps=command == "apply")


class _Progress:
    """Reports each step when the last of its operations committed; unchanged steps in their place between."""

    def __init__(self, work: Work, planned: Planned, title: str | None) -> None:
        self.work = work
        self.title = title
        self.steps = [] if title else work.chosen(planned)
        self.skipped = {step: (reason, text) for step, reason, text in planned.plan.skipped}
        self.left: dict[int, int] = {}
        self.done: dict[int, list[Operation]] = {}
        self.seconds: dict[int, float] = {}
        for operation in planned.plan.operations:
            self.left[operation.step] = self.left.get(operation.step, 0) + 1
        self.told: set[int] = set()

    def group(self, result: GroupResult) -> None:
        """Note what a committed group did."""
        for operation in result.group.operations:
            step = operation.step
            self.done.setdefault(step, []).append(operation)
            self.left[step] -= 1
        share = result.seconds / max(len(result.group.operations), 1)
        for operation in result.group.operations:
            self.seconds[operation.step] = self.seconds.get(operation.step, 0.0) + share
        self._tell()

    def step_is_done(self, result: GroupResult) -> bool:
        """Tell whether a group was the last of its steps, and not the last of the run."""
        return not any(self.left.get(one.step) for one in result.group.operations) and any(self.left.values())

    def _tell(self) -> None:
        for step in self.steps:
            if step.index in self.told:
                continue
            if self.left.get(step.index):
                return
            self._one(step)

    def _one(self, step: Any) -> None:
        self.told.add(step.index)
        seconds = self.seconds.get(step.index)
        self.work.reporter.step(self.work._result(step, self.done.get(step.index, []), self.skipped, seconds))

    def failed(self) -> None:
        """Report what was done of steps that were not told yet, and the step that failed."""
        failed = False
        if self.title:
            self.work.reporter.step(
                StepResult(self.work.target, self.title, "failed", operations=self.done.get(-1, []))
            )
        for step in self.steps:
            if step.index in self.told:
                continue
            if self.left.get(step.index) and not failed:
                failed = True
                self.told.add(step.index)
                result = StepResult(
                    self.work.target, step.name, "failed", step.item, operations=self.done.get(step.index, [])
                )
                self.work.reporter.step(result)
            elif self.done.get(step.index) and not self.left.get(step.index):
                self._one(step)

    def finish(self) -> None:
        """Report the steps that remain."""
        for step in self.steps:
            if step.index not in self.told:
                self._one(step)
        if self.done.get(-1):
            name = self.title or "What no step asks for any more"
            seconds = self.seconds.get(-1)
            self.work.reporter.step(
                StepResult(self.work.target, name, "changed", operations=self.done[-1], seconds=seconds)
            )
        for handler in () if self.title else self.work.play.handlers:
            if self.done.get(handler.index):
                self.work.reporter.handler(self.work._result(handler, self.done[handler.index], self.skipped))
