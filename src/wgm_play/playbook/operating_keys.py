"""The JSON Schemas of a play's `after_changes:` and `schedule:`.

In: nothing. Out: `AFTER_CHANGES` and `SCHEDULE`, which the playbook's schema includes.
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
