"""Which part of a database a play manages: `manage:` names schemas or patterns; the rest is left alone.

In: the play's `manage:`, keys. Out: whether a key is inside; an `InputError` for a step that declares what is outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from wgm_play.catalog.graph import object_of
from wgm_play.catalog.kinds import OF_OBJECT, OUTSIDE_SCHEMAS
from wgm_play.catalog.model import Key
from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.model import Declaration
from wgm_play.sql import reveal

# Kinds whose objects lie in no schema: the first part of their name is not one.
_NOWHERE = OUTSIDE_SCHEMAS - OF_OBJECT


@dataclass(frozen=True, slots=True)
class Manage:
    """Schemas and patterns over `schema.name`. Without any, everything is inside."""

    schemas: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Manage:
        """Read `manage:`."""
        said = given or {}
        words = ("schemas", "include", "exclude")
        return cls(*(tuple(reveal(one) for one in said.get(word) or ()) for word in words))

    def covers(self, key: Key) -> bool:
        """Tell whether an object is inside."""
        if key.kind in OF_OBJECT:
            key = object_of(key) if len(key.name) > 2 else Key("schema", key.name[:1])
        if key.kind == "schema":
            if self.schemas:
                return key.name[0] in self.schemas
            return not (self.include or _like(key.name[0], self.exclude))
        if key.kind in _NOWHERE:
            return not (self.schemas or self.include) and not _like(key.name[0], self.exclude)
        name = ".".join(key.name[:2])
        if _like(name, self.exclude) or (self.schemas and key.name[0] not in self.schemas):
            return False
        return not self.include or _like(name, self.include)

    def check(self, declarations: Mapping[Key, Declaration]) -> None:
        """Raise at the first step that declares what is outside."""
        if self == Manage():
            return
        for key, declaration in declarations.items():
            if key.kind not in _NOWHERE and key.kind != "comment" and not self.covers(key):
                raise InputError(
                    f"{key} is outside of what this play manages",
                    where=declaration.position,
                    hint="name it in the play's `manage:`, or take the step out",
                )


def _like(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, one if "." in one else f"*.{one}") or name == one for one in patterns)
