"""What a rule works with: the statement at hand, what is known, the session that runs it, and where to tell findings.

In: statements in order. Out: `RuleContext.findings`. A relation is *new* where the same file made it: nobody uses it yet. It is
*quiet* where it is new or known to be small: no lock on it is felt, nothing on it takes long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from wgm_play.errors import Position
from wgm_play.finding import Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.lint.codes import SEVERITY
from wgm_play.lint.model import KnownColumn, KnownFunction, KnownRelation, KnownSchema
from wgm_play.lint.reading import ParsedStatement
from wgm_play.lint.settings import OFF, Settings
from wgm_play.lint.tree import Name, kind, of_type, words

# Weakest first, as far as rules tell them apart (manual: "Explicit Locking").
GENTLE, SHARE, SHARE_ROW_EXCLUSIVE, EXCLUSIVE, ACCESS_EXCLUSIVE = range(5)
STOPS = {
    SHARE: "writes wait",
    SHARE_ROW_EXCLUSIVE: "writes wait",
    EXCLUSIVE: "writes wait",
    ACCESS_EXCLUSIVE: "reads and writes wait",
}


@dataclass(slots=True)
class HeldLock:
    """A lock that the transaction holds on a table that others use."""

    relation: KnownRelation
    level: int
    line: int


@dataclass(slots=True)
class FileSession:
    """The session that runs a file: is it in a transaction, what does it hold, which timeouts are set."""

    transaction: bool = False
    written: bool = False
    number: int = 0
    lock_timeout: bool = False
    statement_timeout: bool = False
    utc: bool = False
    local_timeouts: set[str] = field(default_factory=set)
    held: list[HeldLock] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    enum_values: dict[str, ParsedStatement] = field(default_factory=dict)

    def begin(self, *, written: bool = False) -> None:
        """A transaction begins."""
        self.number += 1
        self.transaction, self.written = True, written
        self._forget()

    def end(self) -> None:
        """A transaction ends: its locks and local settings go."""
        self.number += 1
        self.transaction = self.written = False
        if "lock_timeout" in self.local_timeouts:
            self.lock_timeout = False
        if "statement_timeout" in self.local_timeouts:
            self.statement_timeout = False
        self.local_timeouts.clear()
        self._forget()

    def _forget(self) -> None:
        self.held.clear()
        self.told.clear()
        self.enum_values.clear()


class RuleContext:
    """See the module."""

    def __init__(
        self,
        settings: Settings,
        sizes: Mapping[Name, float],
        handlers: Mapping[str, Callable[[Any, RuleContext], None]],
    ) -> None:
        self.settings = settings
        self.handlers = handlers
        self.sizes = sizes
        self.known = KnownSchema()
        self.session = FileSession()
        self.findings: list[Finding] = []
        # With --fix: how what is found is ended.
        self.fixes: list[Any] | None = None
        self.file = -1
        self.search_path = "public"
        self.statement: ParsedStatement
        # How a character of the statement is found in its file, where the text is not the file's own (a playbook).
        self.locate: Callable[[int], Position] | None = None
        # Locks of this file that nothing limits: the statement and the relation of each.
        self.unlimited: list[tuple[Position, KnownRelation, int]] = []
        # What this file drops, and the tables that it renames.
        self.dropped: set[Name] = set()
        self.renamed_away: set[Name] = set()
        # Tables into which rows with keys of their own are inserted: where, and the column.
        self.told_keys: dict[Name, tuple[Position, str]] = {}
        # SECURITY DEFINER functions of this file, with their places.
        self.definers: dict[Name, Position] = {}
        # How the file is sent: whether the tool opens a transaction, and in words; where a BEGIN is open.
        self.wrapped = False
        self.sent = ""
        self.unended: Position | None = None
        self.savepoints = 0
        self.calling: set[Name] = set()
        self.sequences_set = False
        # The nodes of the file's statements after the one at hand.
        self.coming: list[Any] = []

    # what is there

    def name(self, node: Any) -> Name:
        """Return the name of a RangeVar, or of a list of String nodes."""
        if kind(node) == "RangeVar":
            return (node.schemaname or ("pg_temp" if node.relpersistence == "t" else self.search_path), node.relname)
        found = words(node)
        return (found[-2] if len(found) > 1 else self.search_path, found[-1] if found else "")

    def relation(self, node: Any) -> KnownRelation:
        """Return what is known of a relation, by its node or name."""
        name = node if isinstance(node, tuple) and node and isinstance(node[0], str) else self.name(node)
        found = self.known.relations.get(name) or self.known.relations.get(("pg_temp", name[1]))
        if found is None:
            found = self.known.relations[name] = KnownRelation(name)
        return found

    def make(self, node: Any, what: str, *, if_not_exists: bool = False) -> KnownRelation | None:
        """Note a relation that is made; None where an earlier file made it and IF NOT EXISTS leaves it."""
        name = self.name(node)
        found = self.known.relations.get(name)
        if found is not None and found.known and if_not_exists:
            return None
        made = KnownRelation(
            name, what, True, self.file, temporary=node.relpersistence == "t", where=self.place(node.location)
        )
        self.known.relations[name] = made
        return made

    def column(self, relation: KnownRelation, name: str) -> KnownColumn:
        """Return what is known of a column."""
        if name not in relation.columns:
            relation.columns[name] = KnownColumn(name)
        return relation.columns[name]

    def function(self, names: Any) -> KnownFunction | None:
        """Return a function that a file made."""
        found = words(names)
        wanted = found[-1] if found else ""
        schema = found[-2] if len(found) > 1 else None
        return next(
            (one for key, one in self.known.functions.items() if key[1] == wanted and schema in (None, key[0])), None
        )

    def is_new(self, relation: KnownRelation) -> bool:
        """Say whether the same file made a relation."""
        return relation.temporary or (relation.made == self.file and relation.made >= 0)

    def rows(self, relation: KnownRelation) -> float | None:
        """Return how many rows a relation is said to have."""
        return self.sizes.get(relation.name)

    def small(self, relation: KnownRelation) -> bool:
        """Say whether a relation is known to be small."""
        rows = self.rows(relation)
        return rows is not None and rows <= self.settings.small_rows

    def quiet(self, relation: KnownRelation) -> bool:
        """Say whether work on a relation is felt by nobody."""
        return self.is_new(relation) or self.small(relation)

    # what is told

    def place(self, at: int | None = None) -> Position:
        """Return the place of a character of the statement's text, of its beginning where none is given."""
        found = self.statement.start if at is None or at < 0 else at
        return self.locate(found) if self.locate else self.statement.part.place(found)

    def tell(
        self,
        code: str,
        message: str,
        about: KnownRelation | str = "",
        attribute: str = "",
        *,
        at: int | None = None,
        where: Position | None = None,
        remedy: str = "",
        severity: str = "",
    ) -> None:
        """Tell a finding at a place of the statement, or `where`."""
        chosen = self.settings.severity.get(code) or severity or SEVERITY[code]
        if chosen == OFF:
            return
        label = about if isinstance(about, str) else about.label
        rows = None if isinstance(about, str) else self.rows(about)
        evidence = (f"{label} has about {rows:,.0f} rows",) if rows is not None else ()
        self.findings.append(
            Finding(
                code,
                chosen,
                message,
                label,
                attribute,
                remedy,
                evidence,
                where or self.place(at),
                "lint",
            )
        )

    def outside_of_transaction(self, what: str, about: KnownRelation | str = "", *, attribute: str = "") -> None:
        """Tell of a statement that PostgreSQL refuses in a transaction block."""
        if not self.session.transaction:
            return
        by, remedy = self.sent, "a file of its own that the tool sends without a transaction"
        if self.session.written:
            by, remedy = "in the transaction that BEGIN opens", "after COMMIT"
        self.tell("I02", f"PostgreSQL refuses {what} {by} (25001)", about, attribute, remedy=remedy)

    def read_under_lock(self, query: Any) -> None:
        """Tell of a query over tables in use that runs while others are locked."""
        known = (self.relation(one) for one in of_type(query, "RangeVar"))
        busy = [one for one in known if not self.quiet(one)]
        if busy:
            self.rows_under_lock(busy[0], "read", "COMMIT before it")

    def rows_under_lock(self, relation: KnownRelation, done: str, remedy: str, severity: str = "") -> None:
        """Tell once of rows of a table in use that are `done` (read, written) while others are locked."""
        held = [one for one in self.session.held if one.level >= SHARE]
        if not held or "rows" in self.session.told:
            return
        self.session.told.add("rows")
        first = max(held, key=lambda one: one.level)
        self.tell(
            "X06",
            f"{first.relation.label} has been locked since line {first.line} ({STOPS[first.level]}), and stays so while rows of "
            f"{relation.label} are {done}",
            relation,
            severity=severity,
            remedy=remedy,
        )

    def handle(self, node: Any) -> None:
        """Let the rule of a statement read it."""
        handler = self.handlers.get(kind(node))
        if handler is not None:
            handler(node, self)

    # what is locked

    def lock(self, relation: KnownRelation, level: int, *, long: bool = False, swap: bool = False) -> None:
        """Note a lock of the statement; `long` work is done under it; names that are exchanged need several (`swap`)."""
        if self.is_new(relation) or relation.kind == "sequence":
            return
        session, line = self.session, self.place().line
        strong = [one for one in session.held if one.level >= SHARE and one.line != line]
        if long and strong and not self.small(relation) and "long" not in session.told:
            session.told.add("long")
            first = strong[0]
            self.tell(
                "X03",
                f"{first.relation.label} has been locked since line {first.line} ({STOPS[first.level]}), and stays so while "
                f"{relation.label} is worked on",
                relation,
                remedy="COMMIT before it",
            )
        others = [one for one in session.held if one.level == ACCESS_EXCLUSIVE and one.relation is not relation]
        if level == ACCESS_EXCLUSIVE and others and not swap and "several" not in session.told:
            session.told.add("several")
            self.tell(
                "X03",
                f"{others[0].relation.label} has been locked since line {others[0].line} (reads and writes wait), and stays so "
                f"while this waits for {relation.label}",
                relation,
                remedy="one table in a transaction",
                severity="warning",
            )
        if session.transaction:
            session.held.append(HeldLock(relation, level, line))
        if level >= SHARE and not session.lock_timeout:
            self.unlimited.append((self.place(), relation, level))
