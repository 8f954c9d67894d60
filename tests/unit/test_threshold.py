"""Thresholds: each comparison fires where it should, and what cannot be read is pointed at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgm_play.alerts import parse_threshold
from wgm_play.errors import InputError, Position


@pytest.mark.parametrize(
    ("text", "fires", "quiet"),
    [
        ("> 100", 100.5, 100),
        (">= 0.9", 0.9, 0.89),
        ("< 5", 4, 5),
        ("<= -1.5", -1.5, -1),
        ("== 0", 0, 1),
        ("!= 0", 1, 0),
        ("  >100  ", 101, 100),
        ("> 1e3", 1001, 1000),
        ("> .5", 0.6, 0.5),
    ],
)
def test_a_value_beyond_the_threshold_fires(text: str, fires: float, quiet: float) -> None:
    threshold = parse_threshold(text)
    assert threshold.crossed(fires)
    assert not threshold.crossed(quiet)


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("100", 7, "it begins with no comparison", "> 100"),
        ("", 7, "it begins with no comparison", "> 100"),
        ("  = 5", 9, "there is no comparison '='", "write =="),
        ("=> 5", 7, "there is no comparison '=>'", "write >="),
        ("> ", 9, "no number follows '>'", "> 100"),
        ("> many", 9, "'many' is not a number", "> 100"),
        ("> 10 %", 12, "'%' follows the number", "no unit"),
        ("> 10min", 11, "'min' follows the number", "no unit"),
        ("> 1e999", 9, "1e999 is too large", "> 100"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text: str, column: int, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_threshold(text, Position("alerts.yml", 4, 7))
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.where == Position("alerts.yml", 4, column)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([">", ">=", "<", "<=", "==", "!="]))
def test_what_is_shown_is_read_as_the_same(number: float, compare: str) -> None:
    threshold = parse_threshold(f"{compare} {number!r}")
    assert parse_threshold(str(threshold)) == threshold
