"""The executor under a run: what is told and asked between its transactions, what makes it wait or stop.

In: a `PlaySession`, a plan, the run that was begun. Out: what was done; progress by the reporter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wgm_play.execute import executor
from wgm_play.execute.pausing import Pauses, asks
from wgm_play.lazy_dataclass import dataclass
from wgm_play.run import alert_gate, invariants
from wgm_play.run.load import LoadWatch
from wgm_play.run.permission import FreezeWatch
from wgm_play.run.progress import StepProgress

if TYPE_CHECKING:
    from wgm_play.execute.executor import GroupResult, OnGroup, Outcome
    from wgm_play.execute.guard import RunLock
    from wgm_play.execute.pausing import Pauses
    from wgm_play.execute.session import Session
    from wgm_play.ledger import Ledger
    from wgm_play.plan import Plan
    from wgm_play.planning.model import Planned
    from wgm_play.run.intent import Intent
    from wgm_play.run.work import PlaySession


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that was begun: its number, the ledger that has it, the session that writes, the lock that is held."""

    run: int
    ledger: Ledger
    session: Session
    lock: RunLock


def execute(work: PlaySession, planned: Planned, begun: Begun, intent: Intent) -> Outcome:
    """Send the plan's statements; report each step as its transactions commit. Raises what the executor raises."""
    environment, options = work.environment, work.options
    progress = StepProgress(work, planned, intent.title)
    pauses = _pauses(work, planned.plan)
    try:
        with LoadWatch(work, begun.run, begun.ledger):
            outcome = executor.execute(
                planned.plan,
                session=begun.session,
                ledger=begun.ledger,
                run=begun.run,
                environment=environment,
                reporter=work.reporter,
                lock=begun.lock,
                on_group=_watched(work, progress),
                positions=work.positions,
                skip_groups=begun.ledger.groups_done(begun.run) if options.plan else frozenset(),
                kill_after=environment.policy.lock_timeout if options.kill_blockers else None,
                alarm=_alarm(work),
                pauses=pauses,
            )
    except BaseException:
        progress.failed()
        raise
    finally:
        if pauses is not None:
            pauses.close()
    progress.finish()
    return outcome


def _watched(work: PlaySession, progress: StepProgress) -> OnGroup:
    """Report each committed group, and ask the invariants after it."""
    watch = FreezeWatch(work)

    def committed(result: GroupResult) -> None:
        progress.group(result)
        if work.on_group is not None:
            work.on_group(result)
        if progress.step_is_done(result):
            watch.between_steps()
        invariants.ask(work, before=False)

    return committed


def _pauses(work: PlaySession, plan: Plan) -> Pauses | None:
    """Return the pool that transactions of the plan are run without; None where none asks for it, and on a copy."""
    pool = work.environment.pool
    if pool is None or work.sizes is not None or not any(map(asks, plan.groups)):
        return None
    return Pauses(pool, pool.database or work.reading.info.dbname, work.reporter.warn)


def _alarm(work: PlaySession) -> Callable[[], str | None] | None:
    """Return what names an alert of the play that fires, seen for as long as its `for`; None where it has no alerts."""
    watched = [one for one in work.play.alerts if alert_gate.at_least(one, work.environment.policy.alerts_pause)]
    if not watched:
        return None
    from wgm_play.alerts import evaluate_now

    since: dict[str, float] = {}

    def firing() -> str | None:
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


def say_locks(work: PlaySession, outcome: Outcome) -> None:
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
