"""Checks of what a schema consists of: indexes, keys, constraints, triggers, partitions.

In: nothing. Out: `CHECKS`.
"""

from __future__ import annotations

from wgm_play.health.model import INFO, WARNING, Check

# No use in less than this says little: a report at the end of the month needs its index too.
UNUSED_DAYS = 14

CHECKS = (
    Check(
        "invalid_indexes",
        "indexes whose concurrent build failed",
        WARNING,
        "the {what} {object} on {relation} is invalid: it slows writes down and serves no query",
        "DROP INDEX CONCURRENTLY {object};  -- then run the playbook again, which builds it",
    ),
    Check(
        "duplicate_indexes",
        "indexes that are equal to another one of their table",
        WARNING,
        "the index {object} on {relation} is the same as {twin}: each write pays for both",
        "remove it from the playbook, then run it with --allow-destructive; by hand: DROP INDEX CONCURRENTLY {object};",
        ("{size} on disk",),
    ),
    Check(
        "overlapping_indexes",
        "indexes whose columns begin a longer index of their table",
        INFO,
        "the columns of the index {object} on {relation} begin {longer}, which serves its queries too",
        "look at the queries, then remove it from the playbook",
        ("{size} on disk",),
    ),
    Check(
        "unused_indexes",
        f"indexes that no query used, where the statistics have counted for {UNUSED_DAYS} days",
        INFO,
        "no query has used the index {object} on {relation} since {since} (UTC)",
        "look on the standbys too, which count for themselves; then remove it from the playbook",
        ("{size} on disk", "the statistics count since {since} (UTC)"),
        values={"days": UNUSED_DAYS},
    ),
    Check(
        "foreign_keys_without_index",
        "foreign keys that no index serves",
        INFO,
        "no index serves the foreign key {attribute} of {object}: deletes in the referenced table read all of it",
        "add an index on {object} ({columns}) to the playbook",
    ),
    Check(
        "no_primary_key",
        "tables without a primary key",
        INFO,
        "the table {object} has no primary key",
        "add `primary_key: true` to a column of {object} in the playbook",
    ),
    Check(
        "unvalidated_constraints",
        "constraints that were never validated; with `--deep`, how many rows break them",
        WARNING,
        "the constraint {attribute} on {object} was never validated: old rows may break it",
        "ALTER {statement} {object} VALIDATE CONSTRAINT {name};",
    ),
    Check(
        "orphans",
        "rows that refer to nothing although their foreign key is valid (it was disabled, or the data were loaded without it)",
        WARNING,
        "{number} of {object} refer to no row of {other}, although the foreign key {attribute} is valid",
        "put these rows right; then drop the constraint and run the playbook, which makes it again and validates it",
        ("{rows}",),
        deep=True,
    ),
    Check(
        "disabled_triggers",
        "triggers, and those of foreign keys, that are disabled",
        WARNING,
        "{what} {attribute} on {object} is disabled",
        "ALTER TABLE {object} ENABLE TRIGGER {name};",
    ),
    Check(
        "pending_detach",
        "partitions whose `DETACH CONCURRENTLY` was cut short",
        WARNING,
        "the partition {object} of {relation} is half detached",
        "ALTER TABLE {relation} DETACH PARTITION {object} FINALIZE;",
    ),
    Check(
        "published_without_identity",
        "published tables without a replica identity",
        WARNING,
        "the table {object} is published by {publication} and has no replica identity: each UPDATE and DELETE of it fails",
        "give it a primary key, or a `replica_identity`, in the playbook",
    ),
)
