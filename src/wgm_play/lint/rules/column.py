"""Columns of a table that is there: added, dropped, of another type, NOT NULL.

In: a command of ALTER TABLE. Out: findings; the column as it is afterwards.
"""

from __future__ import annotations

from typing import Any

from wgm_play.catalog.kinds import VIEWS
from wgm_play.lint.context import RuleContext
from wgm_play.lint.model import KnownColumn, KnownRelation
from wgm_play.lint.rules import constraint
from wgm_play.lint.tree import bare, columns_of, functions_of, is_null, kind, type_of
from wgm_play.lint.types import SERIALS, changes_by_row, keeps_bytes


def declared(node: Any, look: RuleContext) -> KnownColumn:
    """Return a column as a ColumnDef declares it."""
    kinds = {one.contype.name: one for one in node.constraints or ()}
    identity, generated = kinds.get("CONSTR_IDENTITY"), kinds.get("CONSTR_GENERATED")
    name = type_of(node.typeName)
    serial = bare(name) if bare(name) in SERIALS else ("identity" if identity else "")
    default = kinds.get("CONSTR_DEFAULT")
    return KnownColumn(
        node.colname,
        SERIALS.get(bare(name), name),
        "CONSTR_NOTNULL" in kinds or "CONSTR_PRIMARY" in kinds or bool(serial) or bool(node.is_not_null),
        bool(default and not is_null(default.raw_expr)),
        serial,
        str(generated.generated_kind or "s").strip("\0") if generated else "",
        look.file,
        look.place(node.location),
    )


def add(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """ADD COLUMN."""
    node = command.def_
    made = declared(node, look)
    if node.colname in relation.columns and relation.known and not command.missing_ok:
        look.tell("X12", f"column {node.colname} is there already", relation, node.colname, at=node.location)
    if not look.quiet(relation):
        _added_to_rows(node, made, relation, look)
    elif relation.filled and made.not_null and not made.default and not made.serial and not made.generated:
        _without_default(node, relation, look)
    relation.columns[node.colname] = made
    constraint.of_column(node, relation, look, added=True)


def _added_to_rows(node: Any, made: KnownColumn, relation: KnownRelation, look: RuleContext) -> None:
    """Tell what a new column costs a table with rows."""
    kinds = {one.contype.name: one for one in node.constraints or ()}
    default = kinds.get("CONSTR_DEFAULT")
    label, column = relation.label, node.colname
    if made.serial:
        look.tell(
            "C03",
            f"{column}: every row is numbered: table and indexes are written anew while reads and writes wait",
            relation,
            column,
            at=node.location,
            remedy=f"add it as {made.type}, with its default from a sequence; fill it in batches; NOT NULL by a proven check",
        )
    elif "CONSTR_GENERATED" in kinds:
        if kinds["CONSTR_GENERATED"].generated_kind != "v":
            look.tell(
                "C05",
                f"{column}: a stored generated column is computed for every row while reads and writes wait",
                relation,
                column,
                at=node.location,
                remedy="a VIRTUAL column (PostgreSQL 18), an expression index, or an ordinary column kept by a trigger",
            )
    elif default is not None and not is_null(default.raw_expr) and (name := changing(default.raw_expr, look)):
        look.tell(
            "C01",
            f"{column}: the default {name}() may differ from row to row: table and indexes are written anew while "
            "reads and writes wait",
            relation,
            column,
            at=default.location,
            remedy=f"ALTER TABLE {label} ADD COLUMN {column} {type_of(node.typeName)};\n"
            f"ALTER TABLE {label} ALTER COLUMN {column} SET DEFAULT ...;\nfill the rows there are in batches",
        )
    elif made.not_null and not made.default and "CONSTR_PRIMARY" not in kinds:
        _without_default(node, relation, look)
    if look.known.domains.get(look.name(node.typeName.names)):
        look.tell(
            "C18",
            f"{column}: the type is a domain with constraints: the table is written anew while reads and writes wait",
            relation,
            column,
            at=node.location,
            remedy="the base type, and a check NOT VALID that is validated after it",
        )


def _without_default(node: Any, relation: KnownRelation, look: RuleContext) -> None:
    look.tell(
        "C02",
        f"{node.colname}: NOT NULL without a default fails where there are rows, and so do writers that do not "
        "know the column",
        relation,
        node.colname,
        at=node.location,
        remedy="give it a DEFAULT and leave it there until every writer knows the column",
    )


def changing(expression: Any, look: RuleContext) -> str:
    """Return a function of an expression that may give each row its own value; "" where there is none."""
    from wgm_play.asking.effects import harmless

    for names in functions_of(expression):
        name = names[-1]
        if changes_by_row(name):
            return name
        made = next((one for key, one in look.known.functions.items() if key[1] == name), None)
        if made is not None:
            if made.volatility == "volatile":
                return name
            continue
        if name.startswith("st_"):  # PostGIS: none of these changes from row to row
            continue
        if (len(names) > 1 and names[-2] != "pg_catalog") or name not in harmless():
            return ".".join(names)
    return ""


def drop(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """DROP COLUMN."""
    column = relation.columns.pop(command.name, None)
    for name, one in list(relation.constraints.items()):
        if command.name in one.columns:
            del relation.constraints[name]
    for key, index in list(look.known.indexes.items()):
        if index.table == relation.name and command.name in index.columns:
            del look.known.indexes[key]
    if look.is_new(relation) or (column is not None and column.made == look.file):
        return
    if command.behavior.name == "DROP_CASCADE":
        look.tell("S13", f"CASCADE takes whatever uses {command.name}", relation, command.name)
    look.tell(
        "C10",
        f"the values of {command.name} are gone, and statements that name it fail",
        relation,
        command.name,
        remedy="release an application that does not use it first; then say so: "
        "-- wgm-play: ignore C10: not used since release ...",
    )
    _used(command.name, relation, look)


def _used(name: str, relation: KnownRelation, look: RuleContext) -> None:
    for view in look.known.relations.values():
        if view.kind in VIEWS and relation.name in view.reads and name in view.reads_columns:
            look.tell("C09", f"{view.label} uses {name}: PostgreSQL refuses it", relation, name)


def retype(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """ALTER COLUMN ... TYPE."""
    column, node = look.column(relation, command.name), command.def_
    old, new = column.type, type_of(node.typeName)
    if not look.quiet(relation) and not _same_bytes(old, new, command, relation, look):
        was = f"from {old} " if old else ""
        look.tell(
            "C08",
            f"{command.name} {was}to {new}: table and indexes are written anew while reads and writes wait"
            + ("" if old else ", unless the types share their bytes"),
            relation,
            command.name,
            at=node.location,
            remedy="a new column beside it, kept in step by a trigger, filled in batches, then the names swapped; "
            "a playbook does that",
        )
    if not look.is_new(relation):
        _used(command.name, relation, look)
    column.type = new


def _same_bytes(old: str, new: str, command: Any, relation: KnownRelation, look: RuleContext) -> bool:
    node = command.def_
    using = node.raw_default
    while kind(using) == "TypeCast" and type_of(using.typeName) == new:
        using = using.arg
    if using is not None and (kind(using) != "ColumnRef" or columns_of(using) != [command.name]):
        return False
    if node.collClause is not None:
        return False
    if {old, new} == {"timestamp", "timestamptz"}:
        return look.session.utc
    if "citext" in (old, new) and any(command.name in one.columns for one in look.known.indexes_of(relation.name)):
        return False
    return bool(old) and keeps_bytes(old, new)


def set_not_null(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """SET NOT NULL."""
    column = look.column(relation, command.name)
    if not look.quiet(relation) and not column.not_null and not _proven(command.name, relation, look):
        label = relation.label
        check = f"{relation.name[1]}_{command.name}_is_set"
        look.tell(
            "C06",
            f"all rows are read for {command.name} IS NOT NULL while reads and writes wait",
            relation,
            command.name,
            remedy=f"ALTER TABLE {label} ADD CONSTRAINT {check} CHECK ({command.name} IS NOT NULL) NOT VALID;\n"
            f"ALTER TABLE {label} VALIDATE CONSTRAINT {check};   -- a transaction of its own\n"
            f"ALTER TABLE {label} ALTER COLUMN {command.name} SET NOT NULL;\n"
            f"ALTER TABLE {label} DROP CONSTRAINT {check};",
        )
    column.not_null = True


def _proven(name: str, relation: KnownRelation, look: RuleContext) -> bool:
    """Say whether a valid check proves it; one that an earlier file made and this one validated is taken for proof."""
    if any(name in one.proves and one.valid for one in relation.constraints.values()):
        return True
    return relation.validated == look.file


def drop_not_null(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """DROP NOT NULL."""
    column = look.column(relation, command.name)
    if not look.is_new(relation) and column.not_null is not False:
        look.tell(
            "C07",
            f"{command.name} may be NULL from now on: readers that never met one may fail",
            relation,
            command.name,
            remedy="release the readers first",
        )
    column.not_null = False


def default(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """SET DEFAULT, DROP DEFAULT."""
    column = look.column(relation, command.name)
    had, column.default = column.default, command.def_ is not None
    if command.def_ is not None or look.is_new(relation) or column.not_null is False:
        return
    if column.not_null and had and column.made == look.file:
        look.tell(
            "C02",
            f"{command.name} is new and NOT NULL: without its default, writers that do not know it fail",
            relation,
            command.name,
            remedy="drop the default in a later release, when every writer knows the column",
        )
    elif column.not_null or not relation.known:
        look.tell(
            "C12",
            f"writers that leave {command.name} out get NULL from now on, or fail where it is NOT NULL",
            relation,
            command.name,
            remedy="release writers that give it first",
        )


def expression(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """SET EXPRESSION."""
    if not look.quiet(relation) and look.column(relation, command.name).generated != "v":
        look.tell(
            "C13",
            f"{command.name} is computed anew for every row while reads and writes wait",
            relation,
            command.name,
            remedy="add another column, fill it, and change over",
        )


def identity(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """ADD GENERATED ... AS IDENTITY."""
    look.column(relation, command.name).serial = "identity"
