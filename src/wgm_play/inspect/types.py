"""Schemas, extensions, enums, domains, sequences and settings.

In: the key of one. Out: a step, or none where PostgreSQL makes the object by itself.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.inspect.entry import Inspected, expression, place, table_place, type_name
from wgm_play.inspect.table import collation, default, sequence_options
from wgm_play.playbook.kinds.partition_set import as_said
from wgm_play.sql import NAME_BYTES
from wgm_play.sqltext.scan import Unforeseen, brackets, follows, unwrapped


def schema(said: Inspected, key: Key) -> None:
    """Add the step of a schema; `public` is there anyway."""
    comment = said.catalog[key].comment
    if key.name == ("public",) and comment is None:
        return
    spec: dict[str, Any] = {"name": key.name[0]}
    if comment is not None:
        spec["comment"] = comment
    said.add("schemas", "schema", key, spec, comment)


def extension(said: Inspected, key: Key) -> None:
    """Add the step of an extension; its version only where it is not the one that the server would install."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"name": key.name[0]}
    if row.schema != "pg_catalog" and (row.schema != "public" or len(said.catalog.of("schema")) > 1):
        spec["schema"] = row.schema
    if said.versions.get(key.name[0], row.version) != row.version:
        spec["version"] = row.version
    if row.comment is not None:
        spec["comment"] = row.comment
    said.add("extensions", "extension", key, spec, row.comment)


def setting(said: Inspected, key: Key) -> None:
    """Add the step of a setting of this database; those of roles in all databases belong to no database."""
    database, role, name = key.name
    if not database:
        said.cannot(key, "it holds in all databases")
        return
    spec: dict[str, Any] = {"name": name, "value": said.catalog[key].value}
    if role and any(one.isspace() for one in role):
        said.cannot(key, said.catalog[key].value)
        return
    if role:
        spec["on"] = f"role {role} in database"
    said.add("settings", "setting", key, spec)


def cron_job(said: Inspected, key: Key) -> None:
    """Add the step of a job of pg_cron."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"name": key.name[0], "schedule": row.schedule, "command": row.command}
    if row.database is not None:
        spec["database"] = row.database
    if not row.active:
        spec["active"] = False
    said.add("jobs", "cron_job", key, spec)


def partition_set(said: Inspected, key: Key) -> None:
    """Add the step of a set of partitions that pg_partman keeps; the partitions themselves are in no step."""
    row = said.catalog[key]
    spec: dict[str, Any] = {**table_place(*key.name), "control": row.control, "interval": as_said(row.interval)}
    spec["retention"] = row.retention and as_said(row.retention)
    if spec["interval"] is None or (row.retention and not spec["retention"]):
        said.cannot(key, f"its interval or retention is no number of one unit: {row.interval}, {row.retention}")
        return
    for field in fields(row):
        if field.name not in spec and getattr(row, field.name) != field.default:
            spec[field.name] = getattr(row, field.name)
    if spec["retention"] is None:
        del spec["retention"]
    said.add("partitions", "partition_set", key, spec)


def enum(said: Inspected, key: Key) -> None:
    """Add the step of an enum."""
    row = said.catalog[key]
    spec = {**place(key), "values": list(row.labels or [])}
    if row.comment is not None:
        spec["comment"] = row.comment
    said.add("types", "enum", key, spec, row.comment)


def domain(said: Inspected, key: Key) -> None:
    """Add the step of a domain with its rules."""
    row = said.catalog[key]
    spec: dict[str, Any] = {**place(key), "type": type_name(row.type)}
    if row.collation is not None:
        spec["collation"] = collation(row.collation)
    if row.default is not None:
        spec["default"] = default(row.default, row.type)
    if row.not_null:
        spec["not_null"] = True
    named: dict[str, Any] = {}
    for one in sorted(said.children("domain_constraint", key.name)):
        rule = said.catalog[one]
        try:
            inside, rest = brackets(follows(rule.definition, "CHECK") or "")
        except Unforeseen:
            inside, rest = "", "?"
        if rest:
            said.cannot(one, rule.definition)
            continue
        made: dict[str, Any] = {"check": expression(unwrapped(inside))}
        if not rule.validated:
            made["not_valid"] = True
        if rule.comment is not None:
            made["comment"] = rule.comment
        named[one.name[2]] = made if len(made) > 1 else made["check"]
    auto = f"{key.name[1]}_check"
    if list(named) == [auto] and not isinstance(named[auto], dict) and len(auto.encode()) <= NAME_BYTES:
        spec["check"] = named[auto]
    elif named:
        spec["checks"] = named
    if row.comment is not None:
        spec["comment"] = row.comment
    said.add("types", "domain", key, spec, row.comment)


def sequence(said: Inspected, key: Key) -> None:
    """Add the step of a sequence that no serial column stands for."""
    if key in said.children("sequence", ("serial",)):
        return
    row = said.catalog[key]
    spec: dict[str, Any] = place(key)
    if row.type != "bigint":
        spec["type"] = row.type
    spec |= sequence_options(row.type, row.start, row.increment, row.minimum, row.maximum, row.cache, cycle=row.cycle)
    if row.unlogged:
        spec["unlogged"] = True
    if row.owned_by:
        parts = row.owned_by if row.owned_by[0] != "public" else row.owned_by[1:]
        spec["owned_by"] = ".".join(_in_quotes(part) for part in parts)
    if row.comment is not None:
        spec["comment"] = row.comment
    said.add("sequences", "sequence", key, spec, row.comment)


def _in_quotes(part: str) -> str:
    """Return a part of a dotted name, in double quotes where a dot or a quote is in it."""
    return '"' + part.replace('"', '""') + '"' if "." in part or '"' in part else part
