"""Statements and declarations that are made when they are first read: where nothing changed, nobody reads them.

In: what makes them. Out: `LazyStatement` and `LazyDeclaration`, which are what they stand for in every other way:
each lazy field is kept in the slot of its dataclass once it is known, so that `==` and `dataclasses.replace` hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wgm_play.catalog.model import Key
from wgm_play.errors import Position
from wgm_play.playbook.model import Declaration
from wgm_play.render import Statement, render


def _lazy(base: type, name: str) -> Any:
    """Return a property over the slot `name` of `base`, which `_fill` sets when it is read too early."""
    slot = getattr(base, name)

    def get(self: Any) -> Any:
        try:
            return slot.__get__(self)
        except AttributeError:
            self._fill()
            return slot.__get__(self)

    return property(get, slot.__set__)


class LazyStatement(Statement):
    """A statement that is rendered when its text is first read."""

    __slots__ = ("_given",)
    _given: tuple[str, str | None, dict[str, Any]]

    sql = _lazy(Statement, "sql")
    spans = _lazy(Statement, "spans")

    @classmethod
    def of(cls, template: str, project: str | None, position: Position | None, values: dict[str, Any]) -> LazyStatement:
        """Make the statement of a template."""
        made = object.__new__(cls)
        object.__setattr__(made, "position", position)
        object.__setattr__(made, "_given", (template, project, values))
        return made

    def _fill(self) -> None:
        template, project, values = self._given
        made = render(template, position=self.position, project=project, **values)
        object.__setattr__(self, "sql", made.sql)
        object.__setattr__(self, "spans", made.spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statement) and (self.sql, self.position, self.spans) == (
            other.sql,
            other.position,
            other.spans,
        )

    def __hash__(self) -> int:
        return hash((self.sql, self.position, self.spans))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Statement, (self.sql, self.position, self.spans))


_LAZY = ("statements", "late", "parts", "named", "attributes")


class LazyDeclaration(Declaration):
    """A declaration whose content is made when it is first read."""

    __slots__ = ("_make",)
    _make: Callable[[], Declaration]

    statements = _lazy(Declaration, "statements")
    late = _lazy(Declaration, "late")
    parts = _lazy(Declaration, "parts")
    named = _lazy(Declaration, "named")
    attributes = _lazy(Declaration, "attributes")

    @classmethod
    def of(
        cls,
        key: Key,
        step: int,
        position: Position,
        make: Callable[[], Declaration],
        *,
        renamed_from: Key | None,
        required: bool,
    ) -> LazyDeclaration:
        """Make a declaration; `make` gives what is read later."""
        made = object.__new__(cls)
        for name, value in (
            ("key", key),
            ("step", step),
            ("position", position),
            ("absent", False),
            ("renamed_from", renamed_from),
            ("required", required),
            ("_make", make),
        ):
            object.__setattr__(made, name, value)
        return made

    def _fill(self) -> None:
        found = self._make()
        for name in _LAZY:
            object.__setattr__(self, name, getattr(found, name))

    def __reduce__(self) -> tuple[Any, ...]:
        values = ("key", "step", "position", "statements", "late", "absent", "renamed_from", "required", *_LAZY[2:])
        return (Declaration, tuple(getattr(self, name) for name in values))
