"""Findings as one self-contained HTML page, for people who were not there.

In: findings in order. Out: the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wgm_play import __version__
from wgm_play.finding import Finding, tally
from wgm_play.report.findings.heading import Heading
from wgm_play.report.findings.text import summary

if TYPE_CHECKING:
    from wgm_play.report.page.model import Tile


def write(findings: Sequence[Finding], heading: Heading) -> str:
    """Return the page."""
    from wgm_play.report.page import page
    from wgm_play.report.page.model import PageContent

    return page(
        PageContent(
            title=heading.title,
            subtitle=summary(findings),
            version=heading.version,
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            tiles=tiles(findings),
            findings=findings,
        )
    )


def rehearsal_page(findings: Sequence[Finding], measured: Mapping[str, Any], title: str) -> str:
    """Return the page of a rehearsal: what it found, and what it measured."""
    from wgm_play.report.page import page
    from wgm_play.report.page.model import PageContent
    from wgm_play.report.page.rehearsal import rehearsed, tiles_of

    return page(
        PageContent(
            title=title,
            subtitle=f"{measured['play']} · the run, its rollback and the run again, on a copy",
            version=__version__,
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            tiles=tiles_of(measured),
            findings=findings,
            rehearsed=rehearsed(measured),
        )
    )


def tiles(findings: Sequence[Finding]) -> list[Tile]:
    """Return how many there are of each severity."""
    from wgm_play.report.page.model import Tile

    moods = {"error": "bad", "warning": "fair"}
    words = {"error": "errors", "warning": "warnings", "info": "advice", "acknowledged": "acknowledged"}
    return [
        Tile(str(number), words[name], moods.get(name, "plain") if number else "good")
        for name, number in tally(findings).items()
    ]
