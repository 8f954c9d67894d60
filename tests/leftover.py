"""Embedded servers that commands under test started, and that outlive them: found by their projects, stopped.

In: a folder. Out: the data folders of the servers that run. A server keeps running after its command, as it should; after
its test nobody would find it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wgm_play import embedded, processes
from wgm_play.embedded.home import homes_folder

STOP_SECONDS = 30.0


def of_project(project: Path) -> set[Path]:
    """Return the data of the servers that run for one project, wherever they lie."""
    return _running((project / ".wgm").glob("*/*/data"))


def below(folder: Path) -> set[Path]:
    """Return the data of the servers that run for projects in a folder."""
    shelved = (file.parent for file in homes_folder().glob("*/project"))
    ours = (home / "data" for home in shelved if Path((home / "project").read_text().strip()).is_relative_to(folder))
    return _running((*(file.parent for file in folder.rglob("postmaster.pid")), *ours))


def of_person() -> set[Path]:
    """Return the data of the servers for scratch databases, which serve all projects of a person."""
    return {server.data.resolve() for server in embedded.running_scratch()}


def _running(folders: Iterable[Path]) -> set[Path]:
    return {data.resolve() for data in folders if processes.find_postmaster(data.resolve()) is not None}


def stop(servers: Iterable[Path]) -> None:
    """Stop servers; their data stay."""
    for data in servers:
        found = processes.find_postmaster(data)
        if found is not None:
            processes.end(found.pid, data, STOP_SECONDS)
