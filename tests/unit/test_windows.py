"""Windows of a freeze: rules of RFC 5545 by the clock on the wall, across the changes of its time; what denies wins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from wgm_play.errors import InputError
from wgm_play.windows import closed, window

pytest.importorskip("dateutil", reason="an environment that was made before the dependency")

WEEKEND = {"deny": "FREQ=WEEKLY;BYDAY=FR;BYHOUR=16", "for": "64h", "timezone": "Europe/Berlin", "reason": "weekend"}
HOURS = {"allow": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9", "for": "9h", "timezone": "America/New_York"}
HOLIDAYS = {"from": "2026-12-20", "until": "2027-01-05 08:00", "timezone": "Asia/Tokyo"}
SECOND = {"deny": "FREQ=MONTHLY;BYDAY=2TU", "for": "1d", "reason": "patch day"}
EVERY_OTHER = {"deny": "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE", "for": "1d", "from": "2026-11-04"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("said", "now", "reason"),
    [
        ([WEEKEND], "2026-11-27T15:59+01:00", None),
        ([WEEKEND], "2026-11-27T16:00+01:00", "weekend"),
        ([WEEKEND], "2026-11-30T07:59+01:00", "weekend"),
        ([WEEKEND], "2026-11-30T08:00+01:00", None),
        # The clock on the wall: an hour earlier by UTC in summer. In the night in which it changes, 64 hours are 64 hours.
        ([WEEKEND], "2026-07-03T14:00+00:00", "weekend"),
        ([WEEKEND], "2026-07-03T13:59+00:00", None),
        ([WEEKEND], "2026-03-30T08:30+02:00", "weekend"),
        ([WEEKEND], "2026-03-30T09:00+02:00", None),
        ([HOURS], "2026-11-30T14:30+00:00", None),
        ([HOURS], "2026-11-30T13:59+00:00", "outside of FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9"),
        ([HOURS, WEEKEND], "2026-11-27T15:30+00:00", "weekend"),
        ([HOLIDAYS], "2026-12-19T15:00+00:00", "a freeze"),
        ([HOLIDAYS], "2026-12-19T14:59+00:00", None),
        ([HOLIDAYS], "2027-01-04T23:00+00:00", None),
        ([SECOND], "2026-12-08T12:00+00:00", "patch day"),
        ([EVERY_OTHER], "2026-11-18T12:00+00:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE"),
        ([EVERY_OTHER], "2026-11-11T12:00+00:00", None),
    ],
)
def test_a_window_is_open_by_its_own_clock(said: list[dict[str, Any]], now: str, reason: str | None) -> None:
    found = closed([window(one, None) for one in said], at(now))
    assert (found[0] if found else None) == reason


def test_until_when_is_told() -> None:
    assert closed([window(WEEKEND, None)], at("2026-11-28T12:00+01:00")) == ("weekend", at("2026-11-30T08:00+01:00"))
    found = closed([window(HOURS, None)], at("2026-11-28T12:00+00:00"))
    assert found is not None and found[1] == at("2026-11-30T14:00+00:00")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"deny": "FREQ=WEEKLY"}, "needs `for`"),
        ({"deny": "weekends", "for": "1d"}, "is no rule of RFC 5545"),
        ({"deny": "FREQ=MINUTELY", "for": "1m"}, "makes no windows"),
        ({"deny": "FREQ=DAILY", "for": "1h", "timezone": "Berlin"}, "no time zone 'Berlin'"),
        ({"deny": "FREQ=DAILY", "allow": "FREQ=DAILY", "for": "1h"}, "a rule, or a span"),
        ({"until": "Christmas"}, "is no time"),
        ({"deny": "FREQ=DAILY;UNTIL=20270101T000000Z", "for": "1h"}, "is no rule"),
        ({"until": "2027-01-01", "why": "x"}, "freeze knows no 'why'"),
        ({"reason": "x"}, "a rule, or a span"),
    ],
)
def test_what_is_no_window_is_told(said: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        window(said, None)
