"""What the extensions of the target hold, and which of them the server for scratch databases lacks.

In: the scratch database, the live catalog, the target. Out: the extension that a missing name belongs to; one error that
names the extensions, that server and the way out: what fails for want of them is nobody's mistake.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Position, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render

if TYPE_CHECKING:
    import psycopg

_WAY = "set `shadow:` in the environment to the URL of a server that has it"
# What a server says of an extension that is not installed on its machine: since 15, and before.
_NOT_THERE = re.compile(
    r'extension "([^"]+)" is not available|could not open extension control file ".*?([^/"]+)\.control"'
)


@dataclass(frozen=True, slots=True)
class Extensions:
    """The live extensions by the names of what they hold; `lacks` are those that the server called `shown` has not.

    `unknown` are among them and not live yet: nobody can say what they hold.
    """

    shown: str
    names: Mapping[str, str]
    lacks: frozenset[str]
    unknown: tuple[str, ...]
    hint: str

    def lacking(self, name: str) -> str | None:
        """Return the extension that is lacking and holds what has a name, as far as that can be known."""
        word = name.rsplit(".", maxsplit=1)[-1]
        found = self.names.get(word)
        if found is not None:
            return found if found in self.lacks else None
        return word if word in self.unknown else ", ".join(self.unknown) or None

    def error(self, extensions: Collection[str], details: Collection[str], where: Position | None) -> Refused:
        """Return the one error for all that fails."""
        return _error(self.shown, extensions, details, where, self.hint)


def _error(
    shown: str, extensions: Collection[str], details: Collection[str], where: Position | None, hint: str
) -> Refused:
    listed = ", ".join(repr(name) for name in sorted(extensions))
    word = "extension" if len(extensions) == 1 else "extensions"
    return Refused(
        f"{shown} lacks the {word} {listed}: the plan cannot be tried there; nothing was touched",
        where=where,
        details=[f"needed by {one}" for one in sorted(set(details))],
        hint=hint,
    )


def extensions(
    connection: psycopg.Connection[Any],
    live: Catalog,
    wanted: Collection[Key],
    target: psycopg.Connection[Any],
    shown: str,
) -> Extensions | None:
    """Return the live extensions and those `wanted`, as far as the server behind `connection` has them; None without any."""
    alive = {key.name[0] for key in live.rows if key.kind == "extension"}
    new = {key.name[0] for key in wanted if key.kind == "extension"} - alive
    if not alive and not new:
        return None
    there = {name for name, _ in connection.execute(render("shadow/available.sql.j2").sql).fetchall()}
    there -= {name for (name,) in connection.execute(render("shadow/stand_ins.sql.j2").sql).fetchall()}
    rows = target.execute(render("shadow/extension_names.sql.j2").sql).fetchall() if alive else []
    row = target.execute(render("shadow/may_create.sql.j2").sql).fetchone()
    way = "say `shadow: target`: then the target's server is used" if row and row[0] else "GRANT this role CREATEDB"
    return Extensions(
        shown, dict(rows), frozenset((alive | new) - there), tuple(sorted(new - there)), f"{_WAY}, or {way}"
    )


def not_there(error: psycopg.Error) -> Refused | None:
    """Return the error for a live object that needs an extension which the scratch server lacks; None for others."""
    found = _NOT_THERE.search(str(error.diag.message_primary or ""))
    if found is None:
        return None
    return _error("the scratch server", [found.group(1) or found.group(2)], (), None, _WAY)
