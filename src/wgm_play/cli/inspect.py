"""`wgm-play inspect DSN`: write the playbook that declares a live database.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from wgm_play.cli.target import hide_password
from wgm_play.report.base import Reporter


def run(reporter: Reporter, dsn: str, *, output: str | None, baseline: bool, verbosity: int) -> int:
    """Run `pipeline.inspect`."""
    from wgm_play import pipeline

    hide_password(dsn)
    reporter.begin(None)
    return pipeline.inspect(dsn, output, baseline, reporter)
