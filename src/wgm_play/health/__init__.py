"""Health: what is wrong, or could be better, in a database as it stands now.

In: a connection whose role may only read. Out: `Finding`s. The checks lie in files by theme, each with its query in
`templates/health/`; `CHECKS` is all of them.
"""

from __future__ import annotations

from wgm_play.health.access import CHECKS as ACCESS
from wgm_play.health.activity import CHECKS as ACTIVITY
from wgm_play.health.capacity import CHECKS as CAPACITY
from wgm_play.health.model import Check
from wgm_play.health.server import CHECKS as SERVER
from wgm_play.health.structure import CHECKS as STRUCTURE

THEMES = {
    "Structure": STRUCTURE,
    "Access": ACCESS,
    "What runs out or goes stale": CAPACITY,
    "What happens now": ACTIVITY,
    "The server": SERVER,
}
CHECKS: tuple[Check, ...] = tuple(check for checks in THEMES.values() for check in checks)

# What `check` finds by other means than a query on the catalog.
OTHERS = {
    "drift": "what differs from what the last run left, within what the playbook manages",
    "pending": "edits of the playbook that were not applied yet",
    "refused": "why the playbook cannot be applied now",
    "skipped": "steps that are skipped (`required: false`), with the statement that an administrator runs",
    "setting_overridden": "declared settings that a role's own setting overrides",
    "broken_functions": "with `--deep`: functions whose bodies name what is not there any more",
    "alert": "alerts that fire, or are unknown",
    "no_backup_policy": "a play without `backup:`",
    "backup": "backups that cannot be read",
    "no_backup": "no backup of this database",
    "backup_unverified": "no backup that is proved as the policy says",
    "backup_age": "a newest backup that is older than `max_age`",
    "backup_not_copied": "a newest backup that the environment's `backup: {copy: …}` has not copied off the machine",
    "backup_same_machine": "backups that lie on the database's own machine alone",
    "backup_method": "that `method: physical` would work, where a logical backup takes long or covers less",
    "backup_damaged": "with `--deep`: a newest backup whose files are damaged",
    "overdue": "jobs of the schedule that were not done for longer than it says",
    "pool_setting": "settings of PgBouncer that are other than `wgm-play pool` writes them",
    "pool_paused": "pools of PgBouncer that are paused or disabled",
    "pool_waiting": "pools of PgBouncer whose clients wait for a connection",
    "pool_size": "pools that may open more connections than the server has",
    "pool_unknown": "a PgBouncer that cannot be looked at",
    "acknowledge": "acknowledgements that nothing needs any more",
}
# What `analyze` finds, and a play's `gate: plans`.
OF_QUERIES = {
    "slower_plan": "by `analyze`, `gate: plans` and reviews: queries that get a plan which costs at least twice as much",
    "index_advice": "by `analyze`: indexes that would at least halve what a query costs",
    "slower_query": "by `analyze`: queries that take at least twice as long since the last run",
}
CODES: tuple[str, ...] = (*(check.name for check in CHECKS), *OTHERS, *OF_QUERIES)


def table() -> str:
    """Return all that `check` looks for, as the table of the documentation."""
    rows = [(check.name, check.severity, check.about) for check in CHECKS]
    rows += [(name, "", about) for name, about in (OTHERS | OF_QUERIES).items()]
    cells = [f"| `{name}` | {severity} | {about} |" for name, severity, about in rows]
    return "\n".join(["| finding | from | what |", "|---|---|---|", *cells])
