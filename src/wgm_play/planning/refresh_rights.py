"""What the owner of a materialized view may not read: it is filled with his rights, and would fail in the run.

In: the operations of a plan, the wanted catalog with its owners, grants and memberships, who runs the plan. Out: who lacks
what on which relation, for each materialized view that is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wgm_play.catalog.access import PUBLIC
from wgm_play.catalog.kinds import RELATIONS
from wgm_play.catalog.model import Catalog, Key
from wgm_play.plan import Operation

_READS_ALL = "pg_read_all_data"


def unreadable(
    operations: Iterable[Operation], live: Catalog, wanted: Catalog, runner: str
) -> Iterator[tuple[Operation, str, Key]]:
    """Yield (what makes the view, who reads, what he may not read)."""
    for operation in operations:
        if operation.key.kind == "materialized_view" and any(one.wait == "data" for one in operation.commands):
            found = _Rights(live, wanted, runner)
            for reader, relation in found.lacking(operation.key):
                yield operation, reader, relation


class _Rights:
    """Who may read what when the plan has run."""

    def __init__(self, live: Catalog, wanted: Catalog, runner: str) -> None:
        self.live, self.wanted, self.runner = live, wanted, runner

    def lacking(self, view: Key) -> Iterator[tuple[str, Key]]:
        todo, seen = [(self._owner(view), view)], set()
        while todo:
            reader, above = todo.pop()
            if (reader, above) in seen:
                continue
            seen.add((reader, above))
            roles = self._roles_of(reader)
            for relation in sorted({used.relation or used for used in self.wanted.needs(above)}):
                if relation == above or relation.kind not in RELATIONS or relation not in self.wanted.rows:
                    continue
                if roles is not None and not self._reads(roles, relation):
                    yield reader, relation
                if relation.kind == "view":
                    invoked = any("security_invoker" in one for one in self.wanted[relation].options or ())
                    todo.append((reader if invoked else self._owner(relation), relation))

    def _owner(self, key: Key) -> str:
        row: Any = self.wanted.get(Key("owner", (key.kind, *key.name)))
        return row.role if row else self.live.extra(key).owner or self.runner

    def _roles_of(self, reader: str) -> frozenset[str] | None:
        """Return the reader with all roles that he is a member of; None for a superuser."""
        found, todo = {reader}, [reader]
        memberships = self.wanted.of("membership")
        while todo:
            member = todo.pop()
            more = {key.name[0] for key in memberships if key.name[1] == member} - found
            found |= more
            todo += more
        row: Any = self.wanted.get(Key("role", (reader,)))
        return None if row is not None and row.superuser else frozenset(found)

    def _reads(self, roles: frozenset[str], relation: Key) -> bool:
        if self._owner(relation) in roles or _READS_ALL in roles:
            return True
        grants = self.wanted.of("grant", relation.kind, *relation.name)
        return any(
            key.name[-1] in (*roles, PUBLIC) and any(one.startswith("SELECT") for one in self.wanted[key].privileges)
            for key in grants
        )
