"""What alerts demand of a run: that large tables are watched, that no query costs too much, that nothing fires now.

In: a planned play. Out: nothing, or a refusal (11): nothing was touched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wgm_play.document.nodes import position_of
from wgm_play.errors import Refusals, Refused
from wgm_play.playbook.alert_keys import SEVERITIES
from wgm_play.quantities import format_size
from wgm_play.render import render
from wgm_play.sql import Sql, reveal

if TYPE_CHECKING:
    from wgm_play.catalog.model import Key
    from wgm_play.planning.model import Planned
    from wgm_play.playbook.model import Alert
    from wgm_play.run.work import PlaySession

# Objects that a query names and this very run makes.
_NOT_YET = frozenset(["42P01", "42703", "42883", "42704", "3F000"])


def refuse(work: PlaySession, planned: Planned) -> None:
    """Raise `Refused` where the environment's policy on alerts does not let a plan be run, with all reasons at once."""
    found = [*_unwatched(work, planned), *_costly(work), *_firing(work)]
    if found:
        raise found[0] if len(found) == 1 else Refusals(found)


# Watched


def _unwatched(work: PlaySession, planned: Planned) -> Iterator[Refused]:
    policy = work.environment.policy
    if policy.watch_above is None and not policy.watch_partitioned:
        return
    words = {
        word for alert in work.play.alerts for text in alert.texts() for word in re.findall(r"[\w$]+", reveal(text))
    }
    lacking = [why for key, why in _to_watch(planned, policy) if key.name[-1] not in words]
    if lacking:
        yield Refused(
            "the environment demands an alert on tables that no alert of the play reads; nothing was touched",
            where=work.environment.position,
            details=lacking,
            hint="add an alert whose query reads the table; those of the library watch all tables, none in particular (policy.watch)",
        )


def _to_watch(planned: Planned, policy: Any) -> Iterator[tuple[Key, str]]:
    """Yield each table that must be watched when the run is over, with the reason."""
    for key in sorted(planned.wanted.catalog.of("table")):
        table: Any = planned.wanted.catalog[key]
        size = planned.situation.facts.sizes.get(key)
        if table.bound is not None or key.name[0] in ("wgm", "wgm_trash"):
            continue
        if policy.watch_partitioned and table.partition_by is not None:
            yield key, f"{key.label}: it is partitioned"
        elif policy.watch_above is not None and size is not None and size.bytes > policy.watch_above:
            yield key, f"{key.label}: {format_size(size.bytes)}"


# Cost


def _costly(work: PlaySession) -> Iterator[Refused]:
    limit = work.environment.policy.alert_cost
    for alert in work.play.alerts if work.trusted else ():
        cost = _cost(work, alert) if alert.texts() else None
        if cost is not None and cost > limit:
            yield Refused(
                f"the query of the alert {alert.name!r} is too dear to be asked again and again: nothing was touched",
                where=alert.position,
                details=[f"estimated cost {cost:,.0f}, allowed are {limit:,.0f} (policy.alert_cost)"],
                hint="let an index serve it, or count in a table of its own",
            )


def _cost(work: PlaySession, alert: Alert) -> float | None:
    """Return what the planner estimates; None where the query cannot be planned now, or must not be."""
    import psycopg

    from wgm_play.asking.ask import NotAsked, plain

    query = plain(alert.query_for(work.reading.info.server_version))
    try:
        with work.asker.transaction([query], path=None) as connection:
            told = connection.execute(render("asking/explain.sql.j2", query=Sql(query)).sql.encode()).fetchone()
    except (psycopg.Error, NotAsked):
        return None
    plan = told[0] if told else None
    found = json.loads(plan) if isinstance(plan, str) else plan
    return float(found[0]["Plan"]["Total Cost"]) if found else None


# Now


def _firing(work: PlaySession) -> Iterator[Refused]:
    least = work.environment.policy.alerts_refuse
    asked = [one for one in work.play.alerts if least is not None and at_least(one, least) and one.source != "watch"]
    if not asked:
        return
    from wgm_play.alerts import evaluate_now
    from wgm_play.commands.alerts import beside_of

    states = evaluate_now(work.asker, asked, work.reading, beside_of(work))
    bad = [
        f"{one.name} ({one.severity}): "
        + (
            f"unknown: {one.error}"
            if one.state == "unknown"
            else f"{one.value:g} {one.threshold}{'' if one.no_log else one.shown[0].named}"
        )
        for one in states
        if one.firing and one.sqlstate not in _NOT_YET
    ]
    if bad:
        yield Refused(
            f"alerts of severity {least} or above fire, or cannot see; nothing was touched",
            where=position_of(least) or work.environment.position,
            details=bad,
            hint="wait until they end, or see to them: wgm-play check shows all (policy.alerts.refuse)",
        )


def at_least(alert: Alert, severity: str) -> bool:
    """Tell whether an alert is of this severity or worse."""
    return SEVERITIES.index(alert.severity) >= SEVERITIES.index(severity)
