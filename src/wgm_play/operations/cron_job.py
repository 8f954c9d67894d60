"""Jobs of pg_cron: schedule, change, unschedule.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.operations.base import Change, PlanContext, alter, command, create, drop

_NEEDS = frozenset([Key("extension", ("pg_cron",))])


def create_cron_job(situation: PlanContext, key: Key) -> list[Change]:
    """Schedule a job; what is said of it beside its times and SQL is set in the same transaction."""
    wanted = situation.wanted[key]
    made = [
        command("cron_job/schedule", name=key.name[0], schedule=wanted.schedule, statement=wanted.command, shadow=False)
    ]
    if wanted.database is not None or not wanted.active:
        made.append(command("cron_job/alter", name=key.name[0], job=wanted, shadow=False))
    change = create(situation, key, f"schedule {key}", made)
    change.need(*_NEEDS)
    return [change]


def alter_cron_job(situation: PlanContext, key: Key) -> list[Change]:
    """Change a job, which keeps its number and its history."""
    old, new = situation.current[key], situation.wanted[key]
    changed = [name for name in new.__slots__ if getattr(old, name) != getattr(new, name)]
    made = command("cron_job/alter", name=key.name[0], job=new, shadow=False)
    change = alter(situation, key, f"change {', '.join(changed)} of {key}", [made])
    change.need(*_NEEDS)
    return [change]


def drop_cron_job(situation: PlanContext, key: Key) -> list[Change]:
    """Unschedule a job; its history stays in cron.job_run_details."""
    if Key("extension", ("pg_cron",)) not in situation.wanted.rows:
        return []  # it goes with the extension
    return [drop(situation, key, f"unschedule {key}", [command("cron_job/unschedule", name=key.name[0], shadow=False)])]
