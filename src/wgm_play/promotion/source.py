"""What the environment that a playbook comes from holds: its last run that stands, since when, and what its alerts said.

In: a connection that may only read, or a file of evidence. Out: `EnvironmentEvidence`, or why there is none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger, Run
from wgm_play.ledger import decided as kept
from wgm_play.ledger.alert_history import fired_since, watched_since
from wgm_play.ledger.history import Stood, stood
from wgm_play.ledger.model import Revision, RunChange
from wgm_play.ledger.statements import Connection
from wgm_play.promotion import forms
from wgm_play.promotion.forms import Form
from wgm_play.promotion.identity import identity_of
from wgm_play.promotion.steps import HELD, StepMark, from_rows, mark_of
from wgm_play.quantities import format_duration

# Alerts are watched where they are recorded at least four times in a soak; more often than each hour is not asked for.
WATCHES, WATCH = 4, 3600.0


@dataclass(frozen=True, slots=True)
class EnvironmentEvidence:
    """What stands in an environment. `since` and `now` are times of its own server; `why` says why nothing counts.

    `past` are runs that went past a promotion of their own. `alerts` are those that fired since, or what stands in the way of telling; `loud` is when one fired last; `identity` tells
    its database from others; `forms` are how its last changes were done.
    """

    environment: str
    database: str
    identity: str
    play: str = ""
    run: int = 0
    commit: str | None = None
    dirty: tuple[str, ...] = ()
    steps: tuple[StepMark, ...] = ()
    since: datetime | None = None
    now: datetime | None = None
    alerts: tuple[str, ...] = ()
    loud: datetime | None = None
    role: str = ""
    forms: tuple[Form, ...] = ()
    why: str = ""
    lift: str = ""
    past: tuple[str, ...] = ()

    @property
    def age(self) -> timedelta:
        """How long it has stood, by its own server's clock."""
        return self.now - self.since if self.now and self.since else timedelta(0)


def read(
    connection: Connection, environment: str, marker: str, wanted: Collection[str], alerts: int
) -> EnvironmentEvidence:
    """Return what stands in the database behind `connection`, of the play that holds most of the digests `wanted`.

    `alerts` is how many the play declares: where there are none, nobody needs to have looked.
    """
    ledger = Ledger(connection)
    base = EnvironmentEvidence(
        environment, str(connection.info.dbname), identity_of(connection), now=kept.now(connection)
    )
    run_it = f"run its playbook on {environment}, as wgm-play {environment}.yml"
    if ledger.access() != "readable":
        why = (
            "has no ledger: nothing was ever run there"
            if ledger.access() == "absent"
            else "does not let this role read its ledger"
        )
        lift = (
            run_it
            if ledger.access() == "absent"
            else f"name the role {connection.info.user} under readers: of {environment}, then run it"
        )
        return _none(base, why, lift)
    marked = ledger.marker()
    if marked != marker:
        return _none(
            base,
            f"is the database of {marked!r}, not of {marker!r}",
            f"check where environments/{environment}.yml points, or set `marker: {marked}` there",
        )
    runs = [run for run in ledger.last_runs() if run.environment == environment]
    found = _best(connection, runs, wanted)
    if found is None:
        return _none(base, "has no run that stands", run_it)
    stands, revisions = found
    if stands.broken is not None:
        run = stands.broken
        state = f"did not end well ({run.status})" if run.status else "is in progress, or was killed"
        what = "rollback" if run.is_rollback else "run"
        return _none(base, f"has a last {what}, {run.id}, that {state}", f"finish it: {run_it}")
    if not stands.changes:
        return _none(base, "has no run that stands: the last one was rolled back", run_it)
    last = stands.changes[0].last
    made = revisions.get(last.id)
    if made is None:
        return _none(base, f"ran last (run {last.id}) by a version that kept no revision", run_it)
    if mark_of(from_rows(made.steps)) != made.mark:
        why = f"has a ledger that somebody edited: the steps of run {last.id} are not those that it recorded"
        return _none(base, why, f"find out who; {run_it}, with --record")
    since = _since(stands, revisions, made, wanted)
    fired, loud = _alerts(connection, since, base.now, alerts)
    return EnvironmentEvidence(
        environment,
        base.database,
        base.identity,
        last.play,
        last.id,
        made.commit,
        tuple(made.dirty),
        tuple(from_rows(made.steps)),
        since,
        base.now,
        fired,
        loud,
        last.role,
        forms.read(connection, [change.ids for change in stands.changes]),
        past=_past(connection, stands),
    )


def _past(connection: Connection, stands: Stood) -> tuple[str, ...]:
    """Return which of the last changes there went past a promotion of their own, and why."""
    last = {number for change in stands.changes[: forms.CHANGES] for number in change.ids}
    found = [one for one in kept.decisions(connection, "override promotion") if one.run in last]
    return tuple(f"run {one.run} went past its promotion there: {one.reason} ({one.role})" for one in found)


def _none(base: EnvironmentEvidence, why: str, lift: str) -> EnvironmentEvidence:
    return EnvironmentEvidence(base.environment, base.database, base.identity, now=base.now, why=why, lift=lift)


def _best(
    connection: Connection, runs: Sequence[Run], wanted: Collection[str]
) -> tuple[Stood, dict[int, Revision]] | None:
    """Return what stands of the play that holds most of what is wanted: several may be run on one database."""
    found: list[tuple[int, Stood, dict[int, Revision]]] = []
    for play in dict.fromkeys(run.play for run in runs):
        stands = stood(runs, play)
        revisions = kept.revisions(connection, [change.last.id for change in stands.changes])
        last = revisions.get(stands.changes[0].last.id) if stands.changes else None
        count = len({one.digest for one in from_rows(last.steps)} & set(wanted)) if last else 0
        found.append((count, stands, revisions))
    if not found:
        return None
    _, stands, revisions = max(found, key=lambda one: one[0])
    return stands, revisions


def _since(stands: Stood, revisions: dict[int, Revision], last: Revision, wanted: Collection[str]) -> datetime | None:
    """Return since when what is wanted has stood: the first of the runs without a gap that held it."""
    held = _held(last) & set(wanted)
    if stands.since is not None:
        return stands.since
    first: RunChange = stands.changes[0]
    for change in stands.changes[: stands.unbroken]:
        made = revisions.get(change.last.id)
        if made is None or not held <= _held(made):
            break
        first = change
    return first.last.ended_at


def _held(made: Revision) -> set[str]:
    return {one.digest for one in from_rows(made.steps) if one.state == HELD}


def _alerts(
    connection: Connection, since: datetime | None, now: datetime | None, declared: int
) -> tuple[tuple[str, ...], datetime | None]:
    """Return what fired since, and when it did last; or that nobody looked."""
    if since is None or now is None or since > now:
        return (), None
    fired = fired_since(connection, since)
    if fired or not declared:
        said = tuple(f"{one.alert} ({one.state}, {one.last:%Y-%m-%d %H:%M})" for one in fired)
        return said, max((one.last for one in fired), default=None)
    watched = watched_since(connection, since)
    gap, longest = watched.longest_gap.total_seconds(), max(WATCH, (now - since).total_seconds() / WATCHES)
    if gap <= longest and watched.checks:
        return (), None
    return (f"nobody looked for {format_duration(gap)}: `wgm-play check --record` keeps what alerts say",), None


def as_data(one: EnvironmentEvidence) -> dict[str, Any]:
    """Return evidence as JSON data."""
    return {
        "environment": one.environment,
        "database": one.database,
        "identity": one.identity,
        "play": one.play,
        "run": one.run,
        "commit": one.commit,
        "dirty": list(one.dirty),
        "steps": [[s.name, s.item, s.digest, s.state] for s in one.steps],
        "since": one.since.isoformat() if one.since else None,
        "now": one.now.isoformat() if one.now else None,
        "alerts": list(one.alerts),
        "loud": one.loud.isoformat() if one.loud else None,
        "role": one.role,
        "forms": forms.as_rows(one.forms),
        "why": one.why,
        "lift": one.lift,
        "past": list(one.past),
    }


def from_data(data: dict[str, Any]) -> EnvironmentEvidence:
    """Return the evidence that `as_data` described. Raise `KeyError`, `TypeError` or `ValueError` for anything else."""
    times = {name: datetime.fromisoformat(data[name]) if data[name] else None for name in ("since", "now", "loud")}
    return EnvironmentEvidence(
        **{
            **data,
            **times,
            "dirty": tuple(data["dirty"]),
            "alerts": tuple(data["alerts"]),
            "steps": tuple(from_rows(data["steps"])),
            "forms": forms.from_rows(data.get("forms", ())),
            "past": tuple(map(str, data.get("past", ()))),
        }
    )
