"""What else a change touches: alerts, invariants, backups, what an environment allows.

In: a play planned from its base. Out: lines; findings of what an environment lets more of happen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from wgm_play.catalog.graph import object_of
from wgm_play.catalog.kinds import ACCESS, OF_OBJECT, OF_TABLE
from wgm_play.environment import Environment, Policy
from wgm_play.finding import ERROR, WARNING, Finding
from wgm_play.planning.imperative import names_in
from wgm_play.playbook.model import Play
from wgm_play.quantities import format_duration
from wgm_play.review.compare import ComparedPlay
from wgm_play.review.gates import of_environment
from wgm_play.sql import reveal

# Policies whose other value lets more happen, and which value that is.
_ALLOWS = {"allow_destructive": True, "allow_kill_blockers": True, "check_data": False, "online": "never"}


def look(one: ComparedPlay) -> Iterator[str]:
    """Yield a line for each alert, invariant, query and backup policy that a change is about."""
    names = changed_names(one)
    before = one.before
    yield from _queries("alert", _by_name(before.alerts if before else ()), _by_name(one.play.alerts), names)
    yield from _queries(
        "invariant", _by_name(before.invariants if before else ()), _by_name(one.play.invariants), names
    )
    yield from _queries("query", _by_name(before.queries if before else ()), _by_name(one.play.queries), names)
    yield from _queries("flag", _by_name(before.flags if before else ()), _by_name(one.play.flags), names)
    yield from _backup(before, one.play, one)


def changed_names(one: ComparedPlay) -> set[str]:
    """Return the names of tables, columns, views and routines that change."""
    before, after = one.base.catalog, one.planned.wanted.catalog
    found: set[str] = set()
    for key in {*before.rows, *after.rows}:
        if before.rows.get(key) == after.rows.get(key) or (key.kind in ACCESS and key.kind not in OF_OBJECT):
            continue
        about = object_of(key) if key.kind in OF_OBJECT else key
        if about.kind in (OF_TABLE - {"rule"}):
            found.add(about.name[1])
        elif about.name:
            found.add(about.name[min(1, len(about.name) - 1)])
    return found


def _by_name(found: Any) -> dict[str, Any]:
    return {one.name: one for one in found}


def _queries(kind: str, before: Mapping[str, Any], after: Mapping[str, Any], names: set[str]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if now is None:
            yield f"{kind} {name} goes" + (": nobody is told of it any more" if kind != "flag" else "")
        elif was is None:
            yield f"{kind} {name} is new"
        else:
            said = [
                field.name
                for field in fields(now)
                if field.name != "position" and _value(was, field.name) != _value(now, field.name)
            ]
            touched = sorted(names & names_in(reveal(now.query)))
            if said:
                yield f"{kind} {name} changes: {', '.join(said)}"
            if touched:
                yield f"{kind} {name} reads what changes: {', '.join(touched)}"


def _value(one: Any, name: str) -> Any:
    value = getattr(one, name)
    return reveal(value) if isinstance(value, str) else value


def _backup(before: Play | None, now: Play, one: ComparedPlay) -> Iterator[str]:
    was, said = dict(before.backup or {}) if before else {}, dict(now.backup or {})
    for name in sorted({*was, *said}):
        if was.get(name) != said.get(name) and before is not None:
            yield f"backup: {name} is {_shown(said, name)}, was {_shown(was, name)}"
    if one.planned.plan.groups and said.get("before_changes", "none") in ("new", "young"):
        kind = (
            "a backup is made"
            if said["before_changes"] == "new"
            else f"a backup not older than {said.get('max_age', 'max_age')} is asked for"
        )
        yield f"backup: {kind} before the change"


def _shown(said: Mapping[str, Any], name: str) -> str:
    return str(reveal(said[name]) if isinstance(said[name], str) else said[name]) if name in said else "not said"


def environment(one: ComparedPlay) -> Iterator[Finding]:
    """Yield what a changed environment file lets happen, and where it leads."""
    was, now = one.before_environment, one.environment
    if was is None or was.name != now.name:
        return
    for name, more in _ALLOWS.items():
        old, new = getattr(was.policy, name), getattr(now.policy, name)
        if old != new and new == more:
            yield of_environment(now, name, ERROR, f"policy.{name} becomes {_yaml(new)}")
    for field in fields(Policy):
        if field.name not in _ALLOWS and getattr(was.policy, field.name) != getattr(now.policy, field.name):
            old, new = getattr(was.policy, field.name), getattr(now.policy, field.name)
            yield of_environment(
                now, field.name, WARNING, f"policy.{field.name} becomes {_yaml(new)}, was {_yaml(old)}"
            )
    for name in ("url", "service", "embedded", "shadow", "planner", "readers"):
        if _where(was, name) != _where(now, name):
            yield of_environment(now, name, WARNING, f"{name} is another")
    old, new = (one.marker or one.name for one in (was, now))
    if old != new:
        found = of_environment(now, "marker", WARNING, f"marker is {new}, was {old}")
        yield replace(found, remedy=f"add `marker: {old}` where the database is the same: else every run is refused")


def _where(environment: Environment, name: str) -> Any:
    value = getattr(environment, name)
    return reveal(value) if isinstance(value, str) else value


def _yaml(value: Any) -> str:
    """Return a value of a policy as its file says it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return format_duration(value)
    return str(list(value)) if isinstance(value, tuple) else str(value)
