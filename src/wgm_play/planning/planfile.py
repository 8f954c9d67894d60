"""Plans as files: what was reviewed is what runs.

In: a `Plan`. Out: JSON with secrets as placeholders, and back; a saved plan is refused when the world has moved on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Key
from wgm_play.errors import InputError, Position, Refused
from wgm_play.plan import Command, Group, Hazard, Lock, Operation, Plan
from wgm_play.secret import mask, placeholders, resolve

if TYPE_CHECKING:
    from wgm_play.ledger import Ledger

FORMAT = 1


def as_data(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON data."""
    return {
        "format": FORMAT,
        "playbook": plan.playbook,
        "play": plan.play,
        "environment": plan.environment,
        "server_version": plan.server_version,
        "from_digest": plan.from_digest,
        "to_digest": plan.to_digest,
        "playbook_digest": plan.playbook_digest,
        "groups": [_group(group) for group in plan.groups],
        "skipped": [list(one) for one in plan.skipped],
        "unknown": list(plan.unknown),
        "warnings": list(plan.warnings),
        "step_names": list(plan.step_names),
        "step_items": list(plan.step_items),
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "step": group.step,
        "transactional": group.transactional,
        "operations": [
            {
                "verb": one.verb,
                "key": [one.key.kind, list(one.key.name)],
                "title": one.title,
                "step": one.step,
                "hazards": [list(astuple(hazard)) for hazard in one.hazards],
                "irreversible": one.irreversible,
                "payload": _each_text(one.payload, placeholders),
                "alone": one.alone,
                "commands": [
                    {
                        "sql": placeholders(command.sql),
                        "wait": command.wait,
                        "locks": [
                            [lock.level, lock.relation, *([True] if lock.below else [])] for lock in command.locks
                        ],
                        "transactional": command.transactional,
                        "rewrites": command.rewrites,
                        "scans": command.scans,
                        "done": command.done,
                        "shadow": command.shadow,
                    }
                    for command in one.commands
                ],
            }
            for one in group.operations
        ],
    }


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON data with each of its texts changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each_text(one, change) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each_text(one, change) for one in value]
    return value


def from_data(data: Mapping[str, Any]) -> Plan:
    """Return the plan that `as_data` described."""
    groups = tuple(
        Group(tuple(_operation(one) for one in group["operations"]), group["step"], group["transactional"])
        for group in data["groups"]
    )
    return Plan(
        data["playbook"],
        data["play"],
        data["environment"],
        data["server_version"],
        data["from_digest"],
        data["to_digest"],
        data["playbook_digest"],
        groups,
        tuple(tuple(one) for one in data["skipped"]),
        tuple(data["unknown"]),
        tuple(data["warnings"]),
        tuple(data["step_names"]),
        tuple(data["step_items"]),
    )


def _operation(data: Mapping[str, Any]) -> Operation:
    commands = tuple(
        Command(
            one["sql"],
            one["wait"],
            tuple(Lock(*lock) for lock in one["locks"]),
            one["transactional"],
            one["rewrites"],
            one["scans"],
            one["done"],
            one["shadow"],
        )
        for one in data["commands"]
    )
    return Operation(
        data["verb"],
        Key(data["key"][0], tuple(data["key"][1])),
        data["title"],
        commands,
        data["step"],
        tuple(Hazard(*one) for one in data["hazards"]),
        data["irreversible"],
        _each_text(data["payload"], resolve),
        data["alone"],
    )


def plan_digest(plan: Plan) -> str:
    """Return what tells one plan from another."""
    text = json.dumps(as_data(plan), sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write(plan: Plan, path: Path, saved: Mapping[str, str]) -> None:
    """Write a plan to a file that only its owner may read; `saved` says by whom it was saved, and for which database."""
    import os

    content = json.dumps({**as_data(plan), "saved": dict(saved)}, indent=1, ensure_ascii=False, default=str) + "\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise InputError(
            f"the plan cannot be written to {str(path)!r}: {error.strerror}", hint="name another file"
        ) from error


def read(path: Path) -> Plan:
    """Read a plan from a file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise InputError(f"{str(path)!r} is a plan of format {data['format']}, not {FORMAT}", hint="plan again")
        return from_data(data)
    except OSError as error:
        raise InputError(
            f"the plan {str(path)!r} cannot be read: {error.strerror}",
            hint="write one with --check --save-plan FILE, then name it",
        ) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"{str(path)!r} is no plan", where=Position(str(path)), hint="write one with --check --save-plan FILE"
        ) from error


# Runs among which the one is looked for that carried a saved plan out.
RUNS = 100


# What may be told otherwise of the same plan: it depends on who looks, and from where.
_TOLD = ("playbook", "unknown", "warnings")


def _refuse_other(saved: Plan, fresh: Plan) -> None:
    """Refuse a plan that is not, statement by statement, the one that is made now: a digest in its file proves nothing."""
    one, other = (json.loads(json.dumps(as_data(plan), default=str)) for plan in (saved, fresh))
    if {**one, **dict.fromkeys(_TOLD)} == {**other, **dict.fromkeys(_TOLD)}:
        return
    said, made = (
        [command["sql"] for group in data["groups"] for each in group["operations"] for command in each["commands"]]
        for data in (one, other)
    )
    details = [f"only in the file: {mask(sql)}" for sql in said if sql not in made]
    details += [f"only planned now: {mask(sql)}" for sql in made if sql not in said]
    raise Refused(
        "the saved plan is not the one that is made now from the playbook and the database; nothing was touched",
        details=details[:10] or ["the statements are the same; their order, locks or steps are not"],
        hint="plan again and review it",
    )


def choose(fresh: Plan, path: Path, ledger: Ledger) -> Plan:
    """Return the saved plan when it still holds: it is what is planned now, or its own unfinished run left it so."""
    saved = read(path)
    if (saved.play, saved.environment) != (fresh.play, fresh.environment):
        raise Refused(f"the plan is for {saved.play!r} on {saved.environment!r}", hint="name its playbook")
    if saved.playbook_digest != fresh.playbook_digest:
        raise Refused(
            "the playbook, a template or a variable changed after the plan was saved", hint="plan again and review it"
        )
    if saved.from_digest == fresh.from_digest:
        _refuse_other(saved, fresh)
        return saved
    unfinished = ledger.unfinished_run()
    if unfinished is not None and unfinished.plan_digest == plan_digest(saved):
        return saved
    done = next((run for run in ledger.last_runs(RUNS) if run.plan_digest == plan_digest(saved)), None)
    if done is not None and done.status == "done":
        raise Refused(
            f"the saved plan was carried out already, by run {done.id} ({done.started_at:%Y-%m-%d %H:%M})",
            hint="`wgm-play PLAYBOOK --check` tells what is left to do",
        )
    raise Refused("the live catalog moved on after the plan was saved", hint="plan again and review it")
