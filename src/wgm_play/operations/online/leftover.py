"""Helpers that no plan needs any more: what an abandoned or finished change left behind.

In: the helpers that the live database holds, and those that the present plan uses. Out: changes that remove the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    command,
)
from wgm_play.operations.online.acting import guard_mark, let_act
from wgm_play.plan import Command, Lock, Operation


class Helper(NamedTuple):
    """A helper object: its kind, schema, table (empty for functions and sequences) and name."""

    kind: str
    schema: str
    table: str
    name: str


# What must go before what: a trigger before its function, what is on a column before the column.
_ORDER = ("guard", "trigger", "function", "constraint", "index", "column", "sequence", "type")


def removals(helpers: Mapping[Helper, bool], used: Collection[str]) -> list[Change]:
    """Return the changes that remove helpers whose names are not among those `used`; `helpers` tells which are valid."""
    made: list[Change] = []
    for one in sorted(helpers, key=lambda helper: (_ORDER.index(helper.kind), helper)):
        if (guard_mark((one.schema, one.table, one.name)) if one.kind == "guard" else one.name) in used:
            continue
        key = Key(
            one.kind, (one.schema, one.table, one.name) if one.table and one.kind != "index" else (one.schema, one.name)
        )
        operation = Operation(
            "drop",
            key,
            f"let trigger {one.name} of {Key('table', (one.schema, one.table)).label} act in batches again"
            if one.kind == "guard"
            else f"remove the helper {one.kind} {one.name}, which no change needs any more",
            (_removal(one),),
            alone=True,
        )
        made.append(Change(operation, after=tuple(made), rank=-10))
    return made


def _removal(one: Helper) -> Command:
    table = (one.schema, one.table)
    label = Key("table", table).label
    exclusive = Lock(ACCESS_EXCLUSIVE, label)
    if one.kind == "guard":
        return let_act((one.schema, one.table, one.name))
    if one.kind == "trigger":
        return command("online/drop_trigger", exclusive, name=one.name, table=table, missing_ok=True, shadow=False)
    if one.kind == "function":
        return command("online/drop_function", name=one.name, missing_ok=True, shadow=False)
    if one.kind == "constraint":
        return command("constraint/drop", exclusive, table=table, name=one.name, shadow=False)
    if one.kind == "index":
        light = Lock(SHARE_UPDATE_EXCLUSIVE, label)
        return command(
            "online/drop_index", light, name=(one.schema, one.name), wait="long", transactional=False, shadow=False
        )
    if one.kind == "sequence":
        return command("sequence/drop", name=("wgm", one.name), shadow=False)
    if one.kind == "type":
        return command("enum/drop", name=(one.schema, one.name), shadow=False)
    return command("column/drop", exclusive, table=table, name=one.name, shadow=False)
