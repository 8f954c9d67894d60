"""Kind `function`: a routine that returns something; what it shares with `procedure`.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, position_of
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds.base import (
    COMMENT,
    SCHEMA_KEY,
    Body,
    Folding,
    Kind,
    Parameter,
    Schema,
    at,
    body_of,
    choice,
    comment_on,
    fail,
    flag,
    ident_at,
    joined,
    key_word,
    mapping,
    overlay,
    parts_of,
    ref,
    sql_at,
    statement,
    text,
    word,
)
from wgm_play.playbook.kinds.view import TEMPLATE
from wgm_play.playbook.model import Declaration, Step
from wgm_play.render import Statement
from wgm_play.sql import Sql, literal, reveal
from wgm_play.sqltext.scan import split_list

EXAMPLE = """
- name: A greeting
  function:
    name: greet
    arguments:
      - {name: person, type: text}
      - {name: loud, type: boolean, default: false}
    returns: text
    volatility: immutable
    body: |
      begin
        return case when loud then upper('hello ' || person) else 'hello ' || person end;
      end
    comment: Says hello
- name: The same in SQL
  function: {name: greet_all, arguments: "people text[]", returns: "setof text", language: sql, volatility: stable,
             body: "select greet(person) from unnest(people) as person"}
"""

COMMON: Schema = {
    "name": ref("object", "The routine's name. Routines with other arguments are other routines."),
    "schema": SCHEMA_KEY,
    "arguments": {
        "description": "The arguments, as a list or as SQL: `a integer, b text default 'x'`.",
        "oneOf": [
            {"type": "string"},
            {
                "type": "array",
                "items": mapping(
                    {
                        "name": ref("name", "The argument's name."),
                        "type": ref("type"),
                        "mode": choice("The mode.", "in", "out", "inout", "variadic", default="in"),
                        "default": ref("sql", "The default, an SQL expression."),
                    },
                    ["type"],
                ),
            },
        ],
    },
    "language": {
        "description": "plpgsql (the default), sql, or another installed language.",
        "type": "string",
        "default": "plpgsql",
    },
    "body": text("The body, without quotes around it; in language sql, `begin atomic … end` is possible."),
    "template": {
        **TEMPLATE,
        "description": str(TEMPLATE["description"]).replace("the query", "the body"),
    },
    "verbatim": flag("The body is taken as it is, without line breaks added around it.", False),
    "check_body": flag("Whether the body is checked when it is planned; an unchecked one is named in the plan.", True),
    "security_definer": flag("Run with the rights of the owner; set `search_path` with it.", False),
    "set": {
        "description": "Settings while the routine runs, as `search_path: pg_catalog, public`.",
        "type": "object",
        "additionalProperties": {"type": ["string", "integer", "number", "boolean"]},
    },
    "comment": COMMENT,
}

SCHEMA = mapping(
    {
        **COMMON,
        "returns": text("The type returned, as SQL: `trigger`, `setof text`, `table(id uuid, name text)`."),
        "volatility": choice(
            "How far the result depends on more than the arguments.",
            "volatile",
            "stable",
            "immutable",
            default="volatile",
        ),
        "strict": flag("Return NULL without running when an argument is NULL.", False),
        "leakproof": flag("LEAKPROOF: reveals nothing about its arguments other than by its return value.", False),
        "parallel": choice(
            "PARALLEL safety: whether parallel workers may run it.", "unsafe", "restricted", "safe", default="unsafe"
        ),
        "cost": {"description": "COST of one call, in units of cpu_operator_cost.", "type": "number"},
        "rows": {"description": "ROWS: estimated number of rows returned.", "type": "number"},
    },
    ["name"],
)


@dataclass(frozen=True, slots=True)
class ArgumentSpec:
    """One argument, as SQL."""

    name: Sql | None
    type: Sql
    mode: Sql | None
    default: Sql | None


_MODES = {"out": "OUT", "inout": "INOUT", "variadic": "VARIADIC"}


def arguments(spec: Map) -> list[ArgumentSpec]:
    """Return the arguments that are given as a list."""
    given = spec.get("arguments")
    if not isinstance(given, list):
        return []
    return [
        ArgumentSpec(
            ident_at(word(one["name"], at(one, "name"))) if one.get("name") else None,
            Sql(reveal(one["type"]), at(one, "type")),
            Sql(_MODES[one["mode"]]) if one.get("mode") in _MODES else None,
            sql_at(one, "default"),
        )
        for one in given
    ]


def identity(spec: Map) -> str:
    """Return the arguments as they tell routines apart: without defaults, as the playbook writes them."""
    given = spec.get("arguments")
    if isinstance(given, str):
        return ", ".join(without_default(part) for part in split_list(reveal(given)))
    return ", ".join(" ".join(part for part in (one.mode, one.name, one.type) if part) for one in arguments(spec))


_DEFAULT = re.compile(r"\s*(?:\bdefault\b|:?=).*\Z", re.IGNORECASE | re.DOTALL)


def without_default(argument: str) -> str:
    """Return one argument without its default."""
    return " ".join(_DEFAULT.sub("", argument).split())


def key(step: Step) -> Key:
    """Return the key of the routine that a step is about; the server may write its arguments in other words."""
    return Key(step.kind, (*parts_of(step, step.spec), identity(step.spec)))


_ATOMIC = re.compile(r"\s*(begin\s+atomic\b|return\s)", re.IGNORECASE)


def values_of(step: Step, body: Body) -> dict[str, Any]:
    """Return what the templates of functions and procedures share."""
    spec = step.spec
    language = reveal(spec.get("language") or "plpgsql")
    given = spec.get("arguments")
    return {
        "name": ident_at(parts_of(step, spec), at(spec, "name")),
        "signature": Sql(reveal(given), at(spec, "arguments")) if isinstance(given, str) else None,
        "arguments": arguments(spec),
        "language": ident_at(language, at(spec, "language")),
        "security_definer": bool(spec.get("security_definer")),
        "settings": list(settings(spec)),
        "atomic": language.lower() == "sql" and bool(_ATOMIC.match(joined(body.lines))),
        "lines": [Sql(reveal(spec["body"]), at(spec, "body"))] if _verbatim(spec) else body.lines,
        "verbatim": _verbatim(spec),
        "tag": Sql(dollar_quote(joined(body.lines))),
    }


def _verbatim(spec: Map) -> bool:
    return bool(spec.get("verbatim")) and spec.get("body") is not None


def dollar_quote(body: str) -> str:
    """Return a dollar quote that does not occur in `body`."""
    tag = "$body$"
    while tag in body:
        tag = f"$b{hashlib.sha256((tag + body).encode()).hexdigest()[:8]}$"
    return tag


# Settings that are lists of names: each name is quoted for itself (manual: "SET"; GUC_LIST_QUOTE).
_LISTS = frozenset(
    [
        "search_path",
        "temp_tablespaces",
        "session_preload_libraries",
        "shared_preload_libraries",
        "local_preload_libraries",
    ]
)


def settings(spec: Map) -> Iterator[Parameter]:
    """Return the settings of a routine; a list of names (`search_path`) is quoted name by name."""
    given = spec.get("set") or {}
    for name, value in given.items():
        where = position_of(given, name)
        plain = ("on" if value else "off") if isinstance(value, bool) else reveal(value)
        if name.lower() in _LISTS:
            parts = [part.strip().strip('"') for part in plain.split(",")]
            quoted = ", ".join(literal(part) for part in parts)
        else:
            quoted = literal(plain)
        yield Parameter(ident_at(tuple(name.split(".")), key_word(given, name).position), Sql(quoted, where))


def routine(step: Step, made: Statement, folding: Folding) -> Declaration:
    """Make the declaration of a function or procedure."""
    spec = step.spec
    target = Sql(f"{ident_at(parts_of(step, spec), at(spec, 'name'))}({identity(spec)})", at(spec, "name"))
    return Declaration(
        key(step),
        step.index,
        step.position,
        (made,),
        comment_on(step.kind.upper(), target, spec, folding),
        attributes={"check_body": spec.get("check_body", True)},
    )


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a function."""
    spec = step.spec
    body = body_of(spec, "body", "function")
    if body.whole:
        return routine(
            step, statement("function/declare_whole.sql.j2", folding, body.position, lines=body.lines), folding
        )
    outs = any(argument.mode in ("OUT", "INOUT") for argument in arguments(spec))
    if spec.get("returns") is None and not outs and not isinstance(spec.get("arguments"), str):
        raise fail(
            f"the function {reveal(spec['name'])!r} does not say what it returns", spec.position, "add `returns:`"
        )
    made = statement(
        "function/declare.sql.j2",
        folding,
        spec.position,
        **values_of(step, body),
        returns=sql_at(spec, "returns"),
        volatility=spec.get("volatility") or "volatile",
        strict=bool(spec.get("strict")),
        leakproof=bool(spec.get("leakproof")),
        parallel=spec.get("parallel") or "unsafe",
        cost=sql_at(spec, "cost"),
        rows=sql_at(spec, "rows"),
    )
    return routine(step, made, folding)


KIND = Kind(
    "function",
    "A function; its body is checked when it is planned.",
    SCHEMA,
    EXAMPLE,
    declare,
    key,
    overlay,
    (("body", "template"),),
)
