"""Checks of the server itself: settings that hurt or wait, versions that are behind.

In: nothing. Out: `CHECKS`. The minor versions are a list with a date: this program asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime

from wgm_play.health.model import ERROR, INFO, WARNING, Check, Row
from wgm_play.lazy_dataclass import dataclass

# The last minor version of each major one, at this date; a major one that gets no more is at its end.
MINORS_OF = date(2026, 5, 14)
MINORS = {13: 23, 14: 23, 15: 18, 16: 14, 17: 10, 18: 4}
ENDED = frozenset({13})


@dataclass(frozen=True, slots=True)
class Harmful:
    """A setting that hurts: when, how much, why, and what it should be."""

    hurts: Callable[[str], bool]
    severity: str
    why: str
    better: str


def _is(*values: str) -> Callable[[str], bool]:
    return lambda value: value in values


HARMFUL = {
    "fsync": Harmful(_is("off"), ERROR, "a crash of the machine destroys the cluster", "on"),
    "full_page_writes": Harmful(_is("off"), ERROR, "a crash of the machine can leave torn pages", "on"),
    "zero_damaged_pages": Harmful(_is("on"), ERROR, "damaged pages are emptied in silence", "off"),
    "ignore_checksum_failure": Harmful(_is("on"), ERROR, "damaged pages are read as if they were whole", "off"),
    "ignore_invalid_pages": Harmful(_is("on"), ERROR, "a recovery passes over lost pages", "off"),
    "ignore_system_indexes": Harmful(_is("on"), WARNING, "the catalog is read without its indexes", "off"),
    "autovacuum": Harmful(_is("off"), ERROR, "dead rows, old statistics and transaction ids pile up", "on"),
    "track_counts": Harmful(_is("off"), ERROR, "autovacuum sees no change, and does nothing", "on"),
    "track_activities": Harmful(_is("off"), WARNING, "nobody sees what sessions do, or who blocks them", "on"),
    "synchronous_commit": Harmful(_is("off"), WARNING, "a crash loses transactions that were confirmed", "on"),
    "session_replication_role": Harmful(
        _is("replica"), ERROR, "triggers and foreign keys do not fire, for anybody", "origin"
    ),
    "row_security": Harmful(_is("off"), WARNING, "queries on tables with policies fail", "on"),
    "check_function_bodies": Harmful(_is("off"), INFO, "errors in functions are found by their first call", "on"),
    "enable_seqscan": Harmful(_is("off"), INFO, "the planner may not choose what is best", "on"),
    "enable_hashjoin": Harmful(_is("off"), INFO, "the planner may not choose what is best", "on"),
    "enable_mergejoin": Harmful(_is("off"), INFO, "the planner may not choose what is best", "on"),
    "enable_nestloop": Harmful(_is("off"), INFO, "the planner may not choose what is best", "on"),
    "enable_indexscan": Harmful(_is("off"), INFO, "the planner may not choose what is best", "on"),
    "password_encryption": Harmful(_is("md5"), INFO, "md5 is broken, and goes with a later version", "scram-sha-256"),
    "wal_level": Harmful(_is("minimal"), INFO, "no standby and no recovery to a point in time", "replica"),
    "data_checksums": Harmful(
        _is("off"), INFO, "nobody notices when the disk loses data", "pg_checksums --enable, stopped"
    ),
}
# Together these tell how much memory the sessions may take; a session may take `work_mem` several times.
MEMORY = ("max_connections", "work_mem", "shared_buffers", "effective_cache_size")
# As many times what the server says its memory is.
OVERCOMMITTED = 4


def _harmful(rows: list[Row]) -> Iterator[Row]:
    for row in rows:
        found = HARMFUL.get(row["name"])
        if found is not None and found.hurts(row["value"]):
            yield {
                **row,
                "object": row["name"],
                "severity": found.severity,
                "why": found.why,
                "better": _set(row, found),
            }


def _set(row: Row, found: Harmful) -> str:
    """Return what to type, at the place that the setting comes from."""
    if row["context"] == "internal":
        return found.better
    if row["source"] == "database":
        return f"ALTER DATABASE … RESET {row['name']};"
    if row["source"] in ("user", "database user"):
        return f"ALTER ROLE … RESET {row['name']};"
    return f"ALTER SYSTEM SET {row['name']} = '{found.better}';  -- then SELECT pg_reload_conf();"


def _memory(rows: list[Row]) -> Iterator[Row]:
    """All connections with one `work_mem` each need more than the server can have."""
    values = {row["name"]: int(row["value"]) for row in rows if row["name"] in MEMORY}
    if len(values) < len(MEMORY):
        return
    sessions = values["max_connections"] * values["work_mem"]  # kB
    cache = max(values["effective_cache_size"], values["shared_buffers"]) * 8  # pages of 8 kB
    if sessions > OVERCOMMITTED * cache:
        yield {
            "object": "work_mem",
            "needed": f"{sessions // 1024} MB",
            "connections": values["max_connections"],
            "work_mem": f"{values['work_mem'] // 1024} MB",
            "cache": f"{cache // 1024} MB",
        }


def _pending(rows: list[Row]) -> Iterable[Row]:
    return ({**row, "object": row["name"]} for row in rows if row["pending_restart"])


def _minors(rows: list[Row]) -> Iterator[Row]:
    for row in rows:
        major, minor = divmod(row["number"], 10_000)
        last = MINORS.get(major)
        told = {"object": f"PostgreSQL {major}.{minor}", "of": MINORS_OF.isoformat(), "age": _age()}
        if last is not None and minor < last:
            yield {
                **told,
                "what": f"{last - minor} minor versions behind {major}.{last}",
                "next": f"install {major}.{last}",
            }
        elif major in ENDED:
            yield {
                **told,
                "what": "at its end: it gets no more corrections",
                "next": f"move to PostgreSQL {max(MINORS)}",
            }


def _age() -> int:
    return (datetime.now(UTC).date() - MINORS_OF).days


CHECKS = (
    Check(
        "settings",
        "settings that put data at risk, or slow everything down",
        WARNING,
        "{object} is {value}: {why}",
        "{better}",
        ("set by: {source}",),
        values={"names": tuple(HARMFUL)},
        judge=_harmful,
    ),
    Check(
        "memory",
        f"sessions that may take {OVERCOMMITTED} times the memory that the server says it has",
        INFO,
        "{connections} connections with a work_mem of {work_mem} may take {needed}; effective_cache_size is {cache}",
        "lower work_mem or max_connections, or say by effective_cache_size how much memory there is",
        values={"names": MEMORY},
        judge=_memory,
    ),
    Check(
        "pending_restart",
        "settings that were changed and wait for a restart",
        WARNING,
        "{object} was changed and waits for a restart of the server; until then it is {value}{unit}",
        "restart the server",
        values={"names": ()},
        judge=_pending,
    ),
    Check(
        "setting_files",
        "lines of the server's configuration files that are wrong",
        WARNING,
        "the configuration has an error at {file}:{line}: {object} {error}",
        "put the line right, then SELECT pg_reload_conf();",
        grant="GRANT SELECT ON pg_file_settings TO {role}; GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO {role};",
    ),
    Check(
        "extensions_behind",
        "extensions whose files hold a later version",
        WARNING,
        "the extension {object} is at version {version}, its files hold {later}",
        "ALTER EXTENSION {object} UPDATE;",
    ),
    Check(
        "extensions_not_loaded",
        "extensions without effect, because their library is not loaded; advice where they only count (pg_stat_statements)",
        WARNING,
        "the extension {object} does nothing: shared_preload_libraries does not name it",
        "add {object} to shared_preload_libraries, then restart the server",
        urgent=100,
    ),
    Check(
        "server_version",
        f"minor versions behind, by a list of {MINORS_OF}",
        INFO,
        "{object} is {what} (by a list of {of}, which is {age} days old)",
        "{next}, then restart the server",
        judge=_minors,
    ),
    Check(
        "collation_versions",
        "collations whose library sorts otherwise than when indexes were built",
        WARNING,
        "the {what} {object} was built with version {was} of its collation, the library now has {now}",
        "REINDEX DATABASE CONCURRENTLY {database};  -- then ALTER {statement} {object} REFRESH {version};",
    ),
)
