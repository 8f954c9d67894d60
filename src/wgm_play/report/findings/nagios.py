"""Findings as a Nagios plugin says them: one line, then the rest (Monitoring Plugins' guidelines, "Plugin Output").

In: findings in order. Out: `WGM CRITICAL - …|errors=1 …`, and one line for each finding.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgm_play.finding import Finding, tally
from wgm_play.report.findings.heading import Heading
from wgm_play.report.findings.text import summary
from wgm_play.secret import mask

# A plugin's exit codes; the command's own stay ours.
OK, WARN, CRITICAL = 0, 1, 2
_WORDS = {OK: "OK", WARN: "WARNING", CRITICAL: "CRITICAL"}


def state(findings: Sequence[Finding]) -> int:
    """Return the plugin's exit code: an error is critical, a warning a warning, advice is fine."""
    counts = tally(findings)
    return CRITICAL if counts["error"] else WARN if counts["warning"] else OK


def write(findings: Sequence[Finding], heading: Heading) -> str:
    """Return the line and what follows; a | would begin the figures, so none stands in a message."""
    counts = tally(findings)
    figures = f"errors={counts['error']} warnings={counts['warning']} advice={counts['info']}"
    first = next((f": {one.message}" for one in findings if one.severity != "info" and not one.acknowledged), "")
    line = f"WGM {_WORDS[state(findings)]} - {heading.subject}: {summary(findings)}{first}"
    rest = [f"{one.severity} [{one.code}] {_about(one)}" for one in findings if not one.acknowledged]
    return "\n".join([f"{_flat(line)}|{figures}", *map(_flat, rest)]) + "\n"


def unknown(told: str) -> str:
    """Return the line where nothing could be looked at, with the `told` reason."""
    return _flat(f"WGM UNKNOWN - {mask(told)}") + "\n"


def _about(one: Finding) -> str:
    """Return a finding's message, after the object where it does not begin with that."""
    named = not one.object or one.message.startswith(one.object)
    return one.message if named else f"{one.object}: {one.message}"


def _flat(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
