"""Findings as a report of GitLab's Code Quality (GitLab's manual, "Code Quality report format").

In: findings in order. Out: a JSON list; each has a path, so one without a place has the heading's file. GitLab keeps one entry of
those with one fingerprint, from all jobs of a pipeline: what is found in two places has two, and each project of a repository its own.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence

from wgm_play.finding import Finding
from wgm_play.report.findings.heading import Heading

_SEVERITIES = {"info": "info", "warning": "major", "error": "critical"}


def write(findings: Sequence[Finding], heading: Heading) -> str:
    """Return the list; what was acknowledged is left out, since the format has no word for it."""
    seen: Counter[str] = Counter()
    entries = [
        {
            "description": one.message + (f" -> {one.remedy}" if one.remedy else ""),
            "check_name": one.code,
            "fingerprint": _fingerprint(one.fingerprint, heading.below, seen),
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


def _fingerprint(known: str, below: str, seen: Counter[str]) -> str:
    """Return the fingerprint of a finding as it is, or with what tells it from others of the same."""
    seen[known] += 1
    apart = [below, *([str(seen[known])] if seen[known] > 1 else [])]
    return hashlib.sha256("\0".join([known, *apart]).encode()).hexdigest()[:32] if any(apart) else known
