"""`wgm-play wal PLAYBOOK`: receive the cluster's WAL, in the foreground; or show what was committed.

In: the values of the command line. Out: the exit code, 0 where it was ended by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter,
    playbook: str,
    *,
    systemd: bool = False,
    commits: bool = False,
    table: list[str] | tuple[str, ...] = (),
    since: str | None = None,
    **values: Any,
) -> int:
    """Run `pipeline.wal`."""
    if (table or since) and not commits:
        raise InputError("--table and --since choose what --commits shows", hint=f"wgm-play wal {playbook} --commits")
    given = {"systemd": systemd, "commits": commits, "tables": tuple(table), "since": since}
    return on_playbook("wal", reporter, playbook, given, **values)
