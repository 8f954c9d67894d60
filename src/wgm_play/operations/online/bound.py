"""A large table becomes a partition: a check that says the same as the bound is proved before, so that nothing is read then.

In: the table, the condition as the server spells it. Out: the changes that prove it, and the command that ends it.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.operations.base import ACCESS_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE, Change, Situation, alter, command, hazard
from wgm_play.operations.online import names
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql

_AVOIDED = hazard(
    "P01", "a scan under a strong lock is avoided: a check NOT VALID, validated, then the table is attached"
)


def prove(situation: Situation, table: Key, condition: str, step: int) -> list[Change]:
    """Hold a condition for new rows of a table, then prove it for all."""
    name = _name(table, condition)
    situation.used_helpers.add(name)
    exclusive, light = Lock(ACCESS_EXCLUSIVE, table.label), Lock(SHARE_UPDATE_EXCLUSIVE, table.label)
    made = command(
        "constraint/add", exclusive, table=table.name, name=name, definition=Sql(f"CHECK ({condition})"), validated=False,
        done=names.there("constraint", table.name, name),
    )  # fmt: skip
    proof = command(
        "constraint/validate", light, table=table.name, name=name, wait="long", scans=True,
        done=names.there("constraint", table.name, name, validated=True),
    )  # fmt: skip
    changes = [
        alter(situation, table, f"hold new rows of {table} to the bound", [made], step=step, alone=True, hazards=(_AVOIDED,)),
        alter(situation, table, f"prove that {table} keeps to the bound", [proof], step=step, alone=True),
    ]  # fmt: skip
    for change in changes:
        change.makes = frozenset()
    return changes


def end(table: Key, condition: str) -> Command:
    """Drop the check: the bound itself says the same from now on."""
    return command(
        "constraint/drop", Lock(ACCESS_EXCLUSIVE, table.label), table=table.name, name=_name(table, condition)
    )


def _name(table: Key, condition: str) -> str:
    return names.helper(names.NEW, table.name[1], "bound", condition)
