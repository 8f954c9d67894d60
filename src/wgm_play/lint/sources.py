"""What the words of the command line name: playbooks, files of SQL, folders of migrations.

In: paths. Out: `SourcePart`s in the order in which a tool runs them, and the playbooks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

from wgm_play.errors import InputError
from wgm_play.importing.parts import SourcePart, sql_files
from wgm_play.importing.tools import file_parts, parts, tool_of
from wgm_play.lazy_dataclass import dataclass

YAML = (".yml", ".yaml")
_PLAY = re.compile(r"^\s*(?:-\s*)?hosts:", re.MULTILINE)


@dataclass(slots=True)
class Sources:
    """The parts of SQL in order, and playbooks by path; `silent` are files that come before those that are named."""

    parts: list[SourcePart] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    playbooks: list[Path] = field(default_factory=list)


def sources(paths: Sequence[str], tool: str) -> Sources:
    """Read what the paths name. Raise `InputError` where one is neither a playbook nor SQL."""
    found = Sources()
    for word in paths:
        path = Path(word)
        if path.suffix in YAML:
            from wgm_play.run.opening import find_playbook

            found.playbooks.append(find_playbook(word))
        elif path.is_dir():
            plays = [] if tool != "auto" or sql_files(path) else _plays(path)
            found.playbooks += plays
            found.parts += [] if plays else _folder(path, tool)
        elif path.is_file():
            before = _before(path) if tool == "auto" else []
            found.silent |= {part.file for part in before}
            found.parts += [*before, *file_parts(path)]
        else:
            raise InputError(
                f"no file or folder {word!r}", hint="name a playbook, a file of SQL, or a folder of migrations"
            )
    named = {part.file for part in found.parts} - found.silent | {str(Path(word)) for word in paths}
    found.silent -= named
    found.parts = _once(found.parts)
    return found


def _plays(folder: Path) -> list[Path]:
    """Return the playbooks of a folder: files of steps, which they import, are read with them."""
    files = sorted(path for path in folder.iterdir() if path.suffix in YAML and path.is_file())
    return [path for path in files if _PLAY.search(path.read_text(encoding="utf-8", errors="replace"))]


def _once(given: Sequence[SourcePart]) -> list[SourcePart]:
    """Return parts without those that come again, because several files of a folder are named."""
    return list(dict.fromkeys(given))


# Tools of which a file tells that it lies in a folder of theirs, and whose folders have one order.
_ORDERED = ("flyway", "golang-migrate", "prisma", "dbmate", "goose", "drizzle")


def _before(path: Path) -> list[SourcePart]:
    """Return what the tool runs before a file, where the file tells of one: what it made is known then."""
    tool = tool_of(path)
    folder = path.parent.parent if tool == "prisma" else path.parent
    if tool not in _ORDERED or (tool == "drizzle" and not (folder / "meta" / "_journal.json").is_file()):
        return []
    known = parts(folder, tool)[1]
    places = [number for number, part in enumerate(known) if part.file == str(path)]
    return known[: places[0]] if places else []


def _folder(folder: Path, tool: str) -> list[SourcePart]:
    if tool == "auto" and not sql_files(folder):
        raise InputError(f"{str(folder)!r} has no SQL files and no playbooks", hint="name the folder that holds them")
    return parts(folder, tool)[1]
