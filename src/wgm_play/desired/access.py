"""Roles, memberships, owners and privileges that a playbook declares, laid over the live ones.

In: the wanted catalog so far, the live one, declarations. Out: rows in the wanted catalog. Nothing that no step names is
compared: a grantee whom no step names on an object keeps what he has, but where the object says `grants:`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from wgm_play.catalog import access
from wgm_play.catalog.access import Role
from wgm_play.catalog.graph import copies, object_of, owner_column, parent_column
from wgm_play.catalog.kinds import ACCESS
from wgm_play.catalog.model import Catalog, Key, row_of, with_fields
from wgm_play.errors import InputError
from wgm_play.playbook.model import Declaration

if TYPE_CHECKING:
    from wgm_play.desired.model import DesiredState

Same = Callable[[Catalog, Key], list[Key]]


def lay_access(made: DesiredState, live: Catalog, declarations: Mapping[Key, Declaration], same: Same) -> None:
    """Lay what steps say of roles and privileges over the wanted catalog."""
    for key, declaration in declarations.items():
        if declaration.absent:
            if key.kind == "role":
                _without_role(made, key, declaration)
            elif key.kind == "grant":
                _grant(made, declaration, _found(made, object_of(key), same), key.name[-1], None)
            elif key.kind == "security_label":
                _label(made, declaration, _found(made, object_of(key), same), key.name[-1], None)
            continue
        said = declaration.attributes
        if key.kind == "role":
            _role(made, live, key, declaration)
        elif key.kind == "membership":
            _membership(made, live, key, declaration, said)
        elif key.kind == "default_privileges":
            _default(made, live, key, declaration)
        elif key.kind == "grant":
            _grant(made, declaration, _found(made, object_of(key), same), key.name[-1], said["privileges"])
        elif key.kind == "security_label":
            _label(made, declaration, _found(made, object_of(key), same), key.name[-1], said["label"])
        if "owner" in said and key.kind not in ACCESS:
            _owner(made, declaration, _found(made, key, same), said["owner"])
        if "grants" in said:
            _grants(made, declaration, _found(made, key, same), said["grants"])


def privileges_go(wanted: Catalog, live: Catalog) -> None:
    """Take out the privileges on columns that go, and on the sequences of those that are no identity columns any more."""
    for key in wanted.of("grant", "column"):
        column = object_of(key)
        if column in wanted.rows and not wanted.value(column, "identity"):
            del wanted.rows[key]
    gone = {key for key in live.rows if key.kind == "column" and key not in wanted.rows}
    gone |= copies(live, gone).keys() - wanted.rows.keys()
    tables = {column.relation for column in gone}
    for key in [key for key in wanted.rows if key.kind == "grant" and object_of(key) in tables]:
        listed = wanted[key].privileges
        kept = [text for text in listed if access.column_of(key, text) not in gone]
        if kept:
            wanted.rows[key] = (kept,)
        elif listed:
            del wanted.rows[key]


def _found(made: DesiredState, key: Key, same: Same) -> Key:
    found = next(iter(same(made.catalog, key)), key)
    if found.kind == "sequence" and found not in made.catalog.rows:
        return access.identity_column(made.catalog, found) or found
    return found


def _put(made: DesiredState, key: Key, row: tuple[Any, ...] | None, declaration: Declaration) -> None:
    if row is None:
        made.catalog.rows.pop(key, None)
    else:
        made.catalog.rows[key] = row
    made.managed |= {key}
    made.steps[key] = declaration.step


def _role(made: DesiredState, live: Catalog, key: Key, declaration: Declaration) -> None:
    said = dict(declaration.attributes)
    known = {field.name for field in fields(Role)}
    row = replace(live.get(key) or Role(), **{name: value for name, value in said.items() if name in known})
    _put(made, key, row_of(row), declaration)
    for group in said.get("member_of") or ():
        _membership(made, live, Key("membership", (group, key.name[0])), declaration, {})


def _membership(made: DesiredState, live: Catalog, key: Key, declaration: Declaration, said: Mapping[str, Any]) -> None:
    was = live.get(key)
    row: tuple[Any, ...] = (bool(said.get("admin", was.admin if was else False)), None, None)
    if live.version >= 160000:
        heir = live.get(Key("role", key.name[1:])) or made.catalog.get(Key("role", key.name[1:]))
        usual = (heir.inherit if heir else True, True)
        kept = (was.inherit, was.set) if was else usual
        inherits, sets = bool(said.get("inherit", kept[0])), bool(said.get("set", kept[1]))
        row = with_fields("membership", row, inherit=inherits, set=sets)
    _put(made, key, row, declaration)


def _without_role(made: DesiredState, key: Key, declaration: Declaration) -> None:
    """Take a role out with all that names it in this database."""
    name = key.name[0]
    for other in list(made.catalog.rows):
        named = (other.kind == "membership" and name in other.name) or (
            other.kind == "grant" and other.name[-1] == name
        )
        named = named or (other.kind == "default_privileges" and name in (other.name[0], other.name[3]))
        named = named or (other.kind == "setting" and other.name[1] == name)
        if named:
            del made.catalog.rows[other]
            made.managed |= {other}
            made.steps[other] = declaration.step


def _usual(made: DesiredState, target: Key, grantee: str) -> access.Privileges:
    return access.default(target.kind, grantee, _owner_of(made, target), made.catalog.version)


def _owner_of(made: DesiredState, target: Key) -> str | None:
    row = made.catalog.rows.get(Key("owner", access.owned_with(target)))
    return row[0] if row else None


def _grant(made: DesiredState, declaration: Declaration, target: Key, grantee: str, said: list[str] | None) -> None:
    """Set what a grantee has on an object; None gives back what he has by default, which is mostly nothing."""
    if target not in made.catalog.rows and target.kind not in ("database", "language"):
        if said is None:
            return
        raise _not_there(target, declaration)
    usual = _usual(made, target, grantee)
    wanted = usual if said is None else _spelled(said, target, made.catalog.version)
    key = Key("grant", (target.kind, *target.name, grantee))
    for text in wanted if target.kind == "table" else ():
        column = access.column_of(key, text)
        if column is not None and not _is_there(made.catalog, column):
            raise _not_there(column, declaration)
    _put(made, key, None if wanted == usual else (access.spelled(wanted),), declaration)


def _is_there(catalog: Catalog, column: Key) -> bool:
    """Tell whether a table has a column, of its own or of a parent."""
    return column in catalog.rows or bool(parent_column(catalog, column))


def _not_there(target: Key, declaration: Declaration, done: str = "granted on") -> InputError:
    return InputError(
        f"{target} is {done} and is not there",
        where=declaration.position,
        hint="declare it, or correct the name",
    )


def _label(made: DesiredState, declaration: Declaration, target: Key, provider: str, said: str | None) -> None:
    """Set the label that a provider reads of an object; None takes it away."""
    if target not in made.catalog.rows and target.kind not in ("database", "role"):
        if said is None:
            return
        raise _not_there(target, declaration, "labelled")
    key = Key("security_label", (target.kind, *target.name, provider))
    _put(made, key, None if said is None else (said,), declaration)


def _spelled(said: list[str], target: Key, version: int) -> access.Privileges:
    """Return declared privileges; ALL is what an owner has."""
    made: access.Privileges = {}
    for name, option in access.read(said).items():
        names = access.own(target.kind, version) if name == "ALL" else [name]
        made.update(dict.fromkeys(names, option))
    return made


def _grants(made: DesiredState, declaration: Declaration, target: Key, said: Mapping[str, list[str]]) -> None:
    """Set what everybody has on an object: who is not listed has nothing, PUBLIC neither."""
    if access.open_to_all(target.kind):
        said = {access.PUBLIC: [], **said}
    for grantee, privileges in said.items():
        _grant(made, declaration, target, grantee, list(privileges))
    parts = (target.kind, *target.name)
    owner = _owner_of(made, target)
    usual = {key.name[3] for key in made.catalog.of("default_privileges")} - {*said, owner}
    for grantee in usual - {access.PUBLIC}:  # who has something as the object is made
        _put(made, Key("grant", (*parts, grantee)), None, declaration)
    for key in [key for key in made.catalog.rows if key.kind == "grant" and key.name[:-1] == parts]:
        if key.name[-1] not in said and key.name[-1] != owner:
            _put(made, key, None, declaration)


def _owner(made: DesiredState, declaration: Declaration, target: Key, role: str) -> None:
    was, his = _owner_of(made, target), Key("grant", (target.kind, *target.name, role))
    _put(made, Key("owner", (target.kind, *target.name)), (role,), declaration)
    if was != role and his not in made.managed:  # a new owner has it all; one that has given up something lacks it
        made.catalog.rows.pop(his, None)
    if target.kind == "table":  # its sequences follow
        for key in made.catalog.of("sequence"):
            owner = owner_column(made.catalog, key)
            if owner is not None and owner.relation == target:
                _put(made, Key("owner", (key.kind, *key.name)), (role,), declaration)


def _default(made: DesiredState, live: Catalog, key: Key, declaration: Declaration) -> None:
    role, schema, objects, grantee = key.name
    usual = {} if schema else access.default(objects, grantee, role, live.version)
    wanted = _spelled(declaration.attributes["privileges"], Key(objects, ()), live.version)
    _put(made, key, None if wanted == usual else (access.spelled(wanted),), declaration)
