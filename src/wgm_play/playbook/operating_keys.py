"""The JSON Schemas of a play's `after_changes:`, `schedule:` and `pool:`.

In: nothing. Out: `AFTER_CHANGES`, `SCHEDULE` and `POOL`, which the playbook's schema includes.
"""

from __future__ import annotations

from wgm_play.playbook.alert_keys import DURATION
from wgm_play.playbook.kinds.base import Schema, choice, flag, mapping, text

_LASTS = {"pattern": DURATION, "x-expected": "a duration, as 5m"}

AFTER_CHANGES: Schema = mapping(
    {
        "alerts": {
            "description": "Names of the play's alerts that are watched (all of them). Only those count that were silent before the run.",
            "type": "array",
            "items": text("The name of an alert of the play.", minLength=1),
        },
        "invariants": flag("Ask the play's invariants too, for as long as the alerts are watched.", True),
        "for": text("How long is watched after the last change (5m).", **_LASTS),
        "every": text("How often is looked (10s, or a tenth of `for` where that is less).", **_LASTS),
        "on_failure": choice(
            "What becomes of a run after which an alert fires or an invariant is broken: it is reported (exit 12), or taken back (exit 2).",
            "report",
            "rollback",
            default="report",
        ),
    },
    description="What is watched after a run that changed something.",
)

# What a job may do beside SQL: the commands of wgm-play that people put on a schedule. No other command can be named.
WORK = ("check", "check --record", "backup", "backup --if-due", "drill", "purge")
SCHEDULE: Schema = {
    "description": "Schedule: work that is done again and again. `wgm-play schedule` writes it for systemd, cron or pg_cron.",
    "type": "array",
    "items": {
        **mapping(
            {
                "name": text("What is done, in words; the job is known by it.", pattern=r"^[^\x00-\x1f\x7f]+$"),
                "run": choice("A command of wgm-play on this playbook.", *WORK),
                "sql": text("A statement of SQL, as `select refresh_overview()`.", minLength=1),
                "every": text("How often: 15m, 1h, 1d.", **_LASTS),
                "at": text(
                    "The time of each day: 02:00.",
                    pattern=r"^([01]?\d|2[0-3]):[0-5]\d$",
                    **{"x-expected": "a time of the day, as 02:00"},
                ),
                "rule": text(
                    "A rule of RFC 5545: `FREQ=WEEKLY;BYDAY=SU;BYHOUR=4`, also with FREQ=DAILY or FREQ=MONTHLY;BYMONTHDAY=1.",
                    minLength=1,
                ),
                "timezone": text("Time zone of `at` and `rule` (UTC).", minLength=1),
            },
            ["name"],
            "A job.",
        ),
    },
}


def _number(description: str, least: int) -> Schema:
    return {"description": description, "type": "integer", "minimum": least}


POOL: Schema = mapping(
    {
        "mode": choice(
            "When a connection of the server goes to the next client: after each transaction, or when a client leaves.",
            "transaction",
            "session",
            default="transaction",
        ),
        "clients": _number(
            "How many connections the application opens at most, those of all its processes together.", 1
        ),
        "roles": {
            "description": "Roles that the application logs in as: each has a pool of its own, and their limits are kept (one role).",
            "type": "array",
            "items": text("The name of a role.", minLength=1),
        },
        "connections": _number(
            "How many connections the pool may open in the server (what max_connections leaves, at most one for each client).",
            1,
        ),
        "others": _number(
            "How many connections of the server are left to others: people, monitoring, backups, runs of wgm-play (10).",
            0,
        ),
        "reserve": _number(
            "How many of the pool's connections are only for clients that have waited for 5 seconds (5, or a tenth where that is less).",
            0,
        ),
        "prepared_statements": _number(
            "How many prepared statements each connection of the server keeps in transaction mode, from PgBouncer 1.21 on (200); 0 for none.",
            0,
        ),
        "query_wait": text(
            "How long a client waits for a connection of the server before it gets an error (30s).", **_LASTS
        ),
        "ignore_startup_parameters": {
            "description": "Parameters that drivers send at the start, and that PgBouncer passes over ([extra_float_digits]).",
            "type": "array",
            "items": text("The name of a parameter.", pattern=r"^\w+(\.\w+)?$", **{"x-expected": "a parameter's name"}),
        },
        "listen": text("The address at which PgBouncer listens; `*` for all (127.0.0.1).", minLength=1),
        "port": {**_number("The port at which PgBouncer listens (6432).", 1), "maximum": 65535},
        "max_connections": _number("The server's max_connections, where it cannot be asked (100).", 1),
        "version": text(
            "PgBouncer's version, where its console cannot be asked.",
            pattern=r"^\d+\.\d+",
            **{"x-expected": 'a version in quotes, as "1.24"'},
        ),
    },
    ["clients"],
    "What the application needs of PgBouncer. `wgm-play pool` writes its configuration; `check` looks at the live one.",
)
