"""`--fix`: the safe form of a statement, written into its file; every other byte stays.

In: a statement, and what was found in it. Out: `Fix`es, insertions at places of the file; `written` applies them. Nothing is
written inside a transaction: there the safe form needs a file of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from wgm_play.errors import Position
from wgm_play.finding import Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.lint.context import RuleContext
from wgm_play.lint.reading import ParsedStatement
from wgm_play.lint.tree import kind, words
from wgm_play.sql import ident, shortened


@dataclass(frozen=True, slots=True)
class Edit:
    """Text that comes in at a place, in the stead of `gone` characters."""

    where: Position
    text: str
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Fix:
    """The edits that end a finding."""

    code: str
    where: Position
    edits: tuple[Edit, ...]


def fixes(one: ParsedStatement, found: Sequence[Finding], look: RuleContext) -> Iterator[Fix]:
    """Return how the findings of a statement are ended, where that can be done in its place."""
    if look.session.transaction:
        return
    for finding in found:
        maker = _MAKERS.get((finding.code, kind(one.node)))
        edits = maker(one, finding) if maker and finding.where else []
        if one.part.transaction == "implicit" and any(";" in edit.text for edit in edits):
            continue  # a second statement would make a transaction of the message
        if edits and finding.where:
            yield Fix(finding.code, finding.where, tuple(edits))


@dataclass(frozen=True, slots=True)
class _Token:
    start: int
    end: int
    word: str


def _tokens(one: ParsedStatement) -> list[_Token]:
    from pglast.parser import scan

    text = one.part.sql[one.start : one.end]
    return [
        _Token(one.start + token.start, one.start + token.end + 1, text[token.start : token.end + 1].lower())
        for token in scan(text)
        if token.name not in ("SQL_COMMENT", "C_COMMENT")
    ]


def _after(one: ParsedStatement, *wanted: str) -> int | None:
    """Return the place behind the first of some words."""
    return next((token.end for token in _tokens(one) if token.word in wanted), None)


def _inserted(one: ParsedStatement, at: int | None, text: str) -> list[Edit]:
    return [] if at is None else [Edit(one.part.place(at), text)]


def _create_index(one: ParsedStatement, finding: Finding) -> list[Edit]:
    edits = _inserted(one, _after(one, "index"), " CONCURRENTLY")
    if one.node.if_not_exists and one.node.idxname:
        name = ident(tuple(part for part in (one.node.relation.schemaname, one.node.idxname) if part))
        edits.insert(0, Edit(one.part.place(one.start), f"DROP INDEX CONCURRENTLY IF EXISTS {name};\n"))
    return edits


def _drop_index(one: ParsedStatement, finding: Finding) -> list[Edit]:
    if len(one.node.objects) > 1 or one.node.behavior.name == "DROP_CASCADE":
        return []
    return _inserted(one, _after(one, "index"), " CONCURRENTLY")


def _reindex(one: ParsedStatement, finding: Finding) -> list[Edit]:
    if one.node.params or one.node.kind.name not in (
        "REINDEX_OBJECT_TABLE",
        "REINDEX_OBJECT_INDEX",
        "REINDEX_OBJECT_SCHEMA",
    ):
        return []
    return _inserted(one, _after(one, "table", "index", "schema"), " CONCURRENTLY")


def _detach(one: ParsedStatement, finding: Finding) -> list[Edit]:
    return _inserted(one, one.end, " CONCURRENTLY") if finding.severity == "error" and len(one.node.cmds) == 1 else []


def _table(one: ParsedStatement) -> str:
    relation = one.node.relation
    return str(ident(tuple(part for part in (relation.schemaname, relation.relname) if part)))


def _constraint_at(one: ParsedStatement, finding: Finding) -> Any:
    """Return the constraint that a finding is about."""
    place = finding.where
    return next(
        (
            command.def_
            for command in one.node.cmds
            if command.subtype.name == "AT_AddConstraint" and one.part.place(command.def_.location) == place
        ),
        None,
    )


def _end_of(one: ParsedStatement, start: int) -> int:
    """Return where the command ends that begins at a place: before the next comma outside of parentheses."""
    depth, end = 0, start
    for token in _tokens(one):
        if token.start < start:
            continue
        if token.word == "," and depth == 0:
            return end
        depth += (token.word in ("(", "[")) - (token.word in (")", "]"))
        end = token.end
    return end


def _not_valid(one: ParsedStatement, finding: Finding) -> list[Edit]:
    node = _constraint_at(one, finding)
    if node is None:
        return []
    name = ident((node.conname or finding.attribute,))
    edits = [] if node.conname else _inserted(one, node.location, f"CONSTRAINT {name} ")
    edits += _inserted(one, _end_of(one, node.location), " NOT VALID")
    return [*edits, *_inserted(one, one.end, f";\nALTER TABLE {_table(one)} VALIDATE CONSTRAINT {name}")]


def _unique(one: ParsedStatement, finding: Finding) -> list[Edit]:
    node = _constraint_at(one, finding)
    if node is None or node.including or node.nulls_not_distinct or node.without_overlaps or node.options:
        return []
    name = ident((node.conname or finding.attribute,))
    columns = ", ".join(ident((word,)) for word in words(node.keys))
    tokens = [token for token in _tokens(one) if token.start >= node.location]
    opened = next((token for token in tokens if token.word == "("), None)
    closed = next((token for token in tokens if token.word == ")"), None)
    if opened is None or closed is None:
        return []
    before = f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {_table(one)} ({columns});\n"
    edits = [Edit(one.part.place(one.start), before)]
    edits += [] if node.conname else _inserted(one, node.location, f"CONSTRAINT {name} ")
    return [*edits, Edit(one.part.place(opened.start), f"USING INDEX {name}", closed.end - opened.start)]


def _set_not_null(one: ParsedStatement, finding: Finding) -> list[Edit]:
    if len(one.node.cmds) > 1 or one.node.cmds[0].subtype.name != "AT_SetNotNull":
        return []
    table, column = _table(one), ident((one.node.cmds[0].name,))
    name = ident((shortened(f"{one.node.relation.relname}_{one.node.cmds[0].name}", "_is_set"),))
    before = (
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID;\n"
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};\n"
    )
    return [
        Edit(one.part.place(one.start), before),
        *_inserted(one, one.end, f";\nALTER TABLE {table} DROP CONSTRAINT {name}"),
    ]


_MAKERS = {
    ("I01", "IndexStmt"): _create_index,
    ("I05", "DropStmt"): _drop_index,
    ("I07", "ReindexStmt"): _reindex,
    ("P02", "AlterTableStmt"): _detach,
    ("K01", "AlterTableStmt"): _not_valid,
    ("K02", "AlterTableStmt"): _not_valid,
    ("K04", "AlterTableStmt"): _unique,
    ("C06", "AlterTableStmt"): _set_not_null,
}


def written(made: Iterable[Fix], found: Sequence[Finding]) -> dict[str, list[str]]:
    """Write the fixes of what nobody has taken on; return the codes by file."""
    open_ = {(one.code, one.where) for one in found if not one.acknowledged}
    done: dict[str, list[Fix]] = {}
    for one in made:
        if (one.code, one.where) in open_:
            done.setdefault(one.where.file, []).append(one)
    for file, several in done.items():
        path = Path(file)
        text = path.read_bytes().decode("utf-8")
        edits = [edit for one in several for edit in one.edits]
        path.write_bytes(edited(text, edits).encode("utf-8"))
    return {file: [one.code for one in several] for file, several in done.items()}


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return a text with its edits, the last first; its line ends are those it has."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    newline = "\r\n" if "\r\n" in text else "\n"
    placed = [
        (starts[edit.where.line - 1] + edit.where.column - 1, edit.text.startswith(";"), number, edit)
        for number, edit in enumerate(edits)
    ]
    # Statements that follow come behind what ends the statement itself.
    for at, _, _, edit in sorted(placed, key=lambda one: one[:3], reverse=True):
        text = text[:at] + edit.text.replace("\n", newline) + text[at + edit.gone :]
    return text
