"""What lint says: the findings that count, how many more there are, and the reports that were asked for.

In: findings. Out: text or JSON through the reporter; files.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgm_play.finding import INFO, Finding, ordered
from wgm_play.hazards import pages
from wgm_play.lint.command import LintOptions
from wgm_play.report.findings import Heading, write_reports
from wgm_play.report.findings.json import as_data
from wgm_play.report.findings.text import paragraph, summary
from wgm_play.reporter import Reporter


def tell(findings: Sequence[Finding], options: LintOptions, worst: str, reporter: Reporter) -> None:
    """Show the findings, write the reports."""
    known = pages()
    heading = Heading(
        "lint",
        " ".join(options.paths),
        worst,
        pages=tuple((code, known[code][0]) for code in sorted({one.code for one in findings}) if code in known),
    )
    reporter.data("findings", [as_data(one) for one in ordered(findings)])
    shown = [one for one in findings if options.all or not (one.severity == INFO or one.acknowledged)]
    lines = [line for one in _by_place(shown) for line in paragraph(one)]
    lines.append(f"{heading.title}: {summary(findings)}")
    if len(shown) < len(findings):
        lines[-1] += " (--all shows advice and what is acknowledged)"
    reporter.page("findings", "\n".join(lines) + "\n")
    write_reports(options.reports, findings, heading)


def _by_place(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings in the order of their lines, as one reads the file."""
    return sorted(findings, key=lambda one: (one.where is None, one.where, one.code))
