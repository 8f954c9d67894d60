"""The files that Prometheus reads: rules, and a page of metrics for the textfile collector of node_exporter.

In: alerts, their states, the names of the files. Out: files, each replaced in one step, so that no reader sees half.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.alerts.evaluate import AlertState
from wgm_play.alerts.prometheus import metrics, rules
from wgm_play.errors import InputError

if TYPE_CHECKING:
    from wgm_play.playbook.model import Alert


def write_rules(path: str, alerts: Sequence[Alert], environment: str, database: str) -> None:
    """Write the rule file; raise `InputError` where the file cannot be written."""
    replace_file(Path(path), rules(alerts, environment, database))


def write_metrics(path: str, states: Sequence[AlertState], environment: str, database: str) -> None:
    """Write the states as metrics, evaluated now; raise `InputError` where the file cannot be written."""
    replace_file(Path(path), metrics(states, environment, database, time.time()))


def replace_file(path: Path, text: str) -> bool:
    """Write a file in one step, where it is other than it was; return whether it was. Raise `InputError`."""
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return False
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", newline="", delete=False) as made:
            made.write(text)
        # Prometheus runs under another account than this command.
        os.chmod(made.name, 0o644)
        os.replace(made.name, path)
    except OSError as error:
        hint = "name a file in a folder of yours"
        raise InputError(f"{str(path)!r} cannot be written: {error.strerror}", hint=hint) from error
    return True
