"""Windows of time in which nothing may be run, or outside of which nothing may: RFC 5545 rules, in time zones.

In: what an environment file says, the time by a server's clock. Out: `Window`; why nothing may be run now, or None. A rule speaks of
the clock on the wall of its time zone; how long a window lasts is time that passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from wgm_play.errors import InputError, Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import parse_duration

# Where a rule does not say from when it counts: a day long ago, at midnight. A Monday is not needed: BYDAY says the day.
_ANCHOR = datetime(2020, 1, 1)
# Rules that come round more often than each day make no windows.
_OFTEN = ("HOURLY", "MINUTELY", "SECONDLY")
KEYS = ("deny", "allow", "for", "from", "until", "timezone", "reason")
_FORM = 'write {deny: "FREQ=WEEKLY;BYDAY=FR;BYHOUR=16", for: 64h, timezone: Europe/Berlin}, or {from: 2026-12-20, until: 2027-01-05}'


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, once or by a `rule`; `allows` tells whether it is one outside of which nothing may be run."""

    allows: bool
    rule: str | None
    seconds: float
    begin: datetime | None
    end: datetime | None
    timezone: str
    reason: str

    @property
    def shown(self) -> str:
        """The reason, or the rule where none is given."""
        return self.reason or self.rule or "a freeze"


def window(said: Mapping[str, Any], where: Position | None) -> Window:
    """Return the window that one entry of an environment's `freeze` describes. Raise `InputError`."""
    unknown = [name for name in said if name not in KEYS]
    if unknown:
        raise InputError(f"freeze knows no {unknown[0]!r}", where=where, hint=f"known: {', '.join(KEYS)}")
    zone = str(said.get("timezone", "UTC"))
    zone_of(zone, where)
    rules = [name for name in ("deny", "allow") if name in said]
    if len(rules) > 1 or (rules and "until" in said) or not (rules or "until" in said):
        raise InputError("a freeze is a rule, or a span with `until`", where=where, hint=_FORM)
    begin = moment(said["from"], zone_of(zone, where), where) if "from" in said else None
    if not rules:
        end = moment(said["until"], zone_of(zone, where), where)
        return Window(False, None, 0.0, begin, end, zone, str(said.get("reason", "")))
    if "for" not in said:
        raise InputError(f"how long is not said: {rules[0]} needs `for`", where=where, hint=_FORM)
    seconds = parse_duration(said["for"], where, "for")
    made = Window(rules[0] == "allow", str(said[rules[0]]), seconds, begin, None, zone, str(said.get("reason", "")))
    _rule(made, where)
    return made


def moment(said: Any, zone: tzinfo, where: Position | None = None) -> datetime:
    """Return a time as people write it: a day, or a day and a time, in `zone` where it does not say its own."""
    try:
        found = said if isinstance(said, datetime) else datetime.fromisoformat(str(said).strip())
    except ValueError:
        raise InputError(
            f"{str(said)!r} is no time",
            where=where,
            hint="write 2026-12-24, 2026-12-24 18:00 or 2026-12-24T18:00+01:00",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def zone_of(name: str, where: Position | None) -> ZoneInfo:
    """Return a time zone by its name. Raise `InputError`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InputError(f"no time zone {name!r}", where=where, hint="write its name, as Europe/Berlin") from None


def _rule(one: Window, where: Position | None = None) -> Any:
    """Return the rule of a window, in the clock of its own zone."""
    from dateutil.rrule import rrulestr

    begin = _ANCHOR if one.begin is None else one.begin.astimezone(zone_of(one.timezone, where)).replace(tzinfo=None)
    try:
        found = rrulestr(one.rule or "", dtstart=begin)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{one.rule!r} is no rule of RFC 5545: {error}", where=where, hint=_FORM) from None
    if any(word in str(one.rule).upper() for word in _OFTEN) or not hasattr(found, "_freq"):
        raise InputError(
            f"{one.rule!r} makes no windows", where=where, hint="use FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"
        )
    return found


def _open_until(one: Window, now: datetime) -> datetime | None:
    """Return when a window ends that is open now; None where it is not open."""
    if one.rule is None:
        begun = one.begin is None or one.begin <= now
        return one.end if begun and one.end is not None and now < one.end else None
    zone = zone_of(one.timezone, None)
    last: datetime | None = _rule(one).before(now.astimezone(zone).replace(tzinfo=None), inc=True)
    if last is None:
        return None
    end = last.replace(tzinfo=zone).astimezone(UTC) + timedelta(seconds=one.seconds)
    return end if now < end else None


def closed(windows: Sequence[Window], now: datetime) -> tuple[str, datetime | None] | None:
    """Return why nothing may be run now, and until when; None where it may. What denies wins over what allows."""
    denied = [(end, one) for one in windows if not one.allows and (end := _open_until(one, now)) is not None]
    if denied:
        end, one = max(denied, key=lambda pair: pair[0])
        return one.shown, end
    allowing = [one for one in windows if one.allows]
    if not allowing or any(_open_until(one, now) is not None for one in allowing):
        return None
    return f"outside of {' and '.join(one.shown for one in allowing)}", min(
        filter(None, map(_next(now), allowing)), default=None
    )


def _next(now: datetime) -> Any:
    """Return what tells when a window opens next."""

    def found(one: Window) -> datetime | None:
        zone = zone_of(one.timezone, None)
        following: datetime | None = _rule(one).after(now.astimezone(zone).replace(tzinfo=None))
        return following.replace(tzinfo=zone) if following else None

    return found
