"""Batched filling: the operation that the executor runs batch by batch (`execute/backfill.py`).

In: a table, assignments, which rows need them. Out: an `Operation` with a "backfill" payload; its one statement is the
batch as it is sent, without the range of keys.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgm_play.catalog.model import Key
from wgm_play.operations.base import ROW_EXCLUSIVE, Change, PlanContext, alter, hazard
from wgm_play.operations.online import acting
from wgm_play.plan import Command, Lock
from wgm_play.render import render
from wgm_play.sql import Sql


def fill(
    situation: PlanContext,
    key: Key,
    title: str,
    columns: Sequence[str],
    assignments: Sequence[Sql],
    *,
    where: Sql,
    left: Sql | None = None,
    after: tuple[Change, ...] = (),
    name: str = "",
    verb: str = "alter",
) -> Change:
    """Change the rows that `where` finds, a few at a time; `left` finds what must not be left at the end."""
    table = key.name[:2]
    assigned = Sql(", ".join(assignments))
    statement = render("backfill/batch.sql.j2", table=table, set=assigned, conditions=[Sql(f"({where})")]).sql
    made = Command(
        statement,
        wait="data",
        locks=(Lock(ROW_EXCLUSIVE, Key("table", table).label),),
        transactional=False,
        scans=True,
        shadow=False,
    )
    task = {
        "table": list(table),
        "set": str(assigned),
        "where": str(where),
        "columns": list(columns),
        "name": name or title,
        "left": None if left is None else str(left),
        "alone": acting.task(situation, Key("table", table), columns),
    }
    hazards = [hazard("X05", "rows are changed in batches of about 0.1 s, each committed alone")]
    hazards += acting.hazards(situation, Key("table", table), columns)
    change = alter(
        situation,
        key,
        title,
        [made],
        after=after,
        alone=True,
        hazards=tuple(hazards),
        payload={"backfill": task},
        verb=verb,
    )
    change.make_only()
    situation.findings.fills.append((Key("table", table), change))
    return change
