"""How a type is made anew: composite and range types, domains with their checks.

In: a type of the wanted catalog. Out: statements, and the expression that takes a value over.
"""

from __future__ import annotations

from wgm_play.catalog.composite import Attribute, Composite, Range
from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    SHARE,
    PlanContext,
    command,
    comments,
)
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, ident


def _attributes(row: Composite) -> list[Attribute]:
    return [
        Attribute(ident(str(name)), Sql(str(type_)), Sql(collation) if collation else None)
        for name, type_, collation in row.attributes or ()
    ]


def make_composite(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make a composite type with the comments of its attributes."""
    row: Composite = situation.wanted[key]
    made = command("composite/create", name=ident(key.name), attributes=_attributes(row))
    return [made, *remarks(key, None, row)]


def remarks(key: Key, old: Composite | None, new: Composite) -> list[Command]:
    """Return the comments of a composite type's attributes that changed."""
    before = {name: text for name, text in (old.attribute_comments if old else None) or ()}
    after = {name: text for name, text in new.attribute_comments or ()}
    there = {one[0] for one in new.attributes or ()}
    return [
        command("object/comment", what=Sql(f"COLUMN {ident((*key.name, name))}"), text=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name) and name in there
    ]


def make_range(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statement that makes a range type."""
    row: Range = situation.wanted[key]
    given = (
        ("SUBTYPE_OPCLASS", row.opclass),
        ("COLLATION", row.collation),
        ("CANONICAL", row.canonical),
        ("SUBTYPE_DIFF", row.subtype_diff),
        ("MULTIRANGE_TYPE_NAME", str(ident((key.name[0], row.multirange))) if row.multirange else None),
    )
    options = [Sql(f"{name} = {value}") for name, value in given if value]
    return [command("range/create", name=ident(key.name), subtype=Sql(row.subtype), options=options)]


def commands_of(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make a composite or range type."""
    return make_composite(situation, key) if key.kind == "composite" else make_range(situation, key)


def using(situation: PlanContext, column: Key, key: Key) -> Sql | None:
    """Return how a column's values become the new form of a composite type; None where it is done through text."""
    if key.kind != "composite" or situation.current[column].type.endswith("[]"):
        return None
    if {column, Key("table", column.name[:2])} & situation.goal.returned:
        return None  # in the trash it kept the type as it becomes again
    name = ident(column.name[2])
    old = {str(one[0]) for one in situation.current[key].attributes or ()}
    fields = [
        f"({name}).{ident(str(one[0]))}::text::{one[1]}" if one[0] in old else "NULL"
        for one in situation.wanted[key].attributes or ()
    ]
    return Sql(f"CASE WHEN {name}::text IS NOT NULL THEN ROW({', '.join(fields)})::{ident(key.name)} END")


def domain_commands(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make a domain with its checks."""
    wanted = situation.wanted[key]
    commands = [
        command(
            "domain/create",
            name=key.name,
            type=Sql(wanted.type),
            collation=wanted.collation and Sql(wanted.collation),
            default=wanted.default and Sql(wanted.default),
            not_null=wanted.not_null,
        )
    ]
    for check in situation.wanted.of("domain_constraint", *key.name):
        commands += add_check(situation, check)
    return commands


def add_check(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that add a check to a domain."""
    wanted = situation.wanted[key]
    locks = domain_locks(situation, Key("domain", key.name[:2]))
    made = command(
        "domain_constraint/add",
        *locks,
        domain=key.name[:2],
        name=key.name[2],
        definition=Sql(wanted.definition),
        validated=wanted.validated,
        scans=bool(locks),
    )
    return [made, *comments(key, wanted.comment)]


def domain_locks(situation: PlanContext, domain: Key) -> list[Lock]:
    """Return the locks on the tables that have columns of a domain."""
    return [Lock(SHARE, Key("table", column.name[:2]).label) for column in users_of(situation, domain)]


def users_of(situation: PlanContext, key: Key) -> list[Key]:
    """Return the live columns whose type is this enum or domain, in order."""
    return sorted(
        dependent
        for dependent, referenced in situation.current.edges
        if referenced == key and dependent.kind == "column" and _is_of(situation, dependent, key)
    )


def _is_of(situation: PlanContext, column: Key, key: Key) -> bool:
    if column not in situation.current.rows:
        return False
    spelled = {str(ident(key.name))}
    if key.kind == "range" and situation.current[key].multirange:
        spelled.add(str(ident((key.name[0], situation.current[key].multirange))))
    return str(situation.current[column].type).removesuffix("[]") in spelled
