"""A digest for each step as rendered: what one environment ran and another is about to run are compared by it.

In: a play. Out: rows of name, item, digest and how the step stood. What came from the process environment is in no digest: it stands
there by its name; of other secrets nothing is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.expand import CsvFile, load_playbook
from wgm_play.playbook.variables import Named
from wgm_play.secret import apart, mask, placeholders
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from collections.abc import Collection

    from wgm_play.environment import Environment
    from wgm_play.playbook.model import Play, Playbook, Step

# How a step stood when a run ended: what it says holds; a `when` or the server left it out; it waits for a flag; the command line
# left it out.
HELD, SKIPPED, WAITING, LEFT_OUT = "held", "skipped", "waiting", "left out"


@dataclass(frozen=True, slots=True)
class StepMark:
    """One step of a play: what tells it from others, what it says as a digest, how it stands."""

    name: str
    item: str
    digest: str
    state: str

    @property
    def shown(self) -> str:
        """The step as messages name it."""
        return f"{self.name!r}" + (f" ({self.item})" if self.item else "")


def marks(
    play: Play,
    *,
    chosen: Collection[int] | None = None,
    skipped: Collection[int] = (),
    waiting: Collection[int] = (),
    masked: bool = False,
) -> list[StepMark]:
    """Return the steps and handlers of a play in their order; `chosen` are those that the command line leaves.

    `masked` is for one that holds values of the process environment.
    """

    def state(step: Step) -> str:
        if step.index in waiting:
            return WAITING
        if step.skipped is not None or step.deferred or step.index in skipped:
            return SKIPPED
        return HELD if chosen is None or step.index in chosen else LEFT_OUT

    return [
        StepMark(mask(step.name), mask(step.item), digest_of(step, masked=masked), state(step))
        for step in (*play.steps, *play.handlers)
    ]


def mark_of(found: Iterable[StepMark]) -> str:
    """Return the digest of all that a play says: of the steps that hold, in their order."""
    text = "\n".join(one.digest for one in found if one.state in (HELD, LEFT_OUT))
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(step: Step, *, masked: bool = False) -> str:
    """Return the digest of what a step says, wherever it stands and whatever selects it."""
    said = [
        step.name,
        step.item,
        step.kind,
        step.state,
        step.renamed_from,
        step.required,
        sorted(step.notify),
        _plain(step.spec),
        _plain(step.variables),
    ]
    text = json.dumps(said, ensure_ascii=False, default=str)
    if masked:
        text = mask(placeholders(text))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _plain(value: Any) -> Any:
    """Return a value of a playbook as plain data; a file of rows as what it holds."""
    if isinstance(value, CsvFile):
        return hashlib.sha256(str(value.content).encode("utf-8", "surrogatepass")).hexdigest()
    if isinstance(value, str):
        return reveal(value)
    if isinstance(value, Mapping):
        return [[str(key), _plain(one)] for key, one in value.items()]
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def with_names(
    path: Path,
    environment: Environment,
    extra: Mapping[str, Any],
    number: int,
    registered: Mapping[str, Any] | None = None,
) -> Playbook:
    """Return the playbook with names in place of the process environment's values. Raise `WgmError` where it cannot be had so."""
    with apart():
        return load_playbook(path, environment, extra, registered, environ=Named(), number=number)


def with_states_of(named: Sequence[StepMark], real: Sequence[StepMark]) -> list[StepMark]:
    """Return steps rendered with names in the states in which they really are."""
    states: dict[tuple[str, str], list[str]] = {}
    for one in real:
        states.setdefault((one.name, one.item), []).append(one.state)
    return [replace(one, state=waits.pop(0)) if (waits := states.get((one.name, one.item))) else one for one in named]


def as_rows(found: Sequence[StepMark]) -> list[list[str]]:
    """Return steps as the ledger keeps them."""
    return [[one.name, one.item, one.digest, one.state] for one in found]


def from_rows(rows: Iterable[Sequence[str]]) -> list[StepMark]:
    """Return steps as the ledger has kept them."""
    return [StepMark(*row) for row in rows]
