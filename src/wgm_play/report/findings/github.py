"""Findings as GitHub's workflow commands: annotations at the lines of a pull request.

In: findings in order. Out: lines for the log of a step. GitHub shows ten errors, ten warnings and ten notices of a step
and drops the rest without a word: where there are more, the tenth counts the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgm_play.finding import SEVERITIES, Finding
from wgm_play.report.findings.heading import Heading

LIMIT = 10
_COMMANDS = {"info": "notice", "warning": "warning", "error": "error"}


def write(findings: Sequence[Finding], heading: Heading) -> str:
    """Return the commands, the errors first."""
    lines: list[str] = []
    for severity in reversed(SEVERITIES):
        those = [one for one in findings if one.severity == severity and not one.acknowledged]
        shown = those if len(those) <= LIMIT else those[: LIMIT - 1]
        lines += [_command(one, heading) for one in shown]
        if len(those) > len(shown):
            more = f"and {len(those) - len(shown)} more: see the log of this step"
            lines.append(f"::{_COMMANDS[severity]} title={_property(heading.title)}::{_data(more)}")
    return "".join(f"{line}\n" for line in lines)


def _command(one: Finding, heading: Heading) -> str:
    place = {}
    file = one.where.file if one.where else heading.file
    if file:
        place["file"] = file
        place |= {"line": str(one.where.line)} if one.where and one.where.line else {}
        place |= {"col": str(one.where.column)} if one.where and one.where.column else {}
    place["title"] = " ".join(filter(None, (one.code, one.object)))
    told = [one.message, *one.evidence, *([f"-> {one.remedy}"] if one.remedy else [])]
    properties = ",".join(f"{name}={_property(value)}" for name, value in place.items())
    return f"::{_COMMANDS[one.severity]} {properties}::{_data(chr(10).join(told))}"


def _data(text: str) -> str:
    """Escape what a command's text must not hold: a line of ours can then never be read as another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
