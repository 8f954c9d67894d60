"""Constraints of a table: said with the column where there is one and the name is PostgreSQL's own, else by name.

In: a table and what is said of its columns so far. Out: what the table says besides; columns get theirs.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from wgm_play.catalog.constraint import Constraint, not_null_column
from wgm_play.catalog.model import Key
from wgm_play.inspect import index as indexes
from wgm_play.inspect.emit import Lines
from wgm_play.inspect.entry import Inspected, expression, options, sql_value
from wgm_play.sql import NAME_BYTES
from wgm_play.sqltext.scan import (
    LITERAL,
    Unforeseen,
    brackets,
    follows,
    name,
    names,
    qualified,
    split_list,
    text_of,
    unwrapped,
    words,
)

_KEYS = {"p": "primary_key", "u": "unique", "c": "check", "f": "foreign_key", "x": "exclude", "n": "not_null"}


def describe_all(said: Inspected, table: Key, columns: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Put each constraint where it reads best; return what the table itself says."""
    below: dict[str, Any] = {}
    named: dict[str, Any] = Lines()
    rows = {key: said.catalog[key] for key in said.children("constraint", table.name)}
    for key in sorted(rows, key=lambda one: ("pufcxn".find(rows[one].type), one)):
        try:
            spec = taken_apart(said, key)
        except Unforeseen:
            said.cannot(key, rows[key].definition)
            continue
        if not _at_column(said, table, key, rows[key], spec, columns) and not _at_table(table, key, spec, below):
            named[key.name[2]] = spec
    if named:
        below["constraints"] = named
    return below


def taken_apart(said: Inspected, key: Key) -> dict[str, Any]:
    """Return a constraint as `constraints:` says it."""
    row = said.catalog[key]
    spec = _READ[row.type](said, key, row.definition)
    if not row.validated:
        spec["not_valid"] = True
    if row.options:
        said.put(spec, "constraint", key, "with", options(row.options))
    if row.tablespace:
        said.put(spec, "constraint", key, "tablespace", row.tablespace)
    if row.comment is not None:
        spec["comment"] = row.comment
    return spec


def _check(said: Inspected, key: Key, text: str) -> dict[str, Any]:
    rest = follows(text, "CHECK")
    if rest is None:
        raise Unforeseen(text)
    inside, rest = brackets(rest)
    spec: dict[str, Any] = {"check": sql_value(unwrapped(inside))}
    if (more := follows(rest, "NO INHERIT")) is not None:
        spec["no_inherit"], rest = True, more
    _end(said, key, rest, spec)
    return spec


def _key(said: Inspected, key: Key, text: str) -> dict[str, Any]:
    word = _KEYS[said.catalog[key].type]
    rest = follows(text, "PRIMARY KEY", "UNIQUE")
    if rest is None:
        raise Unforeseen(text)
    alike = follows(rest, "NULLS NOT DISTINCT")
    inside, rest = brackets(rest if alike is None else alike)
    parts = split_list(inside)
    spec: dict[str, Any] = {}
    if parts[-1].endswith(" WITHOUT OVERLAPS"):
        parts[-1] = parts[-1].removesuffix(" WITHOUT OVERLAPS")
        said.put(spec, "constraint", key, "without_overlaps", True)
    spec = {word: names(", ".join(parts)), **spec}
    if alike is not None:
        spec["nulls_not_distinct"] = True
    if (more := follows(rest, "INCLUDE")) is not None:
        inside, rest = brackets(more)
        spec["include"] = names(inside)
    _end(said, key, rest, spec)
    return spec


_ACTIONS = re.compile(r"(NO ACTION|RESTRICT|CASCADE|SET NULL|SET DEFAULT)")


def _foreign_key(said: Inspected, key: Key, text: str) -> dict[str, Any]:
    rest = follows(text, "FOREIGN KEY")
    if rest is None:
        raise Unforeseen(text)
    inside, rest = brackets(rest)
    own = split_list(inside)
    rest = follows(rest, "REFERENCES")
    if rest is None:
        raise Unforeseen(text)
    target, rest = qualified(rest)
    inside, rest = brackets(rest)
    theirs = split_list(inside)
    spec: dict[str, Any] = {}
    if own[-1].startswith("PERIOD "):
        own[-1], theirs[-1] = own[-1].removeprefix("PERIOD "), theirs[-1].removeprefix("PERIOD ")
        said.put(spec, "constraint", key, "period", True)
    spec = {"foreign_key": names(", ".join(own)), "references": _reference(target, names(", ".join(theirs))), **spec}
    if (more := follows(rest, "MATCH FULL")) is not None:
        spec["match"], rest = "full", more
    for word, name_ in (("ON UPDATE", "on_update"), ("ON DELETE", "on_delete")):
        more = follows(rest, word)
        found = _ACTIONS.match(more) if more is not None else None
        if more is not None and found:
            rest = more[found.end() :].lstrip()
            spec[name_] = found.group().lower()
            if rest.startswith("("):
                inside, rest = brackets(rest)
                spec[name_] += f" ({inside})"
    _end(said, key, rest, spec)
    return spec


_PLAIN_REFERENCE = re.compile(r"[^().,\s\"]+\Z")


def _reference(target: tuple[str, ...], columns: list[str]) -> Any:
    schema, table = target if len(target) == 2 else ("public", target[0])
    if all(_PLAIN_REFERENCE.match(part) for part in (schema, table, *columns)):
        return f"{table if schema == 'public' else schema + '.' + table}({', '.join(columns)})"
    return {"table": table, "schema": schema, "columns": columns}


def _exclude(said: Inspected, key: Key, text: str) -> dict[str, Any]:
    rest = follows(text, "EXCLUDE")
    if rest is None:
        raise Unforeseen(text)
    spec: dict[str, Any] = {"exclude": []}
    if (more := follows(rest, "USING")) is not None:
        method, rest = name(more)
        rest = rest.lstrip()
        if method != "btree":
            spec["method"] = method
    inside, rest = brackets(rest)
    for part in split_list(inside):
        written, _, operator = part.rpartition(" WITH ")
        spec["exclude"].append({**indexes.element_parts(written), "with": operator})
    if (more := follows(rest, "INCLUDE")) is not None:
        inside, rest = brackets(more)
        spec["include"] = names(inside)
    if (more := follows(rest, "WHERE")) is not None:
        inside, rest = brackets(more)
        spec["where"] = sql_value(unwrapped(inside))
    _end(said, key, rest, spec)
    return spec


def _not_null(said: Inspected, key: Key, text: str) -> dict[str, Any]:
    column = not_null_column(text)
    return {"not_null": column, **({"no_inherit": True} if text.endswith(" NO INHERIT") else {})}


_READ = {"c": _check, "p": _key, "u": _key, "f": _foreign_key, "x": _exclude, "n": _not_null}


def _end(said: Inspected, key: Key, rest: str, spec: dict[str, Any]) -> None:
    """Read what may stand at the end of every constraint."""
    if not rest:
        return
    for word, name_, value in (
        ("DEFERRABLE INITIALLY DEFERRED", "initially", "deferred"),
        ("DEFERRABLE", "deferrable", True),
    ):
        if (more := follows(rest, word)) is not None:
            spec[name_], rest = value, more
            break
    if (more := follows(rest, "NOT ENFORCED")) is not None:
        spec["enforced"], rest = False, more
    if rest.removesuffix("NOT VALID").strip():
        raise Unforeseen(rest)


def automatic(*parts: str) -> str | None:
    """Return the name that PostgreSQL makes, or None where it would shorten it (by all other names)."""
    made = "_".join(parts)
    return made if len(made.encode()) <= NAME_BYTES else None


def _at_column(
    said: Inspected, table: Key, key: Key, row: Constraint, spec: dict[str, Any], columns: dict[str, dict[str, Any]]
) -> bool:
    """Say a constraint with its column; tell whether that was possible."""
    kind, own, rel = row.type, key.name[2], table.name[1]
    if "comment" in spec or (kind in "puf" and not columns.keys() >= {*spec[_KEYS[kind]]}):
        return False  # a column that is inherited has no line of its own
    if kind == "p" and list(spec) == ["primary_key"] and own == automatic(rel, "pkey"):
        if len(spec["primary_key"]) != 1:
            return False
        column = columns[spec["primary_key"][0]]
        column.pop("not_null", None)
        _insert(column, "primary_key", True)
        return True
    if kind == "u" and list(spec) == ["unique"] and len(spec["unique"]) == 1:
        return own == automatic(rel, spec["unique"][0], "key") and _insert(columns[spec["unique"][0]], "unique", True)
    if kind == "f" and len(spec["foreign_key"]) == 1 and not {"period", "enforced"} & spec.keys():
        one = spec["foreign_key"][0]
        if own != automatic(rel, one, "fkey") or "references" in columns[one] or isinstance(spec["references"], dict):
            return False
        for name_, value in spec.items():
            if name_ != "foreign_key":
                _insert(columns[one], name_, value)
        return True
    if kind == "c" and list(spec) == ["check"]:
        about = [one for one in words(row.definition) if one in columns]
        if (
            len(about) != 1
            or own != automatic(rel, about[0], "check")
            or {"check", "one_of"} & columns[about[0]].keys()
        ):
            return False
        values = one_of(spec["check"], about[0], said.catalog[Key("column", (*table.name, about[0]))].type)
        return _insert(columns[about[0]], "one_of" if values else "check", list(values or ()) or spec["check"])
    return False


def _insert(column: dict[str, Any], name_: str, value: Any) -> bool:
    """Add a word to a column, before its comment."""
    last = column.pop("comment", None)
    column[name_] = value
    if last is not None:
        column["comment"] = last
    return True


def _at_table(table: Key, key: Key, spec: dict[str, Any], below: dict[str, Any]) -> bool:
    """Say a constraint of several columns without its name; tell whether that was possible."""
    own, rel = key.name[2], table.name[1]
    if list(spec) == ["primary_key"] and own == automatic(rel, "pkey"):
        below["primary_key"] = spec["primary_key"]
        return True
    if list(spec) == ["unique"] and len(spec["unique"]) > 1 and own == automatic(rel, *spec["unique"], "key"):
        below.setdefault("unique", []).append(spec["unique"])
        return True
    return False


_LIST = re.compile(r"(.+?)(::text)? = ANY \(ARRAY\[(.+)\](::text\[\])?\)\Z", re.DOTALL)
_IN = re.compile(r"\((.+?) IN \((.+)\)\)\Z", re.DOTALL)
_CASTS = {
    "text": ("text",),
    "character varying": ("character varying", "character varying::text", ""),
    "character": ("bpchar",),
    "smallint": ("", "smallint"),
    "integer": ("",),
    "bigint": ("bigint", ""),
}


@functools.lru_cache(maxsize=10_000)
def one_of(written: Any, column: str, type_: str) -> tuple[Any, ...] | None:
    """Return the values of a rule that says which values a column may have; None for any other rule."""
    found = _LIST.match(str(written))
    inside = found.group(3) if found else None
    if found is None:
        found = _IN.match(expression(str(written)))
        inside = found.group(2) if found else None
    if found is None or inside is None:
        return None
    try:
        named, rest = name(found.group(1))
    except Unforeseen:
        return None
    if named != column or rest:
        return None
    bare = re.sub(r"\(\d+\)", "", type_)
    allowed = _CASTS.get(bare, (bare,))
    values: list[Any] = []
    for part in split_list(inside):
        literal = re.match(rf"E?{LITERAL}|-?\d+", part)
        if literal is None or part[literal.end() :].removeprefix("::") not in allowed:
            return None
        text = literal.group()
        number = not text.lstrip("E").startswith("'")
        if number != (bare in ("smallint", "integer", "bigint")):
            return None
        values.append(int(text) if number else text_of(text))
    return tuple(values) if len(values) > 1 else None
