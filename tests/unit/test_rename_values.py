"""Which renames of enum labels are not done yet: in the catalog there are only labels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wgm_play.planning.rename_values import in_order, pending


@given(st.permutations("abcdefgh"), st.data())
def test_any_renames_are_carried_out_and_then_done(live: list[str], data: st.DataObject) -> None:
    """Chains, circles and plain renames of some labels; the second look finds nothing to do."""
    live = live[: data.draw(st.integers(2, 8))]
    chosen = data.draw(st.lists(st.sampled_from(live), unique=True))
    names = data.draw(st.permutations(["x", "y", *chosen]))[: len(chosen)]
    to = dict(zip(chosen, names, strict=True))
    declared = [to.get(label, label) for label in live]
    if len(set(declared)) != len(declared):
        return
    renamed = {new: old for old, new in to.items() if new != old}
    found, both = pending(live, declared, renamed)
    assert both == []
    labels = list(live)
    for old, new in in_order(labels, found):
        assert new not in labels
        labels[labels.index(old)] = new
    assert labels == declared
    again, both = pending(labels, declared, renamed)
    assert (again, both) == ({}, [])
