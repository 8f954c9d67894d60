"""Roles, memberships, owners, privileges: all that is about who may do what. None of it is tried in a scratch database.

In: a situation and the key of what differs. Out: changes.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog import access
from wgm_play.catalog.access import Privileges, Role
from wgm_play.catalog.graph import copies, object_of
from wgm_play.catalog.kinds import KINDS
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Refused
from wgm_play.operations.base import (
    Change,
    PlanContext,
    alter,
    command,
    create,
    drop,
    hazard,
    label,
    name_of,
    what_of,
)
from wgm_play.plan import Command
from wgm_play.quantities import counted
from wgm_play.sql import Sql, ident, literal

_FLAGS = {
    "login": "LOGIN",
    "superuser": "SUPERUSER",
    "createdb": "CREATEDB",
    "createrole": "CREATEROLE",
    "inherit": "INHERIT",
    "replication": "REPLICATION",
    "bypass_rls": "BYPASSRLS",
}
_NO_PASSWORD = hazard("G04", "a password that is not in the playbook is lost", "a rollback makes the role without one")


def _words(old: Any, new: Any) -> list[Sql]:
    made = [
        Sql(("" if getattr(new, name) else "NO") + word)
        for name, word in _FLAGS.items()
        if getattr(old, name) != getattr(new, name)
    ]
    if old.connection_limit != new.connection_limit:
        made.append(Sql(f"CONNECTION LIMIT {int(new.connection_limit)}"))
    if old.valid_until != new.valid_until:
        until = "infinity" if new.valid_until in (None, "infinity") else f"{new.valid_until}Z"
        made.append(Sql(f"VALID UNTIL {literal(until)}"))
    return made


def _role_rest(situation: PlanContext, key: Key, old: Any, new: Any) -> list[Command]:
    made = []
    verifier = situation.goal.passwords.get(key)
    if verifier is not None:
        made.append(command("role/password", name=key.name[0], verifier=verifier, shadow=False))
    if old.comment != new.comment:
        made.append(command("object/comment", what=Sql(f"ROLE {ident(key.name[0])}"), text=new.comment, shadow=False))
    return made


def create_role(situation: PlanContext, key: Key) -> list[Change]:
    """Create a role."""
    new, old = situation.wanted[key], Role()
    made = [command("role/create", name=key.name[0], words=_words(old, new), shadow=False)]
    return [create(situation, key, f"create {key}", [*made, *_role_rest(situation, key, old, new)])]


def alter_role(situation: PlanContext, key: Key) -> list[Change]:
    """Change a role's attributes, comment, password."""
    old, new = situation.current[key], situation.wanted[key]
    words = _words(old, new)
    made = [command("role/alter", name=key.name[0], words=words, shadow=False)] if words else []
    made += _role_rest(situation, key, old, new)
    title = f"alter {key}" if old != new else f"set the password of {key}"
    return [alter(situation, key, title, made)]


def drop_role(situation: PlanContext, key: Key) -> list[Change]:
    """Drop a role; what it may do in this database is revoked before."""
    name, current, wanted = key.name[0], situation.current, situation.wanted
    owned = [
        one for one in current.rows if one.kind == "owner" and current.rows[one] == wanted.rows.get(one) == (name,)
    ]
    if owned:
        raise Refused(
            f"{key} still owns {counted(len(owned), 'object')}",
            details=[str(object_of(one)) for one in owned[:10]],
            hint="give them to another owner: `owner:` in their steps",
        )
    commands = [command("role/drop", name=name, shadow=False)]
    if situation.facts.trash_names or any(one.kind == "table" and one not in wanted.rows for one in current.rows):
        commands = [  # what lies in the trash may be its own, or open to it
            command("role/let_go", name=name, words=Sql("REASSIGN"), to=True, shadow=False),
            command("role/let_go", name=name, words=Sql("DROP"), to=False, shadow=False),
            *commands,
        ]
    return [drop(situation, key, f"drop {key}", commands, rank=95, hazards=(_NO_PASSWORD,))]


def change_membership(situation: PlanContext, key: Key) -> list[Change]:
    """Make a role a member of another, or change how."""
    role, member = key.name
    old, new = situation.current.get(key), situation.wanted[key]
    made = []
    if situation.facts.version >= 160000:
        listed = [
            Sql(f"{word} {'TRUE' if getattr(new, name) else 'FALSE'}")
            for name, word in (("admin", "ADMIN"), ("inherit", "INHERIT"), ("set", "SET"))
        ]
        made.append(command("membership/grant", role=role, member=member, options=listed, shadow=False))
    elif old is not None and old.admin and not new.admin:
        made.append(command("membership/revoke", role=role, member=member, option=Sql("ADMIN"), shadow=False))
    else:
        listed = [Sql("ADMIN OPTION")] if new.admin else []
        made.append(command("membership/grant", role=role, member=member, options=listed, shadow=False))
    title = f"make {member} a member of {role}" if old is None else f"change how {member} is a member of {role}"
    change = alter(situation, key, title, made, verb="create" if old is None else "alter")
    change.need(Key("role", (role,)), Key("role", (member,)))
    return [change]


def drop_membership(situation: PlanContext, key: Key) -> list[Change]:
    """Take a role out of another."""
    role, member = key.name
    gone = command("membership/revoke", role=role, member=member, option=None, shadow=False)
    return [drop(situation, key, f"take {member} out of {role}", [gone], rank=80)]


def change_owner(situation: PlanContext, key: Key) -> list[Change]:
    """Give an object to another owner."""
    target, role = object_of(key), situation.wanted[key].role
    if target.kind == "sequence" and target in situation.wanted.rows and situation.wanted[target].owned_by:
        return []  # it follows its table
    made = command("object/owner", what=what_of(target), owner=role, shadow=False)
    change = alter(situation, key, f"give {target} to {role}", [made], rank=50)
    change.need(target, Key("role", (role,)))
    return [change]


def keep_owner(situation: PlanContext, key: Key) -> list[Change]:
    """An owner goes with its object; there is nothing to do."""
    return []


def change_grant(situation: PlanContext, key: Key) -> list[Change]:
    """Grant and revoke until a grantee has on an object what is wanted."""
    target, grantee = object_of(key), key.name[-1]
    if target.kind == "column" and not getattr(situation.wanted.get(target), "identity", None):
        return []  # it goes with the sequence
    owner = _owner(situation, target)
    usual = access.default(target.kind, grantee, owner, situation.facts.version)
    old, new = situation.current.get(key), situation.wanted.get(key)
    before = access.read(old.privileges) if old else usual
    after = access.read(new.privileges) if new else usual
    made = between(granted_on(situation, target), grantee, before, after)
    if not made:
        return []
    columns = [column for name in after if (column := access.column_of(key, name)) is not None]
    needs = frozenset([target, *columns, Key("role", (grantee,)), Key("owner", access.owned_with(target))])
    if new is None:
        change = drop(
            situation, key, f"revoke from {grantee} on {_words_of(target)}", [one for _, one in made], rank=60
        )
    else:
        verb = "create" if old is None else "alter"
        words = "grant" if any(way == "grant" for way, _ in made) else "revoke"
        title = f"{words} {_listed(before, after, words)} on {_words_of(target)} {'to' if words == 'grant' else 'from'} {grantee}"
        change = alter(situation, key, title, [one for _, one in made], verb=verb, rank=60)
    change.need(*needs)
    return [change]


def before_columns_go(situation: PlanContext, changes: list[Change]) -> None:
    """Let privileges on a column be revoked while it is there."""
    going = {key: change for change in changes for key in change.removes if key.kind == "column"}
    going |= {one: going[column] for one, column in copies(situation.current, going).items() if one not in going}
    for change in changes if going else ():
        key = change.operation.key
        old = situation.current.get(key) if key.kind == "grant" else None
        for name in old.privileges if old else ():
            column = access.column_of(key, name)
            if column in going and column not in situation.wanted.rows:
                going[column].wait_for(change)


def _owner(situation: PlanContext, target: Key) -> str | None:
    row = situation.wanted.get(Key("owner", access.owned_with(target)))
    return row.role if row else None


def _words_of(target: Key) -> str:
    if target.kind == "column":
        return f"the sequence of {target}"
    return "the database" if target.kind == "database" else str(target)


def _listed(before: Privileges, after: Privileges, words: str) -> str:
    names = (
        [name for name in after if before.get(name) != after[name]]
        if words == "grant"
        else [n for n in before if n not in after]
    )
    return ", ".join(name.lower() if "(" not in name else name for name in names) or "the grant option"


def granted_on(situation: PlanContext, target: Key) -> Sql:
    """Return an object as GRANT names it."""
    if target.kind == "database":
        return Sql(f"DATABASE {ident(situation.facts.database)}")
    if target.kind == "language":
        return Sql(f"LANGUAGE {ident(target.name[0])}")
    if target.kind == "column":
        catalog = situation.wanted if target in situation.wanted.rows else situation.current
        return Sql(f"SEQUENCE {ident(access.identity_sequence(catalog, target).name)}")
    return Sql(f"{KINDS[target.kind].granted_on or KINDS[target.kind].word} {name_of(target)}")


def between(what: Sql, grantee: str, before: Privileges, after: Privileges) -> list[tuple[str, Command]]:
    """Return the statements that lead from some privileges to others."""
    to = Sql("PUBLIC") if grantee == access.PUBLIC else ident(grantee)

    def one(way: str, names: list[str], option: bool) -> list[tuple[str, Command]]:
        if not names:
            return []
        listed = [Sql(name) for name in sorted(names)]
        made = command(
            "object/privileges",
            what=what,
            grantee=to,
            privileges=listed,
            grant=way == "grant",
            option=option,
            shadow=False,
        )
        return [(way, made)]

    gone = [name for name in before if name not in after]
    weaker = [name for name in after if before.get(name) and not after[name]]
    plain = [name for name in after if name not in before and not after[name]]
    strong = [name for name in after if after[name] and not before.get(name)]
    return [
        *one("revoke", gone, False),
        *one("revoke", weaker, True),
        *one("grant", plain, False),
        *one("grant", strong, True),
    ]


def against_defaults(situation: PlanContext, key: Key) -> list[Command]:
    """Return the commands that take from an object, as it is made, what default privileges give it and nobody declares.

    A new object keeps them for those whom no step names on it. The default privileges of before and after the plan count.
    """
    objects = "sequences" if key.kind == "column" else KINDS[key.kind].given_as
    catalogs = (situation.current, situation.wanted)
    rows = [one for catalog in catalogs for one in catalog.of("default_privileges", situation.facts.role)]
    made: list[Command] = []
    for grantee in sorted({one.name[3] for one in rows if one.name[2] == objects} - {situation.facts.role}):
        grant = Key("grant", (key.kind, *key.name, grantee))
        new = key not in situation.current.rows or (key.kind == "column" and grant not in situation.wanted.rows)
        if new and grant not in situation.goal.steps:
            continue
        row = situation.wanted.get(grant)
        usual = access.default(key.kind, grantee, situation.facts.role, situation.facts.version)
        after = access.read(row.privileges) if row else usual
        given = [_given(situation, catalog, key, str(objects), grantee) for catalog in catalogs]
        surplus = {name: option for one in given for name, option in one.items()}
        lacking = {name: option for name, option in after.items() if any(name not in one for one in given)}
        what = granted_on(situation, key)
        made += [
            one for _, one in between(what, grantee, surplus, {name: after[name] for name in surplus if name in after})
        ]
        made += [one for _, one in between(what, grantee, {}, {n: o for n, o in lacking.items() if n in usual})]
    return made


def _given(situation: PlanContext, catalog: Catalog, key: Key, objects: str, grantee: str) -> Privileges:
    """Return what an object that this role makes has for a grantee from the beginning."""
    everywhere = catalog.get(Key("default_privileges", (situation.facts.role, "", objects, grantee)))
    schema = catalog.get(Key("default_privileges", (situation.facts.role, key.name[0], objects, grantee)))
    usual = access.default(key.kind, grantee, situation.facts.role, situation.facts.version)
    made = access.read(everywhere.privileges) if everywhere else dict(usual)
    return made | (access.read(schema.privileges) if schema and key.kind != "schema" else {})


def column_privileges(situation: PlanContext, column: Key) -> list[Command]:
    """Return the commands that give a column that is made again the privileges that it has and keeps, as its copies do."""
    made: list[Command] = []
    for one in [column, *sorted(copies(situation.current, [column]))]:
        table = Key("table", one.name[:2])
        for key in situation.wanted.of("grant", table.kind, *table.name):
            old = situation.current.get(key)
            before = access.read(old.privileges) if old else {}
            after = access.read(situation.wanted[key].privileges)
            kept = {
                name: option for name, option in after.items() if name in before and access.column_of(key, name) == one
            }
            made += [found for _, found in between(granted_on(situation, table), key.name[-1], {}, kept)]
    for key in situation.wanted.of("grant", column.kind, *column.name):
        if key in situation.current.rows:
            usual = access.default(column.kind, key.name[-1], _owner(situation, column), situation.facts.version)
            after = access.read(situation.wanted[key].privileges)
            made += [found for _, found in between(granted_on(situation, column), key.name[-1], usual, after)]
    return made


def change_label(situation: PlanContext, key: Key) -> list[Change]:
    """Set, change or take away the label of an object."""
    target, provider = object_of(key), key.name[-1]
    old, new = situation.current.get(key), situation.wanted.get(key)
    made = label(situation, target, provider, new.label if new else None)
    about = "the database" if target.kind == "database" else str(target)
    if new is None:
        change = drop(situation, key, f"take the label of {provider} from {about}", [made], rank=60)
    else:
        title = f"label {about} for {provider}" if old is None else f"change the label of {provider} on {about}"
        change = alter(situation, key, title, [made], verb="create" if old is None else "alter", rank=60)
    change.need(target)
    return [change]


def change_default(situation: PlanContext, key: Key) -> list[Change]:
    """Change what a grantee gets on objects that a role will create."""
    role, schema, objects, grantee = key.name
    usual = {} if schema else access.default(objects, grantee, role, situation.facts.version)
    old, new = situation.current.get(key), situation.wanted.get(key)
    before = access.read(old.privileges) if old else usual
    after = access.read(new.privileges) if new else usual
    made = [
        command("default_privileges/change", role=role, schema=schema or None, statement=Sql(one.sql), shadow=False)
        for _, one in between(Sql(objects.upper()), grantee, before, after)
    ]
    place = f" in schema {schema}" if schema else ""
    title = f"change what {grantee} gets on new {objects} of {role}{place}"
    change = drop(situation, key, title, made, rank=60) if new is None else alter(situation, key, title, made, rank=60)
    change.need(Key("role", (role,)), Key("role", (grantee,)), *([Key("schema", (schema,))] if schema else ()))
    return [change]
