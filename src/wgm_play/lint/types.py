"""Which change of a type keeps the bytes of each row (manual: "ALTER TABLE", notes), and which functions change from row to row.

In: types as text, functions by name. Out: yes, no, or not known.
"""

from __future__ import annotations

import re

_PARTS = re.compile(r"([\w.\"]+)(?:\(([\d,-]*)\))?\Z")
_STRINGS = ("varchar", "text")
# Types whose precision may grow in place.
_PRECISE = ("timestamp", "timestamptz", "time", "timetz", "interval", "varbit")


def keeps_bytes(old: str, new: str) -> bool:
    """Say whether a column of the old type becomes one of the new type without a rewrite or a scan."""
    if old == new:
        return True
    before, after = _PARTS.match(old), _PARTS.match(new)
    if not before or not after:
        return False
    (was, length), (is_, wanted) = (before.group(1), _numbers(before)), (after.group(1), _numbers(after))
    if was in _STRINGS and is_ in _STRINGS:
        return not wanted or (bool(length) and was == "varchar" and wanted[0] >= length[0])
    if was == is_ == "numeric":
        return not wanted or (len(length) > 0 and wanted[0] >= length[0] and (wanted[1:] or [0]) == (length[1:] or [0]))
    if was == is_ and was in _PRECISE:
        return not wanted or (bool(length) and wanted[0] >= length[0])
    return (was, is_) in (
        ("cidr", "inet"),
        ("citext", "text"),
        ("text", "citext"),
        ("citext", "varchar"),
    ) and not wanted


def _numbers(found: re.Match[str]) -> list[int]:
    return [int(one) for one in (found.group(2) or "").split(",") if one.strip()]


# Functions that give every row its own value. What is not in PostgreSQL's own list and not made by a file may be volatile.
VOLATILE = frozenset(
    [
        "gen_random_uuid",
        "uuidv4",
        "uuidv7",
        "uuid_generate_v1",
        "uuid_generate_v1mc",
        "uuid_generate_v4",
        "uuid_generate_v7",
        "gen_random_bytes",
        "gen_salt",
        "random",
        "random_normal",
        "setseed",
        "clock_timestamp",
        "timeofday",
        "nextval",
        "currval",
        "lastval",
        "setval",
        "pg_sleep",
        "array_sample",
        "array_shuffle",
        "current_query",
        "nanoid",
        "uuid_v7",
        "gen_ulid",
        "ulid",
        "generate_ulid",
    ]
)


def changes_by_row(name: str) -> bool:
    """Say whether a function of PostgreSQL, or a well-known one of extensions, gives each row its own value."""
    return name in VOLATILE or name.startswith("pg_")


# Of PostgreSQL's functions those whose value is not the same for ever.
MUTABLE = VOLATILE | frozenset(
    [
        "now",
        "statement_timestamp",
        "transaction_timestamp",
        "current_setting",
        "current_database",
        "current_user",
        "session_user",
        "age",
    ]
)
# Words of the grammar such as current_date, by the operation of their node.
MUTABLE_WORDS = (
    "SVFOP_CURRENT_DATE",
    "SVFOP_CURRENT_TIME",
    "SVFOP_CURRENT_TIMESTAMP",
    "SVFOP_LOCALTIME",
    "SVFOP_LOCALTIMESTAMP",
    "SVFOP_CURRENT_TIMESTAMP_N",
    "SVFOP_CURRENT_TIME_N",
    "SVFOP_LOCALTIMESTAMP_N",
    "SVFOP_LOCALTIME_N",
)
# Columns that applications set at every UPDATE.
TOUCHED = frozenset(
    [
        "updated_at",
        "updated_on",
        "modified_at",
        "modified_on",
        "last_modified",
        "last_modified_at",
        "last_updated",
        "last_updated_at",
        "last_seen",
        "last_seen_at",
        "last_active_at",
        "last_activity_at",
        "updatedat",
        "modifiedat",
        "lastseenat",
        "updated_time",
        "update_time",
        "mtime",
        "heartbeat_at",
    ]
)
SERIALS = {
    "serial": "integer",
    "serial4": "integer",
    "bigserial": "bigint",
    "serial8": "bigint",
    "smallserial": "smallint",
    "serial2": "smallint",
}
