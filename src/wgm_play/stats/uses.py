"""Which columns a query compares with what: on these the planner's estimates depend.

In: the text of a query, of a plan's conditions, of an index's predicate. Out: `Uses` by the name of a column, or by the text of an
expression. Names alone are looked at: two columns of one name are one, so that rather too many are found than too few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.sqltext.scan import QUOTED

_EQUAL, _ORDER = {"=", "<>", "!="}, {"<", "<=", ">", ">="}
# Operators that compute a value and are no condition.
_COMPUTING = {"->", "->>", "#>", "#>>", "+", "-", "*", "/", "%", "||", "^"}
_BETWEEN = {"AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM"}
_LISTED = {"AEXPR_OP_ANY", "AEXPR_OP_ALL", "AEXPR_IN"}
_LIKE = {"AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_SIMILAR"}
# What a plan writes for another part of itself.
PART = re.compile(r"\(?\b(?:hashed )?(?:Sub|Init)Plan \d+\)?(?:\.col\d+)?|\((?:any|all)\b")
_QUALIFIER = re.compile(rf'(?:{QUOTED}|\b\w+)\.(?=["\w])')
_CAST = re.compile(r"CAST\(((?:[^()]|\([^()]*\))*?) AS [^()]*(?:\([\d, ]*\))?[^()]*\)")


@dataclass(slots=True)
class Use:
    """How a column is used: `equal` to literals, `ordered` against literals, `joined` to another, or in an `other` way.

    `param` tells that a parameter, or a value that is computed, is among what it is compared with.
    """

    equal: list[str] = field(default_factory=list)
    ordered: list[str] = field(default_factory=list)
    ranged: bool = False
    joined: bool = False
    computed: bool = False
    other: bool = False


class Uses(dict[str, Use]):
    """Uses by name or expression; `natural` where all columns of one name are joined."""

    natural = False

    def of(self, name: str) -> Use:
        """Return the use of a column, which is noted from now on."""
        return self.setdefault(name, Use())


def uses(query: str, conditions: Iterable[str] = ()) -> Uses:
    """Return how a query, and the conditions of its plan, use columns."""
    from pglast import parse_sql
    from pglast.parser import ParseError

    found = Uses()
    for text in (query, *(f"SELECT 1 WHERE {one}" for one in conditions)):
        try:
            parsed = [statement.stmt for statement in parse_sql(text)]
        except ParseError:
            try:
                parsed = [
                    statement.stmt
                    for statement in parse_sql(PART.sub("(true", text) if "(any" in text else PART.sub("true", text))
                ]
            except ParseError:
                for name in re.findall(r"\w+", text):
                    found.of(name).other = True
                continue
        for statement in parsed:
            _walk(statement, found)
    return found


def expression_key(text: str) -> str:
    """Return the text of an expression as it is looked for: without qualifiers and casts."""
    from pglast import parse_sql
    from pglast.parser import ParseError

    try:
        parsed: Any = parse_sql(f"SELECT {text}")[0].stmt
        return _key(parsed.targetList[0].val)
    except ParseError:
        return text


def _key(node: Any) -> str:
    from pglast.stream import RawStream

    text, before = _QUALIFIER.sub("", RawStream()(node)), ""
    while text != before:
        text, before = _CAST.sub(r"\1", text), text
    return re.sub(r"\s+", " ", text)


def _children(node: Any) -> Iterator[Any]:
    from pglast import ast

    if isinstance(node, ast.Node):
        for name in node:
            yield from _listed(getattr(node, name))


def _listed(value: Any) -> Iterator[Any]:
    from pglast import ast

    if isinstance(value, ast.Node):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _listed(one)


def _walk(node: Any, found: Uses) -> None:
    from pglast import ast

    if isinstance(node, ast.A_Expr):
        _compared(node, found)
    elif isinstance(node, ast.SubLink) and node.testexpr is not None:
        _joined(node.testexpr, found)
    elif isinstance(node, ast.JoinExpr):
        found.natural = found.natural or bool(node.isNatural)
        for one in node.usingClause or ():
            found.of(one.sval).joined = True
    elif isinstance(node, ast.BoolExpr):
        for one in node.args or ():
            _truth(one, found)
    elif isinstance(node, ast.BooleanTest):
        _truth(node.arg, found)
    for name in ("whereClause", "quals", "havingClause"):
        _truth(getattr(node, name, None), found)
    for child in _children(node):
        _walk(child, found)


def _truth(node: Any, found: Uses) -> None:
    """Note a column that is a condition by itself."""
    from pglast import ast

    if isinstance(node, ast.ColumnRef) and (name := _name(node)):
        found.of(name).equal += ["t", "f"]
    elif isinstance(node, ast.FuncCall):
        found.of(_key(node)).other = True


def _name(node: Any) -> str | None:
    last = node.fields[-1]
    return getattr(last, "sval", None)


def _bare(node: Any) -> Any:
    from pglast import ast

    while isinstance(node, ast.TypeCast | ast.CollateClause):
        node = node.arg
    return node


def _operand(node: Any) -> str | None:
    """Return the column or expression on one side of an operator; None for a constant or a parameter."""
    from pglast import ast

    bare = _bare(node)
    if isinstance(bare, ast.ColumnRef):
        return _name(bare)
    if isinstance(bare, ast.A_Const | ast.ParamRef | ast.A_ArrayExpr | ast.SubLink) or bare is None:
        return None
    if isinstance(bare, tuple | list) or not _holds_column(bare):
        return None
    return _key(bare)


def _holds_column(node: Any) -> bool:
    from pglast import ast

    return isinstance(node, ast.ColumnRef) or any(map(_holds_column, _children(node)))


def _joined(node: Any, found: Uses) -> None:
    name = _operand(node)
    if name is not None:
        found.of(name).joined = True


def _compared(node: Any, found: Uses) -> None:
    from pglast import ast

    kind, operator = node.kind.name, node.name[-1].sval if node.name else "="
    if kind == "AEXPR_OP" and operator in _COMPUTING:
        return
    for side, other in ((node.lexpr, node.rexpr), (node.rexpr, node.lexpr)):
        if isinstance(side, tuple | list):
            continue
        if isinstance(_bare(side), ast.RowExpr):
            for one in _bare(side).args or ():
                if (name := _operand(one)) is not None:
                    found.of(name).other = True
            continue
        name = _operand(side)
        if name is None:
            continue
        use = found.of(name)
        literals = _literals(other, listed=kind in _LISTED)
        if kind in _BETWEEN or operator in _ORDER:
            use.ranged = True
            use.ordered += literals or ()
        elif kind in _LIKE or operator not in _EQUAL:
            use.other = True
        elif literals is not None:
            use.equal += literals
        elif _columns_in(other):
            use.joined = True
        elif not isinstance(_bare(other), ast.ParamRef):
            use.computed = True


def _columns_in(node: Any) -> bool:
    from pglast import ast

    bare = _bare(node)
    return not isinstance(bare, tuple | list) and (isinstance(bare, ast.SubLink) or _holds_column(bare))


def _literals(node: Any, *, listed: bool) -> list[str] | None:
    """Return the literals that a column is compared with; None where there are others than literals."""
    from pglast import ast

    bare = _bare(node)
    if isinstance(bare, tuple | list | ast.A_ArrayExpr):
        parts = bare if isinstance(bare, tuple | list) else bare.elements or ()
        each = [_literals(one, listed=False) for one in parts]
        return [text for one in each if one for text in one] if all(one is not None for one in each) else None
    if not isinstance(bare, ast.A_Const):
        return None
    if bare.isnull:
        return []
    value = bare.val
    for name in ("sval", "fval", "bsval"):
        if (text := getattr(value, name, None)) is not None:
            return _elements(text) if listed and text.startswith("{") else [text]
    if isinstance(value, ast.Boolean):
        return ["t" if value.boolval else "f"]
    return [str(getattr(value, "ival", 0) or 0)]


def _elements(text: str) -> list[str]:
    """Return the elements of the text of an array."""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"|([^,{}]+)', text)
    return [re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for quoted, plain in parts]
