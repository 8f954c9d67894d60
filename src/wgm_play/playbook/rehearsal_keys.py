"""The JSON Schema of a play's `budget:`, `exercise:` and `audits:`, which a rehearsal reads.

In: nothing. Out: `BUDGET`, `EXERCISE`, `AUDITS`, which the playbook's schema includes.
"""

from __future__ import annotations

from wgm_play.playbook.kinds.base import Schema, mapping, text

BUDGET: Schema = mapping(
    {
        "lock": text("How long a lock that keeps readers or writers waiting may be held (500ms).", pattern=r"\d"),
        "rewrite": {
            "description": "How large a table may be that is rewritten: 0, 16MB.",
            "type": ["string", "integer"],
        },
        "wal": {"description": "How much WAL the run may write: 2GB.", "type": ["string", "integer"]},
        "disk": {
            "description": "How much more disk the run may take at its peak: 1GB, or a part of the database, 10%.",
            "type": ["string", "integer"],
        },
        "time": text("How long the run may take (30m).", pattern=r"\d"),
        "stall": text("With `--replay`: how long a transaction of the load may wait (500ms).", pattern=r"\d"),
    },
    description="What a run may cost. `wgm-play rehearse` measures it, and names what exceeds it.",
)
AUDITS: Schema = {
    "description": "Tables that note what is done (audits): a rehearsal does not compare their rows.",
    "type": "array",
    "items": text("A table, with its schema where that is not the play's.", minLength=1),
}
EXERCISE: Schema = {
    "description": "What `wgm-play rehearse` tries in the state that is wanted: SQL that must not fail, rolled back.",
    "type": "array",
    "items": {
        "oneOf": [
            text("SQL that must not fail: `select cleanup_audit_log()`.", minLength=1),
            mapping(
                {
                    "sql": text("SQL that must not fail.", minLength=1),
                    "holds": text("A query that returns true after it, in the same transaction.", minLength=1),
                },
                ["sql"],
            ),
        ],
    },
}
