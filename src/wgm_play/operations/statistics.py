"""Extended statistics: create, set their target, make again, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.catalog.statistics import Statistics
from wgm_play.operations.base import SHARE_UPDATE_EXCLUSIVE, PlanContext, command
from wgm_play.operations.defined import Defined, changed
from wgm_play.plan import Command, Lock
from wgm_play.sql import Sql, ident, literal


def make_statistics(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make extended statistics; the next ANALYZE fills them."""
    row: Statistics = situation.wanted[key]
    made = command(
        "statistics/create",
        *_locks(row),
        name=ident(key.name),
        table=ident(row.table),
        kinds=[Sql(one) for one in row.kinds or ()],
        elements=[Sql(one) for one in row.elements],
    )
    return [made] if row.target is None else [made, _target(key, row)]


def _locks(row: Statistics) -> list[Lock]:
    return [Lock(SHARE_UPDATE_EXCLUSIVE, Key("table", tuple(row.table)).label)]


def _target(key: Key, row: Statistics) -> Command:
    target = literal(-1 if row.target is None else row.target)
    return command("statistics/target", name=ident(key.name), target=Sql(str(target).strip("()")))


def change_statistics(situation: PlanContext, key: Key, old: Statistics, new: Statistics) -> list[Command] | None:
    """Set the target in place."""
    return None if changed(old, new) - {"comment", "target"} else [_target(key, new)]


def _dropped(situation: PlanContext, key: Key) -> list[Lock]:
    return _locks(situation.current[key])


# After columns are there; gone before columns go.
STATISTICS = Defined(make_statistics, change_statistics, rank=20, drop_rank=2, locks=_dropped)
