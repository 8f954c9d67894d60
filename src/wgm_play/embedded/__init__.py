"""The embedded PostgreSQL: started when a command needs it, found again by the next, stopped on request.

In: `Embedded` of an environment and the project's folder. Out: a running `Server`.

It keeps running after the command, in a session of its own. With `ephemeral: true` it lives in memory as long as the
process that started it, whatever ends that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wgm_play.embedded.ephemeral import apart, start_ephemeral, stop_ephemeral, sweep
from wgm_play.embedded.persistent import ensure, find, running, start_persistent, stop_persistent
from wgm_play.embedded.programs import server_programs, tools
from wgm_play.embedded.scratch import running_scratch, start_scratch, stop_scratch
from wgm_play.embedded.server import Server
from wgm_play.environment import Embedded

__all__ = [
    "Server",
    "apart",
    "ensure",
    "running",
    "running_scratch",
    "server_programs",
    "session",
    "start",
    "start_scratch",
    "status",
    "stop",
    "stop_scratch",
    "sweep",
    "tools",
]


def start(embedded: Embedded, project: Path) -> Server:
    """Return the project's server, started or found. Raise `InputError` or `Unreachable`."""
    if embedded.ephemeral:
        return start_ephemeral(embedded, project)
    sweep()
    return start_persistent(embedded, project)


def stop(embedded: Embedded, project: Path) -> bool:
    """Stop the project's server; return whether there was one. Only an ephemeral one loses its data."""
    return stop_ephemeral(embedded, project) if embedded.ephemeral else stop_persistent(embedded, project)


def status(embedded: Embedded, project: Path) -> Server | None:
    """Return the project's server when it runs; start nothing."""
    return None if embedded.ephemeral else find(embedded, project)


@contextmanager
def session(embedded: Embedded, project: Path) -> Iterator[Server]:
    """Hold a server for a `with` block: an ephemeral one ends with the block, the other keeps running."""
    try:
        yield start(embedded, project)
    finally:
        if embedded.ephemeral:
            stop_ephemeral(embedded, project)
