"""What a query would call on the server, and whether that can have an effect.

In: a connection in a READ ONLY transaction, a text that is one SELECT. Out: what of it stands in the way, in words.

READ ONLY is no fence: dblink, lo_export, pg_read_file, pg_terminate_backend, replication slots, advisory locks and set_config
all act within one SELECT. So each function is looked up: those of pg_catalog pass that are on a written list; others pass only
where no superuser is connected. A superuser's query is looked up as the server itself resolved it, with its views and
policies (debug_print_rewritten, sent to us alone); nothing runs for that. Of any other role's query the names are enough.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.asking.text import check_query
from wgm_play.errors import InputError
from wgm_play.render import render

if TYPE_CHECKING:
    import psycopg

# Extensions whose functions in C have no effect as long as they are not volatile.
EXTENSIONS = (
    "btree_gin", "btree_gist", "citext", "cube", "earthdistance", "fuzzystrmatch", "hstore", "intarray", "isn", "ltree",
    "pg_trgm", "pgcrypto", "seg", "unaccent", "uuid-ossp", "pg_stat_statements",
)  # fmt: skip
# Functions in SQL that call others in SQL are looked into so far.
DEEPEST = 5
_FUNCTION = re.compile(r":(?:funcid|aggfnoid|winfnoid|opfuncid|tsmhandler|startInRangeFunc|endInRangeFunc) (\d+)")
_OPERATOR = re.compile(r":(?:opno|eqop|sortop) (\d+)")
_OPERATORS = re.compile(r":opnos \(o ([\d ]+)\)")
_TYPE = re.compile(r":(?:consttype|resulttype|funcresulttype|row_typeid|typid) (\d+)")
_TYPES = re.compile(r":(?:funccoltypes|coltypes) \(o ([\d ]+)\)")
_RELATION = re.compile(r":relid (\d+)")


@functools.lru_cache(maxsize=1)
def harmless() -> frozenset[str]:
    """Return the names of the functions of pg_catalog that have no effect, whatever their arguments."""
    return frozenset(Path(__file__).with_name("harmless.txt").read_text(encoding="ascii").split())


def is_superuser(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the session may do what a superuser may: by itself, or by a role that it can become."""
    row = connection.execute(render("asking/superuser.sql.j2").sql.encode(), prepare=True).fetchone()
    return row is None or bool(row[0])


def obstacles(
    connection: psycopg.Connection[Any],
    text: str,
    *,
    superuser: bool,
    owners: Iterable[str] | None = None,
    planned: bool = False,
) -> list[str]:
    """Return what a query calls that must not be called; what is volatile is not, where the query is only `planned`.

    Of a superuser's query, functions of superusers and of `owners` pass where these are given. Raise the server's error where it
    does not take the query.
    """
    if superuser:
        looked_at = _without_texts(text) if _domains(connection) else text
        if looked_at is None:
            return ["a form of SQL whose literals are not known here"]
        tree = _rewritten(connection, looked_at)
        found = _called(connection, tree, None, planned=planned)
        return _called(connection, tree, owners, planned=planned) if found and owners is not None else found
    called, fields = _names(text)
    there = _of_catalog(connection, called | fields, planned=planned)
    return sorted(f"pg_catalog.{name}()" for name in there if name not in harmless())


# By name


def _names(text: str) -> tuple[set[str], set[str]]:
    """Return what a query may call: the names of functions, and those of fields, which may be calls too (`row.function`)."""
    from pglast import ast
    from pglast.parser import parse_sql

    called: set[str] = set()
    fields: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, (tuple, list)):
            for one in node:
                walk(one)
        elif isinstance(node, ast.Node):
            if isinstance(node, ast.FuncCall):
                called.add(str(node.funcname[-1].sval) if node.funcname else "")
            elif isinstance(node, (ast.ColumnRef, ast.A_Indirection)):
                parts = node.fields if isinstance(node, ast.ColumnRef) else node.indirection
                fields.update(_suspects(parts))
            for name in node:
                walk(getattr(node, name))

    walk([one.stmt for one in parse_sql(text)])
    return called, fields


def _suspects(parts: Any) -> Iterator[str]:
    """Yield names of fields that are no harmless function's: most are columns, and no function of the server."""
    from pglast import ast

    for part in parts or ():
        if isinstance(part, ast.String) and part.sval not in harmless():
            yield str(part.sval)


def _of_catalog(connection: psycopg.Connection[Any], names: set[str], *, planned: bool) -> set[str]:
    if not names:
        return set()
    statement = render("asking/of_catalog.sql.j2", names=sorted(names), planned=planned).sql
    return {name for (name,) in connection.execute(statement.encode()).fetchall()}


# As the server resolved it


def _domains(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a domain's check calls code that is not PostgreSQL's own."""
    return connection.execute(render("asking/domains.sql.j2").sql.encode()).fetchone() is not None


def _without_texts(text: str) -> str | None:
    """Return a query with NULL in place of its text literals, which has the same types; None where that has no spelling.

    The parser reads a literal by the input function of its type, and that of an array or a row checks its domains.
    """
    from pglast import ast
    from pglast.enums import CoercionForm
    from pglast.parser import parse_sql
    from pglast.stream import RawStream

    def walk(node: Any) -> None:
        if isinstance(node, (tuple, list)):
            for one in node:
                walk(one)
        elif isinstance(node, ast.A_Const):
            if isinstance(node.val, (ast.String, ast.BitString)):
                node.val, node.isnull = None, True
        elif isinstance(node, ast.JsonTablePathSpec):
            return  # a path is a literal, and of no type of people
        elif isinstance(node, ast.FuncCall) and node.funcformat == CoercionForm.COERCE_SQL_SYNTAX:
            walk([one for one in node.args or () if not isinstance(one, ast.A_Const)])  # extract(epoch from …)
        elif isinstance(node, ast.Node):
            for name in node:
                walk(getattr(node, name))

    statements = parse_sql(text)
    walk([one.stmt for one in statements])
    try:
        return str(RawStream()(statements[0]))
    except (AttributeError, KeyError, NotImplementedError, TypeError):
        return None


def _called(
    connection: psycopg.Connection[Any],
    tree: str | None,
    owners: Iterable[str] | None,
    depth: int = DEEPEST,
    *,
    planned: bool = False,
) -> list[str]:
    """Return what a tree calls that must not be called; a function in SQL is looked into."""
    if tree is None:
        return ["what the server does not tell"]
    statement = render(
        "asking/called.sql.j2",
        functions=_numbers(tree, _FUNCTION),
        operators=_numbers(tree, _OPERATOR, _OPERATORS),
        types=_numbers(tree, _TYPE, _TYPES),
        relations=_numbers(tree, _RELATION),
        extensions=list(EXTENSIONS),
        version=connection.info.server_version,
        owners=None if owners is None else sorted(owners),
        planned=planned,
    ).sql
    found: list[str] = []
    for said, name, body, source in connection.execute(statement.encode()).fetchall():
        if name is not None:
            found += [] if name in harmless() else [said]
        elif (body or source) and depth:
            found += _within(connection, body, source, owners, depth - 1) and [said]
        else:
            found.append(said)
    return sorted(set(found))


def _within(
    connection: psycopg.Connection[Any], body: str | None, source: str, owners: Iterable[str] | None, depth: int
) -> list[str]:
    """Return what the body of a function in SQL calls; its text where the server keeps no tree of it."""
    if body is not None:
        return _called(connection, " ".join(body.split()), owners, depth)
    try:
        check_query(source)
    except InputError as error:
        return [error.message]
    return _called(connection, _rewritten(connection, source.strip().removesuffix(";")), owners, depth)


def _numbers(tree: str, *patterns: re.Pattern[str]) -> list[int]:
    return sorted({int(one) for pattern in patterns for found in pattern.findall(tree) for one in found.split()})


def _rewritten(connection: psycopg.Connection[Any], text: str) -> str | None:
    """Return the tree of a query as the server resolved it, None where it does not show it.

    Parsing runs nothing of the playbook's; the tree is sent to this session alone and comes to no log.
    """
    from psycopg.errors import error_from_result
    from psycopg.pq import ExecStatus

    shown: list[str] = []

    def heard(diagnostic: Any) -> None:
        if diagnostic.severity_nonlocalized == "LOG" and diagnostic.message_detail:
            shown.append(diagnostic.message_detail)

    connection.add_notice_handler(heard)
    try:
        with connection.transaction(force_rollback=True):  # the settings go with it
            connection.execute(render("asking/show_tree.sql.j2").sql.encode())
            shown.clear()
            made = connection.pgconn.prepare(b"", text.encode(connection.info.encoding))
            if made.status != ExecStatus.COMMAND_OK:
                raise error_from_result(made, connection.info.encoding)
            found = " ".join(" ".join(shown).split())
    finally:
        connection.remove_notice_handler(heard)
    return found or None
