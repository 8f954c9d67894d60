"""Columns: add, alter, drop through the trash.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

from wgm_play.catalog.column import own_storage
from wgm_play.catalog.graph import children, descendants, parent_column
from wgm_play.catalog.model import Catalog, Key, Rows, row_of
from wgm_play.catalog.sequence import numbering_of
from wgm_play.operations import index_marks
from wgm_play.operations.access import against_defaults
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    changed_options,
    command,
    comment,
    create,
    drop,
    hazard,
    number,
    option_names,
    options,
)
from wgm_play.operations.column_definition import (
    COMPRESSION,
    IDENTITY,
    STORAGE,
    after_create,
    after_type,
    identity_options,
    spelled,
)
from wgm_play.operations.trash import conversion_record, replaced_column, trash_column
from wgm_play.plan import Command, Hazard, Lock
from wgm_play.sql import Sql, automatic, ident


def add_column(situation: PlanContext, key: Key) -> list[Change]:
    """Add a column; NOT NULL without a default is set after its rows were filled."""
    table, name, row = key.name[:2], key.name[2], situation.wanted[key]
    if row.inherited:
        return inherited_column(situation, key)
    from wgm_play.operations.online import add, spell  # it adds columns too

    if add.wants_batches(situation, key):
        return add.add_filled(situation, key)
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    fill = situation.goal.backfills.get(key) if not row.identity and not row.generated else None
    values = spelled(row) | {"sequence": situation.wanted.extra(key).owner}
    if fill is not None:  # the rows there are get its value, those that come get the default
        values |= {"not_null": False, "default": None}
    varying = fill is None and row.default is not None and spell.varies(row.default)
    checked = not situation.is_new(Key("table", table)) and _is_checked_domain(situation, row.type)
    rewrites = bool(row.identity) or row.generated == "s" or varying or checked
    commands = [command("column/add", lock, table=table, name=name, rewrites=rewrites, **values)]
    if fill is not None:
        commands.append(
            command("column/fill", lock, table=table, name=name, expression=fill, wait="data", scans=True, shadow=False)
        )
        if row.default is not None:
            default = Sql(row.default)
            commands.append(command("column/set_default", lock, table=table, name=name, default=default))
        if row.not_null:
            commands.append(command("column/set_not_null", lock, table=table, name=name, not_null=True, scans=True))
    commands += after_create(situation, key)
    hazards = []
    if rewrites:
        code = "C03" if row.identity else "C05" if row.generated else "C18" if checked else "C01"
        hazards.append(_rewritten(situation, key, code, *_why_not_in_batches(situation, key, checked=checked)))
    elif row.not_null and row.default is None and fill is None:
        hazards.append(hazard("C02", "fails where the table has rows", "give the column a `default` or a `backfill`"))
    return [create(situation, key, f"add {key}", commands, hazards=tuple(hazards))]


def _is_checked_domain(situation: PlanContext, spelled: str) -> bool:
    """Tell whether a type is a domain with constraints: PostgreSQL looks at each row even where all are NULL."""
    return any(
        spelled == str(ident(domain.name)) and situation.wanted.of("domain_constraint", *domain.name)
        for domain in situation.wanted.of("domain")
    )


def _why_not_in_batches(situation: PlanContext, key: Key, *, checked: bool) -> tuple[str, str]:
    """Return why a new column of a large table is not filled in batches, and what to do instead."""
    if checked:
        return (
            "PostgreSQL checks the domain for each row",
            "declare the base type of the domain, and what it demands as a check of the column: that is proved online (K01)",
        )
    if situation.wanted[key].generated:
        virtual = "a virtual column (`stored: false`), " if situation.facts.version >= 180000 else ""
        return (
            "a column cannot become generated later, so nothing can be filled before",
            f"use {virtual}an index over the expression, a view, or an ordinary column kept by a trigger",
        )
    return (
        "partitions or children inherit the column, and cannot be filled under a helper's name",
        "add it without a default first, fill it with a `backfill` step, then give it the default",
    )


def drop_column(situation: PlanContext, key: Key) -> list[Change]:
    """Move a column to the trash; a generated one is dropped, because its values can be computed again."""
    if situation.current[key].inherited:
        return inherited_column(situation, key)
    if situation.facts.trash and not situation.current[key].generated:
        return [trash_column(situation, key)]
    made = command(
        "column/drop", Lock(ACCESS_EXCLUSIVE, Key("table", key.name[:2]).label), table=key.name[:2], name=key.name[2]
    )
    generated = bool(situation.current[key].generated)
    return [
        drop(
            situation,
            key,
            f"drop {key}" + ("" if generated else " for good"),
            [made],
            rank=40,
            irreversible=None if generated else "the column was dropped without the trash",
            hazards=() if generated else (hazard("C10", "the values are gone", "leave out --no-trash"),),
        )
    ]


def inherited_column(situation: PlanContext, key: Key) -> list[Change]:
    """Change what a child's column has otherwise than its parent's, or give it back what the parent's has."""
    parent = parent_column(situation.wanted, key)
    if parent is None:  # the parent's column goes, and takes this one along
        return []
    base = dataclasses.replace(situation.wanted[parent], statistics=None, options=None, comment=None, inherited=True)
    own = not situation.wanted[Key("table", key.name[:2])].bound  # partitions number with their parent, children do not
    if own:
        base = dataclasses.replace(base, identity="", identity_options=None)
    was, new = situation.current.get(key), situation.wanted.get(key) or base
    old = was or base
    numbering = {"identity": old.identity, "identity_options": old.identity_options}
    if situation.current.rows.get(parent) != situation.wanted.rows[parent]:  # its change reached the child as well
        numbering["identity_options"] = numbering_of(old.identity_options, old.type, base.type)
        base = dataclasses.replace(base, **numbering, not_null=base.not_null or bool(old.identity)) if own else base
        old = dataclasses.replace(base, statistics=old.statistics, options=old.options, comment=old.comment)
    given = {"type": old.type, "collation": old.collation, "generated": old.generated, "expression": old.expression}
    new = dataclasses.replace(new, **given, **({} if own else numbering))
    if old == new:
        return []
    one = dataclasses.replace(
        situation,
        current=Catalog(Rows({key: row_of(old)})),
        wanted=Catalog(Rows({key: row_of(new)})),
        facts=dataclasses.replace(situation.facts, sizes={}),
        goal=dataclasses.replace(situation.goal, backfills={}),
    )
    return alter_column(one, key, inherited=True)


def must_be_made_again(situation: PlanContext, key: Key) -> bool:
    """Tell whether a column can only be dropped and added: it becomes generated, or its expression changes before 17."""
    old, new = situation.current[key], situation.wanted[key]
    if not new.generated:
        return bool(old.generated == "v") or key in situation.goal.waiting
    if old.generated != new.generated or (old.type, old.collation) != (new.type, new.collation):
        return True
    return bool(old.expression != new.expression and situation.facts.version < 170000)


def alter_column(situation: PlanContext, key: Key, *, inherited: bool = False) -> list[Change]:
    """Change a column attribute by attribute, each as its own operation."""
    old, new = situation.current[key], situation.wanted[key]
    if new.inherited and not inherited:
        return inherited_column(situation, key)
    if must_be_made_again(situation, key):
        gone = drop_column(situation, key)
        return [
            *gone,
            *(_bring_back(situation, key, gone) if key in situation.goal.waiting else add_column(situation, key)),
        ]
    changes: list[Change] = []
    retyped = (old.type, old.collation) != (new.type, new.collation) or key in situation.goal.forced
    if old.generated and not new.generated:
        changes.append(
            _one(situation, key, f"keep the values of {key} as an ordinary column", "column/drop_expression")
        )
    if old.identity and not new.identity:
        freed = _one(situation, key, f"drop the identity of {key}", "column/drop_identity")
        if new.default is not None and _numbers_again(situation, key):
            first(freed, remember(key, None))
        freed.remove(*own_sequence(key))
        freed.make_only()  # only a step on the way: what its default will need may wait for the free name
        changes.append(freed)
    loosened = retyped and old.not_null and not new.not_null
    if loosened:  # the new values may be NULL
        changes += change_not_null(situation, key, filled=True)
    if retyped:
        changes.append(change_type(situation, key))
    elif old.default != new.default and not new.generated:
        title = f"set the default of {key} to {new.default}" if new.default else f"drop the default of {key}"
        lock = Lock(ACCESS_EXCLUSIVE, Key("table", key.name[:2]).label)
        made = command(
            "column/set_default", lock, table=key.name[:2], name=key.name[2], default=new.default and Sql(new.default)
        )
        said = alter(situation, key, title, [made, *_childrens_defaults(situation, key)])
        if new.identity and not old.identity:  # the sequence that it used goes after it, and before the new one comes
            said.remove(key)
        changes.append(said)
    if old.identity and not new.identity and new.default is not None:
        changes += _numbers_again(situation, key)
    if old.generated and new.generated and old.expression != new.expression:
        rewritten = _one(
            situation,
            key,
            f"change the expression of {key}",
            "column/set_expression",
            expression=Sql(new.expression),
            rewrites=new.generated == "s",
        )
        changes.append(rewritten)
    if old.not_null != new.not_null and not loosened:
        changes += change_not_null(situation, key, filled=retyped)
    if new.identity and old.identity != new.identity and not old.identity:
        changes.append(add_identity(situation, key))
        for kept in remember_former(situation, key):  # the sequences go after the default that names them
            first(changes[0], kept)
    elif new.identity and (old.identity, old.identity_options) != (new.identity, new.identity_options):
        changes.append(
            _one(
                situation,
                key,
                f"change the identity of {key}",
                "column/set_identity",
                identity=Sql(IDENTITY[new.identity]),
                identity_options=_set_options(new.identity_options),
            )
        )
    changes += _attributes(situation, key, retyped=retyped)
    for before, after in itertools.pairwise(changes):
        after.wait_for(before)
    return changes


def _bring_back(situation: PlanContext, key: Key, gone: list[Change]) -> list[Change]:
    """Return the changes that bring a plain column back from the trash, whose name a generated one had meanwhile."""
    waiting = situation.goal.waiting[key]
    waiting.back.wait_for(*gone)
    there = dataclasses.replace(
        situation, current=situation.current.copy(), goal=dataclasses.replace(situation.goal, waiting={})
    )
    there.current.rows[key] = waiting.row
    later = alter_column(there, key)
    for change in later:
        change.wait_for(waiting.back)
    return [waiting.back, *later]


def _childrens_defaults(situation: PlanContext, key: Key) -> list[Command]:
    """Return the commands that give children back the defaults of their own: the parent's reaches them all."""
    found = []
    for table in descendants(children(situation.wanted), Key("table", key.name[:2])):
        child = Key("column", (*table.name, key.name[2]))
        old, new = situation.current.get(child), situation.wanted.get(child)
        if old is not None and new is not None and new.inherited and old.default == new.default:
            lock = Lock(ACCESS_EXCLUSIVE, table.label)
            default = new.default and Sql(new.default)
            found.append(command("column/set_default", lock, table=table.name, name=key.name[2], default=default))
    return found


def _set_options(numbers: list[int]) -> Sql:
    """Return identity options in ALTER COLUMN's form: each has its own SET, and START WITH only moves the start."""
    return identity_options(numbers, "SET ")


def _one(situation: PlanContext, key: Key, title: str, template: str, **values: Any) -> Change:
    lock = Lock(values.pop("lock", ACCESS_EXCLUSIVE), Key("table", key.name[:2]).label)
    more = {name: values.pop(name) for name in ("hazards", "hard", "irreversible") if name in values}
    return alter(
        situation, key, title, [command(template, lock, table=key.name[:2], name=key.name[2], **values)], **more
    )


def add_identity(situation: PlanContext, key: Key) -> Change:
    """Make a column an identity column that goes on after its highest value, and after the sequence that it had."""
    new, table, name = situation.wanted[key], key.name[:2], key.name[2]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    former = _former(situation, key)
    commands = [
        command(
            "column/add_identity",
            lock,
            table=table,
            name=name,
            identity=Sql(IDENTITY[new.identity]),
            identity_options=identity_options(new.identity_options),
            sequence=situation.wanted.extra(key).owner,
        ),
        _go_on(
            key,
            new.identity_options[0],
            new.identity_options[1],
            sequence=None,
            others=[one.name for one in former if one in situation.wanted.rows],
            settings=[remembered(key, one) for one in former if one not in situation.wanted.rows],
        ),
    ]
    commands += against_defaults(situation, key)
    return alter(situation, key, f"make {key} an identity column", commands, makes=own_sequence(key))


def _former(situation: PlanContext, key: Key) -> list[Key]:
    """Return the sequences that a column took its numbers from until now."""
    current = situation.current
    return [
        one
        for one in current.of("sequence")
        if tuple(current[one].owned_by or ()) == key.name or (key, one) in current.edges
    ]


def remembered(key: Key, sequence: Key | None) -> str:
    """Return the setting of the session that holds the last number of a sequence that a column loses."""
    told = f"{key.label} {sequence.label if sequence else ''}"
    return f"wgm.number_{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def remember(key: Key, sequence: Key | None) -> Command:
    """Keep the last number of a sequence (None: that of the identity) until what replaces it is there."""
    return command(
        "column/remember",
        table_text=str(ident(key.name[:2])),
        name_text=key.name[2],
        sequence_text=sequence and str(ident(sequence.name)),
        setting=remembered(key, sequence),
        shadow=False,
    )


def remember_former(situation: PlanContext, key: Key) -> list[Command]:
    """Keep the last numbers of the sequences that go while their column becomes an identity column."""
    if not situation.wanted[key].identity or situation.current[key].identity:
        return []
    return [remember(key, one) for one in _former(situation, key) if one not in situation.wanted.rows]


def first(change: Change, before: Command) -> None:
    """Let a change begin with another command."""
    change.operation = dataclasses.replace(change.operation, commands=(before, *change.operation.commands))


def _go_on(
    key: Key,
    start: int,
    increment: int,
    *,
    sequence: tuple[str, ...] | None,
    others: list[tuple[str, ...]],
    settings: list[str],
) -> Command:
    """Let a sequence (None: that of the identity) go on after a column's highest value, after other sequences, and after
    the last number that was remembered."""
    table, name = key.name[:2], key.name[2]
    return command(
        "column/continue",
        table=table,
        name=name,
        table_text=str(ident(table)),
        name_text=name,
        start=number(start),
        down=increment < 0,
        sequence=sequence,
        sequence_text=sequence and str(ident(sequence)),
        others=others,
        settings=settings,
        shadow=False,
        wait="data",
    )


def _numbers_again(situation: PlanContext, key: Key) -> list[Change]:
    """Return the changes after which the sequence that an identity column gives way to has no number twice."""
    return [
        alter(
            situation,
            key,
            f"let {one} go on after the highest value of {key}",
            [
                _go_on(
                    key,
                    row.start,
                    row.increment,
                    sequence=one.name,
                    others=[one.name],
                    settings=[remembered(key, None)],
                )
            ],
        )
        for one in situation.wanted.of("sequence")
        if tuple((row := situation.wanted[one]).owned_by or ()) == key.name and (key, one) in situation.wanted.edges
    ]


def own_sequence(key: Key) -> frozenset[Key]:
    """Return the sequence that PostgreSQL makes behind an identity column: its name must be free."""
    return frozenset([Key("sequence", (key.name[0], automatic(key.name[1], key.name[2], "seq")))])


def _rewritten(situation: PlanContext, key: Key, code: str, why: str | None, instead: str = "") -> Hazard:
    """Return the hazard of a rewrite; on a large table it says why there is no online form."""
    text = "the table is rewritten under a lock that stops reads and writes"
    if not situation.online(Key("table", key.name[:2])):
        return hazard(code, text)
    return hazard(code, f"{text}; not online: {why or 'there is no way'}", instead or "do it in a quiet hour")


# Types whose values an explicit cast cuts to the limit without a word, where an assignment refuses (manual: "Character
# Types", "Bit String Types").
_CUT = frozenset(["character varying", "character", "bit", "bit varying"])


# Types of the catalog whose values are cut to so many bytes by an assignment too.
_SHORT = {"name": 63, '"char"': 1}


def cuts_by_itself(wanted: str) -> bool:
    """Tell whether a value that has become one of a type, or of its array, no longer tells what was cut."""
    return wanted.removesuffix("[]") in _SHORT


# As many bits has a number.
_BITS = {"integer": 32, "bigint": 64}


def cast(value: Sql, wanted: str, old: str = "") -> Sql:
    """Return the expression that converts a value to a column's type: what does not fit is refused, never cut.

    `old` is the value's type where that is known.
    """
    family, limits = _family(wanted.removesuffix("[]"))
    if family == "bit" and limits is not None and wanted[-1] != "]" and old in _BITS:
        # Numbers have no cast to bit varying. Of more bits than there is room for, the higher ones are left out by a cast, and
        # a string of all of them is no value of the type.
        short = Sql(f"{value}::{wanted}")
        if limits[0] >= _BITS[old]:
            return short
        return Sql(f"CASE WHEN ({short})::bigint = {value} THEN {short} ELSE {value}::bit({_BITS[old]}) END")
    if limits is not None and family in _CUT:
        unlimited = {"character": "bpchar", "bit": "bit varying"}.get(family, family)
        return Sql(f"{value}::{unlimited}{array(wanted)}")
    return Sql(f"{value}::{wanted}")


def fits(value: Sql, wanted: str) -> Sql | None:
    """Return the condition under which a converted value is not longer than its type allows; None without a limit."""
    if wanted.endswith("[]"):
        each = fits(Sql("wgm_one"), wanted.removesuffix("[]"))
        longer = f"SELECT FROM pg_catalog.unnest({value}) AS wgm_one WHERE NOT ({each})"
        return None if each is None else Sql(f"NOT EXISTS ({longer})")
    if wanted in _SHORT:
        return Sql(f"pg_catalog.octet_length(({value})::text) <= {_SHORT[wanted]}")
    family, limits = _family(wanted)
    if limits is None or family not in _CUT:
        return None
    if family.startswith("bit"):
        return Sql(f"pg_catalog.length({value}) {'<=' if family == 'bit varying' else '='} {limits[0]}")
    return Sql(f"pg_catalog.length(pg_catalog.rtrim(({value})::text)) <= {limits[0]}")  # spaces beyond it may go


def plain_value(situation: PlanContext, key: Key) -> Sql:
    """Return how a value becomes one of the column's new type where no step says it.

    Without a cast the rows were looked at: all are NULL, or labels of the enum that the column gets.
    """
    name = ident(key.name[2])
    old, new = str(situation.current.value(key, "type") or ""), situation.wanted[key].type
    if key in situation.goal.uncastable:
        return cast(by_text(name, old, new), new)
    return cast(name, limiting_type(situation.wanted, new), value_type(situation.current, key))


def value_type(catalog: Catalog, key: Key) -> str:
    """Return the type of a column's values: what stands under a domain."""
    return under_domain(catalog, str(catalog.value(key, "type") or ""))


def under_domain(catalog: Catalog, spelled: str) -> str:
    """Return the type that stands under a domain, else the type itself."""
    found = next((one for one in catalog.of("domain") if str(ident(one.name)) == spelled), None)
    return spelled if found is None else under_domain(catalog, str(catalog[found].type))


def limiting_type(catalog: Catalog, spelled: str) -> str:
    """Return the type whose limit cuts values that are cast to a type: what stands under a domain, else the type itself.

    An array's elements are cut as single values are.
    """
    named = spelled.removesuffix("[]")
    for one in catalog.of("domain"):
        if str(ident(one.name)) == named:
            base = limiting_type(catalog, str(catalog[one].type))
            family, limits = _family(base.removesuffix("[]"))
            limited = (limits is not None and family in _CUT) or base in _SHORT
            cuts = limited and not (array(base) and array(spelled))
            return base + array(spelled) if cuts else spelled
    return spelled


def by_text(value: Sql, old: str, new: str) -> Sql:
    """Return a value as text on its way between two types without a cast: element by element between two arrays."""
    return Sql(f"{value}::text{array(new) and array(old)}")


def array(type_name: str) -> str:
    """Return the brackets of an array's type."""
    return "[]" if type_name.endswith("[]") else ""


_INTEGERS = frozenset(["smallint", "integer", "bigint"])
# From one to the next no value changes, and each comes back as it was.
_WIDENINGS = (
    ("smallint", "integer", "bigint", "numeric"),
    ("real", "double precision"),
    ("date", "timestamp without time zone"),
)


def lossless(old: str, new: str) -> bool:
    """Tell whether each value is found again in the new type, so that nothing is lost by the way there."""
    if coercible(old, new) or {old, new} <= _INTEGERS:  # a number that does not fit is refused
        return True
    return any(old in row and new in row and row.index(old) < row.index(new) for row in _WIDENINGS)


def loses_values(situation: PlanContext, key: Key) -> bool:
    """Tell whether a type change replaces values that are not found again in the new ones: they go to the trash."""
    old, new, table = situation.current[key], situation.wanted[key], Key("table", key.name[:2])
    if not situation.facts.trash or old.generated or new.generated or old.inherited or situation.is_new(table):
        return False
    if key not in situation.goal.converts:
        filled = key in situation.goal.backfills and new.not_null and not old.not_null
        if (old.type, old.collation) == (new.type, new.collation) or (lossless(old.type, new.type) and not filled):
            return False
    size = situation.facts.sizes.get(table)
    return size is None or bool(size.bytes) or size.rows > 0


def _kept(situation: PlanContext, key: Key, using: Sql) -> dict[str, Any] | None:
    """Return the trash's entry for the values that a type change replaces; None where none are lost."""
    return replaced_column(situation, key, using) if loses_values(situation, key) else None


def change_type(situation: PlanContext, key: Key) -> Change:
    """Change a column's type in place: the plain form, which rewrites unless the types are binary coercible."""
    old, new, table, name = situation.current[key], situation.wanted[key], key.name[:2], key.name[2]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    convert = situation.goal.converts.get(key)
    using = convert.using if convert else plain_value(situation, key)
    fill = situation.goal.backfills.get(key)
    if fill is not None and new.not_null and not old.not_null:
        using = Sql(f"COALESCE({using}, {fill})")
    rewrites = not coercible(old.type, new.type) or bool(convert) or old.collation != new.collation
    commands = []
    if old.default is not None:
        commands.append(command("column/set_default", lock, table=table, name=name, default=None))
    kept = _kept(situation, key, using)
    place = kept and kept["trash_name"][2]
    if place:
        bare = dataclasses.replace(old, default=None, not_null=False, identity="", identity_options=None)
        commands.append(command("column/add", lock, table=table, name=place, **spelled(bare)))
    commands.append(
        command(
            "column/type",
            lock,
            table=table,
            name=name,
            type=Sql(new.type),
            using=using,
            collation=new.collation and Sql(new.collation),
            rewrites=rewrites,
            wait="data" if rewrites else "short",
            kept=place,
            kept_type=Sql(old.type),
            kept_collation=old.collation and Sql(old.collation),
        )
    )
    commands += [*after_type(situation, key), *index_marks.targets_after_type(situation, key)]
    if new.default is not None and not new.generated:
        commands.append(command("column/set_default", lock, table=table, name=name, default=Sql(new.default)))
    record = conversion_record(situation, key)
    payload: dict[str, Any] = {"convert": record["definition"]} if record else {}
    if kept or record:
        payload["trash"] = [one for one in (kept, record) if one]
    title = f"convert the values of {key}"
    if old.type != new.type:
        title = f"change the type of {key} from {old.type} to {new.type}"
    elif old.collation != new.collation:
        title = f"change the collation of {key} to {new.collation or 'that of its type'}"
    return alter(
        situation,
        key,
        title,
        commands,
        hard=True,
        payload=payload,
        hazards=(_rewritten(situation, key, "C08", situation.findings.obstacles.get(key)),) if rewrites else (),
        irreversible=f"{key} was converted without `back`" if convert and convert.back is None else None,
    )


# Types whose values stay as they are when their limit grows or goes.
_WIDER = frozenset(
    [
        "bit varying",
        "timestamp without time zone",
        "timestamp with time zone",
        "time without time zone",
        "time with time zone",
        "interval",
    ]
)
_TEXTS = frozenset(["character varying", "text"])
# Sessions of a run have TimeZone UTC, in which the two are the same (manual: "ALTER TABLE", notes of 12).
_STAMPS = frozenset(["timestamp without time zone", "timestamp with time zone"])


def coercible(old: str, new: str) -> bool:
    """Tell whether changing the type keeps the table as it is (see hazard C08): a longer or unlimited text or number."""
    (name, limits), (new_name, new_limits) = _family(old), _family(new)
    both = {name, new_name}
    if name == new_name == "numeric":
        return new_limits is None or (
            limits is not None and bool(new_limits[0] >= limits[0] and new_limits[1:] == limits[1:])
        )
    if both <= _TEXTS or (name == new_name and name in _WIDER):
        return new_limits is None or (limits is not None and bool(new_limits >= limits))
    if both <= _STAMPS:
        return bool(limits == new_limits)
    return (old, new) == ("cidr", "inet")


def _family(spelled_type: str) -> tuple[str, Any]:
    """Split "numeric(10,2)" into its name and its limits."""
    head, opened, rest = spelled_type.partition("(")
    if not opened:
        return spelled_type, None
    limits, _, tail = rest.partition(")")
    if not all(part.strip().isdigit() for part in limits.split(",")):
        return spelled_type, None
    return (head + tail).strip(), tuple(int(part) for part in limits.split(","))


def _leaves_primary_key(situation: PlanContext, key: Key) -> bool:
    """Tell whether a column is in a primary key that goes or changes."""
    return any(
        other.kind == "constraint"
        and situation.current[other].type == "p"
        and situation.current.rows[other] != situation.wanted.rows.get(other)
        for other, referenced in situation.current.edges
        if referenced == key and other in situation.current.rows
    )


def change_not_null(situation: PlanContext, key: Key, *, filled: bool) -> list[Change]:
    """Set NOT NULL (by a proven check on a large table) or drop it."""
    new, table, name = situation.wanted[key], key.name[:2], key.name[2]
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)
    if not new.not_null:
        gone = command("column/set_not_null", lock, table=table, name=name, not_null=False)
        removes = [key] if _leaves_primary_key(situation, key) else []  # the primary key goes first
        return [alter(situation, key, f"allow NULL in {key}", [gone], removes=removes)]
    changes = []
    fill = None if filled else situation.goal.backfills.get(key)
    if situation.online(Key("table", table)):
        from wgm_play.operations.online import not_null

        changes = [not_null.fill_nulls(situation, key, fill)] if fill is not None else []
        return [*changes, *not_null.prove(situation, key, tuple(changes), value=fill)]
    if fill is not None:
        filling = command("column/fill", table=table, name=name, expression=fill, wait="data", scans=True, shadow=False)
        changes.append(alter(situation, key, f"fill {key} where it is NULL", [filling]))
    made = command("column/set_not_null", lock, table=table, name=name, not_null=True, scans=True)
    return [*changes, alter(situation, key, f"forbid NULL in {key}", [made], after=tuple(changes[-1:]))]


def _attributes(situation: PlanContext, key: Key, *, retyped: bool) -> list[Change]:
    """Storage, compression, statistics, options, comment: catalog changes that rewrite nothing.

    What changed its type (`retyped`) has its storage and compression already.
    """
    old, new = situation.current[key], situation.wanted[key]
    if retyped:
        old = dataclasses.replace(old, storage=new.storage, compression=new.compression)
    changes = []
    if old.storage != new.storage:
        value = (
            Sql(STORAGE[new.storage])
            if new.storage
            else Sql("DEFAULT" if situation.facts.version >= 160000 else own_storage(new.type))
        )
        changes.append(_one(situation, key, f"set the storage of {key}", "column/set_storage", storage=value))
    if old.compression != new.compression:
        value = Sql(COMPRESSION[new.compression]) if new.compression else Sql("DEFAULT")
        changes.append(
            _one(situation, key, f"set the compression of {key}", "column/set_compression", compression=value)
        )
    if old.statistics != new.statistics:
        target = -1 if new.statistics is None else new.statistics
        title = f"set the statistics target of {key}"
        changes.append(
            _one(situation, key, title, "column/set_statistics", statistics=number(target), lock=SHARE_UPDATE_EXCLUSIVE)
        )
    to_set, to_reset = changed_options(old.options, new.options)
    if to_set:
        title = f"set {', '.join(to_set)} of {key}"
        changes.append(
            _one(situation, key, title, "column/set_options", options=options(to_set), lock=SHARE_UPDATE_EXCLUSIVE)
        )
    if to_reset:
        title = f"reset {', '.join(to_reset)} of {key}"
        changes.append(
            _one(
                situation,
                key,
                title,
                "column/reset_options",
                options=option_names(to_reset),
                lock=SHARE_UPDATE_EXCLUSIVE,
            )
        )
    if old.comment != new.comment:
        changes.append(alter(situation, key, f"comment on {key}", [comment(key, new.comment)]))
    return changes


def with_what_is_inherited(situation: PlanContext, changes: Sequence[Change]) -> list[tuple[Change, Change]]:
    """Return what commits together: a column's change reaches the children, and gives theirs its default for a moment."""
    of: dict[Key, list[Change]] = {}
    for change in changes:
        if change.operation.key.kind == "column" and change.operation.verb == "alter":
            of.setdefault(change.operation.key, []).append(change)
    joined = []
    for key, own in of.items():
        row = situation.wanted.get(key)
        if row is not None and row.inherited:
            above = [used for used in situation.wanted.needs(key) if used.kind == "column" and used != key]
            joined += [(first, then) for used in above for first in of.get(used, ()) for then in own]
    return joined
