"""The schema of playbooks, put together from the kinds, and whole files checked against it.

In: a loaded file. Out: all its errors at once (`Problems`), or nothing. `schema()` is what editors read.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from copy import copy
from typing import Any

from wgm_play.document.nodes import Map, Seq, key_position, position_of
from wgm_play.environment import one_play_each
from wgm_play.environment_keys import POLICY
from wgm_play.errors import InputError, Position, WgmError
from wgm_play.playbook.alert_keys import ALERT, DURATION, IMPORT_ALERTS, SOURCES
from wgm_play.playbook.backup_keys import SCHEMA as BACKUP
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.kinds.base import DEFINITIONS, VARS, WHEN, choice, flag, mapping, ref, text
from wgm_play.playbook.operating_keys import AFTER_CHANGES, POOL, SCHEDULE
from wgm_play.playbook.query_keys import APPLICATION, GATE, QUERY
from wgm_play.playbook.rehearsal_keys import AUDITS, BUDGET, EXERCISE
from wgm_play.playbook.schema_rules import Checker, nearest, shown

Schema = dict[str, Any]

_WORDS_OR_LIST: Schema = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_TAGS: Schema = {"description": "Tags that `-t` and `--skip-tags` select by.", **_WORDS_OR_LIST}

KEYWORDS: Schema = {
    "name": text("Name of the step, shown by every run; `--start-at-step` finds it.", minLength=1),
    "when": WHEN,
    "loop": {
        "description": 'Loop over a list: the step runs once per entry, which is `item`; over a mapping: "{{ tables | dict2items }}", with `item.key` and `item.value`.',
        "type": ["array", "string"],
    },
    "loop_control": mapping(
        {
            "loop_var": text("The variable that holds the entry, instead of `item`.", pattern=r"^[A-Za-z_]\w*$"),
            "index_var": text("A variable that counts the entries, from 0.", pattern=r"^[A-Za-z_]\w*$"),
            "label": text("What the output calls the entry."),
        },
        description="Loop control: names of its variables, label of its items.",
    ),
    "vars": VARS,
    "tags": _TAGS,
    "notify": {"description": "Handlers to run at the end if this step changed something.", **_WORDS_OR_LIST},
    "register": text(
        "Variable for the result, for later steps: `changed`, `operations`, and `rows` of an assert.",
        pattern=r"^[A-Za-z_]\w*$",
        **{"x-expected": "a variable's name"},
    ),
    "no_log": flag("Hide the values of this step in output, errors and reports.", False),
    "state": choice(
        "State of the object: `absent` drops it (to the trash first).", "present", "absent", default="present"
    ),
    "renamed_from": ref("object", "Rename: the current name of the object."),
    "required": flag(
        "Required by default; with `false` the step is skipped where the role or the server cannot do it.", True
    ),
    "accept": {"$ref": "#/$defs/accept"},
    "pause_pool": flag(
        "Pause the application's pool while a transaction of this step runs, so that it waits instead of failing; where the "
        "environment has a `pool:` with a console.",
        False,
    ),
    "after_flag": text("Wait until this flag of the play is on: the step says nothing until then.", minLength=1),
    "for": text(
        "With `after_flag`: how long the flag must have been on, such as 7d.",
        pattern=DURATION,
        **{"x-expected": "a duration, as 7d"},
    ),
}
IMPORT: Schema = {
    "import_steps": text("Import a file of steps, relative to this file.", minLength=1),
    "pin": {
        "description": "The SHA-256 that the imported file must have (its beginning, in quotes, or `none`), or one for each environment: nothing is run with another; `promote --pins` moves it.",
        "type": ["string", "object"],
    },
    **{key: KEYWORDS[key] for key in ("name", "vars", "when", "tags")},
}
INVARIANT = mapping(
    {
        "name": text("The invariant in words.", minLength=1),
        "query": text("A query that must return no rows before, during and after a run.", minLength=1),
    },
    ["name", "query"],
    "An invariant.",
)
ACKNOWLEDGED = mapping(
    {
        "check": text("The finding's code, as `check` shows it in brackets.", minLength=1),
        "object": text("What it is about, or a pattern (`public.audit_*`). Default: anything.", minLength=1),
        "reason": text("Why this may be.", minLength=1),
        "until": text(
            "The day on which it counts again.",
            pattern=r"^\d{4}-\d{2}-\d{2}$",
            **{"x-expected": "a day, as 2027-01-31"},
        ),
    },
    ["check", "reason", "until"],
    "A finding that is taken on.",
)
FLAG = mapping(
    {
        "name": text("The flag's name, for `after_flag`.", minLength=1),
        "query": text(
            "A query of one row with `on`, a boolean, and `since`, a time or null; no row means off.", minLength=1
        ),
    },
    ["name", "query"],
    "A feature flag of the application.",
)
PLAY: Schema = {
    "name": text("Name of the play, shown by every run.", minLength=1),
    "hosts": text("Environment of the play: environments/NAME.yml.", minLength=1),
    "vars": VARS,
    "vars_files": {"description": "Variable files, relative to this file.", **_WORDS_OR_LIST},
    "schema": ref("name", "Default schema for names without one (`public`)."),
    "backup": {"$ref": "#/$defs/backup"},
    "steps": {
        "description": "What the database is to be, in order.",
        "type": "array",
        "items": {"$ref": "#/$defs/step"},
    },
    "handlers": {
        "description": "Handlers: steps that run at the end if a step that notifies them changed something.",
        "type": "array",
        "items": {"$ref": "#/$defs/step"},
    },
    "alerts": {
        "description": "Alert rules: a query, a threshold, how long it must hold.",
        "type": "array",
        "items": {"$ref": "#/$defs/alert"},
    },
    "invariants": {
        "description": "Invariants: queries that return no rows before, during and after a run.",
        "type": "array",
        "items": INVARIANT,
    },
    "acknowledge": {
        "description": "Acknowledged findings of `check`: shown, and counted no more until a day.",
        "type": "array",
        "items": ACKNOWLEDGED,
    },
    "queries": {
        "description": "Queries of the application: a change that one of them does not survive is refused.",
        "type": "array",
        "items": QUERY,
    },
    "application": APPLICATION,
    "gate": GATE,
    "budget": BUDGET,
    "exercise": EXERCISE,
    "audits": AUDITS,
    "after_changes": AFTER_CHANGES,
    "schedule": SCHEDULE,
    "pool": POOL,
    "flags": {
        "description": "Feature flags of the application, which steps with `after_flag` wait for.",
        "type": "array",
        "items": FLAG,
    },
    "prune": flag("Remove objects that no step mentions (with `--allow-destructive`).", False),
    "renames": choice("`none`: nothing was renamed, so that what is missing may go.", "none"),
    "manage": mapping(
        {
            "schemas": ref("names", "Only these schemas."),
            "include": ref("names", "Only objects like these patterns (`public.app_*`)."),
            "exclude": ref("names", "No objects like these patterns."),
        },
        description="Scope of the play: the part of the database that it manages. The rest is left alone.",
    ),
    "tags": _TAGS,
}


@functools.cache
def definitions() -> Schema:
    """Return the shared definitions and one for each kind."""
    made: Schema = dict(DEFINITIONS)
    for name, kind in KINDS.items():
        made[f"kind_{name}"] = {"title": kind.summary, **kind.schema}
    made["accept"] = _accept()
    made["backup"] = BACKUP
    made["alert"] = {"oneOf": [ALERT, IMPORT_ALERTS]}
    made["step"] = _step()
    play = mapping(PLAY, ["name", "hosts"], "A play: one environment and what its database is to be.")
    made["play"] = {**play, "x-place": "play"}
    return made


def _accept() -> Schema:
    from wgm_play.hazards import pages

    made = mapping(
        {code: text(f"Why this may be: {what}.", minLength=1) for code, (what, _, _) in pages().items()},
        description="Accepted hazards: the code as the plan names it, and the reason, which the ledger keeps.",
    )
    form = 'write `accept: {R01: "why this may be"}`, with the codes that the plan names'
    return {
        **made,
        "x-form": form,
        "x-keys": "hazard code",
        "x-expected": "the plan names it; `wgm-play doc CODE` tells what it means",
    }


def _step() -> Schema:
    properties = {**KEYWORDS, **IMPORT}
    for name in KINDS:
        properties[name] = {"$ref": f"#/$defs/kind_{name}"}
    return {
        "description": "A step: a name, exactly one kind, and keywords; or `import_steps`.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in ("import_steps", *KINDS)],
        "anyOf": [{"required": ["import_steps"]}, {"required": ["name"]}],
    }


def schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of playbooks, step files and alert files, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "wgm-play playbook",
        "description": "A list of plays; in an imported file, a list of steps or of alerts.",
        "type": "array",
        "items": {"anyOf": [{"$ref": "#/$defs/play"}, {"$ref": "#/$defs/step"}, {"$ref": "#/$defs/alert"}]},
        "$defs": {name: _templated(one) for name, one in definitions().items()},
    }


_TEMPLATE: Schema = {"type": "string", "pattern": r"\{[{%#]"}


def _templated(one: Any) -> Any:
    """Let a text with `{{ }}` stand wherever a scalar or list of another form is expected."""
    if not isinstance(one, dict):
        return one
    made = dict(one)
    for key in ("items", "additionalProperties"):
        if key in made:
            made[key] = _templated(made[key])
    if "properties" in made:
        made["properties"] = {name: _templated(rules) for name, rules in made["properties"].items()}
    if "oneOf" in made and "properties" not in made:
        # A text with braces may fit several forms: one of them has to.
        made["anyOf"] = [_templated(branch) for branch in made.pop("oneOf")]
    types = made.get("type")
    narrow = "pattern" in made or "enum" in made
    if types is None or types == "object" or ("string" in types and not narrow):
        return made
    outside = {key: made.pop(key) for key in ("description", "title", "default") if key in made}
    return {**outside, "anyOf": [made, _TEMPLATE]}


# Files ----------------------------------------------------------------------------------------------------------

ROLES = {"playbook": "plays", "steps": "steps", "alerts": "alerts", "vars": "variables"}


def problems_of(value: Any, role: str, file: str) -> list[WgmError]:
    """Return all errors of a loaded file; `role` is playbook, steps, alerts or vars."""
    checker = Checker(definitions(), templates=True)
    where = position_of(value) or Position(file)
    if role == "vars":
        if value is not None and not isinstance(value, Map):
            checker.fail(f"a file of variables is a mapping, this is {shown(value)}", where)
        return checker.problems
    if value is None:
        checker.fail(f"{file!r} is empty", Position(file), f"it is a list of {ROLES[role]}: begin with `- name:`")
    elif not isinstance(value, Seq):
        checker.fail(f"a file of {ROLES[role]} is a list, this is {shown(value)}", where, "begin with `- name:`")
    else:
        for number, one in enumerate(value):
            at = position_of(value, number)
            if not isinstance(one, Map):
                checker.fail(f"entry {number + 1} is {shown(one)}, expected a mapping", at, "begin with `- name:`")
            elif role == "playbook":
                _play(checker, one)
            elif role == "steps":
                _step_of(checker, one)
            else:
                _alert(checker, one)
    return checker.problems


def healthy(value: Any, role: str, file: str) -> Any:
    """Return what is left of a file without the steps that have errors; None where too little is left to go on.

    A step that others speak of (a handler, one that registers a variable) would be missed elsewhere.
    """
    if not isinstance(value, Seq) or role not in ("playbook", "steps"):
        return None
    if role == "steps":
        return _healthy_steps(value, file)
    plays = copy(value)
    plays[:] = []
    for play in value:
        if not isinstance(play, Map) or not isinstance(play.get("steps"), Seq):
            return None
        kept = copy(play)
        kept["steps"] = _healthy_steps(play["steps"], file)
        if kept["steps"] is None:
            return None
        plays.append(kept)
    return None if problems_of(plays, role, file) else plays


def _healthy_steps(steps: Any, file: str) -> Any:
    places = steps.item_places
    kept = copy(steps)
    bad = {number for number, one in enumerate(steps) if _step_problems(one, file)}
    if any(not isinstance(steps[number], Map) or "register" in steps[number] for number in bad):
        return None
    kept[:] = [one for number, one in enumerate(steps) if number not in bad]
    kept.item_places = [place for number, place in enumerate(places) if number not in bad]
    return kept


def _step_problems(step: Any, file: str) -> list[WgmError]:
    checker = Checker(definitions(), templates=True)
    if not isinstance(step, Map):
        return [InputError("no step", where=Position(file))]
    _step_of(checker, step)
    return checker.problems


def _play(checker: Checker, play: Map) -> None:
    checked = {key: value for key, value in play.items() if key not in ("steps", "handlers", "alerts")}
    plain = Map(file=play.file, at=play.at)
    plain.update(checked)
    plain.key_places, plain.value_places = play.key_places, play.value_places
    if "steps" not in play and ("table" in play or "import_steps" in play):
        checker.fail("this is a step, where a play is expected", play.position, "put it below `steps:` of a play")
        return
    if "import_playbook" in play and "hosts" not in play:
        from wgm_play.playbook.foreign_words import instead

        checker.fail("unknown key 'import_playbook'", play.position, instead("play", "import_playbook"))
        return
    if isinstance(plain.get("hosts"), Seq):
        names = [str(one) for one in plain["hosts"]]
        checker.fail(
            "'hosts' is a list, a play is for one environment", position_of(play, "hosts"), one_play_each(names)
        )
        plain["hosts"] = "list"
    checker.check(plain, definitions()["play"], play.position, "the play")
    for key in ("steps", "handlers", "alerts"):
        entries = play.get(key)
        if entries is None:
            continue
        if not isinstance(entries, Seq):
            checker.fail(
                f"{key!r} is {shown(entries)}, expected a list", position_of(play, key), "begin with `- name:`"
            )
            continue
        for number, one in enumerate(entries):
            if not isinstance(one, Map):
                at = position_of(entries, number)
                checker.fail(f"entry {number + 1} of {key!r} is {shown(one)}, expected a mapping", at)
            elif key == "alerts":
                _alert(checker, one)
            else:
                _step_of(checker, one)


def _alert(checker: Checker, alert: Map) -> None:
    rules = IMPORT_ALERTS if "import_alerts" in alert else ALERT
    checker.check(alert, rules, alert.position, "the import" if rules is IMPORT_ALERTS else "the alert")
    if rules is ALERT:
        told = [key for key in SOURCES if key in alert]
        if not told:
            checker.fail("the alert has no 'query'", alert.position, "add `query:`")
        elif told[1:]:
            where = key_position(alert, told[1])
            checker.fail(f"an alert has one of {', '.join(SOURCES)}: this one has {' and '.join(told)}", where)


# What tells an object from others of its kind.
_IDENTITY = ("name", "table", "on", "to", "provider", "role", "objects", "member", "server", "user", "from")


def _suggest(key: str, kinds: list[str]) -> str | None:
    for kind in kinds:
        rules = KINDS[kind].schema
        if any(key in form.get("properties", {}) for form in (rules, *rules.get("oneOf", ()), *rules.get("anyOf", ()))):
            return f"it belongs below `{kind}:`, indented under it"
    from wgm_play.playbook.foreign_words import instead, of_policy

    if key in PLAY:
        return f"it belongs to the play: write `{key}:` beside `hosts:`"
    if key in POLICY:
        return of_policy(key)
    return instead("step", key) or nearest(key, [*KEYWORDS, *KINDS, "import_steps"])


def _step_of(checker: Checker, step: Map) -> None:
    if "import_steps" in step:
        kinds = [key for key in step if key in KINDS]
        if kinds:
            where = key_position(step, kinds[0])
            checker.fail(f"a step imports or is a {kinds[0]}, not both", where, "make two steps")
            return
        checker.check(step, mapping(IMPORT, ["import_steps"]), step.position, "an import")
        return
    kinds = [key for key in step if key in KINDS]
    unknown = [key for key in step if key not in KINDS and key not in KEYWORDS]
    for key in unknown:
        checker.fail(f"unknown key {key!r}", key_position(step, key), _suggest(key, kinds))
    if len(kinds) > 1:
        where = key_position(step, kinds[1])
        checker.fail(f"two kinds in a step: {kinds[0]!r} and {kinds[1]!r}", where, "make two steps")
    elif not kinds and not unknown:
        checker.fail("the step has no kind", step.position, f"add one of: {', '.join(KINDS)}")
    if "name" not in step:
        checker.fail("the step has no 'name'", step.position, "say in words what it is about: `name:`")
    for key in step:
        if key in KEYWORDS:
            checker.check(step[key], KEYWORDS[key], position_of(step, key), f"{key!r}")
        elif key in KINDS:
            check_spec(checker, key, step[key], position_of(step, key), absent=step.get("state") == "absent")


def check_spec(checker: Checker, kind: str, spec: Any, where: Position | None, *, absent: bool = False) -> None:
    """Check the value of a kind key."""
    rules: Mapping[str, Any] = KINDS[kind].schema
    if absent and "required" in rules:
        # What is to go needs no more than what tells it from others.
        rules = {**rules, "required": [key for key in rules["required"] if key in _IDENTITY]}
    if isinstance(spec, str) and "name" in rules.get("properties", {}):
        # As `module: argument` is written elsewhere: the text is the object's name.
        rules = {**rules, "x-form": f"write `{kind}: {{name: {spec}, ...}}`: what the {kind} has is below `{kind}:`"}
    step = {"x-step": kind, "x-keywords": KEYWORDS}
    if "oneOf" in rules:
        rules = {**rules, "oneOf": [{**one, **step} for one in rules["oneOf"]]}
    checker.check(spec, {**rules, **step}, where, f"{kind!r}")


def check_rendered(kind: str, spec: Any, where: Position, *, absent: bool = False) -> list[WgmError]:
    """Return the errors of a spec whose values have been rendered."""
    checker = Checker(definitions(), templates=False)
    check_spec(checker, kind, spec, where, absent=absent)
    return checker.problems


def parse_duration(value: str, where: Position | None = None) -> float:
    """Return the seconds of a duration such as 10m, 1.5h or `90 days`."""
    import re

    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|[smhdw])\w*\s*", value)
    if not found:
        raise InputError(f"{value!r} is no duration", where=where, hint="write a number and a unit, as 10m")
    return float(found.group(1)) * units[found.group(2)]
