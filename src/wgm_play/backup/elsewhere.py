"""Where backups are proved: on a server of our own, whose superuser nobody else knows.

In: the project's folder. Out: a `Scratch`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from wgm_play.backup.base import Scratch
from wgm_play.errors import InputError

NEWEST = 18


def own_server(project: Path) -> Scratch:
    """Return a `Scratch` that starts a server of the least version that fits."""

    def start(major: int) -> AbstractContextManager[str]:
        return _started(major, project)

    return start


@contextmanager
def _started(major: int, project: Path) -> Iterator[str]:
    from wgm_play import embedded
    from wgm_play.environment import Embedded

    with embedded.session(Embedded(version=_version(major), ephemeral=True), project) as server:
        yield server.url


def _version(major: int) -> int:
    """Return the least version from `major` on whose server can be started here."""
    from wgm_play.embedded import server_programs

    for version in range(major, NEWEST):
        try:
            server_programs(version)
        except InputError:
            continue
        return version
    return NEWEST
