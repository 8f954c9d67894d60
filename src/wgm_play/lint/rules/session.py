"""The session that runs a file: transactions, timeouts, locks by name, and what DO blocks hide.

In: BEGIN, COMMIT, SET, LOCK, SELECT, DO. Out: findings; the session as it is afterwards.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.importing.parts import SourcePart
from wgm_play.lint.context import ACCESS_EXCLUSIVE, EXCLUSIVE, GENTLE, SHARE, SHARE_ROW_EXCLUSIVE, STOPS, RuleContext
from wgm_play.lint.reading import Unread, read
from wgm_play.lint.tree import constant, kind, last, of_type, option, words

_TIMEOUTS = ("lock_timeout", "statement_timeout")
MANY_SAVEPOINTS = 64  # more subtransactions than a backend keeps in shared memory (manual: "Subtransactions")


def transaction(node: Any, look: RuleContext) -> None:
    """BEGIN, COMMIT, ROLLBACK, SAVEPOINT."""
    what, session = node.kind.name.removeprefix("TRANS_STMT_"), look.session
    if what in ("BEGIN", "START"):
        if session.transaction and (session.written or look.wrapped):
            look.tell(
                "X07",
                "there is a transaction already: BEGIN does nothing, and the next COMMIT ends the outer one",
                "",
                "begin",
                severity="warning",
                remedy="leave BEGIN and COMMIT to the tool" if look.wrapped else "one BEGIN",
            )
        session.begin(written=True)
        look.unended = look.place()
    elif what in ("COMMIT", "ROLLBACK", "PREPARE"):
        if look.wrapped:
            look.tell(
                "X07",
                f"{what} ends the transaction of the tool: what comes after it is no longer undone with it",
                "",
                "end",
                remedy="leave it to the tool, or tell the tool to send the file without a transaction",
            )
        elif not session.transaction:
            look.tell("X07", f"{what} outside of a transaction does nothing", "", "end", severity="warning")
        session.end()
        look.unended = None
        if node.chain:
            session.begin(written=True)
    elif what == "SAVEPOINT":
        look.savepoints += 1
        if look.savepoints == MANY_SAVEPOINTS + 1:
            look.tell(
                "X13",
                f"more than {MANY_SAVEPOINTS} savepoints: every snapshot gets slow",
                "",
                "savepoints",
                remedy="transactions",
            )


def variable(node: Any, look: RuleContext) -> None:
    """SET, RESET."""
    if node.kind.name == "VAR_RESET_ALL":
        look.session.lock_timeout = look.session.statement_timeout = False
        return
    values = [constant(one) for one in node.args or ()]
    _setting(str(node.name or ""), values[0] if values else None, bool(node.is_local), look)


def _setting(name: str, value: Any, local: bool, look: RuleContext) -> None:
    session = look.session
    if name in _TIMEOUTS:
        if local and not session.transaction:
            look.tell("X01", "SET LOCAL outside of a transaction does nothing", "", name, remedy=f"SET {name} = ...")
            return
        setattr(session, name, value is not None and not re.match(r"0+\D*\Z", str(value)))
        if local:
            session.local_timeouts.add(name)
    elif name == "search_path" and isinstance(value, str) and value:
        look.search_path = value
    elif name.lower() == "timezone":
        session.utc = str(value).upper() in ("UTC", "GMT", "ETC/UTC", "0")
    elif name == "session_replication_role" and str(value) != "origin":
        look.tell("V02", "triggers and foreign keys do not act, and rows are never checked again", "", name)


def lock(node: Any, look: RuleContext) -> None:
    """LOCK TABLE."""
    for one in node.relations:
        relation = look.relation(one)
        if look.is_new(relation) or node.mode <= 4:
            continue
        level = {5: SHARE, 6: SHARE_ROW_EXCLUSIVE, 7: EXCLUSIVE, 8: ACCESS_EXCLUSIVE}.get(node.mode, GENTLE)
        limited = look.session.lock_timeout or node.nowait
        look.lock(relation, level)
        look.tell(
            "X04",
            f"{STOPS[level]} until the transaction ends" + ("" if limited else ", and while it waits itself"),
            relation,
            severity="" if limited else "error",
            remedy="" if limited else "SET LOCAL lock_timeout = '2s'; before it",
        )


def select(node: Any, look: RuleContext) -> None:
    """SELECT: settings, tables made by INTO, functions that work on tables."""
    for call in of_type(node, "FuncCall"):
        name = last(call.funcname)
        _called(call.funcname, look)
        if name == "set_config" and len(call.args or ()) == 3:
            _setting(str(constant(call.args[0])), constant(call.args[1]), bool(constant(call.args[2])), look)
        elif name == "setval" and call.args:
            look.sequences_set = True
        elif name in ("dblink_exec", "dblink"):
            look.tell("X14", f"{name}() sends SQL that is not read here", "", name)
    if node.intoClause is not None:
        made = look.make(node.intoClause.rel, "table")
        if made is not None:
            made.filled = True


def call(node: Any, look: RuleContext) -> None:
    """CALL."""
    if not _called(node.funccall.funcname, look):
        label = ".".join(words(node.funccall.funcname))
        look.tell("X14", f"what {label}() does is not read: no file makes it", label, "call")


def _called(names: Any, look: RuleContext) -> bool:
    """Read the body of a function that this file makes and calls; say whether there is one."""
    found = look.function(names)
    if found is None or found.made != look.file or not found.body or found.name in look.calling:
        return found is not None
    look.calling.add(found.name)
    if found.language == "plpgsql":
        _block(found.body, found.line, found.column, look)
    elif found.language == "sql":
        outer = look.statement
        _inner(SourcePart(outer.part.file, found.line, " " * (found.column - 1) + found.body, "one"), look)
        look.statement = outer
    look.calling.discard(found.name)
    return True


def do(node: Any, look: RuleContext) -> None:
    """DO: the statements of a PL/pgSQL block, as far as they can be read."""
    language = option(node.args, "language")
    body = option(node.args, "as")
    if language is not None and constant(language) not in ("plpgsql", None):
        look.tell("X14", f"what a block of {constant(language)} does is not read", "", "do")
        return
    text = str(constant(body) or "")
    at = look.statement.text.find(text)
    before = look.statement.part.place(look.statement.start + max(at, 0))
    _block(text, before.line, before.column, look)


def _block(text: str, line: int, column: int, look: RuleContext) -> None:
    from wgm_play.checks.plpgsql import BlockScope, NotUnderstood, parse_body

    try:
        body = parse_body(text, BlockScope())
    except NotUnderstood as error:
        look.tell(
            "X14", f"the block is not read: {error}", "", "do", severity="error" if "ALTER" in text.upper() else ""
        )
        return
    outer, inside = look.statement, look.session.transaction
    if not inside:
        look.session.begin()
    for fragment in body.fragments:
        before = text[: fragment.start]
        shift = len(before) - (before.rfind("\n") + 1) + (column - 1 if "\n" not in before else 0)
        part = SourcePart(outer.part.file, line + before.count("\n"), " " * shift + fragment.text, "one")
        if fragment.dynamic:
            _dynamic(part, look)
        elif not fragment.prefix:
            _inner(part, look)
    look.statement = outer
    if not inside:
        look.session.end()


def _inner(part: SourcePart, look: RuleContext) -> None:
    """Read a statement of a block."""
    for one in read(part):
        if isinstance(one, Unread):
            look.tell("X14", f"a statement of the block is not read: {one.reason}", "", "do", where=part.place(one.at))
            continue
        look.statement = one
        if kind(one.node) != "TransactionStmt":
            look.handle(one.node)


_FORMAT = re.compile(r"%(?:\d+\$)?-?\d*([sIL%])")


def _dynamic(part: SourcePart, look: RuleContext) -> None:
    """Read the text of an EXECUTE where it is a constant, or a format() of which only names and values are open."""
    text = _text_of("SELECT " + part.sql)
    if text is not None:
        made = SourcePart(part.file, part.line, " " * (len(part.sql) - len(part.sql.lstrip())) + text, "one")
        found = list(read(made))
        if not any(isinstance(one, Unread) for one in found):
            _inner(made, look)
            return
    look.tell(
        "X14",
        "EXECUTE of a text that is put together: what it does is not known",
        "",
        "execute",
        where=part.place(len(part.sql) - len(part.sql.lstrip())),
        remedy="the statement itself, or format() with %I and %L",
    )


def _text_of(expression: str) -> str | None:
    from pglast.parser import ParseError, parse_sql

    try:
        statement: Any = parse_sql(expression)[0].stmt
        node = statement.targetList[0].val
    except (ParseError, IndexError, TypeError, AttributeError):
        return None
    if isinstance(constant(node), str):
        return str(constant(node))
    if kind(node) == "FuncCall" and words(node.funcname)[-1] == "format" and node.args:
        pattern = constant(node.args[0])
        if isinstance(pattern, str):
            return _FORMAT.sub(
                lambda found: {"I": "given_name", "L": "''", "s": "given", "%": "%"}[found.group(1)], pattern
            )
    return None
