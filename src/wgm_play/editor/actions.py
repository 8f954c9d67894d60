"""Quick fixes: `renamed_from` for a column that has another name now, and the safe forms of lint.

In: texts and what is known of them. Out: new texts, with a title each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from wgm_play.document.load import load_text
from wgm_play.document.nodes import Map, Seq
from wgm_play.editor.answers import RenamedColumn
from wgm_play.editor.project import Read, look
from wgm_play.errors import InputError, WgmError
from wgm_play.inspect.update.edit import Unplaced, put
from wgm_play.lazy_dataclass import dataclass
from wgm_play.review.git import Repository


@dataclass(frozen=True, slots=True)
class Action:
    """A change of a file: its title, the new text, the line (from 1) and code of what it ends."""

    title: str
    text: str
    line: int
    code: str = ""


def before_of(root: Path) -> list[Read]:
    """Return the plays of a project as its last commit has them; none where there is no commit."""
    try:
        repository = Repository.of(root)
        commit = repository.commit("HEAD")
        with TemporaryDirectory(prefix="wgm-lsp-") as folder:
            repository.copy(commit, repository.inside(root), Path(folder))
            return list(look(Path(folder), {}).reads())
    except (WgmError, OSError):
        return []


def renaming(text: str, file: str, found: Sequence[RenamedColumn]) -> Iterator[Action]:
    """Yield what says `renamed_from` on the line of a column."""
    try:
        value = load_text(text, file)
    except InputError:
        return
    for one in found:
        address = _address(value, one.new, one.where.line, ())
        if address is None:
            continue
        holder = _at(value, address)
        with suppress(Unplaced, KeyError, ValueError):
            if isinstance(holder, Map):
                made = put(text, (*address, "renamed_from"), one.old)
            else:
                made = put(text, address, {"type": str(holder), "renamed_from": one.old})
            yield Action(
                f"{one.new} is the new name of {one.old}: renamed_from: {one.old}", made, one.where.line, "renamed"
            )


def _address(value: Any, name: str, line: int, above: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return where the key `name` of a line lies in a document."""
    if isinstance(value, Map):
        if name in value and value.keys_at[name].line == line:
            return (*above, name)
        for key, one in value.items():
            if (found := _address(one, name, line, (*above, key))) is not None:
                return found
    elif isinstance(value, Seq):
        for number, one in enumerate(value):
            if (found := _address(one, name, line, (*above, number))) is not None:
                return found
    return None


def _at(value: Any, address: tuple[Any, ...]) -> Any:
    for key in address:
        value = value[key]
    return value


def safe_forms(text: str, proposed: Sequence[Any]) -> Iterator[Action]:
    """Yield each safe form that lint knows, and all of them at once."""
    from wgm_play.lint.fix import edited

    for one in proposed:
        yield Action(f"{one.code}: write the safe form", edited(text, list(one.edits)), one.where.line, one.code)
    if len(proposed) > 1:
        edits = [edit for one in proposed for edit in one.edits]
        yield Action("write all safe forms of this file", edited(text, edits), 0)


def edits(old: str, new: str) -> list[tuple[int, int, int, int, str]]:
    """Return what makes a text into another, by whole lines: begin and end as line and column from 0, and the new text."""
    from difflib import SequenceMatcher

    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    made = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            end = (
                (i2, 0)
                if i2 < len(before) or (before and before[-1].endswith("\n"))
                else (len(before) - 1, len(before[-1]))
                if before
                else (0, 0)
            )
            begin = (
                (i1, 0)
                if i1 < len(before) or not before or before[-1].endswith("\n")
                else (len(before) - 1, len(before[-1]))
            )
            made.append((*begin, *end, "".join(after[j1:j2])))
    return made
