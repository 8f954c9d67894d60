"""Findings that somebody took on, with a reason and an end.

In: findings, and what the play says under `acknowledge:`. Out: the findings; those that are acknowledged say so and count no
more; an entry that is past its end, or that nothing needs, is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from wgm_play.finding import INFO, Finding
from wgm_play.health import OF_QUERIES

if TYPE_CHECKING:
    from wgm_play.playbook.model import Acknowledged, Play


# The code of an entry that nothing is found for.
UNUSED = "acknowledge"


def acknowledged(
    play: Play, findings: Iterable[Finding], today: date | None = None, *, of_queries: bool = False
) -> list[Finding]:
    """Return the findings as the play takes them; what was looked for are those `of_queries`, or all others."""
    now = today or datetime.now(UTC).date()
    used: set[int] = set()
    taken = [_taken(one, play.acknowledge, now, used) for one in findings]
    return taken + [
        _idle(entry)
        for number, entry in enumerate(play.acknowledge)
        if number not in used and (entry.check in OF_QUERIES) == of_queries
    ]


def _taken(one: Finding, entries: tuple[Acknowledged, ...], now: date, used: set[int]) -> Finding:
    for number, entry in enumerate(entries):
        if not _meant(entry, one):
            continue
        used.add(number)
        if entry.until < now:
            past = f"was acknowledged until {entry.until} ({entry.reason})"
            return replace(one, evidence=(*one.evidence, past), where=one.where or entry.position)
        return replace(one, acknowledged=f"{entry.reason} (until {entry.until})")
    return one


def _meant(entry: Acknowledged, one: Finding) -> bool:
    if entry.check != one.code:
        return False
    names = (one.object, f"{one.object}.{one.attribute}" if one.attribute else one.object)
    return not entry.object or any(fnmatchcase(name, entry.object) for name in names)


def _idle(entry: Acknowledged) -> Finding:
    about = f" of {entry.object}" if entry.object else ""
    return Finding(
        UNUSED,
        INFO,
        f"nothing is found any more that was acknowledged: {entry.check}{about}",
        entry.object,
        entry.check,
        "remove the entry from `acknowledge:`",
        where=entry.position,
        source="playbook",
    )
