"""A review in its formats: for people (text, Markdown), for programs (JSON), and its findings for other tools.

In: a `Review`. Out: `written(format, review)`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from wgm_play.errors import Position
from wgm_play.finding import INFO
from wgm_play.report.findings import FORMATS as OF_FINDINGS
from wgm_play.report.findings import Heading
from wgm_play.report.findings import written as findings_written
from wgm_play.report.review import data, markdown, text
from wgm_play.review.model import PlayReview, Review


def _page(review: Review) -> str:
    from wgm_play.report.page.review import write  # only a page needs its engine

    return write(from_root(review))


WHOLE: dict[str, Callable[[Review], str]] = {
    "text": text.write,
    "markdown": lambda review: markdown.write(from_root(review)),
    "json": lambda review: data.write(from_root(review)),
    "html": _page,
}
FORMATS = (*WHOLE, *(form for form in OF_FINDINGS if form not in WHOLE))


def written(form: str, review: Review, heading: Heading) -> str:
    """Return a review in one format: the whole of it, or its findings for a tool that reads findings."""
    if form in WHOLE:
        return WHOLE[form](review)
    found, heading = from_root(review).all_findings(), replace(heading, rooted=bool(review.root))
    # Ten notices of advice would stand beside lines on which nothing is wrong.
    return findings_written(form, [one for one in found if form != "github" or one.severity != INFO], heading)


def from_root(review: Review) -> Review:
    """Return a review in which each file is named from the root of the repository: there all but a terminal look for it.

    So two projects of one repository have a comment each.
    """
    if not review.root:
        return review

    def placed(where: Position | None) -> Position | None:
        return where and replace(where, file=os.path.relpath(where.file, review.root))

    def of_play(play: PlayReview) -> PlayReview:
        found = {
            part: tuple(replace(one, where=placed(one.where)) for one in play.findings[part]) for part in play.findings
        }
        return replace(play, findings=found)

    return replace(
        review,
        subject=review.path,
        plays=tuple(map(of_play, review.plays)),
        broken=tuple(replace(one, where=placed(one.where)) for one in review.broken),
        root="",
    )
