"""What the words of the command line name: playbooks, files of SQL, folders of migrations.

In: paths. Out: `Part`s in the order in which a tool runs them, and the playbooks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wgm_play.errors import InputError
from wgm_play.importing.parts import Part, sql_files
from wgm_play.importing.tools import file_parts, parts

YAML = (".yml", ".yaml")
_PLAY = re.compile(r"^\s*(?:-\s*)?hosts:", re.MULTILINE)


@dataclass(slots=True)
class Sources:
    """The parts of SQL in order, the files that they are from, and playbooks by path."""

    parts: list[Part] = field(default_factory=list)
    playbooks: list[Path] = field(default_factory=list)


def sources(paths: Sequence[str], tool: str) -> Sources:
    """Read what the paths name. Raise `InputError` where one is neither a playbook nor SQL."""
    found = Sources()
    for word in paths:
        path = Path(word)
        if path.suffix in YAML:
            from wgm_play.run.work import find_playbook

            found.playbooks.append(find_playbook(word))
        elif path.is_dir():
            plays = [] if tool != "auto" or sql_files(path) else _plays(path)
            found.playbooks += plays
            found.parts += [] if plays else _folder(path, tool)
        elif path.is_file():
            found.parts += file_parts(path)
        else:
            raise InputError(
                f"no file or folder {word!r}", hint="name a playbook, a file of SQL, or a folder of migrations"
            )
    return found


def _plays(folder: Path) -> list[Path]:
    """Return the playbooks of a folder: files of steps, which they import, are read with them."""
    files = sorted(path for path in folder.iterdir() if path.suffix in YAML and path.is_file())
    return [path for path in files if _PLAY.search(path.read_text(encoding="utf-8", errors="replace"))]


def _folder(folder: Path, tool: str) -> list[Part]:
    if tool == "auto" and not sql_files(folder):
        raise InputError(f"{str(folder)!r} has no SQL files and no playbooks", hint="name the folder that holds them")
    return parts(folder, tool)[1]
