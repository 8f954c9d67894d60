"""Indexes that could serve a query, by what its plan compares, joins and sorts. Whether one does, the planner says.

In: plans as EXPLAIN (VERBOSE, FORMAT JSON) tells them. Out: `IndexCandidate`s, too many rather than too few.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.sql import Sql, ident
from wgm_play.stats.uses import PART

# As wide as an index is thought of, and as many for one table of one query; of those for a part of the rows.
WIDEST, MOST, MOST_PARTIAL = 3, 16, 8
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
    """An index that could serve: its table, what it indexes as SQL, its method, the conditions of the rows that it holds."""

    table: Table
    keys: tuple[str, ...]
    method: str = "btree"
    where: tuple[str, ...] = ()

    @property
    def sqls(self) -> tuple[Sql, ...]:
        """What it indexes, for a statement."""
        return tuple(Sql(one) for one in self.keys)

    @property
    def conditions(self) -> tuple[Sql, ...]:
        """The conditions of its rows, for a statement."""
        return tuple(Sql(one) for one in self.where)


@dataclass(slots=True)
class TableUse:
    """What a query does with one table: what it compares with one value, what it joins, searches between bounds, sorts by.

    `parts` has the conditions that hold whatever values the query is given, each with its column.
    """

    table: Table
    equal: dict[str, None] = field(default_factory=dict)
    joined: dict[str, None] = field(default_factory=dict)
    ranged: dict[str, None] = field(default_factory=dict)
    rest: dict[str, None] = field(default_factory=dict)
    contained: dict[str, None] = field(default_factory=dict)
    beside: dict[str, None] = field(default_factory=dict)
    sorted: tuple[str, ...] = ()
    parts: dict[str, str] = field(default_factory=dict)

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

    def partial(self) -> Iterator[IndexCandidate]:
        """Yield what could serve and holds a part of the rows alone: those of each condition, then those of all."""
        every = tuple(self.parts)
        for where in (*((one,) for one in every), every) if len(every) > 1 else (every,) if every else ():
            fixed = {self.parts[one] for one in where}
            equal = tuple(one for one in self.equal if one not in fixed)[: WIDEST - 1]
            ordered = tuple(one for one in self.sorted if one.partition(" ")[0] not in fixed)
            found = [(*equal, *ordered), *((*equal, one) for one in self.ranged if one not in fixed), equal]
            found += [(one, *equal) for one in self.joined]
            made = [one for one in found if 1 <= len(one) <= WIDEST] or [(self.parts[where[0]],)]
            for keys in dict.fromkeys(made):
                yield IndexCandidate(self.table, keys, where=where)


Fixed = Callable[[Table, str, Collection[str]], bool]


def candidates(root: Mapping[str, Any], whole: Callable[[Table], Table], fixed: Fixed) -> list[IndexCandidate]:
    """Return the indexes that could serve the query of a plan; `whole` gives the table that a partition is of.

    `fixed` tells whether a part of a table can be made of a column having some of these values.
    """
    nodes = list(_nodes(root))
    tables = {
        str(node["Alias"]): TableUse(whole((str(node["Schema"]), str(node["Relation Name"]))))
        for node in nodes
        if node["Node Type"] in _SCANS and "Schema" in node and not _NOT_OURS.match(str(node["Schema"]))
    }
    for node in nodes:
        if (use := tables.get(str(node.get("Alias")))) is not None and node["Node Type"] in _SCANS:
            for name in ("Filter", "Index Cond", "Recheck Cond"):
                use.parts |= _parts(_condition(str(node.get(name, "true"))), use.table, fixed)
        for name in _CONDITIONS:
            if name in node:
                _compared(_condition(str(node[name])), tables)
        for name in _SORTS:
            if name in node:
                _sorted(node[name], tables)
    found: dict[IndexCandidate, None] = {}
    for one in tables.values():
        found |= dict.fromkeys(list(dict.fromkeys(one.candidates()))[:MOST])
        found |= dict.fromkeys(list(dict.fromkeys(one.partial()))[:MOST_PARTIAL])
    return list(found)


def constants_of(query: str) -> frozenset[str]:
    """Return the constants that a query names, as text."""
    from pglast import ast
    from pglast.visitors import Visitor

    found: set[str] = set()

    class Constants(Visitor):
        def visit_A_Const(self, _: Any, node: ast.A_Const) -> None:
            found.add(_text_of(node))

    if (statement := _parsed(query)) is not None:
        Constants()(statement)
    return frozenset(found)


def _text_of(constant: Any) -> str:
    value = constant.val
    given = (getattr(value, name, None) for name in ("sval", "fval", "ival", "boolval"))
    return str(next((one for one in given if one is not None), ""))


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


def _parts(node: Any, table: Table, fixed: Fixed) -> dict[str, str]:
    """Return the conditions that a part of a table can be made of, each with its column: of arms that are joined by OR, each can
    have an index of its own."""
    from pglast import ast
    from pglast.enums import BoolExprType
    from pglast.stream import RawStream

    if isinstance(node, ast.BoolExpr) and node.boolop != BoolExprType.NOT_EXPR:
        return {text: column for one in node.args or () for text, column in _parts(one, table, fixed).items()}
    column, values = _narrowed(node)
    key = _key_of(column) if isinstance(column, ast.ColumnRef) else None
    if key is None or not (values is None or fixed(table, key[1], values)):
        return {}
    return {str(RawStream()(node)): key[1]}


def _narrowed(node: Any) -> tuple[Any, Collection[str] | None]:
    """Return what a condition compares with constants, and these; None in their place where it asks for NULL, true or false."""
    from pglast import ast
    from pglast.enums import A_Expr_Kind as Kind
    from pglast.enums import BoolExprType

    if isinstance(node, ast.NullTest):
        return node.arg, None
    if isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.NOT_EXPR:
        return next(iter(node.args or ()), None), None
    if not isinstance(node, ast.A_Expr) or [one.sval for one in node.name or ()][-1:] != ["="]:
        return node, None
    value = node.rexpr.arg if isinstance(node.rexpr, ast.TypeCast) else node.rexpr
    if not isinstance(value, ast.A_Const) or node.kind not in (Kind.AEXPR_OP, Kind.AEXPR_OP_ANY):
        return None, None
    node.lexpr = _uncast(node.lexpr)
    if node.kind == Kind.AEXPR_OP_ANY:
        return node.lexpr, _ELEMENT.findall(_text_of(value))
    node.rexpr = value  # the column's type is that of the constant
    return node.lexpr, [_text_of(value)]


# Of an array's text, its elements, where none is quoted.
_ELEMENT = re.compile(r'[^{},"\\]+')


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
