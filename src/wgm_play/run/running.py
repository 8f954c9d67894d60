"""A run of a plan: under the run lock guard, backup, execute, converged, record.

In: a planned play. Out: queries that the run made slow; each step's result is reported as its transactions commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Catalog, digest
from wgm_play.errors import Locked, Refused, StepFailed
from wgm_play.execute.guard import run_lock
from wgm_play.execute.session import open_session
from wgm_play.ledger import Ledger, RunInfo
from wgm_play.planning.consent import given
from wgm_play.planning.planfile import plan_digest
from wgm_play.run import after_changes, plan_gate, plans
from wgm_play.run.converged import converged, read_again
from wgm_play.run.evidence import made_from, named_roles
from wgm_play.run.executing import Begun, execute, say_locks
from wgm_play.run.guards import guard
from wgm_play.run.intent import APPLY, Intent
from wgm_play.run.results import report_ok, say_rest

if TYPE_CHECKING:
    from wgm_play.execute.executor import Outcome
    from wgm_play.finding import Finding
    from wgm_play.ledger.model import Decision
    from wgm_play.planning.model import Planned
    from wgm_play.rehearsal.forecast import Expected
    from wgm_play.run.gate import Cover
    from wgm_play.run.work import PlaySession

# Planning again because the live catalog moved while the run lock was taken: more often is a fight with another tool.
REPLANS = 3


def run(work: PlaySession, planned: Planned) -> list[Finding]:
    """Run a plan of a trusted playbook; return the queries that it made slow."""
    if not work.trusted:
        raise Refused(
            "the environment does not trust playbooks; nothing was touched",
            where=work.environment.position,
            hint="`policy: {trust: playbook}` lets one be run; --check looks at it",
        )
    return run_plan(work, planned)


def run_plan(work: PlaySession, planned: Planned, intent: Intent = APPLY) -> list[Finding]:
    """Run a plan under the run lock; return the queries that it made slow.

    Raises what the executor raises; what was done is recorded.
    """
    connect, policy = work.connections.writing, work.environment.policy
    with run_lock(connect, policy=policy, reporter=work.reporter) as lock:
        planned = _still_true(work, planned, intent)
        if not planned.plan.groups and intent.applies:
            report_ok(work, planned)
            return []
        decisions = guard(work, planned, lock, intent)
        watched = after_changes.before(work) if intent.applies else None
        cover = _backup(work)
        with open_session(connect, "run", policy) as session:
            ledger = Ledger(session.connection)
            begun = Begun(_begin(work, planned, ledger, intent, decisions), ledger, session, lock)
            _record_cover(work, begun, cover, watched)
            queries = plan_gate.begin(work, begun.run, session.connection) if intent.applies else None
            expected = _expect(work, planned, intent)
            outcome = execute(work, planned, begun, intent)
            with _already_done():
                live = read_again(work)
                after = named_roles(live, planned)
                converged(work, planned, after, begun)
                _record(work, planned, begun, intent, live, after, watched)
            slower = plan_gate.finish(work, planned, queries, session.connection)
            _tell(work, planned, outcome, begun.run, intent, expected)
            return slower


def _still_true(work: PlaySession, planned: Planned, intent: Intent) -> Planned:
    """Plan again until the live catalog under the lock is the one that was planned for."""
    anew = work.options.plan or not intent.applies
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
        planned = plans.plan(work)
    raise Refused("the live catalog keeps changing: another tool is at work", hint="stop it, then run again")


def _backup(work: PlaySession) -> Cover | None:
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
    from wgm_play.run import gate

    return gate.before_changes(work)


def _begin(work: PlaySession, planned: Planned, ledger: Ledger, intent: Intent, decisions: Sequence[Decision]) -> int:
    """Begin a run in the ledger; return its number."""
    environment, plan, options = work.environment, planned.plan, work.options
    info = RunInfo(
        playbook=work.playbook.path,
        play=work.play.name,
        environment=environment.name,
        command=intent.command,
        plan_digest=plan_digest(plan),
        from_digest=plan.from_digest,
        to_digest=plan.to_digest,
        playbook_digest=plan.playbook_digest,
        rolls_back=intent.rolls_back,
        tags=options.tags,
        skip_tags=options.skip_tags,
        start_at_step=options.start_at_step,
        consents=tuple(given(plan.groups)),
        revision=made_from(work, planned) if intent.applies else None,
        decisions=tuple(decisions),
    )
    return ledger.begin(
        info,
        before=named_roles(planned.live, planned),
        before_digest=plan.from_digest,
        before_kept=planned.snapshot,
        readers=environment.readers,
        marker=environment.marker or environment.name,
    )


def _record_cover(work: PlaySession, begun: Begun, cover: Cover | None, watched: Mapping[str, Any] | None) -> None:
    """Record what covers the run and what is watched after it; say its restore point."""
    ledger, run = begun.ledger, begun.run
    work.reporter.data("run", run)
    point = ledger.restore_point(run)
    if point is not None:
        work.reporter.data("restore_point", {"kind": point.kind, "name": point.name, "lsn": point.lsn})
    after_changes.begun(ledger, work, run, watched)
    if work.play.backup is None:
        return
    from wgm_play.run import gate

    if cover is not None:
        gate.begun(work, cover, ledger, run)
    elif work.options.no_backup:
        gate.uncovered(work, ledger, run)


def _record(
    work: PlaySession,
    planned: Planned,
    begun: Begun,
    intent: Intent,
    live: Catalog,
    after: Catalog,
    watched: Mapping[str, Any] | None,
) -> None:
    """Record a run that converged; keep what it found for the next one."""
    mark = digest(after.rows)
    kept = begun.ledger.finish(begun.run, "done", after=after, after_digest=mark)
    after_changes.done(begun.ledger, work, begun.run, watched)
    if intent.applies:
        plans.keep(work, planned, live, mark, kept)


@contextmanager
def _already_done() -> Iterator[None]:
    """Tell a connection that is lost, or a table that is kept, after all was done: the same command records it."""
    import psycopg

    try:
        yield
    except Locked as error:
        raise StepFailed(
            "all is done, but another session kept a table for itself before it was proved",
            details=error.details,
            hint="run the same command again when it has ended",
        ) from error
    except psycopg.OperationalError as error:
        raise StepFailed(
            f"all is done, but the connection was lost before it was proved: {str(error).strip()}",
            hint="run the same command again",
        ) from error


def _expect(work: PlaySession, planned: Planned, intent: Intent) -> Expected | None:
    """Say how long the run will take, where it was rehearsed."""
    if not intent.applies:
        return None
    from wgm_play.rehearsal.forecast import expect

    return expect(work, planned.plan)


def _tell(
    work: PlaySession, planned: Planned, outcome: Outcome, run: int, intent: Intent, expected: Expected | None
) -> None:
    """Tell what was done, and what a later run would cost by it."""
    say_locks(work, outcome)
    work.reporter.data(
        "outcome",
        {
            "run": run,
            "groups": outcome.groups,
            "statements": outcome.statements,
            "retries": outcome.retries,
            "lock_wait": outcome.lock_wait,
        },
    )
    if expected is not None:
        from wgm_play.rehearsal.forecast import remember

        remember(work, expected, outcome, run)
    say_rest(work, planned, ran=True, steps=intent.applies)
