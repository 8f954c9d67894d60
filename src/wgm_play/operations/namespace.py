"""Schemas, extensions, settings: create, alter, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.operations.base import Change, PlanContext, alter, command, comment, comments, create, drop, hazard
from wgm_play.operations.granted import privileges
from wgm_play.sql import Sql, ident, literal

# Parameters whose value is a list of names: quoting the whole list would make one name of it (manual: "ALTER DATABASE").
_LISTS = frozenset(
    [
        "search_path",
        "temp_tablespaces",
        "session_preload_libraries",
        "local_preload_libraries",
        "shared_preload_libraries",
        "datestyle",
    ]
)


def create_schema(situation: PlanContext, key: Key) -> list[Change]:
    """Create a schema."""
    wanted = situation.wanted[key]
    commands = [command("schema/create", name=key.name[0]), *comments(key, wanted.comment)]
    commands += privileges(situation, key)
    return [create(situation, key, f"create {key}", commands)]


def alter_schema(situation: PlanContext, key: Key) -> list[Change]:
    """Change a schema's comment."""
    return [alter(situation, key, f"comment on {key}", [comment(key, situation.wanted[key].comment)])]


def drop_schema(situation: PlanContext, key: Key) -> list[Change]:
    """Drop an empty schema."""
    return [drop(situation, key, f"drop {key}", [command("schema/drop", name=key.name[0])], rank=90)]


def create_extension(situation: PlanContext, key: Key) -> list[Change]:
    """Create an extension."""
    wanted = situation.wanted[key]
    made = command("extension/create", name=key.name[0], schema=wanted.schema, version=wanted.version)
    return [create(situation, key, f"create {key}", [made, *comments(key, wanted.comment)], hazards=(_EXTENSION,))]


_EXTENSION = hazard("S11", "an extension's script runs whatever it holds", "review the version that is installed")


def alter_extension(situation: PlanContext, key: Key) -> list[Change]:
    """Update an extension, move it to another schema, change its comment; without one it has its own again."""
    old, new = situation.current[key], situation.wanted[key]
    changes = []
    if old.schema != new.schema:
        moved = command("extension/set_schema", name=key.name[0], schema=new.schema)
        changes.append(alter(situation, key, f"move {key} to schema {new.schema}", [moved]))
    if old.version != new.version:
        updated = command("extension/update", name=key.name[0], version=new.version)
        title = f"update {key} from {old.version} to {new.version}"
        changes.append(
            alter(situation, key, title, [updated], hazards=(_EXTENSION,), irreversible="extensions are not downgraded")
        )
    if old.comment != new.comment:
        own = command("extension/own_comment", name=literal(key.name[0]))
        said = own if new.comment is None else comment(key, new.comment)
        changes.append(alter(situation, key, f"comment on {key}", [said]))
    return changes


def drop_extension(situation: PlanContext, key: Key) -> list[Change]:
    """Drop an extension."""
    return [drop(situation, key, f"drop {key}", [command("extension/drop", name=key.name[0])], rank=80)]


def set_setting(situation: PlanContext, key: Key) -> list[Change]:
    """Set a parameter for the database or a role; sessions that start later have it."""
    value = situation.wanted[key].value
    spelled = Sql(value) if key.name[2].lower() in _LISTS else literal(value)
    made = command(
        "setting/set", target=_target(situation, key), parameter=_parameter(key), value=spelled, shadow=False
    )
    return [alter(situation, key, f"set {key.label} to {value}", [made], hazards=(_NEW_SESSIONS,))]


_NEW_SESSIONS = hazard("S12", "sessions that are connected keep the old value", "reconnect the application's pool")


def reset_setting(situation: PlanContext, key: Key) -> list[Change]:
    """Reset a parameter of the database or a role."""
    made = command("setting/reset", target=_target(situation, key), parameter=_parameter(key), shadow=False)
    return [drop(situation, key, f"reset {key.label}", [made])]


def _target(situation: PlanContext, key: Key) -> Sql:
    database, role, _ = key.name
    if not role:
        return Sql(f"DATABASE {ident(situation.facts.database)}")
    return Sql(f"ROLE {ident(role)}" + (f" IN DATABASE {ident(situation.facts.database)}" if database else ""))


def _parameter(key: Key) -> Sql:
    return Sql(".".join(str(ident(part)) for part in key.name[2].split(".")))
