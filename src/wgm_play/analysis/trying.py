"""Indexes tried without being built: by HypoPG on the target, or on a scratch server that plans by the target's statistics.

In: candidates. Out: what PostgreSQL makes of each, its size, and plans with those that are chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from wgm_play.analysis.candidates import IndexCandidate, Table
from wgm_play.analysis.plans import QueryPlan, Subject
from wgm_play.analysis.target import Plans
from wgm_play.asking.ask import NotAsked
from wgm_play.catalog.model import Key
from wgm_play.errors import InputError
from wgm_play.inspect.index import taken_apart
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.sqltext.scan import Unforeseen

if TYPE_CHECKING:
    import psycopg

    from wgm_play.asking.ask import Asker
    from wgm_play.stats.scratch import Planning

# What an index is called while it is tried.
PREFIX = "wgm_try_"


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate as PostgreSQL takes it: what a step says of it, its pages (a guess), the share of the rows that it holds."""

    spec: Mapping[str, Any]
    pages: int
    share: float = 1.0


class Trial(Protocol):
    """Where indexes are tried: `by` says how. `tried` has those that can be made, `names` what plans call them.

    `there` has what steps would say of the indexes that tables have.
    """

    by: str
    tried: dict[IndexCandidate, Tried]
    names: dict[str, IndexCandidate]
    there: dict[Table, list[Mapping[str, Any]]]

    def plans(self, chosen: Collection[IndexCandidate], subjects: Sequence[Subject]) -> dict[str, QueryPlan]:
        """Return the plans of queries with the chosen indexes and no other candidate."""
        ...


def statement(number: int, one: IndexCandidate) -> str:
    """Return the CREATE INDEX of a candidate."""
    name = f"{PREFIX}{number}"
    given: dict[str, Any] = {"table": one.table, "method": one.method, "keys": one.sqls, "where": one.conditions}
    return render("analysis/try_index.sql.j2", name=name, **given).sql


def _share(connection: psycopg.Connection[Any], one: IndexCandidate) -> float:
    """Return the share of the table's rows that an index holds, as the planner guesses; all of them where it does not."""
    if not one.where:
        return 1.0
    made = Plans()
    for name, where in (("all", ()), ("part", one.conditions)):
        text = render("analysis/part.sql.j2", table=one.table, where=where).sql
        made.take(connection, [Subject(name, text, values=())])
    if len(made.found) < 2:
        return 1.0
    every, part = (made.found[name].nodes[0].rows for name in ("all", "part"))
    return part / max(every, part, 1.0)


def _spec(definition: str, table: Table) -> Mapping[str, Any] | None:
    try:
        return taken_apart(definition, Key("index", (table[0], "")))
    except Unforeseen:
        return None


def _there(connection: psycopg.Connection[Any], tables: Collection[Table]) -> dict[Table, list[Mapping[str, Any]]]:
    """Return the indexes that tables have, those of constraints and broken ones too."""
    from psycopg.rows import tuple_row

    schemas, names = [schema for schema, _ in tables], [name for _, name in tables]
    found: dict[Table, list[Mapping[str, Any]]] = {}
    text = render("analysis/indexes_there.sql.j2", schemas=schemas, names=names, prefix=PREFIX).sql
    for schema, table, name, definition in connection.cursor(row_factory=tuple_row).execute(text.encode()).fetchall():
        if (spec := _spec(definition, (schema, table))) is not None:
            found.setdefault((schema, table), []).append({**spec, "name": name})
    return found


# On a scratch server -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class OnScratch:
    """Real indexes in a database without rows, of which all but the chosen ones are hidden from the planner."""

    planning: Planning
    by: str = "tried on a scratch server"
    tried: dict[IndexCandidate, Tried] = field(default_factory=dict)
    names: dict[str, IndexCandidate] = field(default_factory=dict)
    there: dict[Table, list[Mapping[str, Any]]] = field(default_factory=dict)
    oids: dict[IndexCandidate, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, planning: Planning, candidates: Sequence[IndexCandidate]) -> OnScratch:
        """Find the candidates again in a database that was made with them (`statement`)."""
        made = cls(planning, there=_there(planning.admin, {one.table for one in candidates}))
        rows = planning.admin.execute(render("analysis/tried.sql.j2", prefix=PREFIX).sql.encode()).fetchall()
        for name, definition, oids, pages, names in rows:
            one = candidates[int(name.removeprefix(PREFIX))]
            if (spec := _spec(definition, one.table)) is not None:
                share = _share(planning.reading, one)  # its file is as long as one for all rows
                made.tried[one], made.oids[one] = Tried(spec, max(1, int(pages * share)), share), oids
                made.names |= dict.fromkeys(names, one)
        return made

    def plans(self, chosen: Collection[IndexCandidate], subjects: Sequence[Subject]) -> dict[str, QueryPlan]:
        """Return the plans of queries with the chosen indexes and no other candidate."""
        every = [oid for oids in self.oids.values() for oid in oids]
        shown = [oid for one in chosen for oid in self.oids[one]]
        text = render("analysis/show_indexes.sql.j2", every=every, shown=shown).sql
        self.planning.admin.execute(text.encode())
        made = Plans()
        made.take(self.planning.reading, subjects)
        return made.found


# By HypoPG -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ByHypoPG:
    """Indexes that are there for one session's planner alone (extension hypopg)."""

    connection: psycopg.Connection[Any]
    schema: str
    by: str = "tried by HypoPG on the target"
    tried: dict[IndexCandidate, Tried] = field(default_factory=dict)
    names: dict[str, IndexCandidate] = field(default_factory=dict)
    there: dict[Table, list[Mapping[str, Any]]] = field(default_factory=dict)

    def look(self, candidates: Sequence[IndexCandidate]) -> None:
        """See which candidates can be tried, and how long they would be."""
        self.there = _there(self.connection, {one.table for one in candidates})
        for one in candidates:
            if (made := self._made(one)) is not None and (spec := _spec(made[0], one.table)) is not None:
                self.tried[one] = Tried(spec, made[1], _share(self.connection, one))
            self._send("reset")

    def plans(self, chosen: Collection[IndexCandidate], subjects: Sequence[Subject]) -> dict[str, QueryPlan]:
        """Return the plans of queries with the chosen indexes and no other candidate."""
        self._send("reset")
        for one in chosen:
            self._made(one)
        made = Plans()
        made.take(self.connection, subjects)
        self._send("reset")
        return made.found

    def _made(self, one: IndexCandidate) -> tuple[str, int] | None:
        """Make a hypothetical index; return its definition and its pages, None where it cannot be."""
        import psycopg

        try:
            with self.connection.transaction():
                row = self._send("create", statement=statement(0, one))
        except psycopg.Error:
            if self.connection.closed:
                raise
            return None
        if row is None:
            return None
        definition, pages, name = row
        self.names[str(name)] = one
        # HypoPG leaves out the name that no index has.
        return str(definition).replace("CREATE INDEX ON", f"CREATE INDEX {PREFIX} ON", 1), int(pages)

    def _send(self, what: str, **values: Any) -> tuple[Any, ...] | None:
        from psycopg.rows import tuple_row

        text = render(f"analysis/hypopg_{what}.sql.j2", schema=self.schema, **values).sql
        found: tuple[Any, ...] | None = self.connection.cursor(row_factory=tuple_row).execute(text.encode()).fetchone()
        return found


@contextmanager
def by_hypopg(
    asker: Asker, subjects: Sequence[Subject], candidates: Sequence[IndexCandidate], schema: str
) -> Iterator[ByHypoPG | None]:
    """Give HypoPG's trial for one block; None where the queries may not even be planned on the target."""
    import psycopg

    texts = [one.text for one in subjects]
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(asker.transaction(texts, path=None, planned=True))
        except (NotAsked, InputError, psycopg.Error):
            yield None
            return
        trial = ByHypoPG(connection, schema)
        trial.look(candidates)
        yield trial


def hypopg_schema(reading: psycopg.Connection[Any]) -> str | None:
    """Return the schema of HypoPG on the target, if it is there and may be used."""
    from psycopg.rows import tuple_row

    row = reading.cursor(row_factory=tuple_row).execute(render("analysis/hypopg.sql.j2").sql.encode()).fetchone()
    return str(row[0]) if row is not None else None
