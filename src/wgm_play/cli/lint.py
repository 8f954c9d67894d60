"""`wgm-play lint PATH...`: hazards of migrations and playbooks, from their text alone.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from pathlib import Path

from wgm_play.reporter import Reporter


def run(
    reporter: Reporter,
    *,
    paths: list[str],
    tool: str,
    rows: list[str],
    stats: str | None,
    environment: str | None,
    inventory: str | None,
    against: str | None,
    fail_on: str | None,
    reports: list[str],
    fix: bool,
    all_: bool,
    verbosity: int,
) -> int:
    """Run `pipeline.lint`."""
    from wgm_play import pipeline
    from wgm_play.lint.command import LintOptions
    from wgm_play.report.findings import check_reports

    check_reports(reports or (), reporter)
    reporter.begin(None)
    folder = Path(inventory) if inventory else None
    options = LintOptions(
        tuple(paths),
        tool,
        tuple(rows or ()),
        stats,
        environment,
        folder,
        against,
        fail_on,
        tuple(reports or ()),
        fix,
        all_,
    )
    return pipeline.lint(options, reporter)
