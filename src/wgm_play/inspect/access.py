"""Who may do what: the roles that something here names, policies, grants, default privileges.

In: the key of one. Out: a step.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from wgm_play.catalog.access import PUBLIC, Role, identity_sequence
from wgm_play.catalog.graph import object_of
from wgm_play.catalog.kinds import ROUTINES
from wgm_play.catalog.model import Catalog, Key, field_of
from wgm_play.inspect.entry import Inspected, expression, table_place
from wgm_play.sql import ident


def usual_owner(catalog: Catalog, role: str) -> str | None:
    """Return the owner that goes without saying: `role` where it owns something, else who owns most objects."""
    counts = Counter(catalog.value(key, "role") for key in catalog.of("owner") if key.name[1:] != ("public",))
    if role in counts or not counts:
        return role or None
    return str(counts.most_common(1)[0][0])


def roles(said: Inspected, role: str) -> None:
    """Add a step for each role that an owner, a policy or a privilege names, with the groups that it is in.

    Roles of PostgreSQL's own, superusers and the owner of most objects are there already where the playbook runs.
    """
    catalog = said.catalog
    here = {key.name[0] for key in catalog.of("role")} - {said.owner, role}
    named = {one for one in _named(catalog) if one in here and not catalog[Key("role", (one,))].superuser}
    groups = {name: sorted(key.name[0] for key in catalog.of("membership") if key.name[1] == name) for name in named}
    for name in sorted(named, key=lambda one: (bool(groups[one]), one)):
        row = catalog[Key("role", (name,))]
        spec: dict[str, Any] = {"name": name}
        usual = Role()
        for word in Role.__slots__:
            if word != "comment" and getattr(row, word) != getattr(usual, word):
                spec[word] = getattr(row, word)
        known = [one for one in groups[name] if one in named or one.startswith("pg_")]
        if known:
            spec["member_of"] = known
        if row.comment is not None:
            spec["comment"] = row.comment
        said.add("roles", "role", Key("role", (name,)), spec, row.comment)
    if said.owner and role and said.owner != role:
        said.remarks.append(f"What says no owner belongs to {said.owner}: run this playbook as that role.")
    if any(catalog[Key("role", (name,))].login for name in named):
        said.remarks.append("Passwords are not read: add `password:` to a role from the environment, {{ env.NAME }}.")


def _named(catalog: Catalog) -> set[str]:
    """Return the roles that something in this database names."""
    found: set[str] = set()
    for key, row in catalog.rows.items():
        if key.kind == "owner":
            found.add(str(field_of("owner", row, "role")))
        elif key.kind == "grant" and key.name[0] != "database":
            found.add(key.name[-1])
        elif key.kind == "default_privileges":
            found |= {key.name[0], key.name[3]}
        elif key.kind == "policy":
            found.update(catalog[key].roles)
    return found


def public_schema(said: Inspected) -> None:
    """Say what is not as PostgreSQL makes schema `public`: its owner, and what everybody may do there."""
    catalog, key = said.catalog, Key("schema", ("public",))
    if key not in catalog:
        return
    new = catalog.version >= 150000
    owner = catalog.extra(key).owner
    first = ("pg_database_owner",) if new else (said.owner, "postgres")
    if owner is not None and owner not in first:
        said.add("schemas", "schema", key, {"name": "public", "owner": owner})
    everybody = catalog.get(Key("grant", ("schema", "public", PUBLIC)))
    listed = [] if everybody is None else list(everybody.privileges)
    if listed != (["USAGE"] if new else ["CREATE", "USAGE"]) and owner is not None:
        spec = {"on": "schema public", "to": PUBLIC, "privileges": [one.lower() for one in listed]}
        said.add("privileges", "grant", Key("grant", ("schema", "public", PUBLIC)), spec)
        said.entries[-1].name = "What everybody may do in schema public"


def policy(said: Inspected, key: Key) -> None:
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


_PLAIN = re.compile(r"[^\s.\"()]+\Z")


def _on(held: Key) -> str:
    """Return an object as `on:` names it; a name with a dot or a space in double quotes."""
    routine = held.kind in ROUTINES
    parts = held.name[:2] if routine else held.name
    spelled = [part if _PLAIN.match(part) else ident(part) for part in parts]
    label = ".".join(spelled if len(parts) < 2 or parts[0] != "public" else spelled[1:])
    label += f"({held.name[2]})" if routine else ""
    return f"{held.kind.replace('_', ' ')} {label}".strip()


def security_label(said: Inspected, key: Key) -> None:
    """Add the step of a label; those of roles are said where a step says the role."""
    held, provider, label = object_of(key), key.name[-1], said.catalog[key].label
    if held.kind == "role" and not any(entry.key == held for entry in said.entries):
        return
    on = _on(held)
    said.add("privileges", "security_label", key, {"on": on, "provider": provider, "label": label})
    said.entries[-1].name = f"What {provider} reads of {'the database' if held.kind == 'database' else on}"


def grant(said: Inspected, key: Key) -> None:
    """Add the step of what one grantee may do with one object; what its owner has lost is written, too."""
    held, kind, grantee = object_of(key), key.name[0], key.name[-1]
    of_owner = kind == "column" and grantee == said.catalog.extra(Key("table", held.name[:2])).owner
    if of_owner or kind == "database" or (held == Key("schema", ("public",)) and grantee == PUBLIC):
        return  # the database's are its administrator's; for the public schema see there
    spec = {"on": _on(identity_sequence(said.catalog, held) if kind == "column" else held), "to": grantee}
    _privileges(said, key, "grant", spec, f"Privileges of {grantee} on {spec['on']}")


def default_privileges(said: Inspected, key: Key) -> None:
    """Add the step of what a grantee gets on objects to come."""
    role, schema, objects, grantee = key.name
    spec: dict[str, Any] = {"role": role, **({"schema": schema} if schema else {}), "objects": objects, "to": grantee}
    _privileges(said, key, "default_privileges", spec, f"Privileges of {grantee} on {objects} that {role} will create")


def _privileges(said: Inspected, key: Key, kind: str, spec: dict[str, Any], name: str) -> None:
    listed = list(said.catalog[key].privileges)
    passed_on = [_lower(one.removesuffix("*")) for one in listed if one.endswith("*")]
    spec["privileges"] = [_lower(one.removesuffix("*")) for one in listed]
    if passed_on:
        spec["grant_option"] = passed_on if len(passed_on) != len(listed) else True
    said.add("privileges", kind, key, spec)
    said.entries[-1].name = name


def _lower(privilege: str) -> str:
    word, bracket, columns = privilege.partition(" (")
    return word.lower() + bracket + columns
