"""Findings as SARIF 2.1.0, which code scanning of GitHub, Azure and editors read (OASIS, "SARIF Version 2.1.0").

In: findings in order. Out: a log with one run. A result's fingerprint has no line in it: threads survive edits.
Code scanning takes 25,000 results of a run, and a file of 10 MB: where there are more, the last result counts the others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from wgm_play.finding import Finding
from wgm_play.report.findings.heading import Heading

LIMIT, BYTES = 25_000, 10_000_000
# What is not in a result: the rules, the beginning and the end.
_REST = 200_000
_LEVELS = {"info": "note", "warning": "warning", "error": "error"}


def write(findings: Sequence[Finding], heading: Heading) -> str:
    """Return the log."""
    pages = dict(heading.pages)
    findings = _fitting(findings, heading)
    codes = sorted({one.code for one in findings})
    rules = [{"id": code, "shortDescription": {"text": pages.get(code, code.replace("_", " "))}} for code in codes]
    run = {
        "tool": {"driver": {"name": "wgm-play", "version": heading.version, "rules": rules}},
        "automationDetails": {"id": f"wgm-play/{heading.command}/{heading.subject}/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, codes.index(one.code), heading) for one in findings],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _fitting(findings: Sequence[Finding], heading: Heading) -> list[Finding]:
    """Return the findings that are taken, in their order; of those that are not, one that counts them."""
    left = BYTES - _REST
    for number, one in enumerate(findings):
        # Each of its lines is indented by eight.
        text = json.dumps(_result(one, 0, heading), indent=2, ensure_ascii=False)
        left -= len(text.encode()) + 8 * (text.count("\n") + 1)
        if left < 0 or (number == LIMIT - 1 and len(findings) > LIMIT):
            more = f"and {len(findings) - number} more: see the log of this step"
            return [*findings[:number], Finding("more", one.severity, more, attribute="more")]
    return list(findings)


def _result(one: Finding, rule: int, heading: Heading) -> dict[str, Any]:
    told = [one.message, *one.evidence, *([f"-> {one.remedy}"] if one.remedy else [])]
    result: dict[str, Any] = {
        "ruleId": one.code,
        "ruleIndex": rule,
        "level": _LEVELS[one.severity],
        "message": {"text": "\n".join(told)},
        "partialFingerprints": {"wgm/v1": one.fingerprint},
    }
    file = one.where.file if one.where else heading.file
    location: dict[str, Any] = {}
    if file:
        location["physicalLocation"] = {"artifactLocation": {"uri": quote(file)}}
        line, column = (one.where.line, one.where.column) if one.where else (0, 0)
        # Code scanning shows no result without a line: of a whole file it is the first.
        region = {"startLine": line or 1, **({"startColumn": column} if column else {})}
        location["physicalLocation"]["region"] = region
    if one.object:
        location["logicalLocations"] = [{"fullyQualifiedName": ".".join(filter(None, (one.object, one.attribute)))}]
    if location:
        result["locations"] = [location]
    if one.acknowledged:
        result["suppressions"] = [{"kind": "inSource", "justification": one.acknowledged}]
    return result
