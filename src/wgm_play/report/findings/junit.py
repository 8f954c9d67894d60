"""Findings as JUnit's XML, which CI servers show as tests: what counts is a failure, all else has passed.

In: findings in order. Out: one suite; a command that found nothing is one test that passed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from wgm_play.finding import Finding, at_least
from wgm_play.report.findings.heading import Heading

# What XML 1.0 cannot hold, not even escaped ("2.2 Characters").
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write(findings: Sequence[Finding], heading: Heading) -> str:
    """Return the document."""
    failing = set(map(id, at_least(findings, heading.fail_on))) if heading.fail_on else set()
    cases = [_case(one, heading, failed=id(one) in failing) for one in findings] or [
        f"  <testcase classname={_attribute(heading.title)} name={_attribute('nothing found')}/>"
    ]
    counts = f'tests="{len(cases)}" failures="{len(failing)}" errors="0"'
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f"<testsuites {counts}><testsuite name={_attribute(heading.title)} {counts}>",
            *cases,
            "</testsuite></testsuites>\n",
        ]
    )


def _case(one: Finding, heading: Heading, *, failed: bool) -> str:
    name = " ".join(filter(None, (one.code, one.object, one.attribute)))
    place = f" file={_attribute(one.where.file)} line={_attribute(str(one.where.line or 1))}" if one.where else ""
    told = [one.message, *one.evidence, *([f"-> {one.remedy}"] if one.remedy else [])]
    if one.acknowledged:
        inside = f"<skipped message={_attribute(one.acknowledged)}/>"
    elif failed:
        body = escape(_plain("\n".join(told)))
        inside = f"<failure type={_attribute(one.severity)} message={_attribute(one.message)}>{body}</failure>"
    else:
        inside = f"<system-out>{escape(_plain(chr(10).join(told)))}</system-out>"
    return f"  <testcase classname={_attribute(heading.title)} name={_attribute(name)}{place}>{inside}</testcase>"


def _plain(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _attribute(text: str) -> str:
    return quoteattr(_plain(text), {"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})
