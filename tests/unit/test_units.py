"""Durations and sizes: what people write is what we count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgm_play.errors import InputError
from wgm_play.quantities import format_duration, format_size, parse_duration, parse_size

SECONDS = {
    "500ms": 0.5,
    "2s": 2,
    "10m": 600,
    "24h": 86400,
    "30d": 2592000,
    "2w": 1209600,
    "1h30m": 5400,
    "90 days": 7776000,
    "10 min": 600,
    "1 hour": 3600,
    "0.5s": 0.5,
    "0": 0,
    0: 0,
    " 2S ": 2,
}


@pytest.mark.parametrize(("text", "seconds"), SECONDS.items())
def test_a_duration_in_seconds(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", 5, "-2s", "2 parsecs", "2s or so", "s", None, True, False, "1..5s"])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(InputError, match="is not a duration"):
        parse_duration(text, key="lock_timeout")


@pytest.mark.parametrize(("text", "count"), [("16MB", 16777216), ("64kB", 65536), ("1.5 GB", 1610612736), (8192, 8192)])
def test_a_size_in_bytes(text: Any, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "16", "16 MX", -1, True, None, "MB", "-1MB"])
def test_what_is_no_size_is_refused(text: Any) -> None:
    with pytest.raises(InputError, match="is not a size"):
        parse_size(text)


@given(st.integers(min_value=60, max_value=10**8))
def test_a_formatted_duration_reads_back_nearly(seconds: int) -> None:
    assert abs(parse_duration(format_duration(seconds)) - seconds) <= seconds * 0.05


def test_texts_for_people() -> None:
    assert [format_duration(s) for s in (0.02, 1.54, 5400, 86400)] == ["20ms", "1.5s", "1h30m", "1d"]
    assert [format_size(n) for n in (12, 65536, 16777216)] == ["12 bytes", "64 kB", "16 MB"]
