"""Changes that wait for one another are told as the ring that they are, without what only waits for it."""

from __future__ import annotations

import pytest

from wgm_play.catalog.model import Key
from wgm_play.errors import Refused
from wgm_play.operations.base import Change
from wgm_play.operations.order import order
from wgm_play.plan import Operation


def _change(name: str, *after: Change) -> Change:
    return Change(Operation("alter", Key("table", ("public", name)), name, ()), after=after)


def test_a_ring_is_told_and_not_what_waits_for_it() -> None:
    one = _change("one")
    other = _change("other", one)
    one.wait_for(other)
    first = _change("first", one)
    last = _change("last", first)
    with pytest.raises(Refused) as caught:
        order([last, first, one, other], (), (), joined=[(first, last)])
    assert "these changes wait for one another: one, for other, for one; nothing was touched" in str(caught.value)
