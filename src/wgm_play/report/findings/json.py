"""Findings for programs of one's own: a JSON document.

In: findings in order. Out: the document, as `findings.schema.json` beside this file describes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wgm_play.finding import Finding, at_least, tally
from wgm_play.report.findings.heading import Heading

# Goes up when a program that reads the document would have to change.
FORMAT = 1


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("findings.schema.json").read_text(encoding="utf-8"))
    return loaded


def write(findings: Sequence[Finding], heading: Heading) -> str:
    """Return the document as text."""
    return json.dumps(document(findings, heading), indent=2, ensure_ascii=False) + "\n"


def document(findings: Sequence[Finding], heading: Heading) -> dict[str, Any]:
    """Return the document as data."""
    return {
        "format": FORMAT,
        "tool": {"name": "wgm-play", "version": heading.version},
        "command": heading.command,
        "subject": heading.subject,
        "fail_on": heading.fail_on,
        "failed": bool(heading.fail_on and at_least(findings, heading.fail_on)),
        "counts": tally(findings),
        "findings": [as_data(one) for one in findings],
    }


def as_data(one: Finding) -> dict[str, Any]:
    """Return one finding as data."""
    where = one.where
    return {
        "source": one.source,
        "code": one.code,
        "severity": one.severity,
        "object": one.object,
        "attribute": one.attribute,
        "message": one.message,
        "evidence": list(one.evidence),
        "remedy": one.remedy,
        "file": where.file if where else None,
        "line": (where.line or None) if where else None,
        "column": (where.column or None) if where else None,
        "fingerprint": one.fingerprint,
        "acknowledged": one.acknowledged or None,
    }
