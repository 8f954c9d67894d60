"""Variables: five levels, each name found at the highest that has it, made when it is first read.

In: mappings with raw values. Out: `Scope`. From the lowest to the highest level:
1 the environment's `variables`; 2 the play's `vars_files`; 3 the play's `vars`; 4 `vars` of imports and of the step,
and the loop's item; 5 `-e`. A value given by `-e NAME=VALUE` is never rendered, one of `-e @file` is.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wgm_play.document.nodes import Map, position_of
from wgm_play.errors import InputError, Position
from wgm_play.secret import Secret, register

LEVELS = (
    "variables of the environment",
    "vars_files of the play",
    "vars of the play",
    "vars of an import or step",
    "-e on the command line",
)


class Pending(Exception):
    """A variable that a step will register, and that is not known yet."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Unknown(KeyError):
    """No level has the variable."""


class SecretText(Secret):
    """A secret that knows where the playbook asked for it."""

    __slots__ = ("position",)
    position: Position | None


class Environ(Mapping[str, str]):
    """`env.NAME` of expressions: the process environment, read on demand; `read` holds what was asked for."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values_of = os.environ if values is None else values
        self.read: set[str] = set()
        self.touched = False

    def __getitem__(self, name: str) -> str:
        self.touched = True
        self.read.add(name)
        value = self.values_of[name]
        register(value, name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Named(Mapping[str, str]):
    """A process environment in which each variable has its own name as its value.

    What is rendered with it is the same everywhere, and holds no secret.
    """

    def __getitem__(self, name: str) -> str:
        return f"${{env.{name}}}"

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


class Root:
    """What all scopes of a play share: `-e`, the process environment, names that steps register."""

    def __init__(
        self,
        extra: Mapping[str, Any],
        environ: Environ,
        registered: Mapping[str, Any],
        builtins: Mapping[str, Any],
    ) -> None:
        self.extra = extra
        self.environ = environ
        self.registered = registered
        self.builtins = builtins
        self.announced: set[str] = set()
        self._made: dict[str, Any] = {}
        self._busy: set[str] = set()

    def given(self, name: str, scope: Scope) -> Any:
        """Return the value of a variable that `-e` gives: one of a file is rendered, one of the command line is a text."""
        value, where = self.extra[name], position_of(self.extra, name)
        if where is None or where.file == "-e":
            return value
        if name not in self._made:
            from wgm_play.playbook.values import holds_template, render_value

            if name in self._busy:
                raise InputError(f"the variable {name!r} is made of itself", where=where)
            self._busy.add(name)
            self._made[name] = render_value(value, scope, where) if holds_template(value) else value
            self._busy.discard(name)
        return self._made[name]


class Scope:
    """One level of variables over a lower one. `level` is 1 to 4, `raw` what the file says."""

    __slots__ = ("_busy", "_made", "level", "parent", "raw", "rendered", "root")

    def __init__(
        self, root: Root, parent: Scope | None, level: int, raw: Mapping[str, Any], *, rendered: bool = False
    ) -> None:
        self.root = root
        self.parent = parent
        self.level = level
        self.raw = raw
        self.rendered = rendered
        self._made: dict[str, Any] = {}
        self._busy: list[str] = []

    def below(self, raw: Mapping[str, Any] | None, level: int = 4, *, rendered: bool = False) -> Scope:
        """Return a scope over this one; this one where there is nothing to add."""
        return Scope(self.root, self, level, raw, rendered=rendered) if raw else self

    def lookup(self, name: str) -> Any:
        """Return the value of a variable, rendered; raise `Unknown`, or `Pending` for one yet to be registered."""
        root = self.root
        if name in root.extra:
            return root.given(name, self)
        scope: Scope | None = self
        own: Position | None = None
        while scope is not None:
            if name in scope.raw:
                if name not in scope._busy:
                    return scope._value(name)
                own = position_of(scope.raw, name) or own
            scope = scope.parent
        if name == "env":
            return root.environ
        if name in root.registered:
            return root.registered[name]
        if name in root.announced:
            raise Pending(name)
        if name in root.builtins:
            return root.builtins[name]
        if own is not None:
            raise InputError(
                f"the variable {name!r} is made of itself", where=own, hint="give one of its parts a value"
            )
        raise Unknown(name)

    def _value(self, name: str) -> Any:
        if name in self._made:
            return self._made[name]
        raw = self.raw[name]
        if self.rendered:
            value = raw
        else:
            from wgm_play.playbook.values import render_value

            # A variable that names itself means the one below: `path: "{{ path }}/more"`.
            self._busy.append(name)
            try:
                value = render_value(raw, self, position_of(self.raw, name))
            except RecursionError:
                raise InputError(
                    f"the variable {name!r} is made of itself", where=position_of(self.raw, name)
                ) from None
            finally:
                self._busy.pop()
        self._made[name] = value
        return value

    def names(self) -> set[str]:
        """Return the names that can be read here."""
        found = {*self.root.extra, *self.root.builtins, *self.root.registered, *self.root.announced, "env"}
        scope: Scope | None = self
        while scope is not None:
            found.update(scope.raw)
            scope = scope.parent
        return found

    def origin(self, name: str) -> tuple[int, Position | None] | None:
        """Return the level (1 to 5) that gives a variable, and where."""
        if name in self.root.extra:
            return 5, position_of(self.root.extra, name)
        scope: Scope | None = self
        while scope is not None:
            if name in scope.raw:
                where = position_of(scope.raw, name)
                return scope.level, where
            scope = scope.parent
        return None

    def written(self, name: str) -> tuple[str, Position | None, Any] | None:
        """Return in words which level gives a variable, where, and what is written there; None where none does."""
        if name in self.root.extra:
            return LEVELS[4], position_of(self.root.extra, name), self.root.extra[name]
        scope: Scope | None = self
        while scope is not None:
            if name in scope.raw:
                level = "loop of the step" if scope.rendered else LEVELS[scope.level - 1]
                return level, position_of(scope.raw, name), None if scope.rendered else scope.raw[name]
            scope = scope.parent
        return None

    def sources(self) -> dict[str, str]:
        """Return for each variable where it comes from, in words."""
        made: dict[str, str] = {}
        for name in sorted(self.names()):
            found = self.origin(name)
            if found:
                level, where = found
                made[name] = f"{level} {LEVELS[level - 1]}" + (f" ({where})" if where else "")
        return made


class Visible(Mapping[str, Any]):
    """The variables of a scope as a mapping; each is made when it is read."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __getitem__(self, name: str) -> Any:
        try:
            return self.scope.lookup(name)
        except (Unknown, Pending):
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.scope.names() - {"env"}))

    def __len__(self) -> int:
        return len(self.scope.names() - {"env"})


# The command line -----------------------------------------------------------------------------------------------

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_NAME = re.compile(r"[A-Za-z_]\w*\Z")


def parse_extra_vars(given: Sequence[str]) -> Map:
    """Read `-e` options: `k=v …`, a YAML or JSON mapping, or `@file`. Later ones win.

    In `k=v`, true, false and whole numbers are what they look like; everything else is a text.
    """
    made = Map(Position("-e"))
    for option in given:
        if option.startswith("@"):
            found = _file(option[1:])
        elif option.lstrip().startswith("{"):
            from wgm_play.document.load import load_text

            found = load_text(option, "-e")
        else:
            found = _pairs(option)
        if not isinstance(found, Mapping):
            raise InputError(f"-e {option!r} is no mapping", hint="write -e name=value, -e '{name: value}' or -e @file")
        for name, value in found.items():
            if not _NAME.match(name):
                raise InputError(f"-e: {name!r} is no name of a variable", hint="letters, digits and underscores")
            made.put(name, value, position_of(found, name), position_of(found, name))
    return made


def _file(name: str) -> Any:
    from wgm_play.document.load import load_file

    found = load_file(Path(name), name)
    return Map(Position(name)) if found is None else found


def _pairs(option: str) -> dict[str, Any]:
    try:
        words = shlex.split(option)
    except ValueError as error:
        raise InputError(f"-e {option!r}: {error}", hint="close the quotes") from None
    made: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise InputError(f"-e {word!r} has no '='", hint="write -e name=value, or -e @file")
        made[name] = _typed(value)
    return made


def _typed(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if _WHOLE.match(value) else value
