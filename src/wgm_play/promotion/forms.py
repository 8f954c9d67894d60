"""In which form each object was changed there, and would be here: plain, or online in several steps.

In: what a ledger says was done, a plan. Out: `Form`s side by side. Forms are told, and refuse nothing: which one is right depends on
how large the tables are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wgm_play.catalog.model import Key
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger.statements import Connection, run
from wgm_play.plan import Plan

# What was done before these changes is no news to the next environment.
CHANGES = 20


@dataclass(frozen=True, slots=True)
class Form:
    """How a step changed one object: the titles of its operations in their order; `run` is where it was done, 0 for a plan."""

    step: str
    item: str
    kind: str
    name: tuple[str, ...]
    titles: tuple[str, ...]
    run: int = 0

    @property
    def key(self) -> Key:
        """The object."""
        return Key(self.kind, self.name)

    @property
    def shown(self) -> str:
        """The form as people read it."""
        return "; ".join(self.titles)


@dataclass(frozen=True, slots=True)
class FormPair:
    """The form of one object's change here, and there; `there` is None where it was made there with another object."""

    here: Form
    there: Form | None

    @property
    def differs(self) -> bool:
        """Whether what was tried there would run otherwise here."""
        return self.there is not None and self.there.titles != self.here.titles


def read(connection: Connection, runs: Sequence[Sequence[int]]) -> tuple[Form, ...]:
    """Return the forms of the last of these changes, each given as its runs, newest first; a run that finished another counts with it."""
    last = {number: change[-1] for change in runs[:CHANGES] for number in change}
    found: dict[tuple[int, str, str, Key], list[str]] = {}
    for number, step, item, kind, name, titles in run(connection, "forms", list(last)).fetchall():
        done = found.setdefault((last[number], step, item, Key(kind, tuple(name))), [])
        done[:0] = [one for one in titles if one not in done]
    return tuple(
        Form(step, item, key.kind, key.name, tuple(titles), number)
        for (number, step, item, key), titles in found.items()
    )


def of_plan(plan: Plan) -> tuple[Form, ...]:
    """Return the forms of a plan."""
    found: dict[tuple[int, Key], list[str]] = {}
    for one in plan.operations:
        found.setdefault((one.step, one.key), []).append(one.title)

    def name(step: int, names: Sequence[str]) -> str:
        return names[step] if 0 <= step < len(names) else ""

    return tuple(
        Form(name(step, plan.step_names), name(step, plan.step_items), key.kind, key.name, tuple(titles))
        for (step, key), titles in found.items()
    )


def beside(here: Iterable[Form], there: Iterable[Form]) -> list[FormPair]:
    """Put each form of a plan beside what was done there with the same object, newest first.

    What several runs did there may be one change here: the form is the same where one run, or the newest ones together, did it so.
    """
    theirs: dict[Key, list[Form]] = {}
    for one in there:
        theirs.setdefault(one.key, []).append(one)
    return [FormPair(one, _nearest(one, theirs.get(one.key, []))) for one in here]


def _nearest(here: Form, found: Sequence[Form]) -> Form | None:
    together: tuple[str, ...] = ()
    for one in found:
        together = (*one.titles, *together)
        if here.titles in (one.titles, together):
            return replace(one, titles=here.titles)
    return found[0] if found else None


def as_rows(found: Iterable[Form]) -> list[list[object]]:
    """Return forms as a file of evidence keeps them."""
    return [[one.step, one.item, one.kind, list(one.name), list(one.titles), one.run] for one in found]


def from_rows(rows: Iterable[Sequence[object]]) -> tuple[Form, ...]:
    """Return forms as a file of evidence has kept them. Raise `TypeError` or `ValueError` for anything else."""
    return tuple(
        Form(str(step), str(item), str(kind), tuple(map(str, name)), tuple(map(str, titles)), int(number))  # type: ignore[call-overload]
        for step, item, kind, name, titles, number in rows
    )
