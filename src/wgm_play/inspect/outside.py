"""What reaches beyond tables: statistics, rules, event triggers, publications, foreign data.

In: the key of one. Out: a step.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.inspect.defined import plain, reference
from wgm_play.inspect.emit import Lines
from wgm_play.inspect.entry import Inspected, expression, place, sql_value, table_place, type_name
from wgm_play.inspect.entry import options as storage_options
from wgm_play.inspect.table import STORAGE, collation
from wgm_play.sqltext.scan import Unforeseen, brackets, follows, name, split_list, text_of, tokens, unwrapped

_ENABLED: dict[str, Any] = {"D": False, "R": "replica", "A": "always"}


def options(given: list[str] | None) -> dict[str, str]:
    """Return name=value texts as a mapping."""
    return {one.partition("=")[0]: one.partition("=")[2] for one in given or []}


def statistics(said: Inspected, key: Key) -> None:
    """Add the step of extended statistics."""
    row = said.catalog[key]
    schema, table = row.table
    spec: dict[str, Any] = {**place(key)}
    own = table_place(schema, table)
    if "schema" in own or ("schema" in spec and schema != key.name[0]):
        raise Unforeseen(table)
    spec |= own if "schema" not in spec else {"table": f"{schema}.{table}"}
    spec["columns"] = [one if one.startswith("(") else name(one)[0] for one in row.elements]
    if row.kinds:
        spec["kinds"] = list(row.kinds)
    if row.target is not None:
        spec["target"] = row.target
    _add(said, "statistics", key, spec, row.comment)


def rule(said: Inspected, key: Key) -> None:
    """Add the step of a rewrite rule."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"name": key.name[2], **table_place(*key.name[:2])}
    head, _, rest = row.definition.partition("\n")
    rest = rest.strip()
    event = follows(rest, "ON")
    if event is None or not head.startswith("CREATE RULE"):
        raise Unforeseen(row.definition)
    word, event = name(event)
    spec["event"] = word.lower()
    ends = [end for one, end, depth in tokens(event) if one == "DO" and depth == 0]
    if not ends:
        raise Unforeseen(row.definition)
    before, after = event[: ends[0] - 2], event[ends[0] :].strip().removesuffix(";")
    if "WHERE" in before:
        spec["where"] = expression(unwrapped(before.partition("WHERE")[2].strip()))
    more = follows(after, "INSTEAD")
    if more is not None:
        spec["instead"] = True
        after = more
    after = after.strip()
    if after == "NOTHING":
        spec["commands"] = []
    elif after.startswith("("):
        inside, _ = brackets(after)
        spec["commands"] = [one.strip() for one in _statements(inside)]
    else:
        spec["commands"] = [expression(after)]
    if row.enabled in _ENABLED:
        spec["enabled"] = _ENABLED[row.enabled]
    _add(said, "rules", key, spec, row.comment)


def _statements(text: str) -> list[str]:
    made, start = [], 0
    for one, end, depth in tokens(text):
        if one == ";" and depth == 0:
            made.append(expression(text[start : end - 1].strip()))
            start = end
    last = text[start:].strip()
    return [*made, expression(last)] if last else made


def event_trigger(said: Inspected, key: Key) -> None:
    """Add the step of an event trigger."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"name": key.name[0], "event": row.event}
    if row.tags:
        spec["tags"] = list(row.tags)
    spec["function"] = plain(row.function)
    if row.enabled in _ENABLED:
        spec["enabled"] = _ENABLED[row.enabled]
    _add(said, "event_triggers", key, spec, row.comment)


def publication(said: Inspected, key: Key) -> None:
    """Add the step of a publication with its tables and schemas."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"name": key.name[0]}
    if row.all_tables:
        spec["all_tables"] = True
    tables = [_published(said, one) for one in said.catalog.of("publication_table", key.name[0])]
    if tables:
        spec["tables"] = tables
    schemas = [said.catalog[one].member for one in said.catalog.of("publication_schema", key.name[0])]
    if schemas:
        spec["schemas"] = schemas
    if sorted(row.publish) != ["delete", "insert", "truncate", "update"]:
        spec["publish"] = list(row.publish)
    if row.via_root:
        spec["via_partition_root"] = True
    if row.generated_columns == "s":
        spec["generated_columns"] = "stored"
    _add(said, "publications", key, spec, row.comment)


def _published(said: Inspected, key: Key) -> Any:
    row = said.catalog[key]
    own = table_place(*key.name[1:])
    if "schema" in own:
        raise Unforeseen(str(key))
    spec: dict[str, Any] = dict(own)
    if row.columns:
        spec["columns"] = list(row.columns)
    if row.where:
        spec["where"] = expression(unwrapped(row.where))
    return spec if len(spec) > 1 else spec["table"]


def foreign_data_wrapper(said: Inspected, key: Key) -> None:
    """Add the step of a foreign-data wrapper."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"name": key.name[0]}
    for word in ("handler", "validator"):
        if getattr(row, word):
            spec[word] = reference(said, getattr(row, word))
    if row.options:
        spec["options"] = options(row.options)
    _add(said, "foreign", key, spec, row.comment)


def server(said: Inspected, key: Key) -> None:
    """Add the step of a foreign server."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"name": key.name[0], "wrapper": row.wrapper}
    for word in ("type", "version"):
        if getattr(row, word) is not None:
            spec[word] = getattr(row, word)
    if row.options:
        spec["options"] = options(row.options)
    _add(said, "foreign", key, spec, row.comment)


def user_mapping(said: Inspected, key: Key) -> None:
    """Add the step of a user mapping; what may be a secret comes from the environment."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"server": key.name[0], "user": key.name[1]}
    given = options(row.options)
    if any(word in one.lower() for one in given for word in ("pass", "secret", "token", "key", "credential")):
        said.cannot(key, "it has secrets: write it with {{ env.NAME }}")
        return
    if given:
        spec["options"] = given
    said.add("foreign", "user_mapping", key, spec)


def foreign_table(said: Inspected, key: Key) -> None:
    """Add the step of a foreign table."""
    row = said.catalog[key]
    columns: dict[str, Any] = Lines()
    for column, kind, sorted_by, not_null, default, generated, given, comment, target, kept, told in row.columns or []:
        spec: dict[str, Any] = {"type": type_name(kind)}
        if sorted_by:
            spec["collation"] = collation(sorted_by)
        if default is not None:
            spec["default"] = sql_value(default)
        if generated is not None:
            spec["generated"] = expression(generated)
        if not_null:
            spec["not_null"] = True
        if given:
            spec["options"] = {name(part)[0]: text_of(name(part)[1].strip()) for part in split_list(given)}
        if kept is not None:
            spec["storage"] = STORAGE[kept]
        if target is not None:
            spec["statistics"] = int(target)
        if told is not None:
            spec["planner"] = storage_options(told.split(", "))
        if comment is not None:
            spec["comment"] = comment
        columns[column] = spec if len(spec) > 1 else spec["type"]
    made: dict[str, Any] = {**place(key), "server": row.server, "columns": columns}
    if row.checks:
        made["checks"] = {one: _rule(text) for one, text, _ in row.checks}
    if row.options:
        made["options"] = options(row.options)
    _add(said, "foreign", key, made, row.comment)


def _rule(text: str) -> Any:
    inside, rest = brackets(follows(text, "CHECK") or "")
    written = expression(unwrapped(inside))
    return {"check": written, "not_valid": True} if rest.strip() == "NOT VALID" else written


def _add(said: Inspected, concern: str, key: Key, spec: dict[str, Any], comment: str | None) -> None:
    if comment is not None:
        spec["comment"] = comment
    said.add(concern, key.kind, key, spec)
