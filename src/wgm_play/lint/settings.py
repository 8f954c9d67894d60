"""What a team decides about lint: `[tool.wgm-play.lint]` of pyproject.toml, and `lint:` of an environment file.

In: a mapping as it was read. Out: `Settings`, or an `InputError` that names the key.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from wgm_play.asking.text import check_query
from wgm_play.document.nodes import position_of
from wgm_play.errors import InputError, Position
from wgm_play.finding import SEVERITIES, Finding
from wgm_play.hazards import pages
from wgm_play.lazy_dataclass import dataclass

NAMED = (
    "table",
    "column",
    "index",
    "constraint",
    "view",
    "function",
    "type",
    "sequence",
    "schema",
    "trigger",
    "policy",
)
OFF = "off"
SENT = ("each", "one", "implicit")


@dataclass(frozen=True, slots=True)
class Ignore:
    """Findings of a code that are taken on, with the reason: in `files`, until a day."""

    code: str
    reason: str
    until: datetime.date | None = None
    files: str = "*"
    object: str = "*"

    def covers(self, found: Finding) -> bool:
        """Say whether a finding is meant."""
        file = found.where.file if found.where else ""
        return (
            self.code == found.code
            and fnmatch(found.object, self.object)
            and (self.files == "*" or fnmatch(file, self.files) or fnmatch(file, "*/" + self.files))
        )


@dataclass(frozen=True, slots=True)
class TeamRule:
    """A rule of a team: a query that returns what breaks it, by `object`; `message` may name its columns: {object}."""

    code: str
    name: str
    query: str
    message: str
    severity: str = "error"
    remedy: str = ""
    where: Position | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a team decides; `names` are patterns by the kind of what is named."""

    fail_on: str = "error"
    severity: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[Ignore, ...] = ()
    names: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    additive_only: bool = False
    masked: bool = False
    small_rows: float = 10_000
    server_version: int = 18
    transaction: str = "each"
    rules: tuple[TeamRule, ...] = ()


def of_project(start: Path) -> Mapping[str, Any] | None:
    """Return `[tool.wgm-play.lint]` of the nearest pyproject.toml that has it."""
    import tomllib

    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            found = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{str(file)!r} is no TOML: {error}", where=Position(str(file))) from error
        lint = found.get("tool", {}).get("wgm-play", {}).get("lint")
        if lint is not None:
            return dict(lint)
    return None


def settings(given: Mapping[str, Any], file: str, base: Settings | None = None) -> Settings:
    """Return the settings that a mapping says, laid over others. Raise `InputError`."""
    found = base or Settings()
    if "rules" in given:  # first: other keys may name their codes
        found = dataclasses.replace(found, rules=_rules(given["rules"], file, found.rules))
    own = frozenset(rule.code for rule in found.rules)
    for key, value in given.items():
        if key == "rules":
            continue
        reader = _READERS.get(key.replace("-", "_"))
        if reader is None:
            raise _wrong(file, f"no such key: {key!r}", f"one of {', '.join((*_READERS, 'rules'))}")
        name = key.replace("-", "_")
        more = (own,) if name in ("severity", "ignore") else ()
        found = dataclasses.replace(found, **{name: reader(value, file, getattr(found, name), *more)})
    return found


def _wrong(file: str, message: str, hint: str) -> InputError:
    return InputError(f"lint: {message}", where=Position(file), hint=hint)


def _severity_word(value: Any, file: str, key: str, *more: str) -> str:
    if value not in (*SEVERITIES, *more):
        raise _wrong(file, f"{key}: {value!r} is no severity", f"one of {', '.join((*SEVERITIES, *more))}")
    return str(value)


def _code(value: Any, file: str, own: Collection[str]) -> str:
    if str(value) not in pages() and str(value) not in own:
        raise _wrong(file, f"no such code: {value!r}", "wgm-play doc lint lists them")
    return str(value)


def _fail_on(value: Any, file: str, _: str) -> str:
    return _severity_word(value, file, "fail_on")


def _severities(value: Any, file: str, before: Mapping[str, str], own: Collection[str] = ()) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise _wrong(file, "severity is a mapping", "severity = {C07 = 'error', X10 = 'off'}")
    read = {_code(code, file, own): _severity_word(one, file, str(code), OFF) for code, one in value.items()}
    return {**before, **read}


def _ignores(value: Any, file: str, before: tuple[Ignore, ...], own: Collection[str] = ()) -> tuple[Ignore, ...]:
    made = []
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, Mapping) or not one.get("code") or not str(one.get("reason") or "").strip():
            raise _wrong(
                file,
                "each entry of `ignore` has a code and a reason",
                "ignore = [{code = 'X10', reason = 'search_path is fixed for our role', until = 2027-01-01}]",
            )
        strange = set(one) - {"code", "reason", "until", "files", "object"}
        if strange:
            raise _wrong(file, f"ignore: no such key: {min(strange)!r}", "code, reason, until, files, object")
        made.append(
            Ignore(
                _code(one["code"], file, own),
                str(one["reason"]),
                day(one.get("until"), file),
                str(one.get("files", "*")),
                str(one.get("object", "*")),
            )
        )
    return (*before, *made)


_RULE_CODE = re.compile(r"U\d\d\Z")
_RULE_KEYS = {"code", "name", "query", "message", "severity", "remedy"}
_RULE = "{code: U01, query: \"select object from tables where comment is null\", message: '{object} has no comment'}"


def _rules(value: Any, file: str, before: tuple[TeamRule, ...]) -> tuple[TeamRule, ...]:
    """Read the rules of a team; one with the code of an earlier one takes its place."""
    made = {rule.code: rule for rule in before}
    seen: set[str] = set()
    for number, one in enumerate(value if isinstance(value, list) else [value]):
        where = position_of(value, number) or Position(file)
        if not isinstance(one, Mapping):
            raise InputError("lint: rules is a list of mappings", where=where, hint=f"rules: [{_RULE}]")
        where = position_of(one, "query") or position_of(one) or where
        strange, missing = set(one) - _RULE_KEYS, {"code", "query", "message"} - set(one)
        if strange or missing:
            told = f"no such key: {min(strange)!r}" if strange else f"no {min(missing)!r}"
            raise InputError(f"lint: a rule: {told}", where=where, hint=f"as in {_RULE}")
        code = str(one["code"])
        if not _RULE_CODE.match(code) or code in seen:
            told = f"two rules are called {code}" if code in seen else f"{code!r} is no code of a rule"
            raise InputError(f"lint: {told}", where=where, hint="a rule of your own has a code from U00 to U99")
        seen.add(code)
        query = str(one["query"])
        check_query(query, where)
        severity = _severity_word(one.get("severity", "error"), file, code)
        told, remedy = str(one["message"]), str(one.get("remedy", ""))
        made[code] = TeamRule(code, str(one.get("name") or code), query, told, severity, remedy, where)
    return tuple(made.values())


def day(value: Any, file: str) -> datetime.date | None:
    """Read a day, as 2027-01-31."""
    if value is None:
        return None
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(str(value))
    except ValueError as error:
        raise _wrong(file, f"until: {str(value)!r} is no day", "as in until: 2027-01-31") from error


def _names(value: Any, file: str, before: Mapping[str, re.Pattern[str]]) -> Mapping[str, re.Pattern[str]]:
    made = dict(before)
    if not isinstance(value, Mapping):
        raise _wrong(file, "names is a mapping", "names = {table = '[a-z_]+s'}")
    for kind, pattern in value.items():
        if kind not in NAMED:
            raise _wrong(file, f"names: {kind!r} has no names", f"one of {', '.join(NAMED)}")
        try:
            made[str(kind)] = re.compile(str(pattern))
        except re.error as error:
            raise _wrong(file, f"names: {kind}: {pattern!r} is no pattern: {error}", "a regular expression") from error
    return made


def _flag(value: Any, file: str, _: bool) -> bool:
    if not isinstance(value, bool):
        raise _wrong(file, f"{value!r} is neither true nor false", "additive_only and masked are true or false")
    return value


def _number(value: Any, file: str, _: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise _wrong(file, f"{value!r} is no number", "small_rows = 10000")
    return value


def _version(value: Any, file: str, _: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 13 <= value <= 18:
        raise _wrong(file, f"server_version: {value!r}", "a major version from 13 to 18")
    return value


def _sent(value: Any, file: str, _: str) -> str:
    if value not in SENT:
        raise _wrong(
            file, f"transaction: {value!r}", "how your tool sends a file: each statement, one transaction, implicit"
        )
    return str(value)


_READERS: dict[str, Callable[[Any, str, Any], Any]] = {
    "fail_on": _fail_on,
    "severity": _severities,
    "ignore": _ignores,
    "names": _names,
    "additive_only": _flag,
    "masked": _flag,
    "small_rows": _number,
    "server_version": _version,
    "transaction": _sent,
}
