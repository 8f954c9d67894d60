"""The names that objects had before: what runs renamed, as the statements that they sent say it.

In: a ledger, an object. Out: the operations of runs on it, under all its names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.kinds import ROUTINES
from wgm_play.catalog.model import Key
from wgm_play.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from wgm_play.ledger import Ledger
    from wgm_play.ledger.model import MadeOperation

Moment = tuple[int, int]
_EVER = (2**63, 0)


@dataclass(frozen=True, slots=True)
class PastRename:
    """An operation that renamed an object, and what that was called before."""

    operation: MadeOperation
    was: Key

    @property
    def at(self) -> Moment:
        """When it was, to be compared with other operations."""
        return _at(self.operation)

    def before(self, key: Key) -> Key | None:
        """Return what `key` was called before this; None where it has nothing to do with it."""
        now = _key(self.operation)
        if key == now:
            return self.was
        inside = now.kind == "table" and len(key.name) > 2 and key.name[:2] == now.name
        return Key(key.kind, (*self.was.name, *key.name[2:])) if inside else None


def renamed(ledger: Ledger) -> list[PastRename]:
    """Return what runs renamed, the newest first."""
    made = ledger.operations_by_verb("rename")
    sent: dict[Moment, list[str]] = {}
    for one in ledger.sent_in(sorted({one.run for one in made})):
        sent.setdefault((one.run, one.operation), []).append(one.sql)
    found = [(one, _former(_key(one), sent.get(_at(one), ()))) for one in made]
    return [PastRename(one, was) for one, was in reversed(found) if was is not None]


def history(
    ledger: Ledger, key: Key, kinds: Sequence[str], renames: Sequence[PastRename], until: Moment = _EVER
) -> list[MadeOperation]:
    """Return the operations on an object, and on those of `kinds` around it, until a moment: what it was called before counts as well."""
    own = [one for one in ledger.operations_about(key, kinds, key.name[:2]) if _at(one) < until]
    for one in renames:
        was = one.before(key) if one.at < until else None
        if was is not None:
            return [*history(ledger, was, kinds, renames, one.at), *(each for each in own if _at(each) >= one.at)]
    return own


def _at(one: MadeOperation) -> Moment:
    return one.run, one.number


def _key(one: MadeOperation) -> Key:
    return Key(one.kind, tuple(one.name))


def _former(key: Key, sent: Sequence[str]) -> Key | None:
    """Return what an object was called before statements gave it its name; None where none of them does."""
    for was, now in (pair for sql in sent for pair in _renames(sql)):
        places = range(min(2, len(key.name)) if key.kind in ROUTINES else len(key.name))
        place = next((one for one in reversed(places) if key.name[one] == now), None)
        if place is not None and was != now:
            return Key(key.kind, (*key.name[:place], was, *key.name[place + 1 :]))
    return None


def _renames(sql: str) -> Iterator[tuple[str, str]]:
    """Yield the old and the new name of each RENAME of a text."""
    from pglast.parser import ParseError, parse_sql

    try:
        statements: Any = parse_sql(sql)
    except ParseError:
        return
    for one in statements:
        node = one.stmt
        if type(node).__name__ == "RenameStmt":
            named = node.object.objname if hasattr(node.object, "objname") else node.object
            last = named[-1].sval if isinstance(named, tuple) and named else ""
            was = node.subname or (node.relation.relname if node.relation is not None else last)
            if was:
                yield was, node.newname
