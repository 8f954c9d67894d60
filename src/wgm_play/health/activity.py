"""Checks of what happens now: transactions, locks, replication, archiving.

In: nothing. Out: `CHECKS`.
"""

from __future__ import annotations

from wgm_play.health.model import ERROR, WARNING, Check

# A transaction that is open this long (seconds) holds back vacuum noticeably; one idle for a minute was forgotten.
LONG_SECONDS = 3600
IDLE_SECONDS = 60
# A wait for a lock that people notice; a prepared transaction that no coordinator comes back for.
WAITING_SECONDS = 5
PREPARED_SECONDS = 300
LAG_SECONDS = 60

CHECKS = (
    Check(
        "long_transactions",
        "transactions open for an hour, or idle for a minute",
        WARNING,
        "the session {object} ({application}, role {role}) has a transaction open for {seconds} s, {state}",
        "SELECT pg_terminate_backend({object});",
        values={"long": LONG_SECONDS, "idle": IDLE_SECONDS},
    ),
    Check(
        "blocked_sessions",
        f"sessions that have waited {WAITING_SECONDS} seconds for a lock",
        WARNING,
        "the session {object} ({application}) has waited {seconds} s for a lock of {blocker} ({blocker_application})",
        "SELECT pg_cancel_backend({blocker});  -- pg_terminate_backend where it is idle in a transaction",
        values={"waiting": WAITING_SECONDS},
    ),
    Check(
        "prepared_transactions",
        "prepared transactions that nobody finished",
        WARNING,
        "the prepared transaction {object} of {role} has waited {seconds} s to be finished",
        "ROLLBACK PREPARED {object};  -- or COMMIT PREPARED, as its coordinator decided",
        values={"prepared": PREPARED_SECONDS},
    ),
    Check(
        "replication_slots",
        "replication slots that nobody reads",
        WARNING,
        "nobody reads the replication slot {object}: the server keeps {kept} of WAL for it (status {status})",
        "SELECT pg_drop_replication_slot({object});  -- or start its consumer",
    ),
    Check(
        "replication_lag",
        f"standbys more than {LAG_SECONDS} seconds behind",
        WARNING,
        "the standby {object} is {seconds} s behind ({state})",
        "SELECT * FROM pg_stat_replication;  -- on the standby: pg_is_wal_replay_paused(), long queries",
        values={"lag": LAG_SECONDS},
    ),
    Check(
        "subscriptions",
        "subscriptions that receive nothing",
        WARNING,
        "the subscription {object} {state}: it receives nothing, and its publisher keeps WAL for it",
        "ALTER SUBSCRIPTION {object} ENABLE;  -- the server's log tells why it stopped",
    ),
    Check(
        "archiving",
        "an archive command that fails",
        ERROR,
        "the WAL segment {segment} could not be archived ({last} UTC; {failed} failures): there is no recovery to a later time",
        "the server's log has the command's own words",
    ),
    Check(
        "checksum_failures",
        "pages that were damaged on the disk",
        ERROR,
        "{number} damaged pages were read in the database {object} (last {last} UTC)",
        "pg_amcheck --all, then restore what is damaged; look at the storage first",
    ),
)
