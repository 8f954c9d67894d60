"""Sqitch: `deploy/CHANGE.sql` in the order of `sqitch.plan`.

In: the folder that holds the plan. Out: parts, in the order in which `sqitch deploy` runs them.
"""

from __future__ import annotations

from pathlib import Path

from wgm_play.errors import InputError, Position
from wgm_play.importing.parts import SourcePart, text_of, whole

PLAN = "sqitch.plan"


def sqitch(folder: Path) -> list[SourcePart]:
    """Read the plan; a change that was reworked has its earlier text in `deploy/CHANGE@TAG.sql`."""
    plan = folder / PLAN
    if not plan.is_file():
        raise InputError(f"{str(folder)!r} has no {PLAN}", hint=f"name the folder that holds {PLAN}")
    order: list[tuple[str, int]] = []
    tags: list[tuple[int, str]] = []  # how many changes came before each tag
    for number, line in enumerate(text_of(plan).split("\n"), 1):
        words = line.split("#")[0].split()
        if not words or words[0].startswith("%"):
            continue
        if words[0].startswith("@"):
            tags.append((len(order), words[0]))
        elif not words[0].startswith("-"):
            order.append((words[0].removeprefix("+"), number))
    made = []
    for place, (name, number) in enumerate(order):
        again = next((later for later in range(place + 1, len(order)) if order[later][0] == name), None)
        tag = "" if again is None else next((tag for before, tag in reversed(tags) if place < before <= again), "")
        file = folder / "deploy" / f"{name}{tag}.sql"
        if not file.is_file():
            raise InputError(f"{PLAN} names {name!r}, and there is no {str(file)!r}", where=Position(str(plan), number))
        made.append(whole(file))
    return made
