"""Whether what one environment holds is, step for step, what another is about to run.

In: the steps of the playbook rendered with the variables of the environment that it comes from, and with its own; what stands there.
Out: what is missing there, and what differs without being refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgm_play.lazy_dataclass import dataclass
from wgm_play.promotion.steps import HELD, LEFT_OUT, SKIPPED, WAITING, StepMark


@dataclass(frozen=True, slots=True)
class ComparedSteps:
    """`missing` are steps that were not tried there, with why; `named` is what differs and refuses nothing."""

    missing: tuple[str, ...]
    named: tuple[str, ...]


def compare(
    environment: str, here: Sequence[StepMark], there: Sequence[StepMark], stands: Sequence[StepMark]
) -> ComparedSteps:
    """Compare the steps of this playbook, rendered for `here` and for the environment it comes from (`there`), with what
    stands there."""
    missing: list[str] = []
    named: list[str] = []
    theirs = _by_name(there)
    at: dict[str, list[int]] = {}
    for number, one in enumerate(stands):
        at.setdefault(one.digest, []).append(number)
    last = -1
    seen: dict[tuple[str, str], int] = {}
    for one in here:
        other = theirs.get(_which(one, seen))
        if one.state == WAITING:
            named.append(f"{one.shown} waits for its flag here")
            continue
        if one.state == SKIPPED:
            continue
        if other is None or other.state == SKIPPED:
            named.append(f"{one.shown} is run here only, never on {environment}")
            continue
        places = at.get(other.digest, [])
        if not places:
            missing.append(_absent(environment, other, stands))
            continue
        number = next((place for place in places if place > last), places[0])
        places.remove(number)
        state = stands[number].state
        if state == HELD and number < last:
            missing.append(f"{one.shown} stands in another order on {environment}")
        elif state == LEFT_OUT:
            missing.append(
                f"{one.shown} was left out of the last run on {environment} (tags, --start-at-step or --step)"
            )
        elif state == WAITING:
            missing.append(f"{one.shown} waits for its flag on {environment}, and not here")
        elif state == SKIPPED:
            named.append(f"{one.shown} was skipped on {environment}")
        last = max(last, number)
        if other.digest != one.digest:
            named.append(f"{one.shown} has other values here than on {environment}")
    return ComparedSteps(tuple(missing), tuple(named))


def _by_name(steps: Sequence[StepMark]) -> dict[tuple[str, str, int], StepMark]:
    seen: dict[tuple[str, str], int] = {}
    return {_which(one, seen): one for one in steps}


def _which(one: StepMark, seen: dict[tuple[str, str], int]) -> tuple[str, str, int]:
    """Return what tells a step from others of its name, and count it."""
    name = (one.name, one.item)
    seen[name] = seen.get(name, 0) + 1
    return (*name, seen[name])


def _absent(environment: str, one: StepMark, stands: Sequence[StepMark]) -> str:
    if any((other.name, other.item) == (one.name, one.item) for other in stands):
        return f"{one.shown} says something else on {environment} than this playbook"
    return f"{one.shown} was never run on {environment}"
