"""Imperative SQL and queries: split, classify, and have the server analyse them, never executing one.

In: the text of a `sql:` step or of a query (alert, invariant, assert) and where it stands. Out: `SqlPart`s with their
problems as InputError, and `QueryShape`: the columns that a query returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from psycopg import Connection, Error
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.rows import dict_row, scalar_row

from wgm_play.checks.bodies import FunctionRef, check_bodies
from wgm_play.checks.plpgsql import NotUnderstood, created_relations, tokens_of
from wgm_play.checks.probe import Rejection, dollar_quoted, rejection
from wgm_play.checks.statements import Class, judge
from wgm_play.errors import InputError, Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.locate import pinpoint
from wgm_play.render import render
from wgm_play.sql import reveal

Locate = Callable[[int], Position | None]


@dataclass(frozen=True, slots=True)
class SqlPart:
    """One statement of a text. `start` and `end` are character offsets in the text.

    `klass` says what it is (None: it does not parse); `problem` why it is refused, `warning` what to look at.
    `own_transaction` may run only outside of a transaction block.
    """

    text: str
    start: int
    end: int
    klass: Class | None
    words: str
    position: Position | None = None
    kind: str | None = None
    problem: InputError | None = None
    warning: str | None = None
    node: str = ""
    creates: frozenset[str] = frozenset()
    locate: Locate | None = None

    def where(self, offset: int | None) -> Position | None:
        """Return the place of a character of the statement, from 0."""
        return self.locate(self.start + offset) if self.locate and offset is not None else self.position

    @property
    def own_transaction(self) -> bool:
        """Say whether it needs `transaction: false`."""
        return self.klass == "own_transaction"


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a query's result. `category` is pg_type.typcategory: N for numbers, B for boolean."""

    name: str
    type: str
    category: str


@dataclass(frozen=True, slots=True)
class QueryShape:
    """What a query returns, or why it cannot run."""

    columns: tuple[ResultColumn, ...] = ()
    problem: InputError | None = None

    def column(self, name: str) -> ResultColumn | None:
        """Return the column of that name."""
        return next((column for column in self.columns if column.name == name), None)


def analyse_sql(
    text: str, position: Position | None = None, *, transaction: bool = True, locate: Locate | None = None
) -> list[SqlPart]:
    """Split a step's SQL and judge each statement; `locate` maps a character offset to its place in the file.

    `transaction` is the step's own setting: with false, what cannot run in a transaction block is accepted.
    """
    place: Locate = locate or (lambda offset: pinpoint(position, text, offset))
    made: list[SqlPart] = []
    for start, end, node, error in _parsed(text):
        piece = text[start:end]
        if error:
            problem = InputError(
                error[0], where=place(error[1]), hint="correct the SQL", details=(_line_of(text, error[1]),)
            )
            made.append(SqlPart(piece, start, end, None, _words(piece), place(start), problem=problem, locate=place))
            continue
        verdict = judge(node, _words(piece))
        made.append(
            SqlPart(
                piece,
                start,
                end,
                verdict.klass,
                verdict.words,
                place(start),
                verdict.kind,
                _refusal(verdict.klass, verdict.words, verdict.kind, place(start), transaction),
                verdict.warning,
                type(node).__name__,
                frozenset(created_relations(tokens_of(piece))),
                place,
            )
        )
    if not made:
        problem = InputError("there is no SQL statement", where=position, hint="write at least one statement")
        made.append(SqlPart(text, 0, len(text), None, "", position, problem=problem))
    if not transaction and len(made) > 1 and any(part.own_transaction for part in made):
        made = [_alone(part) if part.own_transaction and not part.problem else part for part in made]
    return made


def problems_of(parts: Iterable[SqlPart]) -> list[InputError]:
    """Return the problems of all parts."""
    return [part.problem for part in parts if part.problem]


def _alone(part: SqlPart) -> SqlPart:
    from dataclasses import replace

    problem = InputError(
        f"{part.words} cannot share a step with other statements",
        where=part.position,
        hint="give it a step of its own: what follows it could not be undone together with it",
    )
    return replace(part, problem=problem)


def _refusal(
    klass: Class, words: str, kind: str | None, where: Position | None, transaction: bool
) -> InputError | None:
    if klass == "ddl":
        return InputError(
            f"{words} is declared with the kind `{kind}`",
            where=where,
            hint=f"write a step with `{kind}:` instead of `sql:`; see: wgm-play doc {kind}",
        )
    if klass == "cluster":
        return InputError(
            f"{words} concerns the whole cluster, a `sql` step only its database",
            where=where,
            hint="have an administrator run it, or declare what it is for with its own kind",
        )
    if klass == "transaction":
        return InputError(f"{words}: the runner owns transactions", where=where, hint="remove the statement")
    if klass == "own_transaction" and transaction:
        return InputError(
            f"{words} cannot run inside a transaction block", where=where, hint="add `transaction: false` to the step"
        )
    return None


def _parsed(text: str) -> Iterator[tuple[int, int, Any, tuple[str, int] | None]]:
    """Yield start, end, node and error of each statement; each of them is parsed even where another fails."""
    from pglast.parser import ParseError, parse_sql

    for start, end in _slices(text):
        try:
            parsed = parse_sql(text[start:end])
        except ParseError as error:
            offset = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0
            yield start, end, None, (str(error.args[0]), start + min(max(offset, 0), max(end - start - 1, 0)))
            continue
        if parsed:
            yield start, end, parsed[0].stmt, None


def _slices(text: str) -> list[tuple[int, int]]:
    """Return where the statements are, without comments around them."""
    from pglast.parser import ParseError, parse_sql

    try:
        tokens = tokens_of(text)
    except NotUnderstood:
        return [(0, len(text))]
    try:
        statements = parse_sql(text)
        starts = [(one.stmt_location or 0, one.stmt_len or 0) for one in statements]
        ends = [(start, start + length if length else len(text)) for start, length in starts]
    except ParseError:
        ends = _semicolons(text)
    found: list[tuple[int, int]] = []
    for start, end in ends:
        inside = [token for token in tokens if start <= token.start < end and token.text != ";"]
        if inside:
            found.append((inside[0].start, max(token.end for token in tokens if inside[0].start <= token.start < end)))
    return found


def _semicolons(text: str) -> list[tuple[int, int]]:
    """Split a text that does not parse at its semicolons outside of parentheses."""
    found: list[tuple[int, int]] = []
    start = depth = 0
    for token in tokens_of(text):
        depth = max(depth + (token.text == "(") - (token.text == ")"), 0)
        if token.text == ";" and depth == 0:
            found.append((start, token.start))
            start = token.end
    return [*found, (start, len(text))]


def _words(text: str) -> str:
    """Return a statement's first words as a person would name it: CREATE UNIQUE INDEX, UPDATE."""
    keep = 3 if text[:6].lower() in ("create", "alter ") or text[:5].lower() in ("drop ", "alter") else 1
    words: list[str] = []
    for token in tokens_of_safely(text)[:6]:
        plain = token.isidentifier() and token.upper() in _NAMING
        if not plain or len(words) >= keep:
            break
        words.append(token.upper())
    return " ".join(words) or (text.split() or [""])[0].upper()


# Words that name a statement.
_NAMING = frozenset(
    {
        "CREATE",
        "ALTER",
        "DROP",
        "OR",
        "REPLACE",
        "UNIQUE",
        "INDEX",
        "TABLE",
        "VIEW",
        "MATERIALIZED",
        "SEQUENCE",
        "SCHEMA",
        "EXTENSION",
        "FUNCTION",
        "PROCEDURE",
        "TRIGGER",
        "TYPE",
        "DOMAIN",
        "RENAME",
        "COMMENT",
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "VALUES",
        "WITH",
        "CALL",
        "DO",
        "REFRESH",
        "ANALYZE",
        "VACUUM",
        "REINDEX",
        "CLUSTER",
        "BEGIN",
        "START",
        "COMMIT",
        "END",
        "ROLLBACK",
        "ABORT",
        "SAVEPOINT",
        "RELEASE",
        "PREPARE",
        "TRUNCATE",
        "COPY",
        "LOCK",
        "SET",
        "SHOW",
        "EXPLAIN",
        "GRANT",
        "REVOKE",
        "ROLE",
        "DATABASE",
        "SYSTEM",
        "TEMP",
        "TEMPORARY",
        "UNLOGGED",
        "NOTIFY",
        "LISTEN",
    }
)


def tokens_of_safely(text: str) -> list[str]:
    """Return the texts of a statement's tokens, or its words where the scanner refuses it."""
    try:
        return [token.text for token in tokens_of(text)]
    except NotUnderstood:
        return text.split()


def _line_of(text: str, offset: int) -> str:
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    return text[start : end if end >= 0 else len(text)].strip()


# the server's opinion


def prepare_sql(connection: Connection[Any], parts: Sequence[SqlPart]) -> list[InputError]:
    """Have the server analyse every statement (parse, names, types), never executing one; return what it refuses.

    A name that an earlier statement of the same text creates (a temporary table) is no problem.
    """
    found: list[InputError] = []
    created: set[str] = set()
    for part in parts:
        if part.problem is None:
            found += _do_problems(connection, part) if part.node == "DoStmt" else _problems(connection, part, created)
        created |= part.creates
    return found


def _problems(connection: Connection[Any], part: SqlPart, created: set[str]) -> list[InputError]:
    refused, _ = describe(connection, part.text)
    # 42P18: a type that only the values decide; 0A000: what the server runs but does not prepare.
    if refused is None or refused.sqlstate in ("42P18", "0A000"):
        return []
    if any(f'"{name}"' in refused.message or f".{name}" in refused.message for name in created):
        return []
    return [_input_error(part, refused)]


def _input_error(part: SqlPart, refused: Rejection) -> InputError:
    details = (_line_of(part.text, refused.offset),) if refused.offset is not None else ()
    hint = refused.hint or "correct the SQL, or declare what it names in a step"
    return InputError(refused.message, where=part.where(refused.offset), hint=hint, details=details)


def describe(connection: Connection[Any], statement: str) -> tuple[Rejection | None, list[tuple[str, int, int]]]:
    """Parse and describe one statement (the protocol's Parse and Describe, without Bind and Execute).

    Return the refusal, or the columns as name, type's oid and modifier.
    """
    # The unnamed statement leaves nothing behind; the savepoint keeps a transaction of the caller usable.
    with connection.transaction(force_rollback=True):
        encoding = connection.info.encoding
        connection.pgconn.prepare(b"", b"SELECT 1")
        made = connection.pgconn.prepare(b"", statement.encode(encoding))
        if made.status == ExecStatus.COMMAND_OK:
            made = connection.pgconn.describe_prepared(b"")
        if made.status != ExecStatus.COMMAND_OK:
            error: Error = error_from_result(made, encoding)
            return rejection(error), []
        names = [(made.fname(index) or b"").decode(encoding) for index in range(made.nfields)]
        return None, [(name, made.ftype(index), made.fmod(index)) for index, name in enumerate(names)]


def _do_problems(connection: Connection[Any], part: SqlPart) -> list[InputError]:
    """Check the body of a DO block as if it were a function's."""
    from pglast.parser import parse_sql

    node: Any = parse_sql(part.text)[0].stmt
    options: dict[str, Any] = {one.defname: one.arg for one in node.args or ()}
    language = str(options["language"].sval) if "language" in options else "plpgsql"
    body = str(options["as"].sval) if "as" in options else ""
    if language != "plpgsql" or not body:
        return []
    lead = part.text.find(body)
    try:
        with connection.transaction(force_rollback=True):
            quoted, _ = dollar_quoted(body)
            connection.execute(render("checks/do_body.sql.j2", body=quoted).sql.encode())
            with connection.cursor(row_factory=scalar_row) as cursor:
                oid = cursor.execute(render("checks/do_function.sql.j2").sql.encode()).fetchone()
            issues = check_bodies(connection, [FunctionRef("pg_temp", "wgm_do", "", int(oid or 0))])
    except Error as error:
        if connection.closed:
            raise
        refused = rejection(error)
        where = part.where(lead + refused.offset) if refused.offset is not None and lead >= 0 else part.position
        return [InputError(refused.message, where=where, hint=refused.hint)]
    found: list[InputError] = []
    for issue in issues:
        if issue.level == "error":
            at = _offset_of_line(body, issue.line)
            where = part.where(lead + at) if lead >= 0 else part.position
            found.append(InputError(issue.message, where=where, hint=issue.hint, details=(issue.statement,)))
    return found


def _offset_of_line(text: str, line: int) -> int:
    offset = 0
    for _ in range(line - 1):
        offset = text.find("\n", offset) + 1
    return offset + len(text[offset:]) - len(text[offset:].lstrip(" \t"))


# queries


def analyse_query(connection: Connection[Any], query: str, *, locate: Locate | None = None) -> QueryShape:
    """Return the columns of a query that only reads, or its problem, pointing to where the query was written."""
    problem, parts = _read_query(query, locate)
    if problem:
        return QueryShape(problem=problem)
    refused, columns = describe(connection, parts[0].text)
    if refused:
        return QueryShape(problem=_input_error(parts[0], refused))
    return QueryShape(tuple(_column(connection, *column) for column in columns))


def query_problem(query: str) -> InputError | None:
    """Return why a text is not one query that only reads, as far as its words tell; no server is asked."""
    return _read_query(query, None)[0]


def _read_query(query: str, locate: Locate | None) -> tuple[InputError | None, list[SqlPart]]:
    position = getattr(query, "position", None)
    parts = analyse_sql(reveal(query), position, locate=locate)
    return next(iter(problems_of(parts)), None) or _not_one_query(parts, position), parts


def _not_one_query(parts: Sequence[SqlPart], position: Position | None) -> InputError | None:
    if len(parts) > 1:
        return InputError(
            f"{len(parts)} statements where one query is expected", where=parts[1].position, hint="write one SELECT"
        )
    if parts[0].node != "SelectStmt" or writes(parts[0].text):
        return InputError(
            f"{parts[0].words} is not a query that only reads",
            where=parts[0].position or position,
            hint="write a SELECT",
        )
    return None


def writes(query: str) -> bool:
    """Say whether a SELECT changes or locks rows: a WITH that writes, INTO, FOR UPDATE."""
    from pglast import ast
    from pglast.parser import parse_sql

    writing = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt, ast.IntoClause, ast.LockingClause)

    def walk(node: Any) -> bool:
        if isinstance(node, (tuple, list)):
            return any(walk(one) for one in node)
        if isinstance(node, writing):
            return True
        return isinstance(node, ast.Node) and any(walk(getattr(node, name)) for name in node)

    return walk([one.stmt for one in parse_sql(query)])


def _column(connection: Connection[Any], name: str, oid: int, modifier: int) -> ResultColumn:
    with connection.cursor(row_factory=dict_row) as cursor:
        sql = render("checks/type_category.sql.j2", oid=oid, modifier=modifier).sql
        row = cursor.execute(sql.encode()).fetchone()
    return ResultColumn(name, str(row["type"]), str(row["category"])) if row else ResultColumn(name, "unknown", "X")


def check_alert_query(connection: Connection[Any], query: str, *, locate: Locate | None = None) -> InputError | None:
    """Return why an alert's query cannot be evaluated: it must return a numeric column `value`."""
    shape = analyse_query(connection, query, locate=locate)
    if shape.problem:
        return shape.problem
    position = getattr(query, "position", None)
    value = shape.column("value")
    if value is None:
        names = ", ".join(column.name for column in shape.columns) or "no column"
        return InputError(
            f"the query of an alert returns a column `value`; this one returns {names}",
            where=position,
            hint="name the result: SELECT count(*) AS value FROM ...",
        )
    if value.category != "N":
        return InputError(
            f"`value` is {value.type}, an alert compares a number",
            where=position,
            hint="convert it: extract(epoch FROM ...) AS value for an interval, (...)::int AS value for a boolean",
        )
    return None
