"""What a play says of the time after a run: `after_changes:`.

In: values as rendered, with positions. Out: types of `model.py`. Raise `InputError` at the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wgm_play.document.nodes import position_of
from wgm_play.errors import InputError, Position
from wgm_play.playbook.files import raise_all
from wgm_play.playbook.model import AfterChanges, Alert
from wgm_play.playbook.schema_rules import nearest
from wgm_play.units import parse_duration

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
        tuple(_named(said, alerts)), bool(said.get("invariants", True)), seconds, every, said.get("on_failure") == "rollback", where
    )  # fmt: skip


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
