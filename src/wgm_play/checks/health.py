"""Health: what is wrong, or could be better, in a database as it stands now.

In: a connection whose role may only read. Out: `HealthFinding`s: a finding makes `check` exit 12, an advice does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.sql import ident

FINDING, ADVICE = "finding", "advice"
# A transaction that is open this long (seconds) holds back vacuum noticeably; one idle for a minute was forgotten.
LONG_SECONDS = 3600
IDLE_SECONDS = 60
# A wait for a lock that people notice; a prepared transaction that no coordinator comes back for.
WAITING_SECONDS = 5
PREPARED_SECONDS = 300
LAG_SECONDS = 60
# A sequence is a finding from here, an advice from 70 % (templates/checks/sequences.sql).
SEQUENCE_PERCENT = 85
TIMEOUT_SECONDS = 10
# Autovacuum freezes from an age of 200 million; at this one, of 2,147 million, it does not keep up.
AGE = 500_000_000


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One thing found. `check` is the name in `CHECKS`, `object` what it is about, `next` the exact thing to type."""

    check: str
    severity: str
    object: str
    message: str
    next: str


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check: its template `templates/checks/NAME.sql`, and what to say of each row, by the row's columns.

    `urgent` is the value of `percent` from which a row is a finding and below which it is an advice.
    """

    name: str
    severity: str
    message: str
    next: str
    urgent: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


CHECKS = (
    HealthCheck(
        "invalid_indexes",
        FINDING,
        "the {what} {object} on {relation} is invalid: it slows writes down and serves no query",
        "DROP INDEX CONCURRENTLY {object};  -- then run the playbook again, which builds it",
    ),
    HealthCheck(
        "unvalidated_constraints",
        FINDING,
        "the constraint {object} on {relation} was never validated: old rows may break it",
        "ALTER TABLE {relation} VALIDATE CONSTRAINT {object};",
    ),
    HealthCheck(
        "disabled_triggers",
        FINDING,
        "the trigger {object} on {relation} is disabled",
        "ALTER TABLE {relation} ENABLE TRIGGER {name};",
    ),
    HealthCheck(
        "sequences",
        FINDING,
        "the sequence {object} has used {percent} % of the numbers that {relation} can hold",
        "widen the column to bigint in the playbook ({relation}), then run it",
        urgent=SEQUENCE_PERCENT,
    ),
    HealthCheck(
        "wraparound",
        FINDING,
        "the database {object} has used {percent} % of its {what} since the last freeze",
        "vacuumdb --all --freeze --jobs=2;  -- first end long transactions, unused slots and prepared transactions",
        values={"age": AGE},
    ),
    HealthCheck(
        "long_transactions",
        FINDING,
        "the session {object} ({application}, role {role}) has a transaction open for {seconds} s, {state}",
        "SELECT pg_terminate_backend({object});",
        values={"long": LONG_SECONDS, "idle": IDLE_SECONDS},
    ),
    HealthCheck(
        "blocked_sessions",
        FINDING,
        "the session {object} ({application}) has waited {seconds} s for a lock of {blocker} ({blocker_application})",
        "SELECT pg_cancel_backend({blocker});  -- pg_terminate_backend where it is idle in a transaction",
        values={"waiting": WAITING_SECONDS},
    ),
    HealthCheck(
        "prepared_transactions",
        FINDING,
        "the prepared transaction {object} of {role} has waited {seconds} s to be finished",
        "ROLLBACK PREPARED {object};  -- or COMMIT PREPARED, as its coordinator decided",
        values={"prepared": PREPARED_SECONDS},
    ),
    HealthCheck(
        "replication_slots",
        FINDING,
        "nobody reads the replication slot {object}: the server keeps {kept} of WAL for it (status {status})",
        "SELECT pg_drop_replication_slot({object});  -- or start its consumer",
    ),
    HealthCheck(
        "replication_lag",
        FINDING,
        "the standby {object} is {seconds} s behind ({state})",
        "SELECT * FROM pg_stat_replication;  -- on the standby: pg_is_wal_replay_paused(), long queries",
        values={"lag": LAG_SECONDS},
    ),
    HealthCheck(
        "collation_versions",
        FINDING,
        "the {what} {object} was built with version {was} of its collation, the library now has {now}",
        "REINDEX DATABASE CONCURRENTLY {database};  -- then ALTER {statement} {object} REFRESH {version};",
    ),
    HealthCheck(
        "definer_functions",
        FINDING,
        "everybody may execute {object} with the rights of its owner {role}{power}",
        "REVOKE EXECUTE ON ROUTINE {object} FROM PUBLIC;  -- in the playbook: `grants: {{}}`, or who may",
        urgent=100,
    ),
    HealthCheck(
        "no_primary_key",
        ADVICE,
        "the table {object} has no primary key",
        "add `primary_key: true` to a column of {object} in the playbook",
    ),
    HealthCheck(
        "foreign_keys_without_index",
        ADVICE,
        "no index serves the foreign key {object} of {relation}: deletes in the referenced table read all of it",
        "add an index on {relation} ({columns}) to the playbook",
    ),
    HealthCheck(
        "unseen_sessions",
        ADVICE,
        "the role {object} may not look into {number} sessions of other roles: these were not checked",
        "GRANT pg_read_all_stats TO {object};",
    ),
)


def health(connection: Any) -> list[HealthFinding]:
    """Return what is found, in the order of `CHECKS`. A check that cannot be made is an advice that says so.

    Nothing is written and no lock is taken beyond reading the catalog.
    """
    return [found for check in CHECKS for found in _made(connection, check)]


def _made(connection: Any, check: HealthCheck) -> list[HealthFinding]:
    import psycopg
    from psycopg.rows import dict_row

    try:
        with connection.transaction(force_rollback=True):
            connection.execute(render("checks/limits.sql.j2", milliseconds=TIMEOUT_SECONDS * 1000).sql)
            statement = render(f"checks/{check.name}.sql", version=connection.info.server_version, **check.values)
            with connection.cursor(row_factory=dict_row) as cursor:
                rows = cursor.execute(statement.sql).fetchall()
    except psycopg.errors.InsufficientPrivilege as error:
        return [_unknown(check, connection, error)]
    except psycopg.OperationalError as error:
        if connection.closed:
            raise
        return [_unknown(check, connection, error)]
    return [_finding(check, row) for row in rows]


def _finding(check: HealthCheck, found: dict[str, Any]) -> HealthFinding:
    row = {name: mask(value) if isinstance(value, str) else value for name, value in found.items()}
    urgent = check.urgent is None or found["percent"] >= check.urgent
    return HealthFinding(
        check.name,
        check.severity if urgent else ADVICE,
        row["object"],
        check.message.format(**row),
        check.next.format(**row),
    )


def _unknown(check: HealthCheck, connection: Any, error: Any) -> HealthFinding:
    told = (error.diag.message_primary or str(error)).strip()
    return HealthFinding(
        check.name,
        ADVICE,
        "",
        f"{check.name.replace('_', ' ')}: not checked ({mask(told)})",
        f"GRANT pg_monitor TO {ident(connection.info.user)};",
    )
