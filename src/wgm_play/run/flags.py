"""Feature flags of the application: steps that break it wait until it has moved.

In: the queries of a play's `flags`. Out: which are on and since when; the play with its waiting steps asleep. What a flag's query
cannot tell is not on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import psycopg

from wgm_play.asking.ask import Asker, NotAsked
from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import decided
from wgm_play.playbook.model import Flag, Play, Step
from wgm_play.quantities import format_duration

# What a query speaks of may be made by this very playbook: until then the flag is off.
_NOT_THERE = ("42P01", "42703", "42883", "42704", "3F000")


@dataclass(frozen=True, slots=True)
class FlagState:
    """Whether a flag is on, `since` when and `now` by the server; `seen` where the ledger says since, not the query."""

    name: str
    on: bool
    since: datetime | None
    now: datetime
    unknown: str = ""
    seen: bool = False

    def waits(self, seconds: float) -> str:
        """Return why a step waits that needs the flag on for `seconds`; empty where it need not."""
        flag = f"the flag {self.name!r}"
        if self.unknown:
            return f"{flag} is unknown: {self.unknown}"
        if not self.on:
            return f"{flag} is off"
        been = (self.now - self.since).total_seconds() if self.since else 0.0
        return (
            ""
            if been >= seconds
            else f"{flag} has been on for {format_duration(max(been, 0))} of {format_duration(seconds)}"
        )


def look(asker: Asker, flags: Sequence[Flag], reading: psycopg.Connection[object]) -> dict[str, FlagState]:
    """Ask each flag."""
    now = decided.now(reading)
    seen = decided.flags_seen(reading)
    return {flag.name: _asked(asker, flag, now, seen) for flag in flags}


def _asked(asker: Asker, flag: Flag, now: datetime, seen: Mapping[str, tuple[bool, datetime]]) -> FlagState:
    try:
        answer = asker.ask(flag.query, schemas=None, where=flag.position, most=2)
    except NotAsked as reason:
        return FlagState(flag.name, False, None, now, unknown=str(reason))
    except psycopg.Error as error:
        if error.sqlstate in _NOT_THERE:
            return FlagState(flag.name, False, None, now)
        raise InputError(
            f"the flag {flag.name!r}: {error.diag.message_primary or error}", where=flag.position
        ) from error
    if len(answer.rows) > 1:
        raise InputError(f"the query of the flag {flag.name!r} returns more than one row", where=flag.position)
    row = answer.named()[0] if answer.rows else {"on": False}
    if "on" not in row or not isinstance(row["on"], bool | None):
        hint = 'select enabled as "on", changed_at as since from …'
        raise InputError(f"the query of the flag {flag.name!r} returns no boolean `on`", where=flag.position, hint=hint)
    on, since = bool(row["on"]), row.get("since")
    if since is not None:
        if not isinstance(since, datetime):
            raise InputError(f"`since` of the flag {flag.name!r} is no timestamptz", where=flag.position)
        return FlagState(flag.name, on, since if since.tzinfo else since.replace(tzinfo=UTC), now)
    was_on, at = seen.get(flag.name, (False, now))
    return FlagState(flag.name, on, at if on and was_on else None, now, seen=True)


def waiting(play: Play, states: Mapping[str, FlagState], before: frozenset[int]) -> tuple[Play, frozenset[int]]:
    """Return the play with its waiting steps asleep, and their numbers; `before` are those that slept until now."""
    found: set[int] = set()

    def settled(step: Step) -> Step:
        if step.after_flag is None or (step.skipped is not None and step.index not in before):
            return step
        why = states[step.after_flag].waits(step.flag_for)
        if why:
            found.add(step.index)
        return replace(step, skipped=f"waiting: {why}" if why else None)

    steps, handlers = tuple(map(settled, play.steps)), tuple(map(settled, play.handlers))
    return replace(play, steps=steps, handlers=handlers), frozenset(found)
