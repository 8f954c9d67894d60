"""A rehearsal on the page: its transactions in time, the locks that each held, what each cost, and what production is to expect.

In: what a rehearsal keeps (`rehearsal/rehearse.py`), which may be of an earlier program. Out: `RehearsalStory`, and its figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wgm_play.quantities import counted, format_size
from wgm_play.report.page.locks import STOPS, STRENGTH
from wgm_play.report.page.model import RehearsalStory, Span, Tile
from wgm_play.report.page.spans import longest, ticks, time_of

Content = Mapping[str, Any]


def rehearsed(content: Content) -> RehearsalStory:
    """Return what a rehearsal was, as its certificate has it."""
    groups = content.get("measured") or []
    whole = sum(one["seconds"] for one in groups) or 0.001
    spans = list(_spans(groups, (content.get("forecast") or {}).get("groups") or [], whole))
    return RehearsalStory(
        passed=bool(content.get("passed")),
        facts=list(_facts(content)),
        spans=spans,
        longest=longest(spans),
        ticks=ticks(whole),
        notes=content.get("said") or (),
        found=[str(one.get("message", "")) for one in content.get("findings") or ()],
    )


def tiles_of(content: Content) -> list[Tile]:
    """Return the figures at the top of the page of a rehearsal."""
    groups = content.get("measured") or []
    held = [lock["seconds"] for one in groups for lock in one["locks"] if _stops(lock["level"]) == "all"]
    stopped = max(held, default=0.0)
    made = [
        Tile(str(len(groups)), "transactions"),
        Tile(time_of(sum(one["seconds"] for one in groups)), "for the run"),
        Tile(time_of(stopped), "longest stop of reads and writes", "good" if stopped < 1 else "fair"),
        Tile(format_size(content.get("disk_peak") or 0), "more disk at most"),
        Tile(format_size(sum(one["wal"] for one in groups)), "of WAL"),
    ]
    total = (content.get("forecast") or {}).get("total")
    return [*made, Tile(time_of(total["likely"]), "forecast for production")] if total else made


def _facts(content: Content) -> Iterator[tuple[str, str]]:
    yield "Made", _moment(content.get("made"))
    if content.get("passed"):
        yield "Valid until", _moment(content.get("expires"))
    backup = content.get("backup")
    yield "On", f"backup {backup['id']}, taken {_moment(backup['taken'])}" if backup else "made-up rows"
    yield "PostgreSQL", str(content.get("rehearsed_on", ""))
    took = content.get("seconds") or {}
    for key, name in (("all", "Took"), ("restore", "Restore"), ("rollback", "Rollback"), ("run again", "Run again")):
        if key in took:
            yield name, time_of(took[key])
    total = (content.get("forecast") or {}).get("total")
    if total:
        yield (
            "On production",
            f"{time_of(total['likely'])}, between {time_of(total['least'])} and {time_of(total['most'])}",
        )
    beside = content.get("replayed")
    if beside:
        yield (
            "Load beside it",
            (
                f"{counted(beside['transactions'], 'transaction')}, the longest {time_of(beside['longest'])} "
                f"({time_of(beside['before'])} before), {beside['failed']} failed"
            ),
        )


def _moment(text: Any) -> str:
    return f"{str(text or '')[:16].replace('T', ' ')} UTC"


def _spans(groups: Sequence[Content], forecast: Sequence[Content], whole: float) -> Iterator[Span]:
    at = 0.0
    for number, one in enumerate(groups):
        left = min(100 * at / whole, 99.5)
        at += one["seconds"]
        strongest = min(
            (lock["level"] for lock in one["locks"] if lock["level"] in STRENGTH), key=STRENGTH.index, default=""
        )
        yield Span(
            title="; ".join(one["titles"]),
            step="",
            left=round(left, 2),
            width=round(min(100 * one["seconds"] / whole, 100 - left), 2),
            waited=0,
            told=time_of(one["seconds"]),
            stops=_stops(strongest),
            lock=f"{strongest}Lock: {STOPS[strongest][1]}" if strongest else "",
            statements=(),
            transaction=number + 1,
            notes=list(_costs(one, forecast[number] if number < len(forecast) else None)),
        )


def _stops(lock: str) -> str:
    return STOPS.get(lock, STOPS[""])[0]


def _costs(one: Content, forecast: Content | None) -> Iterator[str]:
    for lock in sorted(one["locks"], key=lambda lock: -lock["seconds"]):
        yield f"{lock['level']} on {lock['relation']} for {time_of(lock['seconds'])}"
    for table in one["rewrites"]:
        yield f"rewrites {table['relation']} ({format_size(table['bytes'])})"
    sizes = [
        f"{format_size(one[name])} {told}"
        for name, told in (("wal", "of WAL"), ("temp", "of temporary files"), ("disk", "more disk"))
        if one[name]
    ]
    if sizes:
        yield ", ".join(sizes)
    if forecast:
        yield f"on production {time_of(forecast['likely'])}, between {time_of(forecast['least'])} and {time_of(forecast['most'])}"
