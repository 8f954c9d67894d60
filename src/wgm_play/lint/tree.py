"""What the rules ask of a parse tree: its parts, names, types, columns, functions and constants.

In: nodes of pglast. Out: plain values. This module does not import pglast: it is imported when there is SQL to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Name = tuple[str, str]


def is_node(value: Any) -> bool:
    """Say whether a value is a node of a parse tree."""
    return hasattr(value, "__slots__") and type(value).__module__ == "pglast.ast"


def walk(value: Any) -> Iterator[Any]:
    """Return a node and all below it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            waiting.extend(reversed(one))
        elif is_node(one):
            yield one
            waiting.extend(getattr(one, name) for name in reversed(tuple(one)))


def of_type(value: Any, *types: str) -> Iterator[Any]:
    """Return the nodes of these types in a node."""
    return (one for one in walk(value) if type(one).__name__ in types)


def kind(node: Any) -> str:
    """Return the name of a node's type."""
    return type(node).__name__


def words(names: Any) -> list[str]:
    """Return the names of a list of String nodes."""
    return [str(one.sval) for one in names or () if kind(one) == "String"]


def last(names: Any) -> str:
    """Return the last of a qualified name."""
    found = words(names)
    return found[-1] if found else ""


def columns_of(value: Any) -> list[str]:
    """Return the columns that an expression names, in order."""
    return [last(one.fields) for one in of_type(value, "ColumnRef") if words(one.fields)]


def functions_of(value: Any) -> list[tuple[str, ...]]:
    """Return the functions that an expression calls, as qualified as they are written."""
    return [tuple(words(one.funcname)) for one in of_type(value, "FuncCall")]


def type_of(node: Any) -> str:
    """Return a type as text, as `varchar(20)` or `int4[]`; without pg_catalog."""
    if node is None:
        return ""
    name = [word for word in words(node.names) if word != "pg_catalog"]
    inside = ",".join(str(one) for one in map(constant, node.typmods or ()) if one is not None)
    array = "[]" * len(node.arrayBounds or ())
    return ".".join(name) + (f"({inside})" if inside else "") + array


def bare(type_name: str) -> str:
    """Return a type without its length."""
    return type_name.partition("(")[0] if not type_name.endswith("[]") else type_name


def constant(node: Any) -> Any:
    """Return the value of a constant (text, number, truth), also under casts; None where it is none."""
    while kind(node) == "TypeCast":
        node = node.arg
    if kind(node) == "Integer":
        return node.ival
    if kind(node) == "Float":
        return node.fval
    if kind(node) == "String":
        return node.sval
    if kind(node) == "Boolean":
        return node.boolval
    if kind(node) != "A_Const" or node.isnull:
        return None
    return constant(node.val)


def is_null(node: Any) -> bool:
    """Say whether an expression is the constant NULL."""
    while kind(node) == "TypeCast":
        node = node.arg
    return node is None or (kind(node) == "A_Const" and bool(node.isnull))


def option(options: Any, name: str) -> Any:
    """Return the argument of an option (True where it has none), or None where it is not given."""
    for one in options or ():
        if kind(one) == "DefElem" and one.defname == name:
            return True if one.arg is None else one.arg
    return None


def switched(options: Any, name: str) -> bool:
    """Say whether an option is given and not switched off."""
    found = option(options, name)
    if found is None or found is True:
        return found is True
    return str(constant(found) if kind(found) != "TypeName" else last(found.names)).lower() not in (
        "false",
        "off",
        "0",
        "no",
    )


def proves_not_null(node: Any) -> set[str]:
    """Return the columns of which a check says that they are not null."""
    if kind(node) == "NullTest" and node.nulltesttype.name == "IS_NOT_NULL" and kind(node.arg) == "ColumnRef":
        return set(columns_of(node.arg))
    if kind(node) == "BoolExpr" and node.boolop.name == "AND_EXPR":
        return set().union(*(proves_not_null(one) for one in node.args))
    return set()
