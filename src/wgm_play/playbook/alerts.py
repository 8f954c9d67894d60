"""Alerts of a play: an entry of YAML to an `Alert`; the library that comes with the program, and what an import picks of it.

In: rendered entries. Out: `Alert`s. The library lies in `templates/alerts/library/`, a file for each set.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wgm_play import plain_templates
from wgm_play.document.nodes import Map, Text, key_position, position_of
from wgm_play.errors import InputError, Position
from wgm_play.playbook.alert_keys import SOURCES
from wgm_play.playbook.model import Alert
from wgm_play.playbook.schema_rules import nearest

LIBRARY = "library"
# What needs more than PostgreSQL, so that one asks for it by name.
NAMED_ONLY = ("host",)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_NAME = re.compile(r"^- name: (\w+)", re.MULTILINE)


def made_of(entry: Mapping[str, Any], where: Position) -> Alert:
    """Return the alert of an entry whose values are rendered."""
    source = next(key for key in SOURCES if key in entry)
    if source == "promql":
        _check_promql(entry)
    return Alert(
        str(entry["name"]),
        entry[source],
        _placed(entry, "threshold"),
        int(_seconds(entry, "for")),
        str(entry.get("severity", "warning")),
        str(entry.get("summary", "")),
        where,
        _labels(entry),
        bool(entry.get("no_log", False)),
        str(entry.get("absent", "unknown")),
        _older(entry),
        source,
        _seconds(entry, "over"),
        str(entry.get("runbook", "")),
        drill=entry.get("drill"),
        series=entry.get("series"),
    )


def _check_promql(entry: Mapping[str, Any]) -> None:
    """Refuse an expression whose brackets or quotes do not close: the rest is for Prometheus to say."""
    bare = _QUOTED.sub("", str(entry["promql"]))
    opened: list[str] = []
    for one in bare:
        if one in "([{":
            opened.append(one)
        elif one in ")]}" and (not opened or "([{".index(opened.pop()) != ")]}".index(one)):
            opened = [one]
            break
    if opened or '"' in bare or "'" in bare:
        raise InputError(
            "a bracket or a quote of the expression does not close",
            where=position_of(entry, "promql"),
            hint="promtool check rules tells the rest: wgm-play alerts PLAYBOOK render --output DIR",
        )


def _placed(entry: Mapping[str, Any], key: str) -> str:
    """Return a text without the blanks around it, with its place."""
    return Text(str(entry[key]).strip(), position_of(entry, key))


def _labels(entry: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in (entry.get("labels") or {}).items()}


def _seconds(entry: Mapping[str, Any], key: str) -> float:
    from wgm_play.playbook.validate import parse_duration

    return parse_duration(str(entry.get(key, "0s")), position_of(entry, key))


def _older(entry: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    """Return the queries for older servers, oldest first."""
    given = entry.get("query_before") or {}
    for major in given:
        if not str(major).isdigit():
            where = key_position(given, major)
            raise InputError(f"{major!r} is no major version of PostgreSQL", where=where, hint="write {17: SELECT …}")
    return tuple(sorted((int(major), query) for major, query in given.items()))


# The library


def is_library(name: str) -> bool:
    """Tell whether an import names the library, or a part of it, and no file."""
    return name == LIBRARY or (name.startswith(f"{LIBRARY}/") and not name.endswith((".yml", ".yaml")))


def folder() -> Path:
    """Return where the library lies."""
    return plain_templates.packaged_templates() / "alerts" / "library"


def library() -> dict[str, tuple[str, ...]]:
    """Return the names of the alerts of each set."""
    return {path.stem: tuple(_NAME.findall(path.read_text("utf-8"))) for path in sorted(folder().glob("*.yml"))}


def files_of(name: str, where: Position) -> list[Path]:
    """Return the files that an import of the library needs. Raise `InputError` where it names nothing there is."""
    part = name.partition("/")[2]
    sets = library()
    wanted = [one for one, names in sets.items() if part == one or part in names]
    if name == LIBRARY:
        wanted = [one for one in sets if one not in NAMED_ONLY]
    if not wanted:
        known = [*sets, *(one for names in sets.values() for one in names)]
        hint = nearest(part, known) or f"there are the sets {', '.join(sets)}: wgm-play doc alerts"
        raise InputError(f"the library has neither a set nor an alert {part!r}", where=where, hint=hint)
    return [folder() / f"{one}.yml" for one in wanted]


def named(alerts: list[Alert], name: str, where: Position) -> list[Alert]:
    """Return the one alert that an import names, or all of the set."""
    part = name.partition("/")[2]
    return [one for one in alerts if one.name == part] or alerts


def chosen(alerts: Sequence[Alert], entry: Map, change: Mapping[str, Any]) -> Iterable[Alert]:
    """Return the alerts that `only` and `except` leave, with what `change` says of them. Raise `InputError`."""
    known = [one.name for one in alerts]
    only, without = entry.get("only"), entry.get("except") or ()
    for key, names in (("only", only or ()), ("except", without), ("change", change)):
        for number, name in enumerate(names):
            if name not in known:
                where = key_position(entry["change"], name) if key == "change" else position_of(entry[key], number)
                hint = nearest(name, known) or f"there are: {', '.join(known)}"
                raise InputError(f"no alert {name!r} is imported here", where=where or entry.position, hint=hint)
    kept = [one for one in alerts if (only is None or one.name in only) and one.name not in without]
    return [_changed(one, change[one.name]) if one.name in change else one for one in kept]


def _changed(alert: Alert, change: Mapping[str, Any]) -> Alert:
    made: dict[str, Any] = {key: str(change[key]) for key in ("severity", "summary", "runbook") if key in change}
    if "threshold" in change:
        made["threshold"] = _placed(change, "threshold")
    if "for" in change:
        made["seconds"] = int(_seconds(change, "for"))
    if "labels" in change:
        made["labels"] = {**alert.labels, **_labels(change)}
    return replace(alert, **made)
