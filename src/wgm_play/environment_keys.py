"""The keys of an environment file: what each means, which values it takes.

In: a mapping read from YAML. Out: the values of its keys, checked and converted; all errors with their positions. The
same tables give the reference (`about`) and the JSON Schema for editors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from difflib import get_close_matches
from typing import Any

from wgm_play.document.load import Map, Seq, Text, position_of
from wgm_play.errors import InputError, Position, Unset, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import parse_duration, parse_size


@dataclass(frozen=True, slots=True)
class EnvironmentKey:
    """One key: the kind of its value (a name of `READERS`), what it means, the words or numbers allowed."""

    kind: str
    about: str
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int | None = None
    keys: Mapping[str, EnvironmentKey] = field(default_factory=dict)


TRASH = {
    "retention": EnvironmentKey(
        "duration", "how long removed tables and columns are kept; 0 removes them for good (30d)"
    )
}

ALERTS = {
    "refuse": EnvironmentKey(
        "choice",
        "a run is refused while an alert of this severity or worse fires, or cannot see (none)",
        ("info", "warning", "critical"),
    ),
    "pause": EnvironmentKey(
        "choice",
        "a backfill slows down while an alert of this severity or worse fires (info)",
        ("info", "warning", "critical"),
    ),
    "keep": EnvironmentKey("duration", "how long the ledger keeps what `check --record` saw (90d)"),
}

WATCH = {
    "tables_above": EnvironmentKey("size", "tables that are larger must be read by an alert of the play (none)"),
    "partitioned": EnvironmentKey("flag", "partitioned tables must be read by an alert of the play (false)"),
}

POLICY = {
    "lock_timeout": EnvironmentKey("duration", "longest wait for one lock, with others queueing behind it (2s)"),
    "lock_budget": EnvironmentKey("duration", "total time spent retrying the locks of one group of operations (5m)"),
    "statement_timeout": EnvironmentKey(
        "duration", "longest run of one catalog change; validations and builds have none (30s)"
    ),
    "connect_timeout": EnvironmentKey("duration", "longest wait for a connection (10s)"),
    "allow_destructive": EnvironmentKey(
        "flag", "undeclared objects may be dropped without --allow-destructive (false)"
    ),
    "allow_kill_blockers": EnvironmentKey("flag", "--kill-blockers is allowed (false)"),
    "allow_no_backup": EnvironmentKey("flag", "--no-backup is allowed, and recorded (true)"),
    "online": EnvironmentKey(
        "choice", "online forms: by the size of the table, always, or never (auto)", ("auto", "always", "never")
    ),
    "small_rows": EnvironmentKey("count", "tables with fewer rows take the plain form under auto (10000)"),
    "small_bytes": EnvironmentKey("size", "tables with fewer bytes take the plain form under auto (16MB)"),
    "trash": EnvironmentKey("mapping", "retention of removed data", keys=TRASH),
    "max_replica_lag": EnvironmentKey("duration", "a backfill slows down when a standby lags more (10s)"),
    "trusted_owners": EnvironmentKey(
        "names", "roles whose functions, checks and defaults a superuser may run, as superusers' own (none)"
    ),
    "trust": EnvironmentKey(
        "choice",
        "what of a playbook the target is asked: its assertions, invariants, data and alerts, or none of them (playbook)",
        ("playbook", "none"),
    ),
    "require": EnvironmentKey(
        "several",
        "evidence that every run must have: rehearsal, a certificate of `wgm-play rehearse` (none)",
        ("rehearsal",),
    ),
    "rehearsal_max_age": EnvironmentKey("duration", "how long the certificate of a rehearsal is valid (7d)"),
    "hold_rolled_back": EnvironmentKey(
        "flag",
        "what was rolled back, or taken back by `restore --in-place`, is refused until the playbook changes or `promote --release`"
        " (true with `promotion` or `server`, else false)",
    ),
    "alerts": EnvironmentKey("mapping", "what a run does while alerts fire", keys=ALERTS),
    "watch": EnvironmentKey("mapping", "which tables must be read by an alert", keys=WATCH),
    "alert_cost": EnvironmentKey(
        "count", "the most that an alert's query may cost, as the planner estimates it (1000000)", least=1
    ),
    "check_data": EnvironmentKey(
        "flag", "rows that would break a new rule are looked for before anything is changed (true)"
    ),
}

# What a promotion may ask for beside the step's own evidence.
REQUIREMENTS = ("rehearsal", "quiet_alerts", "undrifted", "checklist")

PROMOTION = {
    "from": EnvironmentKey("text", "the environment whose last run is the evidence: environments/NAME.yml"),
    "soak": EnvironmentKey("duration", "how long what runs here must have stood there, by that server's clock (0)"),
    "require": EnvironmentKey(
        "several",
        "what else must hold: `rehearsal` of this plan, `quiet_alerts` there during the soak, `undrifted` here, the"
        " `checklist` ([undrifted])",
        REQUIREMENTS,
    ),
    "approvals": EnvironmentKey(
        "count", "how many people must approve the plan file; who made the change never counts (0)"
    ),
    "approvers": EnvironmentKey(
        "names", "logins that may approve: they may add a row to the ledger's approvals, and read it"
    ),
    "approval_lasts": EnvironmentKey("duration", "how long an approval counts, by the server's clock (7d)"),
    "evidence_lasts": EnvironmentKey("duration", "how long a file of evidence counts, by the server's clock (1d)"),
    "allowed_signers": EnvironmentKey(
        "text", "the keys whose signatures count, as of ssh-keygen(1), in the project (environments/allowed_signers)"
    ),
}

DELIVER = {
    "rules": EnvironmentKey("text", "file for the rules of Prometheus; a relative one is the project's"),
    "dashboard": EnvironmentKey("text", "file for the dashboard of Grafana"),
    "reload": EnvironmentKey(
        "connection",
        "URL that lets Prometheus read its rules again, which ends with /-/reload; PromQL alerts are asked there too",
    ),
}

EMBEDDED = {
    "version": EnvironmentKey(
        "count", "major version of the server: 16 or 18, or one that is installed (18)", least=13, most=18
    ),
    "data": EnvironmentKey("text", "data directory, relative to the project (.wgm/postgres)"),
    "port": EnvironmentKey(
        "count", "port on 127.0.0.1; a free one is chosen and kept when not given", least=1, most=65535
    ),
    "database": EnvironmentKey("text", "database, created if missing (postgres)"),
    "user": EnvironmentKey("text", "superuser (postgres)"),
    "ephemeral": EnvironmentKey("flag", "ephemeral server in memory, gone when the command ends (false)"),
    "settings": EnvironmentKey(
        "settings", "settings of the server, as in postgresql.conf: those that run nothing and open nothing"
    ),
}

SERVER = {
    "data": EnvironmentKey("text", "its data directory on this machine: an absolute path"),
    "stop": EnvironmentKey("command", "what stops it: `[sudo, systemctl, stop, postgresql@15-main]`"),
    "start": EnvironmentKey("command", "what starts it: `[sudo, systemctl, start, postgresql@15-main]`"),
}

POOL = {
    "admin": EnvironmentKey(
        "connection",
        'URL of PgBouncer\'s console, whose database is `pgbouncer`, as one of its admin_users; usually "{{ env.PGBOUNCER_URL }}"',
    ),
    "database": EnvironmentKey("text", "the database's name in PgBouncer (the one that `url` names)"),
    "deadline": EnvironmentKey("duration", "longest wait for the console, and for a pool that is paused (10s)"),
}

LINT = {
    "fail_on": EnvironmentKey("choice", "exit 12 from this severity on (error)", ("info", "warning", "error")),
    "severity": EnvironmentKey("free", "another severity for a code, or `off`: `{C07: error, X10: off}`"),
    "ignore": EnvironmentKey("free", "findings that are taken on: a list of `{code, reason, until, files, object}`"),
    "rules": EnvironmentKey(
        "free", "rules of your own: a list of `{code, query, message, severity, remedy}`; see `wgm-play doc lint`"
    ),
    "names": EnvironmentKey("free", "patterns for names, by what is named: `{table: '[a-z_]+', index: '.*_idx'}`"),
    "additive_only": EnvironmentKey("flag", "nothing is taken away or renamed (false)"),
    "masked": EnvironmentKey("flag", "data here are masked: each column that is no key says `mask` (false)"),
    "small_rows": EnvironmentKey("count", "with sizes: tables with fewer rows are small (10000)"),
    "server_version": EnvironmentKey("count", "major version of the server (18)", least=13, most=18),
    "transaction": EnvironmentKey(
        "choice",
        "how plain SQL files are sent: each statement, one transaction, one message (each)",
        ("each", "one", "implicit"),
    ),
}

_PROGRAM = EnvironmentKey("text", "the program, by its name or its whole path (that of the PATH)")

BACKUP = {
    "directory": EnvironmentKey("text", "the folder of the backups, instead of what the play says (.wgm/backups/NAME)"),
    "copy": EnvironmentKey(
        "command",
        'copies each backup off the machine: `[rsync, -a, "{path}", "backup@elsewhere:/srv/application/"]`; no shell.'
        " `{path}` is the backup's folder, `{directory}` that of all with their WAL, `{id}` its id",
    ),
    "pgbackrest": EnvironmentKey(
        "mapping",
        "what `method: pgbackrest` drives",
        keys={
            "stanza": EnvironmentKey(
                "text", "a stanza of your own, whose retention is its own (one that we configure)"
            ),
            "config": EnvironmentKey("text", "its configuration file (pgBackRest's own)"),
            "program": _PROGRAM,
        },
    ),
    "provider": EnvironmentKey(
        "mapping",
        "commands by which `method: provider` asks a hosting provider; lists of arguments, no shell",
        keys={
            "list": EnvironmentKey(
                "command", "writes what there is, as JSON: `{backups: [{id:, taken:}], history: {from:, until:}}`"
            ),
            "take": EnvironmentKey("command", "takes a snapshot, `{name}` is a name for it"),
            "restore": EnvironmentKey(
                "command", "brings `{id}` back as of `{at}` under `{name}`; its last line is the connection string"
            ),
            "drop": EnvironmentKey("command", "drops what a drill brought back: `{name}`"),
            "wait": EnvironmentKey("duration", "how long the history may take to come to the beginning of a run (5m)"),
        },
    ),
    "barman": EnvironmentKey(
        "mapping",
        "what `method: barman` drives",
        keys={
            "server": EnvironmentKey(
                "text",
                "a server of your own in Barman's configuration, whose retention is its own (one that we configure)",
            ),
            "config": EnvironmentKey("text", "its configuration file (Barman's own)"),
            "program": _PROGRAM,
        },
    ),
}

ENVIRONMENT = {
    "url": EnvironmentKey("connection", 'where the database is: a PostgreSQL URL, usually "{{ env.DATABASE_URL }}"'),
    "service": EnvironmentKey("connection", "or: a service of libpq's pg_service.conf"),
    "embedded": EnvironmentKey("embedded", "or: true, or the settings of the embedded server", keys=EMBEDDED),
    "shadow": EnvironmentKey(
        "connection",
        "URL of a server for the shadow database, instead of one of our own; or `target`: on the target's server, with the"
        " rights of the role that connects",
    ),
    "server": EnvironmentKey(
        "mapping",
        "where the whole cluster is, for `restore --in-place` of a physical backup; no shell, and never for an untrusted playbook",
        keys=SERVER,
    ),
    "planner": EnvironmentKey(
        "connection", "URL of a login that may only read: what a playbook asks is asked as this one"
    ),
    "server_version": EnvironmentKey(
        "count",
        "major version of the server, for what is planned without asking it: diff (the embedded server's)",
        least=13,
        most=18,
    ),
    "stats": EnvironmentKey(
        "text",
        "a file of the database's statistics, beside this file, as `wgm-play stats` writes it: diff and lint take sizes from it"
        " (NAME.stats.json, where it is there)",
    ),
    "marker": EnvironmentKey("text", "the name that the database is marked with (the environment's name)"),
    "variables": EnvironmentKey("variables", "variables of this environment; `vars` is another word for it"),
    "vars": EnvironmentKey("variables", "another word for `variables`"),
    "secrets": EnvironmentKey(
        "secrets",
        "what commands of a password manager write, read as `env.NAME`: `{NAME: {command: [pass, show, db]}}`; no shell",
    ),
    "pool": EnvironmentKey("mapping", "the PgBouncer through which the application comes", keys=POOL),
    "deliver": EnvironmentKey("mapping", "where a run puts what the alerts become, when it differs", keys=DELIVER),
    "backup": EnvironmentKey(
        "mapping", "where backups lie and are copied to, and what the engines need to know, by method", keys=BACKUP
    ),
    "readers": EnvironmentKey("names", "roles that may read the ledger"),
    "policy": EnvironmentKey("mapping", "what a run may do, and how long it may wait", keys=POLICY),
    "lint": EnvironmentKey(
        "mapping", "what `wgm-play lint` holds this environment to; also `[tool.wgm-play.lint]`", keys=LINT
    ),
    "freeze": EnvironmentKey(
        "windows",
        "when nothing may be run: a list of `{deny: RRULE, for: 64h, timezone: Europe/Berlin, reason: weekend}`, of `{from:, until:}`,"
        " or of `allow` in place of `deny`, outside of which nothing may be run; what denies wins",
    ),
    "promotion": EnvironmentKey("mapping", "runs here only what another environment has tried", keys=PROMOTION),
}

_REFERENCE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_ENV_NAME = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)\Z")


class Invalid(InputError):
    """One value that is wrong; collected, so that all are shown at once."""


def read(mapping: Any, keys: Mapping[str, EnvironmentKey], path: str, problems: list[WgmError]) -> dict[str, Any]:
    """Return the checked values of `mapping`; errors go to `problems`. `path` is what messages call it."""
    if mapping is None:
        return {}
    if not isinstance(mapping, dict):
        problems.append(Invalid(f"{path} must be a mapping, not {shown(mapping)}", where=position_of(mapping)))
        return {}
    values: dict[str, Any] = {}
    for name, value in mapping.items():
        key = keys.get(name)
        at = position_of(mapping, name)
        if key is None:
            keys_at = mapping.keys_at.get(name) if isinstance(mapping, Map) else None
            problems.append(Invalid(f"unknown key {name!r} in {path}", where=keys_at, hint=nearest(name, keys)))
            continue
        try:
            values[name] = READERS[key.kind](value, key, KeyPlace(name, at, problems))
        except InputError as error:
            problems.append(error)
    return values


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a value stands: the key, its position; and where errors of what lies below it go."""

    name: str
    at: Position | None
    problems: list[WgmError]

    def wrong(self, expected: str, value: Any, hint: str | None = None) -> Invalid:
        """Return the error for a value of a wrong type."""
        return Invalid(f"{self.name} must be {expected}, not {shown(value)}", where=self.at, hint=hint)


def nearest(word: str, known: Mapping[str, Any] | list[str]) -> str:
    """Return the hint for an unknown word: the nearest right one, or all there are."""
    begun = [one for one in known if one.startswith(word)] if len(word) > 2 else []
    close = begun or get_close_matches(word, list(known), n=1, cutoff=0.75)
    return f"did you mean {close[0]!r}?" if close else "known: " + ", ".join(sorted(known))


def shown(value: Any) -> str:
    """Name a value of a YAML file in the words of YAML; never its text, which may be a password."""
    names: list[tuple[type, str]] = [(bool, "true or false"), (int, "a number"), (float, "a number"), (str, "a text")]
    names += [(dict, "a mapping"), (list, "a list")]
    if value is None or (isinstance(value, str) and not value.strip()):
        return "nothing" if value is None else "an empty text"
    return next((name for kind, name in names if isinstance(value, kind)), "this")


def _text(value: Any, key: EnvironmentKey, place: KeyPlace) -> str:
    if not isinstance(value, str) or not value.strip():
        raise place.wrong("a text", value)
    if "\0" in value:
        raise Invalid(f"{place.name} holds a NUL byte", where=place.at)
    return str.__str__(value)


def _flag(value: Any, key: EnvironmentKey, place: KeyPlace) -> bool:
    if not isinstance(value, bool):
        raise place.wrong("true or false", value, "YAML 1.2 knows no yes, no, on, off")
    return value


def _choice(value: Any, key: EnvironmentKey, place: KeyPlace) -> str:
    if value not in key.choices:
        hint = nearest(value, list(key.choices)) if isinstance(value, str) else None
        raise Invalid(f"{place.name} must be {' or '.join(key.choices)}", where=place.at, hint=hint)
    return str.__str__(value)


def _several(value: Any, key: EnvironmentKey, place: KeyPlace) -> tuple[str, ...]:
    names = _names(value, key, place)
    for number, one in enumerate(names):
        if one not in key.choices:
            where = position_of(value, number) if isinstance(value, Seq) else place.at
            raise Invalid(
                f"{place.name} knows no {one!r}", where=where or place.at, hint=nearest(one, list(key.choices))
            )
    return names


def _count(value: Any, key: EnvironmentKey, place: KeyPlace) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise place.wrong("a whole number", value)
    if value < key.least or (key.most is not None and value > key.most):
        most = "" if key.most is None else f" and at most {key.most}"
        raise Invalid(f"{place.name} must be at least {key.least}{most}, not {value}", where=place.at)
    return value


def _duration(value: Any, key: EnvironmentKey, place: KeyPlace) -> float:
    return parse_duration(value, place.at, place.name)


def _size(value: Any, key: EnvironmentKey, place: KeyPlace) -> int:
    return parse_size(value, place.at, place.name)


def _mapping(value: Any, key: EnvironmentKey, place: KeyPlace) -> dict[str, Any]:
    return read(value, key.keys, place.name, place.problems)


def _embedded(value: Any, key: EnvironmentKey, place: KeyPlace) -> dict[str, Any] | None:
    if isinstance(value, bool):
        return {} if value else None
    if value is not None and not isinstance(value, dict):
        raise place.wrong("true or a mapping", value)
    return read(value, key.keys, place.name, place.problems)


def _settings(value: Any, key: EnvironmentKey, place: KeyPlace) -> dict[str, str]:
    if not isinstance(value, dict):
        raise place.wrong("a mapping", value)
    settings: dict[str, str] = {}
    for name, setting in value.items():
        if not isinstance(setting, (str, int, float)):
            where = position_of(value, name)
            raise Invalid(f"the setting {name} must be a text, a number or true/false", where=where)
        settings[str(name)] = ("on" if setting else "off") if isinstance(setting, bool) else str(setting)
    from wgm_play.server_settings import refused

    for name in refused(settings):
        place.problems.append(
            Invalid(
                f"the setting {name} is not given to the embedded server: it could run programs or open the server",
                where=position_of(value, name),
                hint="set what work_mem, shared_buffers, wal_level and their like say; the rest in a server of your own",
            )
        )
    return settings


def _variables(value: Any, key: EnvironmentKey, place: KeyPlace) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise place.wrong("a mapping of names to values", value)
    for name in value:
        if not re.match(r"[A-Za-z_][A-Za-z0-9_]*\Z", name):
            at = value.keys_at.get(name) if isinstance(value, Map) else place.at
            place.problems.append(
                Invalid(f"{name!r} is not a variable's name", where=at, hint="use letters, digits and underscores")
            )
    return value


def _names(value: Any, key: EnvironmentKey, place: KeyPlace) -> tuple[str, ...]:
    for one in value if isinstance(value, list) else [value]:
        if key.choices and one not in key.choices:
            hint = nearest(one, list(key.choices)) if isinstance(one, str) else None
            raise Invalid(f"{place.name} takes {' or '.join(key.choices)}", where=place.at, hint=hint)
    if isinstance(value, str):
        return (str.__str__(value),)
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise (
            place.wrong("a list of names", value)
            if not isinstance(value, Seq)
            else Invalid(f"{place.name} must be a list of names", where=place.at)
        )
    return tuple(str.__str__(item) for item in value)


def _secrets(value: Any, key: EnvironmentKey, place: KeyPlace) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise place.wrong("a mapping of names to commands", value, "write NAME: {command: [pass, show, db]}")
    found: dict[str, tuple[str, ...]] = {}
    for name, given in value.items():
        where = position_of(value, name) or place.at
        words = given.get("command") if isinstance(given, dict) and set(given) == {"command"} else None
        if not _is_command(words) or not re.match(r"[A-Za-z_][A-Za-z0-9_]*\Z", name):
            place.problems.append(
                Invalid(
                    f"the secret {name!r} has no command",
                    where=where,
                    hint="write NAME: {command: [pass, show, db]}: a list, no shell",
                )
            )
            continue
        found[name] = tuple(str.__str__(word) for word in words or ())
    return found


def _is_command(words: Any) -> bool:
    return (
        isinstance(words, list)
        and bool(words)
        and all(isinstance(word, str) and bool(word) and "\0" not in word for word in words)
    )


def _command(value: Any, key: EnvironmentKey, place: KeyPlace) -> tuple[str, ...]:
    if not _is_command(value):
        raise place.wrong("a list of arguments", value, f"write {place.name}: [sudo, systemctl, …]: a list, no shell")
    return tuple(str.__str__(word) for word in value)


def _connection(value: Any, key: EnvironmentKey, place: KeyPlace) -> Text:
    """Keep the text as it is: its references are resolved only when the connection is used."""
    text = _text(value, key, place)
    for inner in _REFERENCE.findall(text):
        if not _ENV_NAME.match(inner):
            raise Invalid(
                f"{place.name} refers to {inner!r}; an environment file knows only env.NAME",
                where=place.at,
                hint='write "{{ env.DATABASE_URL }}"',
            )
    return Text(text, place.at)


def _free(value: Any, key: EnvironmentKey, place: KeyPlace) -> Any:
    """Keep a value whose reader checks it."""
    if not isinstance(value, (dict, list)):
        raise place.wrong("a mapping or a list", value)
    return value


def _windows(value: Any, key: EnvironmentKey, place: KeyPlace) -> tuple[Any, ...]:
    from wgm_play.windows import window

    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise place.wrong("a list of windows", value, "write - {from: 2026-12-20, until: 2027-01-05}")
    return tuple(window(one, position_of(value, number) or place.at) for number, one in enumerate(value))


READERS: dict[str, Callable[[Any, EnvironmentKey, KeyPlace], Any]] = {
    "text": _text,
    "flag": _flag,
    "choice": _choice,
    "count": _count,
    "duration": _duration,
    "size": _size,
    "mapping": _mapping,
    "embedded": _embedded,
    "settings": _settings,
    "variables": _variables,
    "names": _names,
    "several": _several,
    "windows": _windows,
    "connection": _connection,
    "command": _command,
    "secrets": _secrets,
    "free": _free,
}


def resolve(text: str, environ: Mapping[str, str] | None = None, shape: str = "...") -> str:
    """Replace each `{{ env.NAME }}` by the environment variable. Raise `InputError` for one that is not set.

    `shape` is what the whole value looks like, for the hint.
    """
    known = os.environ if environ is None else environ

    def value(match: re.Match[str]) -> str:
        name = match.group(1).removeprefix("env.")
        if not known.get(name):
            raise Unset(
                name,
                f"the environment variable {name} is {'empty' if name in known else 'not set'}",
                where=position_of(text),
                hint=f"export {name}={shape if match.group(0) == text else '...'}",
            )
        return known[name]

    return _REFERENCE.sub(value, str.__str__(text))


def about(keys: Mapping[str, EnvironmentKey] = ENVIRONMENT, indent: str = "") -> list[str]:
    """Return the reference of the keys, one line each, nested ones indented below theirs."""
    lines: list[str] = []
    for name, key in keys.items():
        lines.append(f"{indent}{name}: {key.about}")
        lines += about(key.keys, indent + "  ")
    return lines


_PLAIN: dict[str, dict[str, Any]] = {
    "windows": {"type": "array", "items": {"type": "object"}},
    "text": {"type": "string"},
    "connection": {"type": "string"},
    "flag": {"type": "boolean"},
    "duration": {"type": ["string", "integer"], "x-form": "duration", "examples": ["500ms", "2s", "10m", "24h", "30d"]},
    "size": {"type": ["string", "integer"], "x-form": "size", "examples": ["16MB"]},
    "settings": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
    "variables": {"type": ["object", "null"]},
    "free": {"type": ["object", "array"]},
    "secrets": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {"command": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
            "required": ["command"],
            "additionalProperties": False,
        },
    },
    "names": {"type": ["array", "string"], "items": {"type": "string"}},
    "command": {"type": "array", "items": {"type": "string"}, "minItems": 1},
}


def schema(keys: Mapping[str, EnvironmentKey] = ENVIRONMENT) -> dict[str, Any]:
    """Return the JSON Schema of a mapping with these keys, for editors."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"description": key.about, **_schema(key)} for name, key in keys.items()},
    }


def document() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of environment files, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "wgm-play environment",
        **schema(),
    }


def _schema(key: EnvironmentKey) -> dict[str, Any]:
    if key.kind == "choice":
        return {"enum": list(key.choices)}
    if key.kind == "names" and key.choices:
        return {"type": ["array", "string"], "items": {"enum": list(key.choices)}}
    if key.kind == "count":
        return {"type": "integer", "minimum": key.least} | ({} if key.most is None else {"maximum": key.most})
    if key.kind == "mapping":
        return schema(key.keys)
    if key.kind == "several":
        return {"type": ["array", "string"], "items": {"enum": list(key.choices)}}
    if key.kind == "embedded":
        return {"oneOf": [{"type": "boolean"}, schema(key.keys)]}
    return dict(_PLAIN[key.kind])
