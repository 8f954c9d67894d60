"""A review in its formats: for people (text, Markdown), for programs (JSON), and its findings for other tools.

In: a `Review`. Out: `written(format, review)`.
"""

from __future__ import annotations

import os
from dataclasses import replace

from wgm_play.errors import Position
from wgm_play.finding import INFO, Finding
from wgm_play.report.findings import FORMATS as OF_FINDINGS
from wgm_play.report.findings import Heading
from wgm_play.report.findings import written as findings_written
from wgm_play.report.review import data, markdown, text
from wgm_play.review.model import Review

WHOLE = {"text": text.write, "markdown": markdown.write, "json": data.write}
FORMATS = (*WHOLE, *(form for form in OF_FINDINGS if form not in WHOLE))


def written(form: str, review: Review, heading: Heading) -> str:
    """Return a review in one format: the whole of it, or its findings for a tool that reads findings."""
    if form in WHOLE:
        return WHOLE[form](review)
    found = findings(review)
    # Ten notices of advice would stand beside lines on which nothing is wrong.
    return findings_written(form, [one for one in found if form != "github" or one.severity != INFO], heading)


def findings(review: Review) -> list[Finding]:
    """Return what other tools are told, with each file named from the root of the repository: there they look for it."""
    return [replace(one, where=_from_root(one.where, review.root)) for one in review.all_findings()]


def _from_root(where: Position | None, root: str) -> Position | None:
    if where is None or not root:
        return where
    return replace(where, file=os.path.relpath(where.file, root))
