"""The JSON Schema of a play's `backup:`.

In: nothing. Out: `SCHEMA`, which the playbook's schema includes.
"""

from __future__ import annotations

from typing import Any

_COUNT = {"type": "integer", "minimum": 1}

SCHEMA: dict[str, Any] = {
    "title": "backup",
    "description": "How the database is kept safe: what is taken, when, how it is proved, how long it is kept.",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "before_changes": {
            "description": "Take a new backup before the first change of a run, however young the last one is.",
            "type": "boolean",
            "default": True,
        },
        "method": {
            "description": "The engine; `logical` is pg_dump in directory format.",
            "enum": ["logical", "physical", "barman", "pgbackrest"],
            "default": "logical",
        },
        "max_age": {
            "description": "With `before_changes: false`: a run is refused unless a backup is younger than this (24h).",
            "type": "string",
            "pattern": r"\d",
        },
        "retention": {
            "description": "How many backups are kept; pinned ones and the newest verified one are always kept.",
            "oneOf": [
                _COUNT,
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "full": {**_COUNT, "description": "Full backups to keep."},
                        "incremental": {
                            "description": "Increments to keep; an engine without increments ignores it.",
                            "type": "integer",
                            "minimum": 0,
                        },
                    },
                },
            ],
            "default": {"full": 2},
        },
        "verify": {
            "description": "How a backup is proved: not at all, by restoring its catalog, or by restoring all of it.",
            "enum": ["none", "catalog", "restore"],
            "default": "catalog",
        },
        "directory": {
            "description": "Where backups lie; relative to the project. Default: .wgm/backups/ENVIRONMENT.",
            "type": "string",
            "minLength": 1,
        },
        "jobs": {
            "description": "Connections that dump and restore at the same time.",
            "type": "integer",
            "minimum": 1,
            "maximum": 64,
            "default": 2,
        },
    },
}
