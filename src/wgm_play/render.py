"""Templates to statements: Jinja in a sandbox, where only `Sql` may be printed.

In: a template's name and its values. Out: a `Statement`. Forgetting to quote is an error at render time:
`finalize` refuses everything that a quoting filter did not return.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import secrets
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import plain_templates
from wgm_play.errors import InputError, Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.sql import Sql, ident, literal

if TYPE_CHECKING:
    from jinja2 import BaseLoader, BytecodeCache, Environment, Template
    from jinja2.bccache import Bucket

# Marks around what carries a position; they are taken out again before the text is a statement. A value may hold characters
# of the private use area itself: what no value can know tells our marks from those.
_NONCE = secrets.token_hex(6)
_OPEN, _MIDDLE, _CLOSE = f"\ue000{_NONCE}:", "\ue001", f"\ue002{_NONCE}\ue001"
_MARK = re.compile(f"{_OPEN}(\\d+){_MIDDLE}|{_CLOSE}")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement. `spans` are (start, end, position): which characters came from where in a playbook."""

    sql: str
    position: Position | None = None
    spans: tuple[tuple[int, int, Position], ...] = ()

    def where(self, offset: int | None, name: str | None = None) -> Position | None:
        """Return the place in the playbook for a character offset (from 0), or for the first span that holds `name`."""
        hit: tuple[int, int, Position] | None = None
        if offset is not None:
            for span in self.spans:
                if span[0] <= offset <= span[1] and (hit is None or span[1] - span[0] <= hit[1] - hit[0]):
                    hit = span
        if hit is None and name:
            word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
            holding = [span for span in self.spans if word.search(self.sql[span[0] : span[1]])]
            hit = min(holding, key=lambda span: (span[1] - span[0], span[0])) if holding else None
        if hit is None:
            return self.position
        from wgm_play.locate import pinpoint

        fragment = self.sql[hit[0] : hit[1]]
        if offset is not None and hit[0] <= offset <= hit[1]:
            return pinpoint(hit[2], fragment, offset - hit[0])
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", fragment) if name else None
        return pinpoint(hit[2], fragment, found.start() if found else None)


@functools.lru_cache(maxsize=8)
def environment(project_templates: str | None = None) -> Environment:
    """Return the Jinja environment for SQL of a project, a sandbox: its own `templates/` first, then ours."""
    from wgm_play.sandbox import Sandbox

    return _environment(Sandbox, project_templates)


@functools.lru_cache(maxsize=1)
def _ours() -> Environment:
    """Return the Jinja environment of our own templates, which need no sandbox: it makes each attribute dearer."""
    from jinja2 import Environment

    made = _environment(Environment, None)
    made.bytecode_cache = _kept()
    # Our templates call no function; each rendering would copy the table of them.
    made.globals.clear()
    return made


def _kept() -> BytecodeCache | None:
    """Return where compiled templates of ours are kept: as Python's own files, beside them, in `__pycache__`.

    Whoever may write there can write the program. What Python does not keep (PYTHONDONTWRITEBYTECODE, a folder that is not
    ours to write in) is compiled at each start.
    """
    from jinja2 import FileSystemBytecodeCache, __version__

    class Kept(FileSystemBytecodeCache):
        def dump_bytecode(self, bucket: Bucket) -> None:
            with contextlib.suppress(OSError):  # a full disk keeps nothing and stops nobody
                super().dump_bytecode(bucket)

    folder = plain_templates.packaged_templates() / "__pycache__"
    try:
        if not sys.dont_write_bytecode:
            folder.mkdir(exist_ok=True)
        if not os.access(folder, os.R_OK | os.W_OK) or sys.dont_write_bytecode:
            return None
    except OSError:
        return None
    # What the compiled form depends on beside the source, which the library compares.
    of = f"{sys.implementation.cache_tag}-{__version__}-{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]}"
    return Kept(str(folder), f"%s.{of}.jinja")


@functools.lru_cache(maxsize=512)
def _template(name: str) -> Template:
    return _ours().get_template(name)


def _environment(kind: type[Environment], project_templates: str | None) -> Environment:
    from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined

    own = [_own_loader(project_templates)] if project_templates else []
    made = kind(
        loader=ChoiceLoader([*own, FileSystemLoader(str(plain_templates.packaged_templates()))]),
        # A command reads each template once.
        auto_reload=False,
        cache_size=-1,
        undefined=StrictUndefined,
        finalize=_finalize,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.filters.update(
        ident=ident, literal=literal, idents=_idents, sqls=_sqls, strings=_strings, qualified=_qualified
    )
    return made


def _own_loader(templates: str) -> BaseLoader:
    """Return what loads the templates of a project: a link that leads out of the project is no template."""
    from jinja2 import FunctionLoader

    folder, project = Path(templates), Path(templates).parent

    def load(name: str) -> tuple[str, str, None] | None:
        path = folder / name
        if ".." in path.parts or not path.is_file() or not path.resolve().is_relative_to(project.resolve()):
            return None
        return path.read_text(encoding="utf-8"), str(path), None

    return FunctionLoader(load)


def _finalize(value: Any) -> str:
    if not isinstance(value, Sql):
        raise InputError(
            f"a template prints {type(value).__name__} {value!r} without a quoting filter",
            hint="write {{ value | literal }} for a value or {{ name | ident }} for a name",
        )
    position = value.position
    if position is None:
        return str.__str__(value)
    return f"{_OPEN}{_positions.add(position)}{_MIDDLE}{str.__str__(value)}{_CLOSE}"


class _Positions(threading.local):
    """The positions seen while a thread renders one template, numbered for the marks in its text."""

    def __init__(self) -> None:
        self.seen: list[Position] = []

    def add(self, position: Position) -> int:
        self.seen.append(position)
        return len(self.seen) - 1


_positions = _Positions()


def _idents(names: Iterable[str]) -> Sql:
    return Sql(", ".join(ident(name) for name in names))


def _qualified(parts: Iterable[str]) -> Sql:
    return ident(tuple(parts))


def _sqls(parts: Iterable[Sql], separator: str = ", ") -> Sql:
    texts = list(parts)
    for text in texts:
        if not isinstance(text, Sql):
            raise InputError(f"a template joins {text!r} without a quoting filter")
    return Sql(separator.join(_finalize(text) for text in texts))


def _strings(values: Iterable[Any]) -> Sql:
    return Sql(", ".join(literal(value) for value in values))


def strip_marks(text: str, seen: Sequence[Position]) -> tuple[str, tuple[tuple[int, int, Position], ...]]:
    """Take the position marks out of `text`; return the text and its spans."""
    if _OPEN not in text:
        return text, ()
    pieces: list[str] = []
    spans: list[tuple[int, int, Position]] = []
    stack: list[tuple[int, Position]] = []
    length = last = 0
    for mark in _MARK.finditer(text):
        piece = text[last : mark.start()]
        pieces.append(piece)
        length += len(piece)
        last = mark.end()
        if mark.group(1) is not None:
            stack.append((length, seen[int(mark.group(1))]))
        elif stack:
            start, position = stack.pop()
            spans.append((start, length, position))
    pieces.append(text[last:])
    return "".join(pieces), tuple(spans)


def render(template: str, *, position: Position | None = None, project: str | None = None, **values: Any) -> Statement:
    """Render the template file `template` (as `index/create.sql.j2`) into one statement."""
    return _statement(environment(project).get_template(template) if project else _template(template), position, values)


def render_text(text: str, *, position: Position | None = None, project: str | None = None, **values: Any) -> Statement:
    """Render a template given as text into one statement."""
    return _statement(environment(project).from_string(text), position, values)


def _statement(template: Any, position: Position | None, values: dict[str, Any]) -> Statement:
    _positions.seen = []
    text = template.render(**values)
    sql, spans = strip_marks(text, _positions.seen)
    lead = len(sql) - len(sql.lstrip())
    return Statement(
        sql.strip(),
        position,
        tuple((max(start - lead, 0), max(end - lead, 0), where) for start, end, where in spans),
    )


def query(name: str, version: int) -> str:
    """Return the text of a catalog query (`templates/catalog/NAME.sql`) for a server version (as 150004)."""
    return plain_templates.text(f"catalog/{name}.sql", version)


def as_json(value: Any) -> str:
    """Return compact JSON with sorted keys: for digests and for the ledger."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
