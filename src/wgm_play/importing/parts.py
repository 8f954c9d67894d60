"""What all tools' migrations come to: parts of SQL, in the order in which the tool runs them.

In: files. Out: `SourcePart`s, each with the place where its text begins, so that errors point to the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from wgm_play.document.load import read_text
from wgm_play.errors import Position
from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class SourcePart:
    """A text of SQL: the file it is from, and the line of the file (from 1) at which it begins.

    `transaction` is how the tool sends it: "one" transaction around it; "implicit", the text as one message, which is a
    transaction where it has several statements; or "each" statement by itself. `untold` names what is not translated;
    a part that `waits` may need what a later one makes.
    """

    file: str
    line: int
    sql: str
    transaction: str = "each"
    untold: str = ""
    waits: bool = False

    def place(self, offset: int) -> Position:
        """Return where the character `offset` (from 0) of the text stands."""
        before = self.sql[:offset]
        return Position(self.file, self.line + before.count("\n"), offset - (before.rfind("\n") + 1) + 1)


def text_of(path: Path) -> str:
    """Return the text of a migration."""
    return read_text(path, str(path), what="migration")[0].replace("\r\n", "\n")


def whole(path: Path, transaction: str = "each") -> SourcePart:
    """Return a file as one part."""
    return SourcePart(str(path), 1, text_of(path), transaction)


def natural(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts 2 before 10, and folders before what comes after them by name."""
    pieces = re.split(r"(\d+)", str(path))
    return tuple((0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in pieces if piece)


def sql_files(folder: Path, *, deep: bool = True) -> list[Path]:
    """Return the SQL files of a folder, in natural order."""
    if folder.is_file():
        return [folder] if folder.suffix == ".sql" else []
    found = folder.rglob("*.sql") if deep else folder.glob("*.sql")
    return sorted((path for path in found if path.is_file()), key=natural)


def cut(path: Path, marks: Iterable[tuple[int, int]], text: str, transaction: str = "each") -> Iterator[SourcePart]:
    """Return the parts of a text between places (from, to)."""
    for start, end in marks:
        if text[start:end].strip():
            # The text from the beginning of its first line on: columns stay what they are.
            first = text.rfind("\n", 0, start) + 1
            yield SourcePart(
                str(path), text.count("\n", 0, start) + 1, " " * (start - first) + text[start:end], transaction
            )
