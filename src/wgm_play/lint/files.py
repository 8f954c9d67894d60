"""The rules over whole files: every statement in order, then what only the end of a file shows.

In: `SourcePart`s, and a `RuleContext`. Out: the look's findings, with those acknowledged that a comment takes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from wgm_play.importing.parts import SourcePart
from wgm_play.importing.tools import flyway_name, without_transaction
from wgm_play.lint.additive import additive_only
from wgm_play.lint.context import SHARE, STOPS, FileSession, RuleContext
from wgm_play.lint.fix import fixes
from wgm_play.lint.ignores import acknowledge
from wgm_play.lint.reading import ParsedStatement, Unread, read
from wgm_play.lint.tree import constant, kind, of_type, switched


def look_through(parts: Iterable[SourcePart], look: RuleContext, text_of: Callable[[str], str]) -> None:
    """Read all files in order."""
    for file, group in groupby(parts, key=lambda part: part.file):
        before = len(look.findings)
        one_file(list(group), look, text_of(file))
        look.findings[before:] = acknowledge(look.findings[before:], file, text_of(file), look)


def one_file(parts: Sequence[SourcePart], look: RuleContext, text: str) -> None:
    """Read one file."""
    _fresh(look)
    for part in parts:
        found = list(read(part))
        _begin(part, found, look, text)
        for number, one in enumerate(found):
            if isinstance(one, Unread):
                look.tell(
                    "X20", f"PostgreSQL's parser stops here: {one.reason}", "", str(number), where=part.place(one.at)
                )
                continue
            look.statement = one
            look.coming = [later.node for later in found[number + 1 :] if isinstance(later, ParsedStatement)]
            before = len(look.findings)
            _statement(one, look)
            if look.fixes is not None:
                look.fixes += fixes(one, look.findings[before:], look)
        _end(look)
    _whole(parts, look)


def read_statements(part: SourcePart, look: RuleContext) -> None:
    """Read the statements of a part that is no file of its own; what cannot be parsed is the planner's to tell."""
    found = [one for one in read(part) if isinstance(one, ParsedStatement)]
    for number, one in enumerate(found):
        look.statement = one
        look.coming = [later.node for later in found[number + 1 :]]
        _statement(one, look)


def _fresh(look: RuleContext) -> None:
    look.file += 1
    look.session = FileSession()
    look.search_path = "public"
    look.unlimited.clear()
    look.dropped.clear()
    look.renamed_away.clear()
    look.told_keys.clear()
    look.definers.clear()
    look.unended = None
    look.savepoints = 0
    look.sequences_set = False


def _begin(part: SourcePart, found: Sequence[ParsedStatement | Unread], look: RuleContext, text: str) -> None:
    """Open the transaction in which the tool sends a part."""
    sent = part.transaction
    if sent == "each":
        sent = look.settings.transaction
    alone = [one for one in found if isinstance(one, ParsedStatement) and _needs_none(one.node)]
    if without_transaction(text) or (flyway_name(part.file) and alone and len(alone) == len(found)):
        sent = "each"
    look.session.end()
    look.wrapped = sent == "one"
    look.sent = "in the transaction that the tool opens"
    several = len(found) > 1
    if sent == "one" or (sent == "implicit" and several):
        look.sent = look.sent if sent == "one" else "in a message of several statements, which is a transaction"
        look.session.begin()


def _needs_none(node: Any) -> bool:
    """Say whether PostgreSQL refuses a statement in a transaction block."""
    name = kind(node)
    if name == "IndexStmt":
        return bool(node.concurrent)
    if name == "DropStmt":
        return bool(node.concurrent)
    if name == "ReindexStmt":
        return switched(node.params, "concurrently")
    return name == "VacuumStmt" and bool(node.is_vacuumcmd)


def _statement(one: ParsedStatement, look: RuleContext) -> None:
    _use_of_new_values(one, look)
    if look.settings.additive_only:
        additive_only(one.node, look)
    for inner in _writing(one.node):
        look.handle(inner)
    look.handle(one.node)


def _writing(node: Any) -> Iterator[Any]:
    """Return the statements of a WITH that write rows."""
    clause = getattr(node, "withClause", None)
    for one in clause.ctes if clause is not None else ():
        if kind(one.ctequery) in ("UpdateStmt", "DeleteStmt", "InsertStmt", "MergeStmt"):
            yield one.ctequery


def _use_of_new_values(one: ParsedStatement, look: RuleContext) -> None:
    """A value that is added to an enum cannot be used before COMMIT."""
    values = look.session.enum_values
    if not values or kind(one.node) in ("AlterEnumStmt", "TransactionStmt", "CommentStmt"):
        return
    for node in of_type(one.node, "A_Const"):
        value = constant(node)
        if isinstance(value, str) and value in values:
            look.tell(
                "Y01",
                f"{value!r} is added in this transaction, and cannot be used before COMMIT (55P04)",
                "",
                value,
                at=getattr(node, "location", None),
                remedy="ALTER TYPE ... ADD VALUE in a file of its own, before this one",
            )
            return


def _end(look: RuleContext) -> None:
    if look.unended is not None:
        look.tell(
            "X07",
            "the transaction is never ended: its locks stay until the connection goes, and nothing is kept",
            "",
            "open",
            where=look.unended,
            remedy="COMMIT;",
        )
        look.unended = None
    look.session.end()


def _whole(parts: Sequence[SourcePart], look: RuleContext) -> None:
    """Tell what only the whole file shows."""
    _timeouts(look)
    _definers(look)
    for part in parts:
        _long_names(part, look)
    for name, (where, column) in look.told_keys.items():
        if not look.sequences_set:
            relation = look.relation(name)
            look.tell(
                "Q06",
                f"{column} is given: the sequence does not know these values, and will give them again",
                relation,
                column,
                where=where,
                remedy=f"SELECT setval(pg_get_serial_sequence('{relation.label}', '{column}'), max({column})) FROM {relation.label};",
            )


def _timeouts(look: RuleContext) -> None:
    """One waiting lock is enough to stop everybody: told once a file."""
    felt = [one for one in look.unlimited if not look.is_new(one[1])]
    if not felt:
        return
    where, relation, level = max(felt, key=lambda one: (not look.small(one[1]), one[2] >= SHARE, -one[0].line))
    small = all(look.small(one[1]) for one in felt)
    more = f" ({len(felt)} such locks in the file)" if len(felt) > 1 else ""
    look.tell(
        "X01",
        f"the lock on {relation.label} ({STOPS.get(level, 'writes wait')}) is waited for without a limit, and everybody "
        f"queues behind it{more}",
        "",
        "lock_timeout",
        where=where,
        severity="info" if small else "",
        remedy="SET lock_timeout = '2s';   -- at the beginning, and try again where it fails",
    )
    if not look.session.statement_timeout:
        look.tell(
            "X02",
            "no statement_timeout: what takes longer than thought goes on with its locks",
            "",
            "statement_timeout",
            where=where,
            remedy="SET statement_timeout = '30s';   -- 0 for CONCURRENTLY and VALIDATE",
        )


def _definers(look: RuleContext) -> None:
    """A function with its owner's rights has a fixed search_path, and not everybody may call it."""
    for name, where in look.definers.items():
        one = look.known.functions.get(name)
        if one is None or not one.definer:
            continue
        label = ".".join(name)
        if not one.search_path:
            look.tell(
                "V06",
                f"{label} runs with its owner's rights and the search_path of whoever calls it",
                label,
                "search_path",
                where=where,
                remedy=f"ALTER FUNCTION {label} SET search_path = pg_catalog, pg_temp;   -- and qualify its names",
            )
        if not one.revoked:
            look.tell(
                "V06",
                f"everybody may execute {label}, with the rights of its owner",
                label,
                "public",
                where=where,
                remedy=f"REVOKE EXECUTE ON FUNCTION {label} FROM PUBLIC;   -- in the same transaction, then GRANT it by name",
            )


LONGEST = 63  # bytes of a name that PostgreSQL keeps (manual: "Identifiers and Key Words")
_WORD = re.compile(r"[^\W\d][\w$]{31,}|\"[^\"\n]{32,}\"")


def _long_names(part: SourcePart, look: RuleContext) -> None:
    """Names that are cut: the parser has cut them already, so the text is asked."""
    if not any(len(found.encode()) > LONGEST for found in _WORD.findall(part.sql)):
        return
    from pglast.parser import ParseError, scan

    try:
        tokens = scan(part.sql)
    except ParseError:
        return
    for token in tokens:
        name = part.sql[token.start : token.end + 1].strip('"')
        if token.name in ("IDENT", "UIDENT") and len(name.encode()) > LONGEST:
            look.tell(
                "X11",
                f"{name[:20]}...{name[-12:]} has {len(name.encode())} bytes: PostgreSQL cuts it after {LONGEST}",
                name[:LONGEST],
                where=part.place(token.start),
                remedy="a shorter name",
            )
