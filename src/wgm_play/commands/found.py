"""Findings as people read them: of much advice of one kind a few.

In: findings, what the report is about. Out: a page, and the same as data.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from wgm_play.finding import INFO, Finding
from wgm_play.report.findings import Heading, written
from wgm_play.report.findings.json import as_data
from wgm_play.report.findings.text import summary

if TYPE_CHECKING:
    from wgm_play.reporter import Reporter

# As many of one kind of advice are read; reports and -v have all.
ADVICE_SHOWN = 5


def show(findings: list[Finding], heading: Heading, reporter: Reporter, *, whole: bool = False) -> None:
    """Say what was found; of much advice of one kind a few, unless the `whole` of it is asked for."""
    reporter.data("findings", [as_data(one) for one in findings])
    shown, left = (findings, Counter[str]()) if whole else _few(findings)
    text = written("text", shown, heading)
    if left:
        lines = text.splitlines()
        more = [f"info [{code}] and {number} more like these (-v shows all)" for code, number in left.items()]
        text = "\n".join([*lines[:-1], *more, f"{heading.title}: {summary(findings)}"])
    reporter.page("findings", text)


def _few(findings: list[Finding]) -> tuple[list[Finding], Counter[str]]:
    seen: Counter[str] = Counter()
    left: Counter[str] = Counter()
    shown = []
    for one in findings:
        advice = one.severity == INFO and not one.acknowledged
        seen[one.code] += advice
        if advice and seen[one.code] > ADVICE_SHOWN:
            left[one.code] += 1
        else:
            shown.append(one)
    return shown, left
