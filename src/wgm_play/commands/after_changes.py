"""The watch after a run: alerts that were silent before it, and invariants.

In: a play with `after_changes`, whose run is done. Out: nothing where all stays well; `Found` where it does not, or `StepFailed`
where the run was taken back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import psycopg

from wgm_play.catalog.kinds import HOLDING_VALUES
from wgm_play.errors import Found, Interrupted, Refused, StepFailed, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger, decided
from wgm_play.ledger.history import changes, rolled_back
from wgm_play.quantities import counted, format_duration
from wgm_play.render import render
from wgm_play.run import invariants
from wgm_play.run.after_changes import BEGUN, DONE, ENDED, REASON, evidence_of, states_of
from wgm_play.sql import Sql

if TYPE_CHECKING:
    from wgm_play.catalog.model import Catalog, Key
    from wgm_play.ledger import Evidence, RunChange
    from wgm_play.planning.model import Planned
    from wgm_play.playbook.model import AfterChanges
    from wgm_play.run.work import PlaySession


@dataclass(slots=True)
class _LooksSoFar:
    """What the looks have shown so far: since when an alert crosses its threshold; what cannot be seen, and what is wrong."""

    since: dict[str, float] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def finish(work: PlaySession) -> None:
    """Finish a rollback of a failed watch that was cut short; raise `StepFailed` when it is done."""
    told = work.play.after_changes
    if told is None or not told.rollback:
        return
    last = Ledger(work.reading).unfinished_run()
    if last is None or not last.is_rollback or last.play != work.play.name:
        return
    reason = next((one.reason for one in decided.decisions(work.reading, "rollback") if one.run == last.id), None) or ""
    if reason.startswith(REASON):
        work.reporter.note(f"run {last.id}, which takes back what failed its watch, was cut short: it is finished")
        runs = ", ".join(map(str, last.rolls_back))
        _roll_back(work, reason, None)
        raise StepFailed(
            f"run {runs} was taken back: the database was not well after it",
            details=[reason.removeprefix(REASON)],
            hint=_release(work),
        )


def watch(work: PlaySession) -> None:
    """Watch the database after the last run, where that has still to be done.

    Raise `Found` where it is not well, `StepFailed` where the run was taken back for that.
    """
    told = work.play.after_changes
    if told is None:
        return
    open_watch = _open(work)
    if open_watch is None:
        return
    change, evidence = open_watch
    run = change.last.id
    work.reporter.note(_beginning(work, told, evidence, run))
    try:
        seen, ended = _look_on(work, told, evidence, change)
    except KeyboardInterrupt:
        raise Interrupted(
            f"run {run} is done; the watch after it was interrupted", hint="the same command watches again"
        ) from None
    if ended:
        work.reporter.warn(f"the watch after run {run} ended: {ended}")
        _end(work, run, {"ended": ended}, passed=False)
        return
    wrong = [*seen.wrong, *(f"{name}: unknown: {why}" for name, why in seen.unknown.items())]
    work.reporter.data("watch", {"run": run, "seconds": told.seconds, "wrong": seen.wrong, "unknown": seen.unknown})
    if not wrong:
        _end(work, run, {}, passed=True)
        work.reporter.note(f"run {run}: all stayed well for {format_duration(told.seconds)}")
        return
    back = _taken_back(work, told, change, seen.wrong) if told.rollback and seen.wrong else ""
    _end(work, run, {"wrong": wrong, "not_taken_back": back}, passed=False)
    raise Found(
        f"run {run} is done, but the database is not well after it",
        where=told.position,
        details=[*wrong, *([f"not taken back: {back}"] if back else [])],
        hint=f"wgm-play rollback {work.options.playbook} takes it back",
    )


def _open(work: PlaySession) -> tuple[RunChange, Evidence] | None:
    """Return the last change of the play that stands and whose watch has no end, with the beginning of it."""
    begun_ones = evidence_of(work, BEGUN)
    if not begun_ones:
        return None
    runs = Ledger(work.reading).last_runs()
    ended = {one.run for one in evidence_of(work, ENDED)}
    change = next((one for one in changes(runs) if begun_ones[0].run in one.ids), None)
    if change is None or change.last.status != "done" or ended.intersection(change.ids):
        return None
    if rolled_back(runs).intersection(change.ids) or _later(work, change):
        return None
    return change, next(one for one in reversed(begun_ones) if one.run in change.ids)


def _later(work: PlaySession, change: RunChange) -> str:
    """Say which run has begun since that changes something; nothing where there is none."""
    runs = Ledger(work.reading).last_runs()
    others = [one for one in changes(runs) if one.first.id > change.last.id and (one.began or one.first.is_rollback)]
    if not others or all(one.is_upkeep for one in others):
        return ""
    newest = others[0].last
    return f"run {newest.id} ({newest.command}) has begun since"


def _beginning(work: PlaySession, told: AfterChanges, evidence: Evidence, run: int) -> str:
    silent = [one.name for one in told.alerts if one.name in evidence.content["silent"]]
    invariants = len(work.play.invariants) if told.invariants else 0
    what = [*silent, *([counted(invariants, "invariant")] if invariants else [])]
    others = {
        one.name: evidence.content["others"].get(one.name, "not asked") for one in told.alerts if one.name not in silent
    }
    left = f"; not silent before, so not counted: {', '.join(f'{name} ({state})' for name, state in others.items())}"
    return f"after run {run}, watched for {format_duration(told.seconds)}: {', '.join(what) or 'nothing'}{left if others else ''}"


def _look_on(work: PlaySession, told: AfterChanges, evidence: Evidence, change: RunChange) -> tuple[_LooksSoFar, str]:
    """Look until the time is over and nothing is undecided, or something is wrong, or another run has begun (which is told)."""
    from wgm_play.execute.interrupt import interruptible

    chosen = replace(told, alerts=tuple(one for one in told.alerts if one.name in evidence.content["silent"]))
    seen, begin = _LooksSoFar(), time.monotonic()
    with interruptible(), work.reporter.progress(f"watch after run {change.last.id}", told.seconds, "s") as shown:
        while True:
            _look(work, chosen, evidence.content["counters"], seen)
            passed = time.monotonic() - begin
            shown.done = min(passed, told.seconds)
            over = passed >= told.seconds and not seen.since
            if seen.wrong or over:
                return seen, ""
            with suppress(psycopg.Error, WgmError):
                if ended := _later(work, change):
                    return seen, ended
            rest = told.seconds - passed
            time.sleep(min(told.every, rest) if rest > 0 else told.every)


def _look(
    work: PlaySession, told: AfterChanges, counters: Mapping[str, Mapping[str, float]], seen: _LooksSoFar
) -> None:
    """Look once: what crosses its threshold for as long as its `for`, or as the watch where that is less, is wrong."""
    try:
        states = states_of(work, told, counters)
        seen.unknown = {one.name: one.error for one in states if one.state == "unknown"}
        _ask_invariants(work, told, seen)
    except (psycopg.Error, WgmError) as error:
        why = error.message if isinstance(error, WgmError) else str(error).strip().partition("\n")[0]
        seen.unknown = {"the database": why}
        seen.since.clear()
        return
    now = time.monotonic()
    for one in states:
        if one.state != "firing":
            seen.since.pop(one.name, None)
        elif now - seen.since.setdefault(one.name, now) >= min(one.seconds, told.seconds):
            value = one.threshold
            if one.shown and not one.no_log:
                value = f"{one.shown[0].value:g} ({one.threshold}){one.shown[0].named}"
            seen.wrong.append(f"{one.name}: {value}{f': {one.summary}' if one.summary else ''}")


def _ask_invariants(work: PlaySession, told: AfterChanges, seen: _LooksSoFar) -> None:
    if not (told.invariants and work.play.invariants):
        return
    try:
        invariants.ask(work, before=False, after=True)
    except StepFailed as broken:
        seen.wrong.append("; ".join([broken.message.replace(" by the run", " after the run"), *broken.details[:3]]))


def _end(work: PlaySession, run: int, content: Mapping[str, Any], *, passed: bool) -> None:
    """Record that a watch has ended; where that cannot be written, the next run watches again."""
    try:
        with work.connections.writing("wgm-play/watch") as connection, connection.transaction():
            Ledger(connection).record_evidence(
                ENDED, work.environment.name, work.play.name, content, passed=passed, run_id=run
            )
    except (psycopg.Error, WgmError) as error:
        work.reporter.warn(f"the end of the watch is not recorded, the next run watches again: {str(error).strip()}")


# Taking it back -------------------------------------------------------------------------------------------------------


def _taken_back(work: PlaySession, told: AfterChanges, change: RunChange, wrong: list[str]) -> str:
    """Take a change back, and raise `StepFailed` that tells so; return why it is not to be done where that is so."""
    reason = REASON + "; ".join(wrong)
    since = _done_at(work, change)
    try:
        standing = Ledger(work.reading).state_before_last_change()
        if standing is None or standing.ids != change.ids:
            return "another run has changed something since"
        _roll_back(work, reason, lambda planned: _refuse_loss(work, planned, since))
    except Refused as refused:
        return "; ".join([refused.message, *refused.details])
    _end(work, change.last.id, {"wrong": wrong, "taken_back": True}, passed=False)
    raise StepFailed(
        f"run {change.last.id} was taken back: the database was not well after it",
        where=told.position,
        details=wrong,
        hint=_release(work),
    )


def _done_at(work: PlaySession, change: RunChange) -> str | None:
    """Return the snapshot of the moment at which a change was done; None where it was not kept."""
    found = [one for one in evidence_of(work, DONE) if one.run in change.ids]
    return str(found[0].content["snapshot"]) if found else None


def _release(work: PlaySession) -> str:
    return f"the same steps are held: change the playbook, or wgm-play promote {work.options.playbook} --release --reason TEXT"


def _roll_back(work: PlaySession, reason: str, judge: Callable[[Planned], None] | None) -> None:
    from wgm_play.rollback.command import roll_back

    options = replace(
        work.options,
        reason=reason,
        plan=None,
        save_plan=None,
        to_run=None,
        check=False,
        no_trash=False,
        allow_destructive=True,
        tags=(),
        skip_tags=(),
        start_at_step=None,
    )
    given = work.options, work.play
    # An invariant that is broken now is why the run is taken back, and nothing that could stop that.
    work.options, work.play = options, replace(work.play, invariants=())
    try:
        roll_back(work, options, work.reporter, judge)
    finally:
        work.options, work.play = given


def _refuse_loss(work: PlaySession, planned: Planned, since: str | None) -> None:
    """Raise `Refused` where rows that were written since would go with what the run made."""
    taken = [
        one.key for one in planned.plan.operations if one.verb in ("trash", "drop") and one.key.kind in HOLDING_VALUES
    ]
    lost = [key.label for key in taken if since is None or _written(work, planned.live, key, since)]
    if lost:
        raise Refused(
            "what was written since would go with it",
            details=[f"{label}: rows were written since the run" for label in lost],
            hint=f"wgm-play rollback {work.options.playbook} takes it back all the same: they are kept in the trash",
        )


def _written(work: PlaySession, live: Catalog, key: Key, since: str) -> bool:
    """Tell whether a table, or a column of one, holds values that were written after a moment; also where that cannot be seen.

    What stands in a column by its default was written by nobody.
    """
    column, default = None, None
    if key.kind == "column":
        column = key.name[2]
        default = getattr(live.rows.get(key) and live[key], "default", None)
    query = render(
        "after_changes/written.sql.j2",
        table=key.name[:2],
        column=column,
        default=Sql(default) if default else None,
        since=since,
    )
    try:
        row = work.reading.execute(query.sql.encode()).fetchone()
    except psycopg.Error:
        work.reading.rollback()
        return True
    return bool(row is None or row[0])
