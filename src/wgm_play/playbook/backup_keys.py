"""The JSON Schema of a play's `backup:`.

In: nothing. Out: `SCHEMA`, which the playbook's schema includes.
"""

from __future__ import annotations

from typing import Any

_COUNT = {"type": "integer", "minimum": 1}

SCHEMA: dict[str, Any] = {
    "title": "backup",
    "description": "Backup policy: what is backed up and when, how a backup is verified, how long it is kept.",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "before_changes": {
            "description": "Backup that covers a run: new, taken for it before its first change; young, one that is younger"
            " than max_age, else the run is refused; none.",
            "enum": ["new", "young", "none", True, False],
            "default": "new",
        },
        "method": {
            "description": "The engine; `logical` is pg_dump in directory format, `physical` is pg_basebackup and the WAL since;"
            " `pgbackrest` and `barman` drive the tools of these names;"
            " `provider` runs commands of the environment.",
            "enum": ["logical", "physical", "barman", "pgbackrest", "provider"],
            "default": "logical",
        },
        "max_age": {
            "description": "Age of the backup that covers a run with `before_changes: young` (24h); `backup --if-due` takes one that is older anew.",
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
                        "differential": {
                            "description": "Differential backups after each full one; pgBackRest takes them.",
                            "type": "integer",
                            "minimum": 0,
                        },
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
            "description": "Verification of each backup: none, by the digests of its files (manifest), by restoring its catalog"
            " (logical), or by restoring all of it.",
            "enum": ["none", "manifest", "catalog", "restore"],
            "default": "catalog",
        },
        "directory": {
            "description": "Directory of the backups, relative to the project. Default: .wgm/backups/ENVIRONMENT.",
            "type": "string",
            "minLength": 1,
        },
        "drill": {
            "description": "Drills: the newest backup is brought back on a scratch server and looked at (`wgm-play drill`).",
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "every": {
                    "description": "A run that changes something is refused (exit 11) where the last drill is older, or failed (7d).",
                    "type": "string",
                    "pattern": r"\d",
                },
                "within": {
                    "description": "Part by which the rows of a table may differ from what the live statistics say.",
                    "type": "string",
                    "pattern": r"^\d+(\.\d+)?\s*%$",
                    "default": "10%",
                },
                "restored": {
                    "description": "Queries that return true in what came back, one row and one column each.",
                    "type": "array",
                    "items": {"type": "string", "minLength": 1},
                },
            },
        },
        "compress": {
            "description": "How a backup is compressed, with a level as in zstd:3: none, gzip, lz4, zstd (logical, where pg_dump 16 or"
            " later takes it; pgbackrest). Default: what pg_dump and pgBackRest do by themselves (gzip).",
            "type": "string",
            "pattern": r"^(none|gzip|lz4|zstd)(:\d+)?$",
        },
        "exclude": {
            "description": "Tables whose rows are left out (logical): they come back empty, as do their partitions. What a run changes"
            " in them is not covered.",
            "type": "array",
            "items": {"type": "string", "minLength": 1},
        },
        "jobs": {
            "description": "Parallel jobs of pg_dump and pg_restore.",
            "type": "integer",
            "minimum": 1,
            "maximum": 64,
            "default": 2,
        },
    },
}
