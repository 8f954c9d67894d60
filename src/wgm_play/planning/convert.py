"""Which declared conversions apply: those whose `from` is what the live column is.

In: the wanted state, the catalog after renames. Out: conversions by column, spelled for the names after the renames;
the columns whose values change while their type stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Catalog, Key, field_of
from wgm_play.desired.model import DesiredState
from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import PlanContext
from wgm_play.operations.column import array, by_text, cast, coercible, limiting_type, under_domain
from wgm_play.operations.online.spell import renamed_columns, replaced_columns
from wgm_play.playbook.model import Convert, Declaration
from wgm_play.render import render
from wgm_play.sql import Sql, ident

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion that a rollback makes: SQL over the row as it is now."""

    using: Sql
    back: Sql | None = None


def active(found: Mapping[Key, Conversion], current: Catalog, wanted: Catalog) -> tuple[dict[Key, Any], frozenset[Key]]:
    """Return the conversions of columns that are there before and after, and those that keep the type."""
    usable = {key: one for key, one in found.items() if key in current.rows and key in wanted.rows and one.using}
    return usable, frozenset(key for key in usable if current.value(key, "type") == wanted.value(key, "type"))


@dataclass(frozen=True, slots=True)
class TypesOf:
    """What is known of types: `opened` gives a transaction of the server that knows them, `elsewhere` not the target."""

    opened: Callable[[Sequence[str]], AbstractContextManager[psycopg.Connection[Any]]]
    elsewhere: bool = False


def applicable(
    types: TypesOf,
    wanted: DesiredState,
    current: Catalog,
    pairs: Mapping[Key, Key],
    declarations: Mapping[Key, Declaration],
) -> tuple[dict[Key, Convert], frozenset[Key]]:
    """Return the conversions that apply now, and those of them that keep the column's type.

    A conversion whose type stays applies only while its column is being renamed: afterwards nothing tells whether
    the values were converted.
    """
    found: dict[Key, Convert] = {}
    forced: set[Key] = set()
    names = {key: old.name[2] for key, old in pairs.items() if key.kind == "column" and old.name[2] != key.name[2]}
    said = _declared_renames(declarations, current)
    spelled: dict[str, str] = {}
    for key, convert in wanted.converts.items():
        if key not in current.rows or key not in wanted.catalog.rows:
            continue
        live_type, new_type = current.value(key, "type"), wanted.catalog.value(key, "type")
        if convert.from_type not in spelled:
            spelled[convert.from_type] = type_name(types, convert)
        if live_type != spelled[convert.from_type] or (live_type == new_type and key not in names):
            continue
        table_names = {old: new.name[2] for new, old in said.items() if new.name[:2] == key.name[:2]}
        using = renamed_columns(convert.using, table_names) if table_names else convert.using
        found[key] = replace(convert, using=using)
        if live_type == new_type:
            forced.add(key)
    return found, frozenset(forced)


def _declared_renames(declarations: Mapping[Key, Declaration], current: Catalog) -> dict[Key, str]:
    """Return the old names of renamed columns, those renamed by an earlier run too: `using` speaks of the old names."""
    return {
        key: part.renamed_from
        for declaration in declarations.values()
        for key, part in declaration.parts.items()
        if key.kind == "column"
        and part.renamed_from
        and Key("column", (*key.name[:2], part.renamed_from)) not in current.rows
    }


def uncastable(types: TypesOf, situation: PlanContext) -> frozenset[Key]:
    """Return the columns whose type changes, and that PostgreSQL has no cast for."""
    current, wanted = situation.current, situation.wanted
    return frozenset(
        key
        for key, row in wanted.rows.items()
        if key.kind == "column"
        and key in current.rows
        and current.value(key, "type") != field_of("column", row, "type")
        and key not in situation.goal.converts
        and key not in situation.goal.waiting
        and not coercible(current.value(key, "type"), wanted.value(key, "type"))
        and not castable(types, wanted, current.rows, str(current.value(key, "type")), str(wanted.value(key, "type")))
    )


def with_uncastable(types: TypesOf, context: PlanContext) -> PlanContext:
    """Return the context with what no cast converts."""
    found = uncastable(types, context)
    return replace(context, goal=replace(context.goal, uncastable=found)) if found else context


def castable(types: TypesOf, wanted: Catalog, there: Collection[Key], old: str, new: str) -> bool:
    """Tell whether PostgreSQL has a cast between two types, of which the new one may come with the plan."""
    from wgm_play.checks.sqlsteps import describe

    known = known_type(wanted, there, new)
    if known != new and old.partition("(")[0] not in _TEXTS:  # an enum that is not made yet has casts from texts alone
        return False if known.removesuffix("[]") == "text" else castable(types, wanted, there, old, known)
    with types.opened(()) as connection:
        refused, _ = describe(connection, render("checks/castable.sql.j2", old=Sql(old), new=Sql(known)).sql)
    return refused is None or refused.sqlstate != _CANNOT_COERCE


_CANNOT_COERCE = "42846"
_TEXTS = ("text", "character varying", "character", "name", '"char"', "bpchar")


def known_type(wanted: Catalog, there: Collection[Key], spelled: str) -> str:
    """Return a type that the live database knows: what stands under a domain, or text for an enum, not yet made."""
    named = spelled.removesuffix("[]")
    for one in (*wanted.of("enum"), *wanted.of("domain")):
        if str(ident(one.name)) == named and one not in there:
            base = known_type(wanted, there, str(wanted[one].type)) if one.kind == "domain" else "text"
            return base + spelled[len(named) :]
    return spelled


def value_after(situation: PlanContext, live: Catalog, key: Key) -> Sql:
    """Return the value of a column after the plan, by the columns as the plan calls them, in types that `live` has."""
    current, wanted = situation.current, situation.wanted
    name, row = ident(key.name[2]), wanted[key]
    fill = situation.goal.backfills.get(key)
    waiting = situation.goal.waiting.get(key)
    known = known_type(wanted, live.rows, row.type)
    if waiting:
        name = ident(waiting.place)
    if key not in current.rows:
        value = fill if fill is not None and not row.identity else row.default if row.default is not None else "NULL"
        return Sql(f"({value})::{known}")
    made = str(name)
    if (waiting.row if waiting else current.rows[key])[0] != row.type or key in situation.goal.forced:
        convert = situation.goal.converts.get(key)
        old = str((waiting.row if waiting else current.rows[key])[0])
        if key in situation.goal.uncastable and not convert:
            made = str(cast(by_text(name, old, known), known))
        else:
            made = str(cast(name, known, under_domain(current, old)))
        if convert:  # it may name a type that comes with the plan
            made = f"({str(convert.using).replace(f'::{row.type}', f'::{known}')})"
    if fill is not None and row.not_null:
        made = f"COALESCE({made}, {fill})"
    return Sql(made)


def type_name(types: TypesOf, convert: Convert) -> str:
    """Return a type's name as the catalog spells it: `varchar(20)` is `character varying(20)`."""
    from wgm_play.checks.sqlsteps import describe

    with types.opened(()) as connection:
        refused, columns = describe(connection, render("shadow/type.sql.j2", type=Sql(convert.from_type)).sql)
        if refused is None:
            _, oid, modifier = columns[0]
            name = render("shadow/type_name.sql.j2", oid=oid, modifier=modifier)
            row = connection.execute(name.sql.encode()).fetchone()
            return str(row[0]) if row else convert.from_type
    if types.elsewhere:
        return convert.from_type
    raise InputError(
        f"convert from {convert.from_type!r}: {refused.message}", where=convert.position, hint="name a type"
    )


@dataclass(frozen=True, slots=True)
class KeptValues:
    """The values of a column before a conversion: their column in the trash and its type, the expression by which they
    were converted, and the declared way back (None: a cast)."""

    place: str
    type: str
    using: Sql
    back: Sql | None = None
    moved: bool = False


def back_to_kept(
    name: str,
    now: str,
    kept: Sequence[KeptValues],
    castable: Callable[[str, str], bool],
    current: Catalog,
    wanted: Catalog,
) -> Conversion:
    """Return the conversion that gives a column its old values: from the trash where the row has not changed since.

    `kept` holds the last conversion first, `now` is the type that it led to; what has no cast goes by its text. The domains of
    these types are `current` and `wanted` ones.
    """
    value = ident(name)
    for one in kept:
        again = replaced_columns(one.using, {name: ident(one.place)})
        direct = castable(now, one.type)
        plain = Sql(f"({value})") if direct else by_text(Sql(f"({value})"), now, one.type)
        by_cast = cast(plain, limiting_type(wanted, one.type), under_domain(current, now) if direct else "")
        back = replaced_columns(one.back, {name: value}) if one.back else by_cast
        now = one.type
        same = f"({again})::text IS NOT DISTINCT FROM ({value})::text"
        there = f"{ident(one.place)}::text{array(one.type)}::{one.type}" if one.moved else ident(one.place)
        value = Sql(f"CASE WHEN {same} THEN {there} ELSE {back} END")
    return Conversion(value)
