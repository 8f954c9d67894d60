"""Findings as a report of GitLab's Code Quality (GitLab's manual, "Code Quality report format").

In: findings in order. Out: a JSON list; each has a path, so one without a place has the heading's file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from wgm_play.finding import Finding
from wgm_play.report.findings.heading import Heading

_SEVERITIES = {"info": "info", "warning": "major", "error": "critical"}


def write(findings: Sequence[Finding], heading: Heading) -> str:
    """Return the list; what was acknowledged is left out, since the format has no word for it."""
    entries = [
        {
            "description": one.message + (f" -> {one.remedy}" if one.remedy else ""),
            "check_name": one.code,
            "fingerprint": one.fingerprint,
            "severity": _SEVERITIES[one.severity],
            "location": {
                "path": (one.where.file if one.where else heading.file) or heading.subject,
                "lines": {"begin": (one.where.line if one.where else 0) or 1},
            },
        }
        for one in findings
        if not one.acknowledged
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
