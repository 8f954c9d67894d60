"""NOT NULL on a large table: filled in batches, then proved by a check that was validated without a lock.

In: a column, what fills its NULLs. Out: changes of which only the last needs a lock that stops reads, for an instant.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    hazard,
)
from wgm_play.operations.online import names
from wgm_play.operations.online.fill import fill
from wgm_play.plan import Lock
from wgm_play.sql import Sql, ident


def fill_nulls(
    situation: PlanContext,
    key: Key,
    value: Sql,
    after: tuple[Change, ...] = (),
    *,
    column: str = "",
    again: bool = False,
) -> Change:
    """Fill the NULLs of a column in batches; `again` for those that came while it was done the first time."""
    name = column or key.name[2]
    null = Sql(f"{ident(name)} IS NULL")
    title = f"fill {key} where it is NULL" + (", for rows that came meanwhile" if again else "")
    return fill(situation, key, title, [name], [Sql(f"{ident(name)} = {value}")], where=null, left=null, after=after)


def prove(
    situation: PlanContext, key: Key, after: tuple[Change, ...], *, column: str = "", value: Sql | None = None
) -> list[Change]:
    """Forbid NULL in new rows, fill what came meanwhile with `value`, prove it for all, then say so in the catalog.

    `column` is the name that the column has now, where that is a helper's.
    """
    table, name = key.name[:2], column or key.name[2]
    label = Key("table", table).label
    exclusive, light = Lock(ACCESS_EXCLUSIVE, label), Lock(SHARE_UPDATE_EXCLUSIVE, label)
    check = names.helper(names.NOT_NULL, name, name)
    situation.findings.used_helpers.add(check)
    done = names.there("not_null", table, name)
    made = command(
        "constraint/add",
        exclusive,
        table=table,
        name=check,
        definition=Sql(f"CHECK ({ident(name)} IS NOT NULL)"),
        validated=False,
        done=_either(names.there("constraint", table, check), done),
    )
    changes = [
        alter(
            situation,
            key,
            f"forbid NULL in new rows of {key}",
            [made],
            after=after,
            alone=True,
            hazards=(
                hazard("C06", "a scan under a strong lock is avoided: a check NOT VALID, validated, then NOT NULL"),
            ),
        )
    ]
    if value is not None:
        changes.append(fill_nulls(situation, key, value, tuple(changes[-1:]), column=name, again=True))
    proof = command(
        "constraint/validate",
        light,
        table=table,
        name=check,
        wait="long",
        scans=True,
        done=_either(names.there("constraint", table, check, validated=True), done),
    )
    changes.append(
        alter(situation, key, f"prove that {key} holds no NULL", [proof], after=tuple(changes[-1:]), alone=True)
    )
    closing = [
        command("column/set_not_null", exclusive, table=table, name=name, not_null=True, done=done),
        command("constraint/drop", exclusive, table=table, name=check, done=names.gone("constraint", table, check)),
    ]
    changes.append(alter(situation, key, f"forbid NULL in {key}", closing, after=tuple(changes[-1:]), alone=True))
    return changes


def _either(one: str, other: str) -> str:
    return f"SELECT ({one}) OR ({other})"
