"""Kind `comment`: a comment on an object, also on one that no step declares.

In: a step. Out: its schema fragment, example and declaration.
"""

from __future__ import annotations

import re

from wgm_play.catalog.kinds import OF_ONE_WORD, OF_TABLE, ROUTINES
from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import (
    Folding,
    Kind,
    at,
    default_schema,
    dotted,
    fail,
    ident_at,
    mapping,
    overlay,
    ref,
    split,
    statement,
    text,
)
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import Sql, literal, reveal
from wgm_play.sqltext.scan import QUOTED

EXAMPLE = """
- name: What is explained
  table: {name: rooms, columns: {id: {type: bigint, primary_key: true}, beds: integer}}
- name: What beds are
  comment: {on: column rooms.beds, text: "Where people sleep; not counted: sofas"}
"""

SCHEMA = mapping(
    {
        "on": text(
            "The object: its kind and its name, as `table nodes`, `column nodes.name`, `function touch()`, "
            "`constraint NAME on TABLE`, `trigger NAME on TABLE`."
        ),
        "text": ref("text_or_null", "The comment; null removes it."),
    },
    ["on", "text"],
)

# How a playbook says a kind, what the catalog calls it, and what SQL calls it.
_WORDS = {
    "materialized view": ("materialized_view", "MATERIALIZED VIEW"),
    "table": ("table", "TABLE"),
    "view": ("view", "VIEW"),
    "column": ("column", "COLUMN"),
    "index": ("index", "INDEX"),
    "sequence": ("sequence", "SEQUENCE"),
    "type": ("enum", "TYPE"),
    "enum": ("enum", "TYPE"),
    "domain": ("domain", "DOMAIN"),
    "schema": ("schema", "SCHEMA"),
    "extension": ("extension", "EXTENSION"),
    "function": ("function", "FUNCTION"),
    "procedure": ("procedure", "PROCEDURE"),
    "constraint": ("constraint", "CONSTRAINT"),
    "trigger": ("trigger", "TRIGGER"),
    "composite": ("composite", "TYPE"),
    "range": ("range", "TYPE"),
    "collation": ("collation", "COLLATION"),
    "aggregate": ("aggregate", "AGGREGATE"),
    "statistics": ("statistics", "STATISTICS"),
    "rule": ("rule", "RULE"),
    "policy": ("policy", "POLICY"),
    "event trigger": ("event_trigger", "EVENT TRIGGER"),
    "publication": ("publication", "PUBLICATION"),
    "server": ("server", "SERVER"),
    "foreign data wrapper": ("foreign_data_wrapper", "FOREIGN DATA WRAPPER"),
    "foreign table": ("foreign_table", "FOREIGN TABLE"),
    "text search configuration": ("text_search_configuration", "TEXT SEARCH CONFIGURATION"),
    "text search dictionary": ("text_search_dictionary", "TEXT SEARCH DICTIONARY"),
}
_ON = re.compile(
    r"\s*(materialized\s+view|event\s+trigger|foreign\s+data\s+wrapper|foreign\s+table|"
    r"text\s+search\s+(?:configuration|dictionary)|\w+)\s+(\S.*?)\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
# A name, in double quotes where it has other signs than letters, digits and _.
_NAME = rf'((?:{QUOTED}|[^\s"()])+)'
_QUOTED = re.compile(r'(?:^|\.)"')
_PART_OF = re.compile(rf"{_NAME}\s+on\s+{_NAME}\Z", re.IGNORECASE)
_ROUTINE = re.compile(rf"{_NAME}\s*\((.*)\)\Z", re.DOTALL)


def qualified(name: str, schema: str) -> tuple[str, str]:
    """Return schema and name of an object as `on:` names it; a part with a dot or a space may stand in double quotes."""
    parts = dotted(name) if _QUOTED.search(name) else split(name, schema)
    return (schema, parts[0]) if len(parts) == 1 else (parts[0], parts[-1])


def target_of(step: Step) -> tuple[Key, str]:
    """Return the object that a comment is on, and what SQL calls its kind."""
    spec = step.spec
    where = at(spec, "on")
    given = reveal(spec["on"])
    found = _ON.match(given)
    said = " ".join(found.group(1).lower().split()) if found else ""
    if not found or said not in _WORDS:
        raise fail(f"`on: {given}` names no object", where, f"begin with one of: {', '.join(_WORDS)}")
    kind, sql = _WORDS[said]
    name, schema = found.group(2), default_schema(step)
    if kind in OF_ONE_WORD:
        return Key(kind, (dotted(name)[0] if _QUOTED.match(name) else name,)), sql
    if kind in ROUTINES:
        call = _ROUTINE.match(name)
        if not call:
            raise fail(f"`on: {given}` does not say the arguments", where, f"write `{said} {name}()`")
        return Key(kind, (*qualified(call.group(1), schema), call.group(2).strip())), sql
    if kind in (OF_TABLE - {"column"}):
        part = _PART_OF.match(name)
        if not part:
            raise fail(f"`on: {given}` does not say the table", where, f"write `{said} NAME on TABLE`")
        return Key(kind, (*qualified(part.group(2), schema), qualified(part.group(1), schema)[1])), sql
    if kind == "column":
        parts = dotted(name) if _QUOTED.search(name) else tuple(name.split("."))
        if len(parts) not in (2, 3):
            raise fail(f"`on: {given}` does not say the table", where, "write `column TABLE.COLUMN`")
        return Key(kind, (*(parts if len(parts) == 3 else (schema, *parts)),)), sql
    return Key(kind, qualified(name, schema)), sql


def key(step: Step) -> Key:
    """Return the key of the comment: that of its object, marked as a comment."""
    target = target_of(step)[0]
    return Key("comment", (target.kind, *target.name))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a comment; `attributes["target"]` is the object's key."""
    target, sql = target_of(step)
    where = at(step.spec, "on")
    table = None
    if target.kind in (OF_TABLE - {"column"}):
        name, table = ident_at(target.name[2], where), ident_at(target.name[:2], where)
    elif target.kind in ROUTINES:
        name = Sql(f"{ident_at(target.name[:2], where)}({target.name[2]})", where)
    else:
        name = ident_at(target.name, where)
    given = step.spec.get("text")
    words = Sql(literal(None if given is None else reveal(given)), at(step.spec, "text"))
    made = statement("comment/declare.sql.j2", folding, where, what=Sql(sql), target=name, on=table, text=words)
    return Declaration(key(step), step.index, step.position, (), (made,), attributes={"target": target})


KIND = Kind("comment", "A comment on any object.", SCHEMA, EXAMPLE, declare, key, overlay)
