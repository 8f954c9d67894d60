"""Who may do what: policies, grants, default privileges. Owners and roles belong to the cluster and are not said.

In: the key of one. Out: a step.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.inspect.entry import Said, expression, table_place


def policy(said: Said, key: Key) -> None:
    """Add the step of a policy."""
    row = said.catalog[key]
    spec: dict[str, Any] = {"name": key.name[2], **table_place(*key.name[:2])}
    if row.command != "all":
        spec["command"] = row.command
    if not row.permissive:
        spec["permissive"] = False
    if row.roles:
        spec["to"] = row.roles[0] if len(row.roles) == 1 else list(row.roles)
    if row.using is not None:
        spec["using"] = expression(row.using)
    if row.with_check is not None:
        spec["with_check"] = expression(row.with_check)
    if row.comment is not None:
        spec["comment"] = row.comment
    said.add("policies", "policy", key, spec)


_WORDS = {"materialized_view": "materialized view", "foreign_table": "foreign table"}


def grant(said: Said, key: Key) -> None:
    """Add the step of what one grantee may do with one object; what its owner may do goes without saying."""
    kind, *name, grantee = key.name
    held = Key(kind, tuple(name))
    parts = name[:2] if kind in ("function", "procedure", "aggregate") else name
    owner = said.catalog.extra(held).owner
    if grantee == owner or held == Key("schema", ("public",)) or kind == "database":
        return  # an owner's own, the public schema's and the database's are the server's and its administrator's
    if any("." in part or " " in part for part in parts):
        said.cannot(key, ", ".join(said.catalog[key].privileges))
        return
    label = ".".join(parts if len(parts) < 2 or parts[0] != "public" else parts[1:])
    if kind in ("function", "procedure", "aggregate"):
        label += f"({name[2]})"
    spec = {"on": f"{_WORDS.get(kind, kind.replace('_', ' '))} {label}".strip(), "to": grantee}
    _privileges(said, key, "grant", spec, f"Privileges of {grantee} on {spec['on']}")


def default_privileges(said: Said, key: Key) -> None:
    """Add the step of what a grantee gets on objects to come."""
    role, schema, objects, grantee = key.name
    spec: dict[str, Any] = {"role": role, **({"schema": schema} if schema else {}), "objects": objects, "to": grantee}
    if grantee == role:
        return
    _privileges(said, key, "default_privileges", spec, f"Privileges of {grantee} on {objects} that {role} will create")


def _privileges(said: Said, key: Key, kind: str, spec: dict[str, Any], name: str) -> None:
    listed = list(said.catalog[key].privileges)
    passed_on = [one for one in listed if one.endswith("*")]
    if passed_on and len(passed_on) != len(listed):
        said.cannot(key, ", ".join(listed))
        return
    spec["privileges"] = [_lower(one.removesuffix("*")) for one in listed]
    if passed_on:
        spec["grant_option"] = True
    said.add("privileges", kind, key, spec)
    said.entries[-1].name = name


def _lower(privilege: str) -> str:
    word, bracket, columns = privilege.partition(" (")
    return word.lower() + bracket + columns
