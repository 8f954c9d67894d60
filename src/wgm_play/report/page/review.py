"""A review on the page: for each environment what must be read, the plan with its locks, the tables before and after, the way back.

In: a `Review`. Out: the page's text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from wgm_play import __version__
from wgm_play.finding import tally as severities
from wgm_play.plan import Command, Operation
from wgm_play.report.page import page
from wgm_play.report.page.diagram import draw, width_of
from wgm_play.report.page.locks import STOPS, STRENGTH
from wgm_play.report.page.model import ForeseenOperation, PageContent, ReviewedPlay, Tile
from wgm_play.report.page.run import BESIDE
from wgm_play.report.plan_text import MARKS
from wgm_play.report.review import words
from wgm_play.review.model import SECTIONS, PlayReview, Review

_HOW = {"create": "new", "alter": "changed", "remove": "goes"}


def write(review: Review) -> str:
    """Return the page."""
    loud = words.alike([play for play in review.plays if not play.quiet], _said)
    quiet = [play for play in review.plays if play.quiet]
    notes = [
        *review.notes,
        *(f"{other.ref} changes the same objects: {', '.join(other.objects)}" for other in review.also),
    ]
    if quiet:
        notes.append(f"{words.names(quiet)}: {words.NOTHING}")
    if loud:
        notes.append(words.assumptions([play for group, _ in loud for play in group]))
    return page(
        PageContent(
            title=words.title(review),
            subtitle="What this change does, planned without a database",
            version=__version__,
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            tiles=list(_tiles(review)),
            findings=review.broken or None,
            reviewed=[_reviewed(number, group, play) for number, (group, play) in enumerate(loud, 1)],
            notes=notes,
        )
    )


def _said(play: PlayReview) -> tuple[object, ...]:
    """Return what tells one environment from another on the page."""
    return (
        words.verdict(play),
        tuple(one.title for one in play.plan.operations),
        tuple(one.message for one in play.all_findings()),
        play.checklist,
        play.rollback.titles,
        words.server(play),
    )


def _tiles(review: Review) -> Iterator[Tile]:
    plans = [play.plan for play in review.plays]
    yield Tile(str(max((len(plan.operations) for plan in plans), default=0)), "operations")
    waits = [_stops(command) for plan in plans for one in plan.operations for command in one.commands]
    for how, label in (("all", "stop reads and writes"), ("writes", "stop writes")):
        yield Tile(str(waits.count(how)), f"statements that {label}")
    lasting = max((len(play.rollback.irreversible) for play in review.plays), default=0)
    yield Tile(str(lasting), "cannot be undone", "bad" if lasting else "good")
    counts = severities(review.all_findings())
    for name, label, mood in (("error", "errors", "bad"), ("warning", "warnings", "fair"), ("info", "advice", "plain")):
        number = counts.get(name, 0)
        yield Tile(str(number), label, mood if number else "good")


def _reviewed(number: int, group: Sequence[PlayReview], play: PlayReview) -> ReviewedPlay:
    pictures = draw(*play.catalogs) if play.catalogs is not None else (None, None)
    back = play.rollback
    way_back = [*back.titles, *(one.title for one in back.operations)]
    lists = [
        ("What else is affected", play.affected),
        ("In no step any more, and left alone", play.left_alone),
        ("Rollback", way_back),
        ("Cannot be undone", [f"{title}: {why}" for title, why in back.irreversible]),
        ("Checklist of the deployment", play.checklist),
        ("Server", [words.server(play)]),
    ]
    worst = words.worst(play)
    return ReviewedPlay(
        mark=f"review-{number}",
        name=words.names(group),
        verdict=words.verdict(play),
        mood=worst or "done",
        sections=[(words.TITLES[name], play.findings[name]) for name in SECTIONS if play.findings.get(name)],
        transactions=list(_transactions(play)),
        before=pictures[0],
        after=pictures[1],
        wide=any(width_of(one) > BESIDE for one in pictures if one),
        lists=[(title, lines) for title, lines in lists if lines],
    )


def _transactions(play: PlayReview) -> Iterator[tuple[str, list[ForeseenOperation]]]:
    number = statement = 0
    for group in play.plan.groups:
        number += group.transactional
        made = []
        for one in group.operations:
            times = [line for place in range(len(one.commands)) for line in play.times.get(statement + place, ())]
            statement += len(one.commands)
            made.append(_foreseen(one, times))
        yield (f"Transaction {number}" if group.transactional else "Outside of a transaction"), made


def _foreseen(one: Operation, times: Sequence[str]) -> ForeseenOperation:
    locks = [lock for command in one.commands for lock in command.locks if lock.level in STRENGTH]
    strongest = min(locks, key=lambda lock: STRENGTH.index(lock.level), default=None)
    work = [
        name
        for name, there in (
            ("rewrites the table", any(c.rewrites for c in one.commands)),
            ("reads all of the table", any(c.scans for c in one.commands)),
        )
        if there
    ]
    remarks = [*(f"{hazard.code}: {hazard.what}" for hazard in one.hazards)]
    if one.irreversible:
        remarks.append(f"cannot be undone: {one.irreversible}")
    word = MARKS.get(one.verb, ("", "", "run"))[2]
    return ForeseenOperation(
        title=one.title,
        how=_HOW.get(word, "run"),
        stops=STOPS[strongest.level if strongest else ""][0],
        lock=f"{strongest.level} on {strongest.relation}: {STOPS[strongest.level][1]}" if strongest else "",
        takes=", ".join(work),
        remarks=[*times, *remarks],
        statements=[command.sql for command in one.commands],
    )


def _stops(command: Command) -> str:
    strongest = min((lock.level for lock in command.locks if lock.level in STRENGTH), key=STRENGTH.index, default="")
    return STOPS[strongest][0]
