"""`wgm-play inspect DSN`: a playbook that declares a live database, or one made of another tool's migrations.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.files import ENDINGS
from wgm_play.cli.target import hide_password
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter,
    *,
    dsn: str | None,
    output: str | None,
    environment: str,
    baseline: bool,
    folder: str | None,
    tool: str,
    url: str | None,
    update: str | None,
    split: str,
    verbosity: int,
    **values: Any,
) -> int:
    """Run `pipeline.inspect`, or `pipeline.update`."""
    hide_password(dsn)
    hide_password(url)
    if update is not None:
        return _update(reporter, update, dsn or url, mixed=bool(output or baseline or folder), **values)
    if dsn is not None and dsn.endswith(ENDINGS) and "=" not in dsn:
        raise InputError(
            f"{dsn!r} is a playbook, and inspect reads a database",
            hint=f"wgm-play inspect postgresql://USER@HOST/DATABASE, or wgm-play inspect --update {dsn}",
        )
    if any(values.values()):
        raise InputError(
            "--check, --diff, -e, -i and -l need --update", hint="wgm-play inspect --update PLAYBOOK --check"
        )
    if folder is not None and (dsn is not None or baseline):
        raise InputError(
            "--import makes a playbook from files, not from a database", hint="leave out DSN and --baseline"
        )
    if folder is None and tool != "auto":
        raise InputError("--from needs --import", hint="wgm-play inspect DSN")
    if dsn is not None and url is not None:
        raise InputError("the database is given twice: as DSN and as --url", hint="wgm-play inspect DSN")
    from wgm_play import pipeline
    from wgm_play.inspect.options import Inspection

    reporter.begin(None)
    return pipeline.inspect(Inspection(dsn or url, output, environment, baseline, folder, tool, split), reporter)


def _update(reporter: Reporter, playbook: str, url: str | None, *, mixed: bool, **values: Any) -> int:
    if mixed:
        raise InputError(
            "--update changes a playbook; --output, --import and --baseline make one",
            hint="wgm-play inspect --update PLAYBOOK",
        )
    from wgm_play import pipeline
    from wgm_play.options import Options

    reporter.begin(None)
    return pipeline.update(Options(playbook, url=url, **values), reporter)
