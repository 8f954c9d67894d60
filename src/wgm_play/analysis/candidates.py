"""Indexes that could serve a query, by what its plan compares, joins and sorts. Whether one does, the planner says.

In: plans as EXPLAIN (VERBOSE, FORMAT JSON) tells them. Out: `IndexCandidate`s, too many rather than too few.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wgm_play.sql import Sql, ident
from wgm_play.stats.uses import PART

# As wide as an index is thought of, and as many for one table of one query.
WIDEST, MOST = 3, 16
_SCANS = frozenset(["Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan"])
_CONDITIONS = ("Filter", "Join Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond")
_SORTS = ("Sort Key", "Presorted Key")
_RANGED = frozenset(["<", "<=", ">", ">="])
# What GIN finds, where the type has an operator class for it.
_CONTAINED = frozenset(["@>", "<@", "&&", "?", "?|", "?&", "@@"])
# What GiST alone finds: where ranges and shapes lie, what is nearest.
_BESIDE = frozenset(["<<", ">>", "&<", "&>", "-|-", "~=", "<<|", "|>>", "&<|", "|&>", "<^", ">^", "<->"])
_NOT_OURS = re.compile(r"pg_|information_schema\Z|wgm\Z")

Table = tuple[str, str]


@dataclass(frozen=True, slots=True)
class IndexCandidate:
    """An index that could serve: its table, what it indexes as SQL, its method."""

    table: Table
    keys: tuple[str, ...]
    method: str = "btree"

    @property
    def sqls(self) -> tuple[Sql, ...]:
        """What it indexes, for a statement."""
        return tuple(Sql(one) for one in self.keys)


@dataclass(slots=True)
class TableUse:
    """What a query does with one table: what it compares with one value, what it joins, searches between bounds, sorts by."""

    table: Table
    equal: dict[str, None] = field(default_factory=dict)
    joined: dict[str, None] = field(default_factory=dict)
    ranged: dict[str, None] = field(default_factory=dict)
    rest: dict[str, None] = field(default_factory=dict)
    contained: dict[str, None] = field(default_factory=dict)
    beside: dict[str, None] = field(default_factory=dict)
    sorted: tuple[str, ...] = ()

    def candidates(self) -> Iterator[IndexCandidate]:
        """Yield what could serve, single columns first."""
        equal, rest = tuple(self.equal)[: WIDEST - 1], tuple(self.rest)
        for one in (*self.equal, *self.joined, *self.ranged, *rest):
            yield IndexCandidate(self.table, (one,))
        found: list[tuple[str, ...]] = [(*equal, one) for one in self.ranged]
        found += [(*equal, *self.sorted), equal, equal[::-1], (*equal, *rest[:1])]
        for one in self.joined:
            found += [(one, *equal), (*equal, one), (one, *self.sorted), *((one, each) for each in self.ranged)]
        for keys in found:
            if 1 <= len(made := tuple(dict.fromkeys(keys))) <= WIDEST:
                yield IndexCandidate(self.table, made)
        for one in self.contained:
            yield IndexCandidate(self.table, (one,), "gin")
        for one in (*self.contained, *self.beside):
            yield IndexCandidate(self.table, (one,), "gist")


def candidates(root: Mapping[str, Any], whole: Callable[[Table], Table]) -> list[IndexCandidate]:
    """Return the indexes that could serve the query of a plan; `whole` gives the table that a partition is of."""
    nodes = list(_nodes(root))
    tables = {
        str(node["Alias"]): TableUse(whole((str(node["Schema"]), str(node["Relation Name"]))))
        for node in nodes
        if node["Node Type"] in _SCANS and "Schema" in node and not _NOT_OURS.match(str(node["Schema"]))
    }
    for node in nodes:
        for name in _CONDITIONS:
            if name in node:
                _compared(_condition(str(node[name])), tables)
        for name in _SORTS:
            if name in node:
                _sorted(node[name], tables)
    found: dict[IndexCandidate, None] = {}
    for one in tables.values():
        found |= dict.fromkeys(list(dict.fromkeys(one.candidates()))[:MOST])
    return list(found)


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _parsed(text: str) -> Any:
    from pglast import parse_sql
    from pglast.parser import ParseError

    for one in (text, PART.sub("(true", text) if "(any" in text else PART.sub("true", text)):
        try:
            return parse_sql(one)[0].stmt
        except ParseError:
            continue
    return None


def _condition(text: str) -> Any:
    statement = _parsed(f"SELECT 1 WHERE {text}")
    return statement.whereClause if statement is not None else None


def _compared(node: Any, tables: Mapping[str, TableUse]) -> None:
    """Note what a condition compares: of arms that are joined by OR, each could have an index."""
    from pglast import ast
    from pglast.enums import BoolExprType

    if isinstance(node, ast.BoolExpr):
        for one in node.args or ():
            if node.boolop == BoolExprType.NOT_EXPR:
                _note(_key_of(one), "rest", tables)
            else:
                _compared(one, tables)
    elif isinstance(node, ast.A_Expr):
        _operator(node, tables)
    elif isinstance(node, ast.NullTest):
        _note(_key_of(node.arg), "rest", tables)
    elif isinstance(node, ast.ColumnRef):
        _note(_key_of(node), "rest", tables)


def _operator(node: Any, tables: Mapping[str, TableUse]) -> None:
    from pglast.enums import A_Expr_Kind as Kind

    name = node.name[-1].sval
    left, right = _key_of(node.lexpr), _key_of(node.rexpr)
    if node.kind == Kind.AEXPR_OP_ANY and name == "=":
        _note(left, "equal", tables)
    elif node.kind == Kind.AEXPR_OP and name == "=":
        how = "joined" if left is not None and right is not None else "equal"
        for one in (left, right):
            _note(one, how, tables)
    elif node.kind == Kind.AEXPR_OP and name in _RANGED:
        for one in (left, right):
            _note(one, "ranged", tables)
    elif node.kind == Kind.AEXPR_OP and name in _CONTAINED:
        for one in (left, right):
            _note(one, "contained", tables)
    elif node.kind == Kind.AEXPR_OP and name in _BESIDE:
        for one in (left, right):
            _note(one, "beside", tables)
    elif node.kind == Kind.AEXPR_OP and name == "~~" and left is not None and _begins(node.rexpr):
        _note((left[0], f"{left[1]} text_pattern_ops"), "ranged", tables)


def _begins(node: Any) -> bool:
    """Tell whether a pattern says how a text begins."""
    from pglast import ast

    while isinstance(node, ast.TypeCast):
        node = node.arg
    value = getattr(getattr(node, "val", None), "sval", "")
    return isinstance(node, ast.A_Const) and bool(value) and value[0] not in "%_\\"


def _note(key: tuple[str, str] | None, how: str, tables: Mapping[str, TableUse]) -> None:
    if key is not None and key[0] in tables:
        getattr(tables[key[0]], how)[key[1]] = None


def _sorted(keys: Iterable[str], tables: Mapping[str, TableUse]) -> None:
    """Note in which order one table's rows are wanted; a B-tree is read from both ends."""
    statement = _parsed(f"SELECT 1 ORDER BY {', '.join(keys)}")
    found: list[tuple[str, str, str]] = []
    for one in statement.sortClause if statement is not None else ():
        if _nearest(one.node):
            _operator(one.node, tables)
            break
        key = _key_of(one.node)
        if key is None or (found and key[0] != found[0][0]):
            break
        found.append((*key, f"{_DIRECTIONS[int(one.sortby_dir)]}{_NULLS[int(one.sortby_nulls)]}"))
    if not found or found[0][0] not in tables:
        return
    plain = {how for _, _, how in found} <= {""} or {how for _, _, how in found} <= {" DESC"}
    tables[found[0][0]].sorted = tuple(text if plain else text + how for _, text, how in found)[:WIDEST]


def _nearest(node: Any) -> bool:
    """Tell whether rows are wanted by their distance from something."""
    from pglast import ast

    return isinstance(node, ast.A_Expr) and [one.sval for one in node.name or ()][-1:] == ["<->"]


# By the numbers of SortByDir and SortByNulls (source: parsenodes.h).
_DIRECTIONS = ("", "", " DESC", "")
_NULLS = ("", " NULLS FIRST", " NULLS LAST")


def _key_of(node: Any) -> tuple[str, str] | None:
    """Return the alias and the SQL of a column, or of an expression over one table's columns and nothing else."""
    from pglast import ast
    from pglast.stream import RawStream
    from pglast.visitors import Visitor

    node = _uncast(node)
    if node is None or isinstance(node, ast.A_Const):
        return None
    aliases: set[str] = set()
    other: list[Any] = []

    class IndexSearch(Visitor):
        def visit(self, _: Any, each: Any) -> None:
            if isinstance(each, ast.ColumnRef):
                fields = tuple(each.fields or ())
                aliases.add(str(getattr(fields[0], "sval", "")) if len(fields) == 2 else "")
                each.fields = fields[-1:]
            elif isinstance(each, ast.ParamRef | ast.SubLink):
                other.append(each)

    IndexSearch()(node)
    if other or len(aliases) != 1:
        return None
    [alias] = aliases
    if isinstance(node, ast.ColumnRef):
        name = getattr((node.fields or (None,))[0], "sval", None)
        return (alias, ident(name)) if name else None
    return alias, f"({RawStream()(node)})"


def _uncast(node: Any) -> Any:
    """Return the column below a cast that changes no value: what is said of a varchar is said of its text."""
    from pglast import ast

    if isinstance(node, ast.TypeCast) and isinstance(node.arg, ast.ColumnRef):
        kind: Any = node.typeName
        return node.arg if kind.names[-1].sval == "text" else node
    return node
