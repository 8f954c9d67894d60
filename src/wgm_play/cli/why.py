"""`wgm-play why NAME`: where an object comes from.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wgm_play.cli import target
from wgm_play.cli.files import found, playbooks_here
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(reporter: Reporter, name: str, *, playbooks: Sequence[str] = (), **values: Any) -> int:
    """Run `pipeline.why` over the playbooks that are named, or all that are here."""
    from wgm_play import pipeline

    chosen = list(playbooks) or [one for one in playbooks_here() if _is_playbook(one)]
    if not chosen:
        raise InputError("there is no playbook here", hint="go to the project, or name one: --playbook FILE")
    reporter.begin(None)
    options = [target.options(one, **values) for one in chosen]
    return pipeline.why(options, reporter, name, named=bool(playbooks))


def _is_playbook(name: str) -> bool:
    """Tell whether a file of YAML is a playbook, right or wrong: its entries are plays."""
    from wgm_play.document.load import load_file

    try:
        value = load_file(found(name))
    except InputError:
        return True  # it is told why it cannot be read
    return isinstance(value, list) and any(isinstance(one, dict) and "hosts" in one for one in value)
