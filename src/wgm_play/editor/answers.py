"""What is answered to a cursor: hover, definition, completion, the outline of a file.

In: `ProjectState`, a text, a place in it from 0. Out: plain data, which `server.py` hands over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from wgm_play.catalog.column import Column
from wgm_play.catalog.kinds import ROUTINES, WITH_TABLE, where
from wgm_play.catalog.model import Catalog, Key
from wgm_play.document.load import load_text
from wgm_play.document.nodes import Map, Seq, position_of
from wgm_play.editor import words
from wgm_play.editor.cursor import Cursor, cursor
from wgm_play.editor.project import ProjectState, Read, real
from wgm_play.errors import Position, WgmError
from wgm_play.hazards import page, pages
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.origins import spellings
from wgm_play.playbook.schema_rules import is_template
from wgm_play.playbook.variables import Visible
from wgm_play.secret import Secret, mask

# What columns are most often; the types of the playbooks come first.
TYPES = (
    "bigint", "boolean", "bytea", "date", "double precision", "inet", "integer", "interval", "jsonb", "numeric", "real",
    "smallint", "text", "time", "timestamptz", "tsvector", "uuid", "varchar",
)  # fmt: skip
_TYPE_KINDS = where(lambda one: one.given_as == "types")
# Keys whose values name objects, and of which kinds.
_RELATIONS = where(lambda one: one.given_as == "tables")
_NAMED: Mapping[str, Collection[str]] = {
    "table": _RELATIONS, "tables": _RELATIONS, "references": ("table",), "partition_of": ("table",),
    "inherits": ("table",), "on": _RELATIONS, "audits": ("table",), "owned_by": ("table",), "view": _RELATIONS,
    "function": ROUTINES, "owner": ("role",), "role": ("role",), "roles": ("role",), "to": ("role",),
    "member": ("role",), "from": ("role",), "schema": ("schema",), "type": _TYPE_KINDS,
}  # fmt: skip
_COLUMN_LISTS = ("columns", "include", "key", "primary_key", "unique")
_STEP = re.compile(r"^(?P<indent> *)- +")
_TABLE_OF = re.compile(
    r"(?m)(?:^[ -]*|[{,][ ]*)table:[ ]*(?:\{[^}\n]*?\bname:[ ]*|\n(?:[ ]+\w+:[^\n]*\n)*?[ ]+name:[ ]*)?[\"']?([\w.]+)"
)


@dataclass(frozen=True, slots=True)
class Item:
    """A word that may stand here."""

    label: str
    kind: str
    detail: str = ""
    told: str = ""
    insert: str = ""


@dataclass(frozen=True, slots=True)
class Symbol:
    """An entry of the outline."""

    name: str
    detail: str
    kind: str
    where: Position
    inner: tuple[Symbol, ...] = ()


def role_of(file: Path, text: str) -> str:
    """Return what a file of YAML holds: playbook, steps, alerts or environment; "" where nobody can tell."""
    if "environments" in file.parts[-2:-1]:
        return "environment"
    keys = set(re.findall(r"(?m)^(?:- |  )([\w]+):", text))
    if "hosts" in keys:
        return "playbook"
    if keys & ({"import_alerts", "threshold"} | ({"query"} - KINDS.keys())):
        return "alerts"
    if keys & {*KINDS, "import_steps"} or "playbooks" in file.parts or "schema" in file.parts:
        return "steps"
    return ""


def table_at(text: str, line: int) -> str | None:
    """Return the table that the step around a line is about."""
    lines = text.splitlines()
    for number in range(min(line, len(lines) - 1), -1, -1):
        found = _STEP.match(lines[number])
        if found is None:
            continue
        indent = len(found["indent"])
        end = number + 1
        while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent):
            end += 1
        block = "\n".join(lines[number:end])
        if line < end and (named := _TABLE_OF.search(block)):
            return named[1]
    return None


def _meant(state: ProjectState, text: str, at: Cursor, line: int, shown: str) -> list[Key]:
    """Return the objects that the word at a cursor can mean: of this step's table first."""
    known = {key for key, _ in state.places()}
    table = table_at(text, line)
    before = re.search(r"([\w.]+)\(\s*(?:\w+\s*,\s*)*\w*$", shown[: at.end])
    outer = before[1] if before and before[1] != at.word else None
    for name in (outer, table):
        if name:
            columns = [key for key in known if key.kind == "column" and f"{name}.{at.word}" in spellings(key)]
            if columns:
                return sorted(columns)
    wanted = _NAMED.get(at.path[-1] if at.path else "", ())
    found = sorted(key for key in known if at.word in spellings(key) and key.kind != "column")
    return [key for key in found if key.kind in wanted] or found


def definition(state: ProjectState, file: Path, text: str, line: int, column: int) -> list[Position]:
    """Return where what the cursor is on is said: an object, a variable, an imported file, a handler, a flag."""
    at = cursor(text, line, column)
    shown = text.splitlines()[line] if line < len(text.splitlines()) else ""
    last = at.path[-1] if at.path else ""
    if at.in_template:
        return [place for place, _ in _variables(state, at.word) if place is not None]
    if last in ("import_steps", "import_alerts", "vars_files", "file"):
        target = file.parent / shown.partition(":")[2].strip().strip("\"'").split(" #")[0]
        return [Position(str(target), 1, 1)] if target.is_file() else []
    if last == "template":
        name = shown.partition(":")[2].strip().strip("\"' {}")
        target = state.root / "templates" / name.split("template:")[-1].strip()
        return [Position(str(target), 1, 1)] if target.is_file() else []
    if last == "hosts" and (state.root / "environments" / f"{at.word}.yml").is_file():
        return [Position(str(state.root / "environments" / f"{at.word}.yml"), 1, 1)]
    if last in ("notify", "after_flag"):
        value = shown.partition(":")[2].strip().strip("\"'[]")
        return list(dict.fromkeys(_called(state, value)))
    places = [
        place.where
        for key in _meant(state, text, at, line, shown)
        for one, place in state.places()
        if one == key and not place.absent
    ]
    return list(dict.fromkeys(places))


def _called(state: ProjectState, name: str) -> Iterator[Position]:
    for read in state.reads():
        play = read.loaded[1]
        yield from (one.position for one in play.handlers if one.name == name)
        yield from (one.position for one in play.flags if one.name == name)


def _variables(state: ProjectState, name: str) -> Iterator[tuple[Position | None, str]]:
    for read in state.reads():
        play = read.loaded[1]
        scopes = [step.written.scope for step in play.steps if step.written]
        visible = play.variables
        if isinstance(visible, Visible):
            scopes.insert(0, visible.scope)
        for scope in scopes:
            written = scope.written(name)
            if written is not None:
                value = Visible(scope).get(name)
                shown = "***" if isinstance(value, Secret) else mask(str(value))
                yield written[1], f"`{name}` = `{shown[:200]}`, {written[0]} ({read.loaded[2].name})"
                break


# Hover -----------------------------------------------------------------------------------------------------------


def hover(
    state: ProjectState, file: Path, text: str, line: int, column: int, live: Callable[[], Mapping[str, Catalog]] = dict
) -> tuple[str, int, int] | None:
    """Return what is told of a word, as Markdown, and from where to where the word goes."""
    at = cursor(text, line, column)
    if not at.word:
        return None
    shown = text.splitlines()[line]
    told = _told(state, file, text, at, line, shown, live)
    return (told, at.start, at.end) if told else None


def _told(
    state: ProjectState,
    file: Path,
    text: str,
    at: Cursor,
    line: int,
    shown: str,
    live: Callable[[], Mapping[str, Catalog]],
) -> str:
    if at.in_template:
        return "\n\n".join(dict.fromkeys(one for _, one in _variables(state, at.word)))
    rules = words.root(role_of(file, text))
    if not at.in_value:
        here = words.below(rules, at.path)
        found = words.keys(here).get(at.word) or words.keys(words.below(rules, at.path[:-1])).get(at.word)
        if found is not None and "columns" not in at.path[-1:]:
            return words.told(found)
    if at.word in pages():
        return page(at.word) or ""
    return "\n\n---\n\n".join(_object(state, key, live) for key in _meant(state, text, at, line, shown)[:3])


def _object(state: ProjectState, key: Key, live: Callable[[], Mapping[str, Catalog]]) -> str:
    lines = [f"**{key}**"]
    said = [place for one, place in state.places() if one == key]
    wanted: dict[str, list[str]] = {}
    for read in state.reads():
        if read.catalog is not None and key in read.places:
            wanted.setdefault(_shown(read.catalog, key), []).append(read.loaded[2].name)
    for value, names in wanted.items():
        lines.append(f"wanted ({', '.join(dict.fromkeys(names))}): {value}")
    for name, catalog in live().items():
        lines.append(f"live ({name}): {_shown(catalog, key)}")
    for place in said[:4]:
        lines.append(f"{place.where}, step *{place.step}*{' takes it away' if place.absent else ''}")
    return "\n\n".join(lines)


def _shown(catalog: Catalog, key: Key) -> str:
    if key not in catalog.rows:
        return "not there"
    if key.kind == "column":
        return f"`{column_words(catalog[key])}`"
    if key.kind == "table":
        columns = sorted(catalog.of("column", *key.name), key=lambda one: catalog.extra(one).number)
        return "\n\n" + "\n".join(f"- `{one.name[2]} {column_words(catalog[one])}`" for one in columns[:40])
    definition = getattr(catalog[key], "definition", None)
    return f"`{definition}`" if isinstance(definition, str) else "there"


def column_words(column: Column) -> str:
    """Return a column as SQL says it, without its name."""
    made = [column.type]
    if column.collation:
        made.append(f"COLLATE {column.collation}")
    if column.generated:
        made.append(f"GENERATED ALWAYS AS ({column.expression}) {'STORED' if column.generated == 's' else 'VIRTUAL'}")
    if column.identity:
        made.append(f"GENERATED {'ALWAYS' if column.identity == 'a' else 'BY DEFAULT'} AS IDENTITY")
    if column.default is not None:
        made.append(f"DEFAULT {column.default}")
    if column.not_null:
        made.append("NOT NULL")
    return " ".join(made)


# Completion ------------------------------------------------------------------------------------------------------


def complete(state: ProjectState, file: Path, text: str, line: int, column: int) -> tuple[list[Item], int]:
    """Return the words that may stand at a cursor, and where the word that is being written begins."""
    at = cursor(text, line, column)
    start = column - len(at.before)
    if at.in_template:
        return list(_variable_items(state, file)), start
    role = role_of(file, text)
    rules = words.root(role)
    if not at.in_value:
        found = words.below(rules, at.path)
        items = [
            Item(
                name, "kind" if name in KINDS and not at.path[1:] else "key", told=words.told(rule), insert=f"{name}: "
            )
            for name, rule in words.keys(found).items()
            if name not in at.beside or name == at.word
        ]
        if at.in_list:
            items += [Item(word, "value") for word in words.choices(found)]
            if at.path and at.path[-1] in _COLUMN_LISTS:
                items = [*_columns(state, table_at(text, line)), *items]
        return items, start
    return list(_values(state, file, text, at, line, rules)), start


def _values(state: ProjectState, file: Path, text: str, at: Cursor, line: int, rules: Any) -> Iterator[Item]:
    last = at.path[-1]
    short = len(at.path) > 1 and at.path[-2] == "columns" and last not in _NAMED  # `column: type`
    if last == "type" or short:
        yield from _objects(state, _TYPE_KINDS)
        yield from (Item(name, "type") for name in TYPES)
    elif last in _COLUMN_LISTS and at.in_list:
        yield from _columns(state, table_at(text, line))
    elif last == "references":
        for item in _objects(state, ("table",)):
            yield Item(item.label, item.kind, item.detail, insert=f"{item.label}({_key_of(state, item.label)})")
    elif last in _NAMED and last != "schema":
        yield from _objects(state, _NAMED[last])
    elif last == "schema":
        yield from _objects(state, ("schema",))
    elif last in ("check", "default", "where", "using", "generated"):
        yield from _columns(state, table_at(text, line))
    elif last == "hosts":
        folder = state.root / "environments"
        yield from (Item(one.stem, "value") for one in sorted(folder.glob("*.yml")))
    elif last in ("import_steps", "import_alerts"):
        here = file.parent
        files = sorted(one for one in here.rglob("*.yml") if one != file)
        yield from (Item(str(one.relative_to(here)), "file") for one in files[:200])
    elif last == "renamed_from":
        yield from _columns(state, table_at(text, line))
    elif last in ("notify", "after_flag"):
        plays = [read.loaded[1] for read in state.reads()]
        names = [one.name for play in plays for one in (play.handlers if last == "notify" else play.flags)]
        yield from (Item(name, "value") for name in dict.fromkeys(names))
    yield from (Item(word, "value") for word in words.choices(words.below(rules, at.path)))


def _objects(state: ProjectState, kinds: Collection[str]) -> Iterator[Item]:
    labels = {
        (key.name[1] if key.kind in ROUTINES and key.name[0] == "public" else key.label): key.kind
        for key, place in state.places()
        if key.kind in kinds and not place.absent
    }
    yield from (Item(label, kind, kind.replace("_", " ")) for label, kind in sorted(labels.items()))


def _columns(state: ProjectState, table: str | None) -> Iterator[Item]:
    if table is None:
        return
    found: dict[str, str] = {}
    for read in state.reads():
        for key, places in read.places.items():
            if key.kind == "column" and {f"{table}.{key.name[2]}"} & spellings(key) and not places[-1].absent:
                catalog = read.catalog
                found[key.name[2]] = column_words(catalog[key]) if catalog and key in catalog.rows else ""
    yield from (Item(name, "column", detail) for name, detail in found.items())


def _key_of(state: ProjectState, table: str) -> str:
    """Return the primary key of a table, `id` where it cannot be told."""
    for read in state.reads():
        for key, declaration in read.folded.declarations.items():
            if key.kind == "table" and table in spellings(key):
                for step in read.loaded[1].steps:
                    if step.index == declaration.step and isinstance(step.spec, Map):
                        columns = step.spec.get("columns") or {}
                        keys = [n for n, one in columns.items() if isinstance(one, dict) and one.get("primary_key")]
                        if keys:
                            return ", ".join(keys)
    return "id"


def _variable_items(state: ProjectState, file: Path) -> Iterator[Item]:
    found: dict[str, str] = {}
    for read in state.reads():
        variables = read.loaded[1].variables
        for name in variables:
            value = variables.get(name)
            found.setdefault(name, "***" if isinstance(value, Secret) else mask(str(value))[:60])
        for step in read.loaded[1].steps:
            if step.written and real(step.position.file) == real(str(file)):
                found |= {name: "" for name in step.written.scope.names() if name not in found}
    yield from (Item(name, "variable", value) for name, value in sorted(found.items()))


# Outline ---------------------------------------------------------------------------------------------------------


def symbols(text: str, file: Path) -> list[Symbol]:
    """Return the plays, steps, tables and columns of a file, in its order; nothing of one that is no YAML just now."""
    try:
        value = load_text(text, str(file))
    except WgmError:
        return []
    if isinstance(value, Map):
        return [Symbol(key, "", "key", value.keys_at[key]) for key in value]
    return [one for entry in (value if isinstance(value, Seq) else ()) for one in _symbol(entry)]


def _symbol(entry: Any) -> Iterator[Symbol]:
    if not isinstance(entry, Map):
        return
    name = str(entry.get("name") or entry.get("import_steps") or entry.get("import_alerts") or "")
    if "hosts" in entry:
        parts = [*(entry.get("steps") or []), *(entry.get("handlers") or []), *(entry.get("alerts") or [])]
        inner = tuple(one for part in parts for one in _symbol(part))
        yield Symbol(name or "play", f"hosts: {entry['hosts']}", "play", entry.position, inner)
        return
    kind = next((key for key in entry if key in KINDS), None)
    spec = entry.get(kind) if kind else None
    columns = spec.get("columns") if isinstance(spec, Map) else None
    inner = (
        tuple(Symbol(column, _short(columns[column]), "column", columns.keys_at[column]) for column in columns)
        if isinstance(columns, Map)
        else ()
    )
    about = str(spec.get("name") or "") if isinstance(spec, Map) else ""
    place = position_of(entry, "name") or entry.position
    yield Symbol(
        name or about or "step", f"{(kind or '').replace('_', ' ')} {about}".strip(), kind or "step", place, inner
    )


def _short(value: Any) -> str:
    if isinstance(value, Map):
        return str(value.get("type") or "")
    return str(value) if isinstance(value, str) and not is_template(value) else ""


# Renames ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RenamedColumn:
    """A column that is new since `before`, and one that is gone from the same table: perhaps the same."""

    table: Key
    old: str
    new: str
    where: Position


def renames(now: list[Read], before: list[Read]) -> Iterator[RenamedColumn]:
    """Yield each new column of a table together with one that went, the most like first."""
    from difflib import SequenceMatcher

    then: dict[Key, set[str]] = {}
    for read in before:
        for key, places in read.places.items():
            if key.kind == "column" and not places[-1].absent:
                then.setdefault(Key("table", key.name[:2]), set()).add(key.name[2])
    seen: set[tuple[Key, str]] = set()
    for read in now:
        for table in read.places:
            if table.kind != "table" or table not in then or (table, "") in seen:
                continue
            here = {
                k.name[2]: p
                for k, p in read.places.items()
                if k.kind in WITH_TABLE and k.kind == "column" and k.name[:2] == table.name
            }
            declaration = read.folded.declarations.get(table)
            told = {part.renamed_from for part in declaration.parts.values()} if declaration else set()
            gone = {name for name in then[table] if name not in here and name not in told}
            for new in [name for name in here if name not in then[table]]:
                part = declaration.parts.get(Key("column", (*table.name, new))) if declaration else None
                if part is not None and part.renamed_from:
                    continue
                for old in sorted(gone, key=lambda one: -SequenceMatcher(None, one, new).ratio()):
                    yield RenamedColumn(table, old, new, here[new][-1].where)
            seen.add((table, ""))
