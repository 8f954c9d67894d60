"""`wgm-play metrics PLAYBOOK (--listen HOST:PORT|--textfile FILE)`: alerts and numbers for Prometheus.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from typing import Any

from wgm_play.cli.target import on_playbook
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter, playbook: str, *, listen: str | None, textfile: str | None, interval: int, **values: Any
) -> int:
    """Run `pipeline.metrics`."""
    if listen is None and textfile is None:
        raise InputError("where to is missing", hint=f"wgm-play metrics {playbook} --listen 127.0.0.1:9188")
    given = {"listen": listen, "textfile": textfile, "interval": interval}
    return on_playbook("metrics", reporter, playbook, given, **values)
