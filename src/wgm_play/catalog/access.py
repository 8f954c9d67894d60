"""Who may do what: roles, memberships, owners, privileges, as the catalog has them.

In: the owners and access control lists beside the rows of other kinds. Out: rows of their own, one for each object and
grantee, which say only what differs from PostgreSQL's default (manual: "Privileges").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from wgm_play.catalog.graph import copies, object_of
from wgm_play.catalog.kinds import KINDS, OF_OBJECT, OWNED, RELATIONS
from wgm_play.catalog.model import Catalog, Extra, Key, Row, field_of, with_fields
from wgm_play.lazy_dataclass import dataclass
from wgm_play.sql import automatic, ident
from wgm_play.sqltext.scan import QUOTED

PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Role:
    """A role (manual: pg_authid); `valid_until` is ISO 8601 in UTC, or infinity. Its password is never read."""

    login: bool = False
    superuser: bool = False
    createdb: bool = False
    createrole: bool = False
    inherit: bool = True
    replication: bool = False
    bypass_rls: bool = False
    connection_limit: int = -1
    valid_until: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """That a role is a member of another; `inherit` and `set` are None before PostgreSQL 16."""

    admin: bool
    inherit: bool | None
    set: bool | None


@dataclass(frozen=True, slots=True)
class Grant:
    """The privileges of one grantee on one object, sorted: SELECT, "UPDATE (name)"; * is the grant option."""

    privileges: list[str]


@dataclass(frozen=True, slots=True)
class DefaultPrivileges:
    """The privileges that a grantee gets on objects which a role will create."""

    privileges: list[str]


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of an object."""

    role: str


@dataclass(frozen=True, slots=True)
class SecurityLabel:
    """What a provider of labels reads of an object (manual: "SECURITY LABEL")."""

    label: str


# Letters of an aclitem and the privileges they stand for.
LETTERS = {
    "r": "SELECT",
    "a": "INSERT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "U": "USAGE",
    "C": "CREATE",
    "X": "EXECUTE",
    "m": "MAINTAIN",
    "c": "CONNECT",
    "T": "TEMPORARY",
}
# What the catalog has of other things: databases, languages, PostgreSQL's own types, and default privileges.
_OWN = {
    "tables": "arwdDxt",
    "sequences": "rwU",
    "functions": "X",
    "schemas": "UC",
    "types": "U",
    "database": "CTc",
    "language": "U",
    "base_type": "U",
    "large objects": "rw",
    "column": "rwU",  # of the sequence behind an identity column
}
_ALL = {"functions": "X", "types": "U", "base_type": "U", "database": "Tc", "language": "U"}

Privileges = dict[str, bool]


def own(kind: str, version: int) -> Privileges:
    """Return what an owner has on an object of a kind by default: privilege -> grant option."""
    letters = _OWN[kind] if kind in _OWN else KINDS[kind].letters
    if (kind in RELATIONS or kind == "tables") and version >= 170000:
        letters += "m"
    return {LETTERS[letter]: False for letter in letters}


def open_to_all(kind: str) -> Privileges:
    """Return what everybody has on an object of a kind by default."""
    letters = KINDS[kind].everybody if kind in KINDS else _ALL.get(kind, "")
    return {LETTERS[letter]: False for letter in letters}


def default(kind: str, grantee: str, owner: str | None, version: int) -> Privileges:
    """Return what a grantee has by default."""
    if grantee == PUBLIC:
        return open_to_all(kind)
    return own(kind, version) if grantee == owner else {}


_ITEM = re.compile(rf"(?:\((?P<column>.*)\))?(?P<grantee>{QUOTED}|[^=]*)=(?P<letters>[a-zA-Z*]*)/")


def parse(item: str) -> tuple[str, str, Privileges]:
    """Return grantee, column ("" for none) and privileges of an aclitem, as `reader=r*w/owner`."""
    found = _ITEM.match(item)
    if found is None:
        return PUBLIC, "", {}
    grantee, letters = found["grantee"], found["letters"]
    if grantee.startswith('"'):
        grantee = grantee[1:-1].replace('""', '"')
    made = {
        LETTERS[letter]: letters[place + 1 : place + 2] == "*"
        for place, letter in enumerate(letters)
        if letter in LETTERS
    }
    return grantee or PUBLIC, found["column"] or "", made


def spelled(privileges: Mapping[str, bool]) -> list[str]:
    """Return privileges as a row holds them."""
    return sorted(name + ("*" if option else "") for name, option in privileges.items())


def read(listed: Iterable[str]) -> Privileges:
    """Return privileges from a row."""
    return {name.rstrip("*"): name.endswith("*") for name in listed}


def entries(
    items: Iterable[str], kind: str, owner: str | None, version: int, *, whole: bool = True
) -> dict[str, Privileges]:
    """Return grantee -> privileges where these differ from the default; `whole` items include the default ones."""
    found: dict[str, Privileges] = {}
    for item in items:
        grantee, column, privileges = parse(item)
        mine = found.setdefault(grantee, {})
        for name, option in privileges.items():
            text = f"{name} ({column})" if column else name
            mine[text] = mine.get(text, False) or option
    if not whole:
        return found
    made = {}
    for grantee in {*found, PUBLIC, *([owner] if owner else [])}:
        has, usual = found.get(grantee, {}), default(kind, grantee, owner, version)
        if grantee == owner:  # an owner may grant what he has, whether it is marked or not
            has = dict.fromkeys(has, False)
        if has != usual:
            made[grantee] = has
    return made


def add(catalog: Catalog, bare: Iterable[tuple[Key, Extra]]) -> None:
    """Put rows for owners and privileges into a catalog; `bare` are lists of what has no row of its own."""
    columns: dict[Key, list[str]] = {}
    made: dict[Key, Row] = {}
    version = catalog.version
    lists: list[tuple[Key, Extra]] = []
    bare = list(bare)
    inherited = [(key, extra) for key, extra in bare if key.kind == "inherited_column"]
    for key, extra in [*catalog.extras.items(), *inherited]:
        if key.kind in ("column", "inherited_column"):
            if extra.acl:
                name = ident(key.name[2])
                columns.setdefault(Key("table", key.name[:2]), []).extend(f"({name}){item}" for item in extra.acl)
            continue
        if key.kind in OWNED or key.kind == "base_type":
            if extra.owner:
                made[Key("owner", (key.kind, *key.name))] = (extra.owner,)
            if extra.acl is not None:
                lists.append((key, extra))
    for key, items in columns.items():
        extra = catalog.extras[key] if key in catalog.extras else Extra()
        if extra.acl is None:
            for grantee, privileges in entries(items, key.kind, extra.owner, version, whole=False).items():
                made[Key("grant", (key.kind, *key.name, grantee))] = (spelled(privileges),)
    for key, extra in lists:
        items = [*(extra.acl or ()), *columns.get(key, ())]
        for grantee, privileges in entries(items, key.kind, extra.owner, version).items():
            made[Key("grant", (key.kind, *key.name, grantee))] = (spelled(privileges),)
    for key, extra in bare:
        if key.kind == "default_acl":
            role, schema, objects = key.name
            for grantee, privileges in entries(extra.acl or (), objects, role, version, whole=not schema).items():
                made[Key("default_privileges", (role, schema, objects, grantee))] = (spelled(privileges),)
        elif key.kind == "identity_column":  # the grants are on the column: its sequence is no object of a playbook
            for grantee, privileges in entries(extra.acl or (), "column", extra.owner, version).items():
                made[Key("grant", ("column", *key.name, grantee))] = (spelled(privileges),)
        elif extra.acl is not None and key.kind != "inherited_column":
            place = () if key.kind == "database" else key.name
            for grantee, privileges in entries(extra.acl, key.kind, extra.owner, version).items():
                made[Key("grant", (key.kind, *place, grantee))] = (spelled(privileges),)
    for key in sorted(made):
        catalog.rows[key] = made[key]


def add_labels(catalog: Catalog, rows: Iterable[Row]) -> None:
    """Put labels into a catalog: rows of (kind, parts of the name, provider, label) of objects that are there."""
    for kind, name, provider, label in rows:
        if kind in ("database", "role") or Key(kind, tuple(name)) in catalog.rows:
            catalog.rows[Key("security_label", (kind, *name, provider))] = (label,)


def labels_of(catalog: Catalog, target: Key) -> list[Key]:
    """Return the keys of an object's labels."""
    return catalog.of("security_label", target.kind, *target.name)


def identity_column(catalog: Catalog, sequence: Key) -> Key | None:
    """Return the identity column behind which a sequence is."""
    return next(
        (
            key
            for key in catalog.of("column", sequence.name[0])
            if catalog.value(key, "identity") and identity_sequence(catalog, key) == sequence
        ),
        None,
    )


def owned_with(target: Key) -> tuple[str, ...]:
    """Return the kind and name of what an object has its owner by: the sequence behind a column follows the table."""
    return ("table", *target.name[:2]) if target.kind == "column" else (target.kind, *target.name)


def identity_sequence(catalog: Catalog, column: Key) -> Key:
    """Return the sequence behind an identity column."""
    name = catalog.extra(column).owner or automatic(column.name[1], column.name[2], "seq")
    return Key("sequence", (column.name[0], name))


def column_of(key: Key, privilege: str) -> Key | None:
    """Return the column that a privilege of a grant is on, None where it is on the whole object."""
    name = privilege.rstrip("*").partition(" (")[2].removesuffix(")")
    if not name:
        return None
    return Key("column", (*key.name[1:-1], name[1:-1].replace('""', '"') if name.startswith('"') else name))


def left_over(rows: Mapping[Key, Row]) -> list[Key]:
    """Return the grants, owners and labels whose object is not there."""
    return [
        key
        for key in rows
        if key.kind in OF_OBJECT and key.name[0] not in ("database", "language", "role") and object_of(key) not in rows
    ]


def moved(catalog: Catalog, pairs: Mapping[Key, Key], before: Catalog) -> None:
    """Let grants, owners and labels follow their objects to new names; `pairs` are new -> old."""
    names = {old: new for new, old in pairs.items()}
    now = {}
    for key in [key for key in catalog.rows if key.kind in OF_OBJECT]:
        new = names.get(object_of(key))
        if new is not None:
            tail = () if key.kind == "owner" else key.name[-1:]
            now[Key(key.kind, (new.kind, *new.name, *tail))] = catalog.rows.pop(key)
    for key, row in now.items():
        catalog.rows[key] = row
    columns = {old: new for old, new in names.items() if old.kind == "column" and old.name[2] != new.name[2]}
    columns |= {one: columns[column] for one, column in copies(before, columns).items()}
    tables = {Key("table", key.name[:2]) for pair in columns.items() for key in pair}
    tables |= {names[table] for table in tables if table in names}
    for key in [key for key in catalog.rows if key.kind == "grant" and object_of(key) in tables]:
        listed = [_on_renamed(key, text, pairs, columns) for text in catalog[key].privileges]
        catalog.rows[key] = (sorted(listed),)


def _on_renamed(grant: Key, privilege: str, pairs: Mapping[Key, Key], columns: Mapping[Key, Key]) -> str:
    """Return a privilege with the new name of the column that it is on; `columns` are old -> new."""
    column = column_of(grant, privilege)
    if column is None:
        return privilege
    table = Key("table", column.name[:2])
    new = columns.get(Key("column", (*pairs.get(table, table).name, column.name[2])))
    if new is None:
        return privilege
    return f"{privilege.partition(' (')[0]} ({ident(new.name[2])}){'*' if privilege.endswith('*') else ''}"


def keep_roles(
    after: Mapping[Key, Row], before: Mapping[Key, Row], pairs: Mapping[Key, Key] | None = None
) -> dict[Key, Row]:
    """Return the policies of a scratch database with the roles that they have in the live one."""
    made = {}
    for key, row in after.items():
        if key.kind == "policy":
            was = before.get((pairs or {}).get(key, key))
            if was is not None:
                made[key] = with_fields("policy", row, roles=field_of("policy", was, "roles"))
    return made
