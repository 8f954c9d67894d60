"""Rails: `db/structure.sql`, which is pg_dump's, or `db/schema.rb`, read line by line and never run.

In: the file, or the folder `db`. Out: `SourcePart`s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wgm_play.importing.parts import SourcePart, text_of
from wgm_play.importing.translated import PartCollector
from wgm_play.sql import literal

STRUCTURE, SCHEMA = "structure.sql", "schema.rb"
_TYPES = {
    "string": "varchar",
    "text": "text",
    "integer": "integer",
    "bigint": "bigint",
    "float": "double precision",
    "decimal": "numeric",
    "numeric": "numeric",
    "datetime": "timestamp",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "date": "date",
    "time": "time",
    "binary": "bytea",
    "boolean": "boolean",
    "bit_varying": "varbit",
}
_SERIAL = {"integer": "serial", "bigint": "bigserial"}
_CALL = re.compile(r"^\s*(?:t\.)?(\w+)[ (]\s*(.*?)\)?\s*(?:do \|t\|)?\s*$", re.S)
_NEXT = re.compile(r"\s*(?:(\w+):\s*|:(\w+)\s*=>\s*|\"(\w+)\"\s*=>\s*)?")


def file_of(folder: Path, name: str) -> Path | None:
    """Return the file where it is there: it may be named itself."""
    if folder.is_file():
        return folder if folder.name == name or folder.suffix == Path(name).suffix == ".rb" else None
    return next((one for one in (folder / name, folder / "db" / name) if one.is_file()), None)


def rails(folder: Path) -> list[SourcePart]:
    """Read structure.sql where it is there, else schema.rb."""
    found = file_of(folder, STRUCTURE)
    if found is not None:
        return [dump(found)]
    found = file_of(folder, SCHEMA)
    return _schema(found) if found is not None else []


# What pg_dump writes for psql, settings of servers that may be newer than ours, and what only a superuser may do.
_NOT_SQL = re.compile(
    r"^(\\(?:un)?restrict\b.*|COMMENT ON EXTENSION [^;]*;|SET (?:transaction_timeout|idle_in_transaction_session_timeout)\b.*)$",
    re.M,
)


def dump(path: Path) -> SourcePart:
    """Return a dump as one part, without psql's own commands; lines keep their places."""
    return SourcePart(str(path), 1, _NOT_SQL.sub("", text_of(path)))


def _schema(path: Path) -> list[SourcePart]:
    script, late = PartCollector(str(path)), PartCollector(str(path))
    table: dict[str, Any] | None = None
    table_line, enums = 0, {}
    for line, text in _statements(text_of(path)):
        found = _CALL.match(text)
        if text.strip() == "end" and table is not None:
            script.make("table", table, table_line)
            table = None
        if found is None or text.strip() == "end":
            continue
        word, said = found[1], _arguments(found[2])
        names, options = said
        if word == "create_table":
            table, table_line = _table(names, options), line
        elif word == "enable_extension":
            script.make("extension", {"name": str(names[0]).removeprefix("pg_catalog.")}, line) if names[
                0
            ] != "plpgsql" else None
        elif word in ("create_enum", "create_schema"):
            spec = {"name": names[0], "values": names[1]} if word == "create_enum" else {"name": names[0]}
            enums[names[0]] = spec
            script.make(word.removeprefix("create_"), spec, line)
        elif word == "add_foreign_key":
            late.constraint(str(names[0]), options.get("name"), _foreign(names, options), line)
        elif word in ("add_index", "index") and (table is not None or word == "add_index"):
            owner = names[0] if word == "add_index" else table["name"] if table is not None else ""
            late.make("index", _index(str(owner), names[-1], options), line)
        elif word in ("check_constraint", "add_check_constraint", "unique_constraint", "exclusion_constraint"):
            owner = names[0] if word.startswith("add_") else table["name"] if table is not None else ""
            if word == "exclusion_constraint":
                late.left(f"exclusion_constraint {options.get('name')}", line)
            else:
                kind = {"check": names[-1]} if "check" in word else {"unique": _listed(names[-1])}
                late.constraint(str(owner), options.get("name"), kind, line)
        elif table is not None:
            _column(table, word, names, options)
        elif word not in ("define", "require", "ActiveRecord"):
            late.left(word, line)
    return [*script.parts, *late.parts]


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines without comments; a call over several lines as one."""
    held, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.split("#", 1)[0] if '"' not in line else line
        if bare.lstrip().startswith(("ActiveRecord", "#")) or not bare.strip():
            continue
        held, start = (f"{held} {bare.strip()}", start) if held else (bare, number)
        if held.rstrip().endswith((",", "[", "{", "(")):
            continue
        yield start, held
        held = ""
    if held:
        yield start, held


def _arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the values of a call, and its options by name."""
    names: list[Any] = []
    options: dict[str, Any] = {}
    at = 0
    while at < len(text):
        found = _NEXT.match(text, at)
        key = next((one for one in found.groups() if one), None) if found else None
        at = found.end() if found else at
        value, at = _value(text, at)
        if key is None:
            names.append(value)
        else:
            options[key] = value
        comma = text.find(",", at)
        if comma < 0 or text[at:comma].strip():
            break
        at = comma + 1
    return names, options


_VALUES = re.compile(
    r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|->\s*\{\s*\"((?:[^\"\\]|\\.)*)\"\s*\}|:(\w+)|(-?\d+(?:\.\d+)?)|(true|false|nil))"
)


class RubyExpression(str):
    """What Ruby writes as -> { "now()" }."""


def _value(text: str, at: int) -> tuple[Any, int]:
    found = _VALUES.match(text, at)
    if found:
        plain = next((one for one in found.group(1, 2) if one is not None), None)
        if plain is not None:
            return re.sub(r"\\(.)", r"\1", plain), found.end()
        if found[3] is not None:
            return RubyExpression(re.sub(r"\\(.)", r"\1", found[3])), found.end()
        if found[5] is not None:
            return (float(found[5]) if "." in found[5] else int(found[5])), found.end()
        return {"true": True, "false": False, "nil": None}.get(found[6] or "", found[4]), found.end()
    at += len(text[at:]) - len(text[at:].lstrip())
    close = {"[": "]", "{": "}"}.get(text[at : at + 1])
    if close is None:
        end = min(place for place in (text.find(",", at), len(text)) if place >= 0)
        return text[at:end].strip(), end
    depth, end = 1, at
    while depth and end + 1 < len(text):
        end += 1
        depth += (text[end] in "[{") - (text[end] in "]}")
    values, options = _arguments(text[at + 1 : end])
    return (values if close == "]" else options), end + 1


def _table(names: list[Any], options: dict[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    table: dict[str, Any] = {"name": names[0], "columns": columns}
    key = options.get("primary_key", "id")
    if isinstance(key, list):
        table["primary_key"] = key
    elif options.get("id") is not False:
        kind = options.get("id", "bigint")
        inner = kind if isinstance(kind, dict) else {}
        word = str(inner.get("type", "bigint") if inner else kind)
        spec: dict[str, Any] = {"type": _SERIAL.get(word, _type(word, inner)), "primary_key": True}
        default = inner.get("default", options.get("default", "uuid" if word == "uuid" else None))
        if word == "uuid" and default is not None:
            spec["default"] = "gen_random_uuid()" if default == "uuid" else str(default)
        columns[str(key)] = spec
    if options.get("comment"):
        table["comment"] = options["comment"]
    return table


def _type(word: str, options: dict[str, Any]) -> str:
    if word in ("enum", "virtual"):
        return str(options.get("enum_type") or options.get("type"))
    if word == "column":
        return str(options.get("type"))
    made = _TYPES.get(word, word)
    if word in ("string", "bit", "bit_varying") and options.get("limit"):
        made += f"({options['limit']})"
    elif word in ("decimal", "numeric") and options.get("precision"):
        made += f"({options['precision']},{options['scale']})" if options.get("scale") else f"({options['precision']})"
    elif word in ("datetime", "timestamp", "timestamptz", "time"):
        precision = options.get("precision", 6 if word != "time" else None)
        made += f"({precision})" if precision is not None else ""
    elif word == "integer" and options.get("limit"):
        made = {1: "smallint", 2: "smallint", 8: "bigint"}.get(int(options["limit"]), "integer")
    return made + ("[]" if options.get("array") else "")


def _column(table: dict[str, Any], word: str, names: list[Any], options: dict[str, Any]) -> None:
    if word == "column":
        spec: dict[str, Any] = {"type": str(names[1])}
    elif word == "virtual":
        spec = {"type": _type(str(options.get("type")), options), "generated": options.get("as")}
    else:
        spec = {"type": _type(word, options)}
    if options.get("default") is not None and word != "virtual":
        spec["default"] = _default(options["default"], array=bool(options.get("array")))
    if options.get("null") is False:
        spec["not_null"] = True
    if options.get("collation"):
        spec["collation"] = options["collation"]
    if options.get("comment"):
        spec["comment"] = options["comment"]
    table["columns"][str(names[0])] = spec


def _default(given: Any, *, array: bool) -> Any:
    if isinstance(given, RubyExpression):
        return str(given)
    if isinstance(given, (bool, int, float)):
        return str(given).lower()
    if isinstance(given, (list, dict)):
        return "'{}'" if array or (not given and isinstance(given, dict)) else "'[]'"
    return str(literal(str(given)))


def _listed(given: Any) -> list[str]:
    return [str(one) for one in given] if isinstance(given, list) else [str(given)]


def _index(table: str, columns: Any, options: dict[str, Any]) -> dict[str, Any]:
    order, operators = options.get("order"), options.get("opclass")
    elements: list[Any] = []
    if isinstance(columns, str) and not re.match(r"\w+\Z", columns):
        elements = [{"expression": one.strip()} for one in re.split(r",(?![^()]*\))", columns)]
    else:
        for name in _listed(columns):
            spec: dict[str, Any] = {"column": name}
            found = order.get(name) if isinstance(order, dict) else order
            if found:
                spec |= {"order": "desc"} if "desc" in str(found).lower() else {}
                if "nulls" in str(found).lower():
                    spec["nulls"] = str(found).lower().rpartition("nulls ")[2]
            opclass = operators.get(name) if isinstance(operators, dict) else operators
            if opclass:
                spec["opclass"] = str(opclass)
            elements.append(spec if len(spec) > 1 else name)
    plain = "_and_".join(_listed(columns))
    made: dict[str, Any] = {
        "name": options.get("name") or f"index_{table}_on_{plain}",
        "table": table,
        "columns": elements,
    }
    if options.get("unique"):
        made["unique"] = True
    if options.get("where"):
        made["where"] = options["where"]
    if options.get("using") and options["using"] != "btree":
        made["method"] = str(options["using"])
    if options.get("include"):
        made["include"] = _listed(options["include"])
    if options.get("nulls_not_distinct"):
        made["nulls_not_distinct"] = True
    return made


def _foreign(names: list[Any], options: dict[str, Any]) -> dict[str, Any]:
    column = options.get("column") or f"{_singular(str(names[1]))}_id"
    spec: dict[str, Any] = {
        "foreign_key": _listed(column),
        "references": {
            "table": str(names[1]).rpartition(".")[2],
            "schema": str(names[1]).rpartition(".")[0] or "public",
            "columns": _listed(options.get("primary_key", "id")),
        },
    }
    for word in ("on_delete", "on_update"):
        if options.get(word):
            spec[word] = {"nullify": "set null"}.get(str(options[word]), str(options[word]))
    if options.get("validate") is False:
        spec["not_valid"] = True
    if options.get("deferrable"):
        spec |= {"initially": "deferred"} if str(options["deferrable"]) == "deferred" else {"deferrable": True}
    return spec


def _singular(word: str) -> str:
    """Return the singular as Rails makes it, for the usual words; others say their column."""
    for ending, one in (
        ("ies", "y"),
        ("sses", "ss"),
        ("shes", "sh"),
        ("ches", "ch"),
        ("xes", "x"),
        ("ses", "s"),
        ("s", ""),
    ):
        if (
            word.endswith(ending)
            and not (ending == "ses" and word.endswith(("uses", "ases")) and not word.endswith("statuses"))
            and not word.endswith("ss")
        ):
            return word[: -len(ending)] + one
    return word
