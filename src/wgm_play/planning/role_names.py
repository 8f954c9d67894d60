"""Roles that a plan names and nobody has made: found before anything is changed.

In: the plan's operations, the wanted catalog, the steps. Out: nothing, or an error for each name that is
wrong, where it is written. Privileges, owners and memberships are not tried in the shadow: roles are the cluster's.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.access import PUBLIC
from wgm_play.catalog.kinds import NAMING_ROLE
from wgm_play.catalog.model import Catalog, Key
from wgm_play.document.nodes import place_of
from wgm_play.errors import InputError, NoSuchRole, Problems
from wgm_play.plan import Operation
from wgm_play.playbook.model import Step
from wgm_play.render import render
from wgm_play.sql import ident

if TYPE_CHECKING:
    import psycopg


def refuse_missing_roles(
    connection: psycopg.Connection[Any], operations: Iterable[Operation], wanted: Catalog, steps: Iterable[Step]
) -> None:
    """Raise `InputError` where an operation names a role that is not there and is not made by this run, or goes by it."""
    named: dict[str, Operation] = {}
    operations = list(operations)
    steps = list(steps)
    _refuse_names_of_dropped(operations, wanted, steps)
    for operation in operations:
        for role in names(operation.key, wanted) if operation.key in wanted.rows else ():
            if Key("role", (role,)) not in wanted.rows:
                named.setdefault(role, operation)
    if not named:
        return
    known = [name for (name,) in connection.execute(render("checks/roles.sql.j2").sql).fetchall()]
    made = [key.name[0] for key in wanted.of("role")]
    by_number = {step.index: step for step in steps}
    problems = [
        _problem(role, operation, [*known, *made], by_number.get(operation.step))
        for role, operation in named.items()
        if role not in known
    ]
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]


def _refuse_names_of_dropped(operations: Iterable[Operation], wanted: Catalog, steps: Iterable[Step]) -> None:
    """Raise `InputError` where something that is declared names a role that the plan drops."""
    going = {one.key.name[0] for one in operations if one.key.kind == "role" and one.verb == "drop"}
    for role in sorted(going):
        left = sorted(str(key) for key in wanted.rows if role in names(key, wanted))
        if left:
            places = (place_of(step.spec, role) for step in steps if step.kind != "role")
            raise InputError(
                f"{left[0]} names the role {role!r}, which is to go",
                where=next((place for place in places if place), None),
                details=[f"{one} names it too" for one in left[1:10]],
                hint="take the name out, or keep the role",
            )


def names(key: Key, catalog: Catalog) -> Iterator[str]:
    """Yield the roles that an object of the catalog names."""
    row = catalog[key]
    found: list[str] = []
    if key.kind == "grant":
        found = [key.name[-1]]
    elif key.kind == "owner":
        found = [row.role]
    elif key.kind == "security_label" and key.name[0] == "role":
        found = [key.name[1]]
    elif key.kind == "membership":
        found = list(key.name)
    elif key.kind == "default_privileges":
        found = [key.name[0], key.name[-1]]
    elif key.kind == "policy":
        found = list(row.roles or ())
    elif key.kind in NAMING_ROLE:
        found = [key.name[1]]
    yield from (role for role in found if role and role.lower() != PUBLIC)


def _problem(role: str, operation: Operation, known: Iterable[str], step: Step | None) -> InputError:
    near = difflib.get_close_matches(role, sorted(known), n=1)
    return NoSuchRole(
        role,
        f"{operation.title}: there is no role {role!r}",
        where=(place_of(step.spec, role) or step.position) if step else None,
        hint=f"did you mean {near[0]!r}?" if near else f"declare it in a step before: `role: {{name: {ident(role)}}}`",
    )
