"""Checks of what runs out, grows, or goes stale: numbers, space, statistics, connections.

In: nothing. Out: `CHECKS`.
"""

from __future__ import annotations

from wgm_play.health.autovacuum import CHECK as AUTOVACUUM
from wgm_play.health.model import INFO, WARNING, Check

# From this share of its numbers a key is urgent; it is advice from 70 % (the templates).
KEY_PERCENT = 85
CONNECTION_PERCENT = 85
# Autovacuum freezes from an age of 200 million; at this one, of 2,147 million, it does not keep up.
AGE = 500_000_000
# Below this many rows a guess of the planner costs nothing.
ROWS = 1000
DEAD_ROWS = 10_000
# Autovacuum looks every minute, and needs its time: what changed just now is not stale.
STALE_MINUTES = 60
# An estimate is not exact: what is wasted is told from here, and urgent from there.
WASTED_BYTES = 10 * 1024**2
MUCH_WASTED_BYTES = 5 * 1024**3

CHECKS = (
    Check(
        "sequences",
        f"sequences that have used 70 % of the numbers that their column can hold; a warning from {KEY_PERCENT} %",
        WARNING,
        "the sequence {object} has used {percent} % of the numbers that {relation} can hold",
        "widen the column to bigint in the playbook ({relation}), then run it",
        urgent=KEY_PERCENT,
    ),
    Check(
        "integer_keys",
        f"integer keys without a sequence of which 70 % is used; a warning from {KEY_PERCENT} %",
        WARNING,
        "the largest value of the key {object} ({attribute}) is at {percent} % of what its type holds",
        "widen the column to bigint in the playbook, then run it",
        urgent=KEY_PERCENT,
    ),
    Check(
        "narrow_references",
        "columns that are narrower than the key they refer to",
        INFO,
        "the column {attribute} of {object} is {type}, the key {referenced} that it refers to is {other_type}",
        "widen the column in the playbook before the key passes what it can hold",
    ),
    Check(
        "wraparound",
        "databases whose transaction ids run out",
        WARNING,
        "the database {object} has used {percent} % of its {what} since the last freeze",
        "vacuumdb --all --freeze --jobs=2;  -- first end long transactions, unused slots and prepared transactions",
        values={"age": AGE},
    ),
    Check(
        "never_analyzed",
        f"tables of over {ROWS} rows that were never analyzed",
        WARNING,
        "the table {object} was never analyzed: the planner guesses",
        "ANALYZE {object};",
        ("{size} on disk",),
        values={"rows": ROWS, "bytes": 1024**2},
    ),
    Check(
        "stale_statistics",
        "tables half of whose rows changed since they were analyzed",
        INFO,
        "{changed} rows of {object} changed since it was analyzed ({last} UTC); it has {live}",
        "ANALYZE {object};  -- and look why autovacuum does not come to it",
        values={"rows": DEAD_ROWS, "minutes": STALE_MINUTES},
    ),
    Check(
        "statistics_without_data",
        "extended statistics that hold nothing yet",
        WARNING,
        "the extended statistics {object} hold no data: the planner cannot use them",
        "ANALYZE {relation};",
    ),
    Check(
        "autovacuum_off",
        "tables that autovacuum was told to leave alone",
        WARNING,
        "autovacuum is switched off for the table {object}: dead rows and old statistics stay",
        "ALTER TABLE {object} RESET (autovacuum_enabled);",
    ),
    AUTOVACUUM,
    Check(
        "dead_rows",
        f"tables of which 40 % are dead rows, from {DEAD_ROWS} on",
        INFO,
        "{percent} % of the rows of {object} are dead ({dead}; {last})",
        "VACUUM {object};  -- first end long transactions, unused slots and prepared transactions",
        values={"rows": DEAD_ROWS},
    ),
    Check(
        "table_bloat",
        "tables twice as long as their rows need (an estimate); a warning from 5 GB",
        WARNING,
        "the table {object} is about {percent} % empty: {wasted} of {size} (an estimate)",
        "VACUUM {object} lets new rows use it; pg_repack, or VACUUM FULL in a window, gives it back",
        values={"bytes": WASTED_BYTES, "many": MUCH_WASTED_BYTES},
        judge=lambda rows: ({**row, "severity": WARNING if row["urgency"] else INFO} for row in rows),
    ),
    Check(
        "index_bloat",
        "B-tree indexes twice as long as their entries need (an estimate); a warning from 5 GB",
        WARNING,
        "the index {object} is about {percent} % empty: {wasted} of {size} (an estimate)",
        "REINDEX INDEX CONCURRENTLY {object};",
        values={"bytes": WASTED_BYTES, "many": MUCH_WASTED_BYTES},
        judge=lambda rows: ({**row, "severity": WARNING if row["urgency"] else INFO} for row in rows),
    ),
    Check(
        "connections",
        f"connections that are nearly all taken; a warning from {CONNECTION_PERCENT} %",
        WARNING,
        "{taken} of the {most} connections of {object} are taken ({percent} %), {idle} of them idle",
        "a pool (PgBouncer in transaction mode) serves many clients by few connections; ALTER SYSTEM SET max_connections",
        urgent=CONNECTION_PERCENT,
    ),
)
