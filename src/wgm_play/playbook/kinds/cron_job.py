"""Kind `cron_job`: SQL that pg_cron runs at its times.

In: a step. Out: its schema fragment, example and declaration. A job is a row of the extension's table: it is never made in a
scratch database, and its declaration has no statements but `attributes`, the fields of `CronJob`.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.playbook.kinds.base import Folding, Kind, at, fail, flag, mapping, overlay, ref, text
from wgm_play.playbook.model import Declaration, Step
from wgm_play.sql import reveal

EXAMPLE = """
- name: The clock of the database
  extension: {name: pg_cron}
- name: Old sessions go at night
  cron_job: {name: old-sessions, schedule: "0 3 * * *", command: DELETE FROM sessions WHERE ended_at < now() - interval '90 days'}
"""

SCHEMA = mapping(
    {
        "name": text("The job's name in cron.job.", minLength=1),
        "schedule": text(
            "When, in the server's time zone as pg_cron has it: five fields as `0 3 * * *` (minute, hour, day of month, "
            "month, day of week), or `30 seconds` (pg_cron 1.5).",
            pattern=r"^\s*(\S+(\s+\S+){4}|[1-9]\d? seconds?|@\w+)\s*$",
            **{"x-expected": "five fields as 0 3 * * *, or 30 seconds"},
        ),
        "command": text("The SQL, run as the role that runs the playbook, with its search_path."),
        "database": ref("name", "The database that it runs in; default: the one that pg_cron lies in."),
        "active": flag("Whether it runs.", True),
    },
    ["name"],
)


def key(step: Step) -> Key:
    """Return the key of the job that a step is about."""
    return Key("cron_job", (reveal(step.spec["name"]),))


def declare(step: Step, folding: Folding) -> Declaration:
    """Make the declaration of a job."""
    spec = step.spec
    for name in ("schedule", "command"):
        if name not in spec:
            raise fail(f"the job {reveal(spec['name'])!r} has no {name!r}", at(spec, "name"), f"add `{name}:`")
    database = spec.get("database")
    attributes = {
        "schedule": " ".join(reveal(spec["schedule"]).split()),
        "command": reveal(spec["command"]).strip(),
        "database": None if database is None else reveal(database),
        "active": bool(spec.get("active", True)),
        "written": at(spec, "command"),
    }
    return Declaration(key(step), step.index, step.position, attributes=attributes)


KIND = Kind("cron_job", "A job of pg_cron: SQL at its times.", SCHEMA, EXAMPLE, declare, key, overlay)
