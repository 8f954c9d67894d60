"""Aggregates, operators, operator families and classes, casts: create, alter, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.catalog.operator import Aggregate, Cast, Operator, OperatorClass, OperatorFamily
from wgm_play.operations.base import PlanContext, command, what_of
from wgm_play.operations.defined import Defined, changed, sql
from wgm_play.plan import Command
from wgm_play.sql import Sql, ident


def make_aggregate(situation: PlanContext, key: Key, *, replace: bool = False) -> list[Command]:
    """Return the statement that makes or replaces an aggregate."""
    row: Aggregate = situation.wanted[key]
    options = [Sql(one) for one in row.options]
    arguments = Sql(row.arguments or "*")
    return [
        command("aggregate/create", name=ident(key.name[:2]), arguments=arguments, options=options, replace=replace)
    ]


def change_aggregate(situation: PlanContext, key: Key, old: Aggregate, new: Aggregate) -> list[Command] | None:
    """Replace an aggregate where its arguments and result stay (manual: CREATE AGGREGATE)."""
    if changed(old, new) - {"comment", "options"} or ("HYPOTHETICAL" in old.options) != ("HYPOTHETICAL" in new.options):
        return None
    return make_aggregate(situation, key, replace=True)


def make_operator(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statement that makes an operator."""
    row: Operator = situation.wanted[key]
    given = (
        ("FUNCTION", row.function),
        ("LEFTARG", key.name[2] if key.name[2] != "NONE" else None),
        ("RIGHTARG", key.name[3] if key.name[3] != "NONE" else None),
        ("COMMUTATOR", row.commutator),
        ("NEGATOR", row.negator),
        ("RESTRICT", row.restrict),
        ("JOIN", row.join),
    )
    options = [Sql(f"{name} = {value}") for name, value in given if value is not None]
    options += [Sql(word) for word, on in (("HASHES", row.hashes), ("MERGES", row.merges)) if on]
    return [command("operator/create", name=Sql(f"{ident(key.name[0])}.{key.name[1]}"), options=options)]


def change_operator(situation: PlanContext, key: Key, old: Operator, new: Operator) -> list[Command] | None:
    """Set estimators; from PostgreSQL 17 on also what an operator did not have yet (manual: ALTER OPERATOR)."""
    options = []
    for name in ("restrict", "join"):
        if getattr(old, name) != getattr(new, name):
            options.append(Sql(f"{name.upper()} = {getattr(new, name) or 'NONE'}"))
    others = changed(old, new) - {"comment", "restrict", "join"}
    if others and (situation.facts.version < 170000 or "function" in others):
        return None
    for name in sorted(others):
        if getattr(old, name) not in (None, False):
            return None
        value = getattr(new, name)
        options.append(Sql(name.upper() if value is True else f"{name.upper()} = {value}"))
    return [command("operator/set", what=what_of(key), options=options)]


def make_family(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make an operator family with its loose members."""
    row: OperatorFamily = situation.wanted[key]
    name, method = ident(key.name[:2]), ident(key.name[2])
    return [command("operator_family/create", name=name, method=method), *_members(key, "add", row.members, 0)]


def change_family(situation: PlanContext, key: Key, old: OperatorFamily, new: OperatorFamily) -> list[Command] | None:
    """Add and drop loose members."""
    before, after = old.members or [], new.members or []
    gone = [one for one in before if one not in after]
    added = [one for one in after if one not in before]
    return [*_members(key, "drop_members", gone, 1), *_members(key, "add", added, 0)]


def _members(key: Key, verb: str, members: list[list[str]] | None, place: int) -> list[Command]:
    if not members:
        return []
    items = [Sql(one[place]) for one in members]
    return [command(f"operator_family/{verb}", name=ident(key.name[:2]), method=ident(key.name[2]), members=items)]


def make_class(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statement that makes an operator class."""
    row: OperatorClass = situation.wanted[key]
    members = [Sql(one) for one in row.members or ()]
    if row.storage or not members:
        members.append(Sql(f"STORAGE {row.storage or row.type}"))
    return [
        command(
            "operator_class/create",
            name=ident(key.name[:2]),
            method=ident(key.name[2]),
            default=row.default,
            type=Sql(row.type),
            family=sql(row.family),
            members=members,
        )
    ]


_CONTEXTS = {"e": None, "a": Sql("ASSIGNMENT"), "i": Sql("IMPLICIT")}


def make_cast(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statement that makes a cast."""
    row: Cast = situation.wanted[key]
    source, target = map(Sql, key.name)
    return [
        command("cast/create", source=source, target=target, method=Sql(row.method), context=_CONTEXTS[row.context])
    ]


AGGREGATE = Defined(make_aggregate, change_aggregate)
OPERATOR = Defined(make_operator, change_operator, drop_rank=58)
OPERATOR_FAMILY = Defined(make_family, change_family)
OPERATOR_CLASS = Defined(make_class, drop_rank=55)
CAST = Defined(make_cast, drop_rank=55)
