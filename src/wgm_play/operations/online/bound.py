"""A large table becomes a partition: a check that says the same as the bound is proved before, so that nothing is read then.

In: the table, the condition as the server spells it, what its parent has and it lacks. Out: the changes that prove and
build it, and the commands that end them in the transaction that attaches the table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from wgm_play.catalog.constraint import Constraint
from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    ROW_SHARE,
    SHARE_ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    hazard,
)
from wgm_play.operations.index import build_concurrently
from wgm_play.operations.online import names, spell
from wgm_play.operations.partitioned_index import is_partitioned
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, ident
from wgm_play.sqltext.index import on_table

_AVOIDED = hazard(
    "P01", "a scan under a strong lock is avoided: a check NOT VALID, validated, then the table is attached"
)


def prove(situation: PlanContext, table: Key, condition: str, step: int) -> list[Change]:
    """Hold a condition for new rows of a table, then prove it for all."""
    name = _name(table, condition)
    situation.findings.used_helpers.add(name)
    exclusive, light = Lock(ACCESS_EXCLUSIVE, table.label), Lock(SHARE_UPDATE_EXCLUSIVE, table.label)
    added, proof = _added_and_validated(table, name, Sql(f"CHECK ({condition})"), [exclusive], [light])
    return [
        alter(
            situation,
            table,
            f"hold new rows of {table} to the bound",
            [added],
            step=step,
            alone=True,
            hazards=(_AVOIDED,),
        ),
        alter(situation, table, f"prove that {table} keeps to the bound", [proof], step=step, alone=True),
    ]


def _added_and_validated(
    table: Key, name: str, definition: Sql, locks: Sequence[Lock], light: Sequence[Lock]
) -> tuple[Command, Command]:
    """Return the commands that add a constraint NOT VALID and validate it, neither where that is done."""
    added = command(
        "constraint/add",
        *locks,
        table=table.name,
        name=name,
        definition=definition,
        validated=False,
        done=names.there("constraint", table.name, name),
    )
    proof = command(
        "constraint/validate",
        *light,
        table=table.name,
        name=name,
        wait="long",
        scans=True,
        done=names.there("constraint", table.name, name, validated=True),
    )
    return added, proof


def end(table: Key, condition: str) -> Command:
    """Drop the check: the bound itself says the same from now on."""
    return command(
        "constraint/drop", Lock(ACCESS_EXCLUSIVE, table.label), table=table.name, name=_name(table, condition)
    )


def equip(
    situation: PlanContext,
    table: Key,
    lacking: Mapping[Key, Constraint],
    parents: Mapping[Key, Collection[Key]],
    step: int,
) -> tuple[list[Change], list[Command], list[Key]]:
    """Build online what a table lacks, as its parent has it: indexes, keys, foreign keys with the tables they refer to.

    An index is told as a constraint without a type. Returns the changes, the commands that give each its name, and
    what cannot be built so.
    """
    changes: list[Change] = []
    closing: list[Command] = []
    left: list[Key] = []
    exclusive = Lock(ACCESS_EXCLUSIVE, table.label)
    for key, row in lacking.items():
        if is_partitioned(situation, table) or (key.kind == "constraint" and not _plain(row)):
            left.append(key)
            continue
        name = names.helper(names.NEW, key.name[-1], table.name, row.definition)
        situation.findings.used_helpers.add(name)
        if key.kind == "constraint" and row.type == "f":
            changes += _foreign_key(situation, table, key, row, name, parents[key], step)
            closing.append(command("constraint/rename", exclusive, table=table.name, name=name, to=key.name[2]))
            continue
        helper = Key("index", (table.name[0], name))
        if key.kind == "index":
            statement = str(on_table(row.definition, name, table.name))
            closing.append(command("object/rename", exclusive, what=Sql(f"INDEX {ident(helper.name)}"), to=key.name[1]))
        else:
            statement = spell.key_index(row, table.name, name)
            kind = Sql({"p": "PRIMARY KEY", "u": "UNIQUE"}[row.type])
            closing.append(
                command(
                    "constraint/using_index",
                    exclusive,
                    table=table.name,
                    name=key.name[2],
                    kind=kind,
                    index=name,
                    deferrable=spell.deferrable(row.definition),
                )
            )
        what = key if key.kind == "index" else f"the index of {key}"
        changes += build_concurrently(situation, helper, table, statement, f"build {what} concurrently", step=step)
    return changes, closing, left


def _plain(row: Constraint) -> bool:
    """Tell whether a key has a form that takes an index over, or is a foreign key."""
    return row.type in "puf" and "WITHOUT OVERLAPS" not in row.definition and "PERIOD" not in row.definition


def _foreign_key(
    situation: PlanContext, table: Key, key: Key, row: Constraint, name: str, parents: Collection[Key], step: int
) -> list[Change]:
    locks = [Lock(SHARE_ROW_EXCLUSIVE, one.label) for one in sorted({table, *parents})]
    light = [Lock(SHARE_UPDATE_EXCLUSIVE, table.label), *(Lock(ROW_SHARE, one.label) for one in sorted(parents))]
    added, proof = _added_and_validated(table, name, Sql(row.definition), locks, light)
    return [
        alter(situation, table, f"add {key} for new rows", [added], step=step, alone=True),
        alter(situation, table, f"validate {key}", [proof], step=step, alone=True),
    ]


def _name(table: Key, condition: str) -> str:
    return names.helper(names.NEW, table.name[1], "bound", condition)
