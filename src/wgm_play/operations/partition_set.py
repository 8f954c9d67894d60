"""Sets of partitions that pg_partman keeps: make, take on, change, let go.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from wgm_play.catalog.graph import children
from wgm_play.catalog.model import Catalog, Key, differing_fields
from wgm_play.catalog.partition_set import EXTENSION
from wgm_play.errors import Refused
from wgm_play.operations.base import ACCESS_EXCLUSIVE, Change, PlanContext, alter, command, create, drop
from wgm_play.plan import Command, Lock

# How pg_partman names partitions after their lower bound (part_config.datetime_string), and the same for strftime.
_NAMINGS = {
    "YYYY_MM_DD": "%Y_%m_%d",
    "YYYY_MM": "%Y_%m",
    "YYYY": "%Y",
    'IYYY"w"IW': "%Gw%V",
    "YYYY_MM_DD_HH24MI": "%Y_%m_%d_%H%M",
    "YYYY_MM_DD_HH24MISS": "%Y_%m_%d_%H%M%S",
    "YYYYMMDD": "%Y%m%d",
    "YYYYMMDD_HH24MISS": "%Y%m%d_%H%M%S",
}
_FROM = re.compile(r"FOR VALUES FROM \('([^']*)'\)")
_FIXED = ("control", "interval")


def create_partition_set(situation: PlanContext, key: Key) -> list[Change]:
    """Hand a table to pg_partman, which makes its partitions; those that are there and named as it names them it takes on."""
    wanted = situation.wanted[key]
    values = _values(situation, key) | {"set": wanted}
    there = children(situation.current).get(Key("table", key.name), [])
    if there:
        naming = _naming(situation.current, key, there)
        template = Key("table", (values["extension"], f"template_{'_'.join(key.name)}"))
        known = ".".join(template.name) if template in situation.current.rows else None
        made = _said("take_on", values, naming=naming, model=known)
    else:
        made = _said("create_parent", values, Lock(ACCESS_EXCLUSIVE, Key("table", key.name).label))
    title = f"{'hand over' if there else 'make'} {key}"
    change = create(situation, key, title, [made, _said("alter", values)])
    change.need(EXTENSION, Key("table", key.name))
    return [change]


def alter_partition_set(situation: PlanContext, key: Key) -> list[Change]:
    """Change what pg_partman does from now on; the partitions stay as they are."""
    old, new = situation.current[key], situation.wanted[key]
    changed = differing_fields(old, new)
    fixed = [name for name in changed if name in _FIXED]
    if fixed:
        raise Refused(
            f"the {fixed[0]} of {key} is {getattr(old, fixed[0])!r}: pg_partman changes it for no set that has partitions",
            hint=f"keep `{fixed[0]}`; or end the set with pg_partman's undo_partition, and declare it anew",
        )
    change = alter(
        situation,
        key,
        f"change {', '.join(changed)} of {key}",
        [_said("alter", _values(situation, key) | {"set": new})],
    )
    change.need(EXTENSION)
    return [change]


def drop_partition_set(situation: PlanContext, key: Key) -> list[Change]:
    """Let go of a table: pg_partman neither makes nor drops partitions of it any more; all that are there stay."""
    if EXTENSION not in situation.wanted.rows:
        return []  # it goes with the extension
    return [drop(situation, key, f"let go of {key}", [_said("drop", _values(situation, key))])]


def _said(verb: str, values: dict[str, Any], *locks: Lock, **more: Any) -> Command:
    return command(f"partition_set/{verb}", *locks, shadow=False, **values, **more)


def _values(situation: PlanContext, key: Key) -> dict[str, Any]:
    where = situation.wanted if EXTENSION in situation.wanted.rows else situation.current
    extension = where[EXTENSION]
    return {
        "extension": extension.schema,
        "newer": int(extension.version.partition(".")[0]) >= 5,
        "parent": ".".join(key.name),
    }


def _naming(catalog: Catalog, key: Key, partitions: list[Key]) -> str | None:
    """Return how partitions are named after their lower bounds: None where these are numbers. Raise `Refused` otherwise."""
    bounds: list[tuple[str, str]] = []
    for one in partitions:
        found = _FROM.match(str(catalog.value(one, "bound")))
        if found:
            bounds.append((one.name[1].removeprefix(f"{key.name[1]}_p"), found.group(1)))
    if bounds and all(lower.lstrip("-").isdigit() and lower == name for name, lower in bounds):
        return None
    for naming, form in _NAMINGS.items():
        if bounds and all(_as_named(lower, form) == name for name, lower in bounds):
            return naming
    raise Refused(
        f"{Key('table', key.name)} has partitions, and they are not named as pg_partman names them ({key.name[1]}_p2025_01_31)",
        hint="rename them so, each after its lower bound, in steps with `renamed_from`; or leave out the step of the set",
    )


def _as_named(lower: str, form: str) -> str | None:
    try:
        return datetime.fromisoformat(re.sub(r"([+-]\d\d)$", r"\1:00", lower)).strftime(form)
    except ValueError:
        return None
