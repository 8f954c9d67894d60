"""Where a playbook says something of an object: the lines, the steps, the variables that went into them.

In: an expanded play and a name as people write it. Out: `Origin`s, one for each object of that name; nothing is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wgm_play.catalog.kinds import ROUTINES
from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, key_position, position_of
from wgm_play.errors import Position, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.model import Declarations, Play, Step
from wgm_play.playbook.schema_rules import is_template
from wgm_play.playbook.variables import Pending, Scope, Unknown
from wgm_play.render import as_json
from wgm_play.secret import mask
from wgm_play.sql import reveal

_LONGEST = 80
_HIDDEN = "***"
# Names of the process environment in a text: env.NAME, env['NAME'], lookup('env', 'NAME').
_ENVIRON = re.compile(r"""\benv(?:\.(\w+)|\[\s*["'](\w+)["']\s*\])|\blookup\(\s*["']env["']\s*,\s*["'](\w+)["']""")


@dataclass(frozen=True, slots=True)
class VariableOrigin:
    """A variable that went into a line: its value, which level gives it, where."""

    name: str
    value: str
    source: str
    where: Position | None


@dataclass(frozen=True, slots=True)
class OriginLine:
    """A line that says something of an object, and the step in which it stands."""

    where: Position
    step: str
    index: int
    kind: str
    item: str = ""
    absent: bool = False
    silent: str | None = None
    template: str | None = None
    imports: tuple[Position, ...] = ()
    variables: tuple[VariableOrigin, ...] = ()
    private: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """An object, and the lines that speak of it, in the order of the steps."""

    key: Key
    places: tuple[OriginLine, ...]


def origins(play: Play, folded: Declarations, project: Path) -> dict[Key, list[OriginLine]]:
    """Return every object that a play speaks of, with its places; columns and constraints with a name too."""
    found: dict[Key, list[OriginLine]] = {}
    for step in play.steps:
        for key, where, written in _said(step):
            found.setdefault(key, []).append(_place(step, where, written, project))
    steps = {step.index: step for step in play.steps}
    for declaration in folded.declarations.values():
        for key, part in declaration.parts.items():
            if key not in found and part.step in steps:
                found[key] = [_place(steps[part.step], part.position, None, project)]
    return found


def matching(found: Mapping[Key, list[OriginLine]], name: str) -> list[Origin]:
    """Return the objects that a name can mean: `tasks`, `app.tasks`, `tasks.due`, `function(integer)`; else without regard to case."""
    exact = [Origin(key, tuple(places)) for key, places in found.items() if name in spellings(key)]
    if exact:
        return exact
    folded = name.casefold()
    return [
        Origin(key, tuple(places))
        for key, places in found.items()
        if folded in {word.casefold() for word in spellings(key)}
    ]


def spellings(key: Key) -> set[str]:
    """Return how people may write the name of an object, with and without its schema."""
    parts = key.name
    if key.kind in ROUTINES:
        schema, name, arguments = parts
        return {name, f"{schema}.{name}", f"{name}({arguments})", f"{schema}.{name}({arguments})"}
    made = {".".join(parts), key.label}
    if len(parts) > 1:
        made.add(".".join(parts[1:]))
    return made


def _said(step: Step) -> Iterator[tuple[Key, Position, Any]]:
    """Yield what a step speaks of: the object, and the columns of a table; each with its place and what is written there."""
    kind = KINDS[step.kind]
    if kind.key is None or step.spec is None or not isinstance(step.spec, Mapping) or step.deferred:
        return
    raw = step.written.entry.get(step.kind) if step.written else None
    try:
        key = kind.key(step)
    except (WgmError, KeyError, AttributeError, TypeError):
        return  # a step that is left out may have a name that was never made
    named = position_of(step.spec, "name") or step.position
    yield key, named, raw
    columns = step.spec.get("columns")
    if key.kind != "table" or not isinstance(columns, Map):
        return
    written = raw.get("columns") if isinstance(raw, Mapping) else None
    for name in columns:
        where = key_position(columns, name) or named
        yield Key("column", (*key.name, str(name))), where, written.get(name) if isinstance(written, Mapping) else raw


def _place(step: Step, where: Position, written: Any, project: Path) -> OriginLine:
    template = step.written.entry.get(step.kind) if step.written else None
    file = template.get("template") if isinstance(template, Mapping) else None
    return OriginLine(
        where,
        step.name,
        step.index,
        step.kind,
        step.item,
        step.state == "absent",
        step.skipped or (f"waits for the flag {step.after_flag}" if step.after_flag else None),
        reveal(file) if isinstance(file, str) else None,
        step.written.imports if step.written else (),
        tuple(_variables(step, written, file, project)),
        step.no_log,
    )


def _variables(step: Step, written: Any, template: Any, project: Path) -> Iterator[VariableOrigin]:
    if step.written is None:
        return
    texts = list(_texts(written))
    if isinstance(step.written.entry.get("loop"), str):
        texts.append(step.written.entry["loop"])
    conditions = [one for one in _texts(step.written.entry.get("when"), all_=True)]
    if isinstance(template, str):
        texts += _template_text(template, project)
    scope: Scope = step.written.scope
    seen: set[str] = set()
    for text, condition in [*((one, False) for one in texts), *((one, True) for one in conditions)]:
        yield from _of_text(text, scope, seen, step.no_log, condition=condition)


def _of_text(
    text: str, scope: Scope, seen: set[str], no_log: bool, *, condition: bool = False
) -> Iterator[VariableOrigin]:
    from wgm_play.playbook.values import names_in

    for match in _ENVIRON.finditer(text):
        name = f"env.{next(filter(None, match.groups()))}"
        if name not in seen:
            seen.add(name)
            yield VariableOrigin(name, _HIDDEN, "process environment", None)
    for name in sorted(names_in(text, condition=condition) - {"env", "lookup"}):
        written = scope.written(name)
        if name in seen or written is None:
            continue
        seen.add(name)
        source, where, raw = written
        yield VariableOrigin(name, _HIDDEN if no_log else _value(name, scope), source, where)
        for inner in _texts(raw):
            yield from _of_text(inner, scope, seen, no_log)


def _value(name: str, scope: Scope) -> str:
    try:
        value = scope.lookup(name)
    except (Unknown, Pending, WgmError):
        return "not known yet"
    text = str(value) if isinstance(value, str) else as_json(value)
    shown = mask(text).replace("\n", " ")
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."


def _texts(value: Any, *, all_: bool = False) -> Iterator[str]:
    """Yield the texts below a value that are rendered; all of them of a condition."""
    if isinstance(value, str):
        if all_ or is_template(value):
            yield str.__str__(value)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one, all_=all_)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, all_=all_)


def _template_text(name: str, project: Path) -> Iterator[str]:
    from wgm_play.playbook.templates import template_path

    try:
        yield template_path(name, project, None).read_text(encoding="utf-8")
    except (WgmError, OSError, UnicodeDecodeError):
        return
