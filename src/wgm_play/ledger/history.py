"""Which runs belong together, and which of them rollback goes back before.

In: all runs, newest first. Out: changes. Pure: the rules of "Reversible" are tested without a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger.model import UNFINISHED, Run, RunChange


def changes(runs: Sequence[Run]) -> list[RunChange]:
    """Return runs joined with those that finished them, newest first."""
    resumed_by = {run.resumes: run for run in runs if run.resumes is not None}
    made = []
    for run in runs:
        if run.resumes is None:
            chain = [run]
            while following := resumed_by.get(chain[-1].id):
                chain.append(following)
            made.append(RunChange(tuple(chain)))
    return sorted(made, key=lambda change: change.last.id, reverse=True)


def rolled_back(runs: Sequence[Run]) -> frozenset[int]:
    """Return the runs that a rollback took back; one that did not end well has taken nothing back yet."""
    return frozenset(
        run_id for change in changes(runs) if change.last.status == "done" for run_id in change.last.rolls_back
    )


def last_change(runs: Sequence[Run]) -> RunChange | None:
    """Return the last change that is neither a rollback nor rolled back."""
    return next(iter(standing(runs)), None)


def standing(runs: Sequence[Run]) -> list[RunChange]:
    """Return the changes that hold now, newest first: they began something, and nothing took them back."""
    gone = rolled_back(runs)
    return [
        change
        for change in changes(runs)
        if change.began and not (change.first.is_rollback or change.is_upkeep) and not gone.intersection(change.ids)
    ]


def after(runs: Sequence[Run], run_id: int) -> list[RunChange]:
    """Return the standing changes that came after the change that `run_id` belongs to, newest first."""
    made = changes(runs)
    asked = next((change for change in made if run_id in change.ids), None)
    limit = asked.last.id if asked else run_id
    return [change for change in standing(runs) if change.first.id > limit]


def taken_back_since(runs: Sequence[Run], run_id: int) -> tuple[int, int] | None:
    """Return (run, rollback) where the state just after `run_id` held a run that a later rollback took back.

    One that did not end well has taken a part of it back.
    """
    made = changes(runs)
    asked = next((change for change in made if run_id in change.ids), None)
    limit = asked.last.id if asked else run_id
    found = [
        (gone, change.last.id)
        for change in made
        if change.began and change.first.id > limit
        for gone in change.last.rolls_back
        if gone <= limit
    ]
    own = [one for one in found if asked and one[0] in asked.ids]
    return max(own or found, default=None)


def resumes(runs: Sequence[Run], *, play: str, is_rollback: bool) -> int | None:
    """Return the run that a new one finishes: the last one, of the same play and direction, that did not end well."""
    last = runs[0] if runs else None
    if last is None or last.status not in UNFINISHED or last.play != play or last.is_rollback != is_rollback:
        return None
    return last.id


@dataclass(frozen=True, slots=True)
class Stood:
    """What stands of a play, newest first; `broken` is what stands in the way of taking it as evidence, or None.

    `since` is when the newest of them came to stand again, where a rollback has taken back what came after it. The last
    `unbroken` of them have no rollback between them.
    """

    changes: tuple[RunChange, ...]
    broken: Run | None
    since: datetime | None
    unbroken: int


def stood(runs: Sequence[Run], play: str) -> Stood:
    """Return the runs of a play that stand, also those that found nothing to do: neither rolled back nor rollbacks."""
    # What is taken back is all since the first of the runs that a rollback names: also what found nothing to do since.
    floor: int | None = None
    since: datetime | None = None
    kept: list[RunChange] = []
    unbroken: int | None = None
    of_play = [change for change in changes(runs) if change.first.play == play and not change.is_upkeep]
    for change in of_play:
        if change.last.status != "done":
            if change is of_play[0]:
                return Stood((), change.last, None, 0)
            continue  # it was never finished, and what came later was: that tells how things are
        if change.first.is_rollback:
            floor = min([*([floor] if floor is not None else []), *change.last.rolls_back])
            if not kept:
                since = since or change.last.ended_at
            elif unbroken is None:
                unbroken = len(kept)
        elif floor is None or change.first.id < floor:
            kept.append(change)
    return Stood(tuple(kept), None, since, len(kept) if unbroken is None else unbroken)
