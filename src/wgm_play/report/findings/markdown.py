"""Findings as a table of Markdown, for a comment or a job's summary.

In: findings in order. Out: a heading with the counts, a table, and the evidence folded; never above `LIMIT` characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wgm_play.finding import Finding
from wgm_play.report.findings.heading import Heading
from wgm_play.report.findings.text import summary

# GitHub takes 65,536 characters in a comment.
LIMIT = 60_000
_SIGNS = {"error": "🔴 error", "warning": "🟡 warning", "info": "🔵 advice"}


def write(findings: Sequence[Finding], heading: Heading) -> str:
    """Return the text: with evidence, else without it, else as many rows as fit and the number of the others."""
    head = f"### {escaped(heading.title)}: {summary(findings)}\n"
    if not findings:
        return head
    whole = "\n".join([head, *_table(findings), *_evidence(findings)]) + "\n"
    if len(whole) <= LIMIT:
        return whole
    rows = _table(findings)
    kept, length = list[str](), len(head) + 200
    for row in rows:
        length += len(row) + 1
        if length > LIMIT:
            break
        kept.append(row)
    left = len(rows) - len(kept)
    more = [f"\nand {left} more: see the log of this job"] if left else []
    return "\n".join([head, *kept, *more]) + "\n"


def escaped(text: str) -> str:
    """Return text that Markdown and HTML show as it is, on one line: no markup, no link, nobody who is called by name."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    flat = re.sub(r"([\\`*_{}\[\]()+!|~-])", r"\\\1", flat)
    # Names and numbers are looked for after Markdown is read: a backslash does not keep @somebody from being told.
    return re.sub(r"([@#]|:(?=//)|\bwww(?=\.))", r"\1&#8203;", flat)


def code(text: str, *, cell: bool = True) -> str:
    """Return text as code within a line, whatever backticks it holds; a table's `cell` may hold it."""
    flat = " ".join(text.split())
    flat = flat.replace("|", "\\|") if cell else flat
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def block(text: str, language: str = "") -> list[str]:
    """Return a block of code whose fence is longer than any inside."""
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return [f"{fence}{language}", text, fence]


def _table(findings: Sequence[Finding]) -> list[str]:
    rows = ["|  | code | where | what | next |", "|---|---|---|---|---|"]
    for one in findings:
        place = " ".join(filter(None, (str(one.where) if one.where else "", one.object)))
        sign = "acknowledged" if one.acknowledged else _SIGNS[one.severity]
        what = escaped(one.message) + (f" ({escaped(one.acknowledged)})" if one.acknowledged else "")
        remedy = code(one.remedy) if one.remedy else ""
        rows.append(f"| {sign} | {one.code} | {code(place) if place else ''} | {what} | {remedy} |")
    return rows


def _evidence(findings: Sequence[Finding]) -> list[str]:
    lines: list[str] = []
    for one in findings:
        if one.evidence:
            title = " ".join(filter(None, (one.code, one.object)))
            lines += ["", f"<details><summary>{escaped(title)}</summary>", ""]
            lines += [*block("\n".join(one.evidence)), "", "</details>"]
    return lines
