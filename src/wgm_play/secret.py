"""Secrets: a type that prints `***`, and the one register of values that no output may show.

In: values that came from the environment or from `no_log` steps. Out: texts with those values masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field
from typing import Any

from wgm_play.lazy_dataclass import dataclass

MASK = "***"
# A value shorter than this is masked as a `Secret` but not searched for in texts: replacing every "1" or "on"
# in a report would hide the report and still tell the value by where the mask stands.
SHORTEST_SEARCHED = 4


@dataclass(slots=True)
class _Register:
    """The values `known` to be secret; those `named` stand as ${env.NAME} in a saved plan and in the ledger."""

    known: set[str] = field(default_factory=set)
    named: dict[str, str] = field(default_factory=dict)


# A command has one register; `apart` gives a part of it, or a thread, its own.
_register: ContextVar[_Register] = ContextVar("register", default=_Register())  # noqa: B039 - one for the process
# `quoted` stands for the value with its quotes and backslashes doubled, as it lies between the quotes of a literal.
_PLACEHOLDER = re.compile(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)(\|quoted)?\}")


class Secret(str):
    """A string that prints as `***`; `reveal()` gives the value to the one place that needs it."""

    __slots__ = ()

    def __new__(cls, value: str) -> Secret:
        register(value)
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def reveal(self) -> str:
        """Return the value itself."""
        return str.__str__(self)


def register(value: str, name: str | None = None) -> None:
    """Remember that `value` is not to be shown anywhere; `name` is the environment variable it came from."""
    if len(value) >= SHORTEST_SEARCHED:
        _register.get().known.add(value)
    if name and value:
        _register.get().named[name] = value


def mask(text: str) -> str:
    """Replace every registered value in `text`, longest first, by `***`; as it stands in a literal too."""
    for value in sorted(_register.get().known, key=len, reverse=True):
        for form in (value, _quoted(value)):
            if form in text:
                text = text.replace(form, MASK)
    return text


def placeholders(text: str) -> str:
    """Replace every registered value whose name is known, longest first, by `${env.NAME}`."""
    for name, value in sorted(_register.get().named.items(), key=lambda item: len(item[1]), reverse=True):
        if len(value) < SHORTEST_SEARCHED:
            continue
        text = text.replace(value, f"${{env.{name}}}")
        if _quoted(value) != value:
            text = text.replace(_quoted(value), f"${{env.{name}|quoted}}")
    return text


def kept(value: Any) -> Any:
    """Return plain data as the ledger keeps them: the names of secrets from the environment, of others nothing."""
    if isinstance(value, Mapping):
        return {name: kept(one) for name, one in value.items()}
    if isinstance(value, list):
        return [kept(one) for one in value]
    if not isinstance(value, str) or mask(value) == value:
        return value
    named = placeholders(value)
    return named if mask(named) == named else MASK


def names_in(text: str) -> list[str]:
    """Return the names of the environment variables whose placeholders a text holds."""
    return [found.group(1) for found in _PLACEHOLDER.finditer(text)]


def resolve(text: str) -> str:
    """Put the values back for their placeholders: at sending only. An unknown name stays as it is written."""
    return _PLACEHOLDER.sub(_value, text) if "${env." in text else text


def _value(found: re.Match[str]) -> str:
    value = _register.get().named.get(found.group(1))
    if value is None:
        return found.group(0)
    return _quoted(value) if found.group(2) else value


def _quoted(value: str) -> str:
    # As `sql.literal` writes it: quotes doubled, and backslashes too, because then it uses the E'' form.
    return value.replace("'", "''").replace("\\", "\\\\")


@contextmanager
def apart() -> Iterator[None]:
    """Forget afterwards what was made known inside: values that stand for others."""
    now = _register.get()
    before = _register.set(_Register(set(now.known), dict(now.named)))
    try:
        yield
    finally:
        _register.reset(before)


@contextmanager
def own_names() -> Iterator[None]:
    """Let names of secrets mean what is made known inside alone: two databases may have a secret of one name.

    The values stay known to the process: no thread shows them.
    """
    before = _register.set(_Register(_register.get().known))
    try:
        yield
    finally:
        _register.reset(before)


def forget() -> None:
    """Empty the register (tests)."""
    _register.get().known.clear()
    _register.get().named.clear()


def is_secret(pair: str) -> bool:
    """Tell whether an option "name=value" holds a secret (as the catalog query decides it)."""
    return bool(re.search(r"pass|secret|token|key|credential", pair.partition("=")[0], re.IGNORECASE))


# Errors of data (class 22) and of constraints (23) quote the value that they are about (manual: "PostgreSQL Error Codes").
_OF_VALUES = ("22", "23")
_QUOTED = re.compile(r'".*"', re.DOTALL)


def without_values(error: Any) -> str:
    """Return the server's message of an error, without the row's value that stands there: what is passed on shows none."""
    told = str(error.diag.message_primary or error).strip()
    return mask(_QUOTED.sub('"…"', told) if (error.sqlstate or "")[:2] in _OF_VALUES else told)
