"""How alerts are before a run that is watched, and when it was done: what the watch after it compares with.

In: a play with `after_changes`. Out: evidence in the ledger: of the kind "watch" how the alerts were before the run, of "watch_from"
when it was done, of "watched" the end. What has no end is begun anew by the next run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wgm_play.ledger import Ledger, decided
from wgm_play.ledger.statements import send, text

if TYPE_CHECKING:
    from wgm_play.alerts import AlertState
    from wgm_play.alerts.outside_values import Counted, OutsideValues
    from wgm_play.ledger import Evidence
    from wgm_play.playbook.model import AfterChanges, Alert
    from wgm_play.run.work import PlaySession

BEGUN, DONE, ENDED = "watch", "watch_from", "watched"
# How the reason of a rollback begins that nobody asked for.
REASON = "after_changes: "
# More looks back than there are unfinished watches and forms of them.
_LOOK_BACK = 50


# Before a run -------------------------------------------------------------------------------------------------------


def before(work: PlaySession) -> dict[str, Any] | None:
    """Return how the alerts are before a run, for the ledger; None where nothing is watched after it.

    A run that finishes another one takes what was seen before that.
    """
    told = work.play.after_changes
    if told is None or work.sizes is not None:
        return None
    from wgm_play.alerts.evaluate import counters_of

    first = _before_what_it_finishes(work)
    if first is not None:
        return dict(first)
    states = states_of(work, told, {})
    # They are counted from the run on.
    waiting = {one.name for one in states if one.uncounted}
    others = {one.name: one.state for one in states if one.state != "ok" and one.name not in waiting}
    return {
        "silent": [one.name for one in states if one.name not in others],
        "others": others,
        "counters": counters_of(states),
    }


def begun(ledger: Ledger, work: PlaySession, run: int, found: Mapping[str, Any] | None) -> None:
    """Record with a run how the alerts were before it."""
    if found is not None:
        ledger.record_evidence(BEGUN, work.environment.name, work.play.name, found, passed=True, run_id=run)


def done(ledger: Ledger, work: PlaySession, run: int, found: Mapping[str, Any] | None) -> None:
    """Record the moment at which a run was done: what is written later is not the run's."""
    if found is not None:
        row = send(ledger.connection, text("after_changes/now")).fetchone()
        content = {"snapshot": row[0] if row else ""}
        ledger.record_evidence(DONE, work.environment.name, work.play.name, content, passed=True, run_id=run)


def _before_what_it_finishes(work: PlaySession) -> Mapping[str, Any] | None:
    ledger = Ledger(work.reading)
    last = ledger.unfinished_run()
    if last is None or last.is_rollback:
        return None
    ids = next((change.ids for change in ledger.changes() if last.id in change.ids), ())
    found = [one for one in evidence_of(work, BEGUN) if one.run in ids]
    return found[-1].content if found else None


def states_of(work: PlaySession, told: AfterChanges, counters: Mapping[str, Mapping[str, float]]) -> list[AlertState]:
    """Return how the alerts are now; counters that stood somewhere before the run are compared with that."""
    from wgm_play.alerts import evaluate_now

    return evaluate_now(work.asker, told.alerts, work.reading, _beside(work, counters))


def _beside(work: PlaySession, counters: Mapping[str, Mapping[str, float]]) -> OutsideValues:
    """Return what alerts are told beside their queries: counters are compared with where they stood before the run."""
    from wgm_play.commands.alerts import beside_of

    found = beside_of(work)
    if not counters:
        return found

    def since_the_run(alert: Alert) -> Counted:
        return ((counters[alert.name],), alert.over) if alert.name in counters else found.counted(alert)

    return replace(found, counted=since_the_run)


def evidence_of(work: PlaySession, kind: str) -> list[Evidence]:
    """Return the newest evidence of a kind, newest first."""
    return Ledger(work.reading).evidence(kind, work.environment.name, work.play.name, _LOOK_BACK)


def held(work: PlaySession, back_run: int) -> bool:
    """Tell whether a rollback was one of a failed watch: what it took back is held."""
    return any(
        one.run == back_run and (one.reason or "").startswith(REASON)
        for one in decided.decisions(work.reading, "rollback")
    )
