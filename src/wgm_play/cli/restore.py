"""`wgm-play restore PLAYBOOK --into TARGET | --in-place`: bring a backup back.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

import sys
from typing import Any

from wgm_play.cli.target import hide_password, options
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter,
    playbook: str,
    *,
    backup: str | None,
    at: str | None,
    into: str | None,
    in_place: bool = False,
    yes: bool = False,
    whole_cluster: bool = False,
    masked: bool = False,
    table: list[str] | tuple[str, ...] = (),
    **values: Any,
) -> int:
    """Run `pipeline.restore`."""
    if in_place and into:
        raise InputError(
            "--into and --in-place exclude one another", hint="--into TARGET touches no database that is there"
        )
    if table and (in_place or masked):
        raise InputError(
            "--table brings tables as they were into the schema wgm_restored, of the playbook's own database or of that of --into",
            hint="leave out --in-place and --masked",
        )
    if not (in_place or into or table):
        raise InputError(
            "where to is not said",
            hint=f"wgm-play restore {playbook} --into NAME_OF_A_NEW_DATABASE, or --in-place",
        )
    if yes and not in_place:
        raise InputError("--yes answers the question of --in-place, and no other is asked", hint="leave it out")
    if whole_cluster and not in_place:
        raise InputError("--whole-cluster says what --in-place may put back", hint="leave it out")
    if masked and not into:
        raise InputError(
            "--masked makes a copy that people may reach: --into says where", hint="--into NEW_NAME --masked"
        )
    hide_password(into)
    chosen = options(playbook, **values)
    from wgm_play import pipeline

    reporter.begin(playbook)
    if in_place and not yes:
        _ask(reporter, playbook)
    more = (tuple(table),) if table else ()
    return pipeline.restore(chosen, reporter, backup, at, into, *more, whole_cluster=whole_cluster, masked=masked)


def _ask(reporter: Reporter, playbook: str) -> None:
    """Ask whether the database is to be replaced; refuse where nobody can answer. Raise `InputError`."""
    if not sys.stdin.isatty():
        raise InputError(
            "--in-place ends all sessions and puts a backup in the place of what is there: nobody is there to be asked",
            hint=f"wgm-play restore {playbook} --in-place --yes",
        )
    question = "end all sessions, put the backup in the place of what is there and keep that under another name?"
    if not reporter.confirm(question):
        raise InputError(
            "nothing was restored", hint=f"wgm-play restore {playbook} --into NAME touches no database that is there"
        )
