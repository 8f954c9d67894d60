"""What a play says of the time between runs: `after_changes:`, `schedule:` and `pool:`.

In: values as rendered, with positions. Out: types of `model.py`. Raise `InputError` at the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wgm_play.document.nodes import position_of
from wgm_play.errors import InputError, Position, WgmError
from wgm_play.playbook.files import raise_all
from wgm_play.playbook.model import AfterChanges, Alert, Job, Pooling, Times
from wgm_play.playbook.schema_rules import nearest
from wgm_play.quantities import parse_duration
from wgm_play.sql import reveal

# How long is watched where nothing is said, and how often is looked at most and at least, in seconds.
WATCHED, EVERY, OFTEN = 300.0, 10.0, 0.2
# Of what is watched, this part passes between two looks.
_PART = 10


def after_changes_of(said: Mapping[str, Any], alerts: Sequence[Alert], where: Position) -> AfterChanges:
    """Return what is watched after a run of a play with these alerts."""

    def duration(key: str, default: float) -> float:
        return parse_duration(said[key], position_of(said, key), key) if key in said else default

    seconds = duration("for", WATCHED)
    every = max(duration("every", min(EVERY, seconds / _PART)), OFTEN)
    return AfterChanges(
        tuple(_named(said, alerts)),
        bool(said.get("invariants", True)),
        seconds,
        every,
        said.get("on_failure") == "rollback",
        where,
    )


def _named(said: Mapping[str, Any], alerts: Sequence[Alert]) -> list[Alert]:
    known = {one.name: one for one in alerts}
    if "alerts" not in said:
        # What wgm-play knows of its own runs is no measure of one.
        return [one for one in alerts if one.source != "watch"]
    unknown = [
        InputError(
            f"after_changes: no alert of the play is called {str(name)!r}",
            where=position_of(said["alerts"], number),
            hint=nearest(str(name), known) or "name one of the play's `alerts:`",
        )
        for number, name in enumerate(said["alerts"])
        if str(name) not in known
    ]
    raise_all(list(unknown))
    return [known[name] for name in dict.fromkeys(map(str, said["alerts"]))]


# Schedules ------------------------------------------------------------------------------------------------------------


def job_of(said: Mapping[str, Any], where: Position) -> Job:
    """Return what one entry of a play's `schedule` describes."""
    _one_of(said, ("run", "sql"), where, "write `run: backup`, or `sql: select refresh_overview()`")
    _one_of(
        said,
        ("every", "at", "rule"),
        where,
        'write `every: 1h`, `at: "02:00"` or `rule: FREQ=WEEKLY;BYDAY=SU;BYHOUR=4`',
    )
    from wgm_play.windows import zone_of

    zone = str(said.get("timezone", "UTC"))
    zone_of(zone, position_of(said, "timezone") or where)
    every, rule = None, None
    if "every" in said:
        every = parse_duration(said["every"], position_of(said, "every"), "every")
        if every < 60 or every % 60:
            raise InputError(
                "a job runs every whole minute at most", where=position_of(said, "every"), hint="write every: 5m"
            )
    elif "at" in said:
        hour, _, minute = str(said["at"]).partition(":")
        rule = Times("DAILY", (), (), int(hour), int(minute))
    else:
        rule = _times(str(said["rule"]), position_of(said, "rule") or where)
    return Job(str(said["name"]), str(said.get("run", "")), said.get("sql"), every, rule, zone, where)


def _one_of(said: Mapping[str, Any], keys: Sequence[str], where: Position, hint: str) -> None:
    given = [key for key in keys if key in said]
    if len(given) != 1:
        told = f"exclude each other: {', '.join(given)}" if given else f"one of {', '.join(keys)} is missing"
        raise InputError(f"schedule: {told}", where=position_of(said, given[1]) if given else where, hint=hint)


_FORM = (
    "FREQ=DAILY, FREQ=WEEKLY with BYDAY=MO,FR or FREQ=MONTHLY with BYMONTHDAY=1,15; BYHOUR=4 and BYMINUTE=30 say when"
)
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def _times(rule: str, where: Position) -> Times:
    """Return a rule of RFC 5545 as far as systemd, cron and pg_cron all can keep it."""
    parts: dict[str, str] = {}
    for part in rule.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.strip().partition("=")
        if not value or name in parts:
            raise InputError(f"{rule!r} is no rule of RFC 5545", where=where, hint=_FORM)
        parts[name] = value
    often = parts.pop("FREQ", "")
    if parts.get("INTERVAL") == "1":
        del parts["INTERVAL"]
    allowed = {"DAILY": (), "WEEKLY": ("BYDAY",), "MONTHLY": ("BYMONTHDAY",)}.get(often)
    unknown = [name for name in parts if name not in ("BYHOUR", "BYMINUTE", *(allowed or ()))]
    lacking = [name for name in allowed or () if name not in parts]
    if allowed is None or unknown or lacking:
        told = f"it has {unknown[0]}" if unknown else f"{lacking[0]} is missing" if lacking else "FREQ is another"
        raise InputError(f"{rule!r} is not kept by systemd, cron and pg_cron alike: {told}", where=where, hint=_FORM)
    try:
        hour, minute = int(parts.get("BYHOUR", "0")), int(parts.get("BYMINUTE", "0"))
        days = tuple(sorted(_DAYS.index(one.strip()) for one in parts.get("BYDAY", "").split(",") if one))
        dates = tuple(sorted(int(one) for one in parts.get("BYMONTHDAY", "").split(",") if one))
    except ValueError:
        raise InputError(f"{rule!r} has a value that is none", where=where, hint=_FORM) from None
    if not (0 <= hour < 24 and 0 <= minute < 60 and all(1 <= one <= 31 for one in dates)):
        raise InputError(f"{rule!r} has a value that is none", where=where, hint=_FORM)
    return Times(often, days, dates, hour, minute)


def refuse_namesakes(jobs: Sequence[Job]) -> list[WgmError]:
    """Return the errors for two jobs of one name, or of one file: they are known by it."""
    seen: dict[str, Job] = {}
    found: list[WgmError] = []
    for job in jobs:
        first = seen.setdefault(job.slug, job)
        if first is not job:
            told = (
                f"two jobs are called {job.name!r}"
                if first.name == job.name
                else f"{first.name!r} and {job.name!r} would be one file"
            )
            found.append(
                InputError(told, where=job.position, hint=f"the first is at {first.position}: give one another name")
            )
    return found


# Pooling --------------------------------------------------------------------------------------------------------------


def pooling_of(said: Mapping[str, Any], where: Position) -> Pooling:
    """Return what the application needs of its pool."""
    given: dict[str, Any] = {key: reveal(value) if isinstance(value, str) else value for key, value in said.items()}
    for key in ("roles", "ignore_startup_parameters"):
        if key in given:
            given[key] = tuple(dict.fromkeys(reveal(one) for one in given[key]))
    if "query_wait" in given:
        given["query_wait"] = parse_duration(said["query_wait"], position_of(said, "query_wait"), "query_wait")
    if "version" in given:
        major, minor = given["version"].split(".")[:2]
        given["version"] = (int(major), int("".join(one for one in minor if one.isdigit())))
    return Pooling(position=where, **given)
