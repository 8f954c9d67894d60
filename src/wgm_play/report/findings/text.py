"""Findings for people, one paragraph each: file:line:column, severity, code, what, evidence, what to type next.

In: findings in order. Out: lines without colour.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgm_play.finding import Finding, tally
from wgm_play.quantities import counted
from wgm_play.report.findings.heading import Heading


def write(findings: Sequence[Finding], heading: Heading) -> str:
    """Return all of them, with their number at the end."""
    lines = [line for one in findings for line in paragraph(one)]
    return "\n".join([*lines, f"{heading.title}: {summary(findings)}"]) + "\n"


def paragraph(one: Finding) -> list[str]:
    """Return the lines of one finding."""
    place = f"{one.where}: " if one.where else ""
    about = f"{one.object}: " if one.object and one.object not in one.message else ""
    state = "acknowledged" if one.acknowledged else one.severity
    lines = [f"{place}{state} [{one.code}] {about}{one.message}"]
    lines += [f"    {line}" for line in one.evidence]
    if one.acknowledged:
        lines.append(f"    acknowledged: {one.acknowledged}")
    elif one.remedy:
        lines += [f"    {'-> ' if number == 0 else '   '}{line}" for number, line in enumerate(one.remedy.split("\n"))]
    return lines


def summary(findings: Sequence[Finding]) -> str:
    """Return the counts in words: `1 error, 2 warnings`, or `nothing found`."""
    words = {"error": "error", "warning": "warning", "info": "advice", "acknowledged": "acknowledged"}
    told = [
        f"{number} {words[name]}" if name in ("info", "acknowledged") else counted(number, words[name])
        for name, number in tally(findings).items()
        if number
    ]
    return ", ".join(told) or "nothing found"
