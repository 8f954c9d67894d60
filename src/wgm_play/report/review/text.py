"""A review for a terminal: the verdict, what must be read, the plan with its SQL, the way back.

In: a `Review`. Out: lines without colour; all of it, however long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from wgm_play.impact import Foretold
from wgm_play.plan import Operation
from wgm_play.report import plan_text
from wgm_play.report.console import visible
from wgm_play.report.findings.text import paragraph
from wgm_play.report.review import words
from wgm_play.review.model import OTHER, SECTIONS, PlayReview, Review
from wgm_play.secret import mask


def write(review: Review) -> str:
    """Return the text."""
    return mask("\n".join(visible(line) for line in _lines(review))) + "\n"


def _lines(review: Review) -> Iterator[str]:
    yield words.title(review)
    for group, play in words.alike(review.plays, words.verdict):
        yield f"{words.names(group)}: {words.verdict(play)}"
    for note in review.notes:
        yield f"note: {note}"
    if review.broken:
        yield from _section("It cannot be planned", [line for one in review.broken for line in paragraph(one)])
        return
    loud = [play for play in review.plays if not play.quiet]
    for section in SECTIONS[:-1]:
        yield from _told(loud, words.TITLES[section], partial(_findings, section))
    for other in review.also:
        yield from _section(f"{other.ref} changes the same objects", list(other.objects))
    yield from _told(loud, "What else is affected", lambda play: play.affected)
    yield from _told(loud, "In no step any more, and left alone", lambda play: play.left_alone)
    yield from _told(loud, "Plan", lambda play: tuple(_plan(play)))
    yield from _told(loud, "Rollback", _rollback)
    yield from _told(loud, "Checklist of the deployment", lambda play: play.checklist)
    yield from _told(loud, words.TITLES[OTHER], partial(_findings, OTHER))
    yield from _told(loud, "Server", lambda play: (words.server(play),))
    if loud:
        yield ""
        yield words.assumptions(loud)


def _told(plays: Sequence[PlayReview], title: str, what: Callable[[PlayReview], tuple[str, ...]]) -> Iterator[str]:
    """Yield a section, once for all environments of which it says the same."""
    for group, play in words.alike(plays, what):
        lines = what(play)
        if lines:
            of = f" ({words.names(group)})" if len(group) < len(plays) else ""
            yield from _section(f"{title}{of}", lines)


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield ""
    yield title
    for line in lines:
        yield f"  {line}".rstrip()


def _findings(section: str, play: PlayReview) -> tuple[str, ...]:
    return tuple(line for one in play.findings.get(section, ()) for line in paragraph(one))


def _plan(play: PlayReview) -> Iterator[str]:
    if play.plan.groups:
        outlook = Foretold.of(play.plan, play.times)
        yield from list(plan_text.lines(play.plan, diff=True, colour=False, outlook=outlook))[1:]


def _rollback(play: PlayReview) -> tuple[str, ...]:
    back = play.rollback
    return (
        *back.titles,
        *(_step(one) for one in back.operations),
        *(f"cannot be undone: {title}: {why}" for title, why in back.irreversible),
    )


def _step(operation: Operation) -> str:
    mark, _, _ = plan_text.MARKS.get(operation.verb, (">", "", ""))
    return f"{mark} {operation.title}"
