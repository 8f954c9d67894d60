"""Make a part of the live catalog again in a scratch database, with what PostgreSQL does not know it to need.

In: a live catalog and the keys of a part of it. Out: the part is there; where it cannot be, one error says why.

The body of a function is text: what it names is found only when it is called, as for the rows of an index or of a
materialized view. Then what the bodies name is made too, and they are called with the search_path that the target has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import closure
from wgm_play.catalog.kinds import STORED, TYPES, WITH_BODY
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Refused
from wgm_play.secret import mask
from wgm_play.shadow import on_path, run_all, start_over
from wgm_play.shadow.lacking import not_there
from wgm_play.shadow.rebuild import statements_for

if TYPE_CHECKING:
    import psycopg

# What a body may name and a part may need.
_NAMED = WITH_BODY | STORED | (TYPES - {"range"}) | {"view"} | {"sequence"}
_WORD = re.compile(r"[\w$]+")
# Something that is named is not there (yet): manual, appendix "PostgreSQL Error Codes".
_MISSING = frozenset(["42P01", "42703", "42883", "42704", "3F000"])


def remake(
    connection: psycopg.Connection[Any],
    live: Catalog,
    part: Collection[Key],
    before: Callable[[], None] = lambda: None,
) -> None:
    """Make `part` of the live catalog. `before` makes what must be there first, each time from an empty database."""
    import psycopg as library

    before()
    try:
        run_all(connection, statements_for(live.only(part)))
        return
    except library.Error as error:
        if error.sqlstate not in _MISSING:
            raise _refused(error) from error
    start_over(connection)
    before()
    try:
        with on_path(connection):
            run_all(connection, statements_for(live.only(named_by_bodies(live, part))))
    except library.Error as error:
        raise _refused(error) from error


def named_by_bodies(live: Catalog, part: Collection[Key]) -> set[Key]:
    """Return `part` with what the bodies of its functions name, and all extensions: who knows what these hold."""
    found = {*part, *(key for key in live.rows if key.kind == "extension")}
    return closure(live, found | named_in(live, [live[key].definition for key in found if key.kind in WITH_BODY]))


def named_in(live: Catalog, texts: Iterable[str]) -> set[Key]:
    """Return the live objects that texts name, and those that the bodies of functions among them name, with their needs."""
    by_name: dict[str, list[Key]] = {}
    for key in live.rows:
        if key.kind in _NAMED:
            by_name.setdefault(key.name[1], []).append(key)
    found: set[Key] = set()
    todo = list(texts)
    while todo:
        words = set(_WORD.findall(todo.pop()))
        more = closure(live, {key for word in words & by_name.keys() for key in by_name[word]}) - found
        found |= more
        todo += [live[key].definition for key in more if key.kind in WITH_BODY]
    return found


def _refused(error: psycopg.Error) -> Refused:
    lacks = not_there(error)
    if lacks is not None:
        return lacks
    return Refused(
        f"a part of the live database cannot be rebuilt in the shadow: {mask(str(error.diag.message_primary or error))}",
        hint="an object of a kind that is not modelled is in the way: see `wgm-play check`",
    )
