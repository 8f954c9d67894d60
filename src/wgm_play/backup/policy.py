"""A play's `backup:` mapping to a `BackupPolicy`.

In: the mapping as the playbook gives it (validated, or not). Out: `BackupPolicy`, or `InputError` with its position.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wgm_play.backup.base import COVERS, JOBS, KEEP, NEW, NONE, WITHIN, YOUNG, BackupPolicy, Capabilities, Drill
from wgm_play.document.load import position_of
from wgm_play.errors import InputError
from wgm_play.quantities import parse_duration

KEYS = (
    "before_changes",
    "method",
    "max_age",
    "retention",
    "verify",
    "directory",
    "jobs",
    "compress",
    "exclude",
    "drill",
)
# The types of backups that are counted.
KEPT = ("full", "differential", "incremental")


def parse(given: Mapping[str, Any], engines: Mapping[str, Capabilities]) -> BackupPolicy:
    """Return the policy that `backup:` gives; `engines` are the methods that there are, with what each can do."""
    available = tuple(engines)
    unknown = next((key for key in given if key not in KEYS), None)
    if unknown is not None:
        at = getattr(given, "keys_at", {}).get(unknown)
        raise InputError(f"`backup` has no key {unknown!r}", where=at, hint=f"it has: {', '.join(KEYS)}")
    method = str(given.get("method", "logical"))
    if method not in available:
        raise InputError(
            f"no backup method {method!r}",
            where=position_of(given, "method"),
            hint=f"write `method: {available[0]}`" + (f"; there are: {', '.join(available)}" if available[1:] else ""),
        )
    max_age = _seconds(given)
    covers, outdated = _covers(given, max_age)
    return BackupPolicy(
        method=method,
        before_changes=covers,
        max_age=max_age,
        retention=_retention(given, method, engines[method]),
        verify=_verify(given, method, engines[method]),
        directory=_directory(given),
        jobs=_count(given, "jobs", JOBS),
        compress=_compress(given, method, engines),
        exclude=_exclude(given, method, engines),
        drill=_drill(given),
        outdated=outdated,
    )


def folder(given: str | None, project: Path, environment: str) -> Path:
    """Return the folder of an environment's backups: the one that is given, relative to the project, or the default."""
    if given:
        return (project / Path(given).expanduser()).absolute()
    return (project / ".wgm" / "backups" / environment).absolute()


def _wrong(given: Mapping[str, Any], key: str, expected: str) -> InputError:
    return InputError(
        f"`backup.{key}` is {given[key]!r}, expected {expected}",
        where=position_of(given, key),
        hint=f"`wgm-play doc backup` shows what `{key}` takes",
    )


def _covers(given: Mapping[str, Any], max_age: float | None) -> tuple[str, tuple[str, ...]]:
    """Return what covers a run, and what to say of `true` and `false`, which meant the same."""
    value = given.get("before_changes", NEW)
    outdated: tuple[str, ...] = ()
    if isinstance(value, bool):
        meant = NEW if value else NONE if max_age is None else YOUNG
        word = "true" if value else "false"
        outdated = (
            f"`backup.before_changes: {word}` is now written `{meant}`: the old word is read for one more version",
        )
        value = meant
    if value not in COVERS:
        raise _wrong(given, "before_changes", " or ".join(COVERS))
    if value == YOUNG and max_age is None:
        raise InputError(
            "`backup.before_changes: young` does not say how young",
            where=position_of(given, "before_changes"),
            hint="add `max_age: 24h`",
        )
    return str(value), outdated


def _seconds(given: Mapping[str, Any]) -> float | None:
    if given.get("max_age") is None:
        return None
    return parse_duration(given["max_age"], position_of(given, "max_age"), "backup.max_age")


def _retention(given: Mapping[str, Any], method: str, engine: Capabilities) -> Mapping[str, int]:
    value = given.get("retention", KEEP)
    counts = value if isinstance(value, Mapping) else {"full": value}
    for name, count in counts.items():
        least = 1 if name == "full" else 0
        whole = isinstance(count, int) and not isinstance(count, bool)
        if name not in KEPT or not whole or count < least:
            raise _wrong(given, "retention", "a number from 1, or {full: N, incremental: N}")
        if name == "differential" and name not in engine.kinds:
            raise _wrong(given, "retention", f"{' and '.join(engine.kinds)} backups with `method: {method}`")
    return {"full": KEEP, **counts}


def _verify(given: Mapping[str, Any], method: str, engine: Capabilities) -> str:
    value = given.get("verify", engine.usual)
    if value not in engine.verify:
        raise _wrong(given, "verify", f"{' or '.join(engine.verify)} with `method: {method}`")
    return str(value)


def _compress(given: Mapping[str, Any], method: str, engines: Mapping[str, Capabilities]) -> str | None:
    value = given.get("compress")
    if value is None:
        return None
    ways = engines[method].compress
    if not ways:
        able = [name for name, engine in engines.items() if engine.compress]
        raise _wrong(given, "compress", f"none with `method: {method}`: {' and '.join(able)} choose how they compress")
    way, colon, level = str(value).partition(":")
    if way not in ways or (colon and not level.isdecimal()):
        raise _wrong(given, "compress", f"{' or '.join(ways)} with `method: {method}`, with a level as in {ways[1]}:6")
    return str(value)


def _exclude(given: Mapping[str, Any], method: str, engines: Mapping[str, Capabilities]) -> tuple[str, ...]:
    value = given.get("exclude")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise _wrong(given, "exclude", "a list of tables, as in [audit_log]")
    if value and not engines[method].excludes:
        able = [name for name, engine in engines.items() if engine.excludes]
        raise _wrong(
            given, "exclude", f"none with `method: {method}`, which copies all: {' and '.join(able)} can leave rows out"
        )
    return tuple(map(str, value))


def _drill(given: Mapping[str, Any]) -> Drill | None:
    """Return what a play asks of drills. Raise `InputError`."""
    from wgm_play.asking.text import check_query

    said = given.get("drill")
    if said is None:
        return None
    for query in said.get("restored", ()):
        check_query(query, getattr(query, "position", None) or position_of(said, "restored"))
    every = said.get("every")
    return Drill(
        every=None if every is None else parse_duration(every, position_of(said, "every"), "backup.drill.every"),
        within=share(said, "within", WITHIN),
        restored=tuple(said.get("restored", ())),
    )


def share(given: Mapping[str, Any], key: str, default: float) -> float:
    """Return a percentage as a part of one: `10%`. Raise `InputError`."""
    value = given.get(key)
    if value is None:
        return default
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", str(value).strip())
    if found is None:
        raise InputError(
            f"`{key}` is {value!r}, expected a percentage", where=position_of(given, key), hint="write 10%"
        )
    return float(found[1]) / 100


def _directory(given: Mapping[str, Any]) -> str | None:
    value = given.get("directory")
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise _wrong(given, "directory", "a path")
    return str(value)


def _count(given: Mapping[str, Any], key: str, default: int) -> int:
    value = given.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 64:
        raise _wrong(given, key, "a number from 1 to 64")
    return value
