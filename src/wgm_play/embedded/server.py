"""A running embedded server, as the commands see it.

In: what `postmaster.pid` and the home folder say. Out: `Server`.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Server:
    """A server on 127.0.0.1. `data` is its data folder, `bin` its programs, `version` the major version.

    `started` tells whether this command started it; `url` is what an application connects with, password included.
    `notes` are sentences that a user should read: data or programs that lie elsewhere, settings that wait.
    """

    url: str
    pid: int
    data: Path
    version: int
    started: bool
    bin: Path
    port: int
    ephemeral: bool = False
    notes: tuple[str, ...] = ()


def url(user: str, password: str, port: int, database: str) -> str:
    """Return the URL of a database on a loopback server."""
    return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{port}/{quote(database, safe='')}"
