"""`wgm-play check PLAYBOOK`: one report of drift, integrity, health, alerts and backups.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook, split_tags
from wgm_play.reporter import Reporter


def run(reporter: Reporter, playbook: str, **values: Any) -> int:
    """Run `pipeline.check`; a report for Nagios says too that nothing could be looked at."""
    from wgm_play.errors import Found, WgmError
    from wgm_play.report.findings import check_reports, nagios

    reports = values.get("reports") or ()
    check_reports(reports, reporter)
    values["only"] = split_tags(values.get("only") or ())
    try:
        return on_playbook("check", reporter, playbook, **values)
    except Found:
        raise
    except WgmError as error:
        if "nagios:-" in reports:
            from wgm_play.report.console import write

            write(nagios.unknown(str(error)))
        raise
