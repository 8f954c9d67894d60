"""What is made: tables, views, sequences, types, domains; and what changes types and domains.

In: a CREATE statement, or an ALTER of a type. Out: findings; the objects there are.
"""

from __future__ import annotations

from typing import Any

from wgm_play.lint.context import RuleContext
from wgm_play.lint.model import KnownColumn, KnownRelation
from wgm_play.lint.rules import column, constraint, partition
from wgm_play.lint.tree import columns_of, kind, of_type, option, switched


def create_table(node: Any, look: RuleContext) -> None:
    """CREATE TABLE."""
    relation = look.make(node.relation, "table", if_not_exists=node.if_not_exists)
    if relation is None:
        return
    if node.partspec is not None:
        relation.partitioned = tuple(one.name or "" for one in node.partspec.partParams or ())
    if node.partbound is not None:
        partition.made_in_place(node, relation, look)
    elif node.inhRelations:
        _inherits(node, relation, look)
    for one in node.tableElts or ():
        if kind(one) == "TableLikeClause":
            _like(one, relation, look)
    columns = [one for one in node.tableElts or () if kind(one) == "ColumnDef"]
    seen: set[str] = set()
    for one in columns:
        if one.colname in seen:
            look.tell("X12", f"column {one.colname} is declared twice", relation, one.colname, at=one.location)
        seen.add(one.colname)
        if one.typeName is not None:
            relation.columns[one.colname] = column.declared(one, look)
    for one in columns:
        constraint.of_column(one, relation, look)
    for one in node.tableElts or ():
        if kind(one) == "Constraint":
            constraint.add(_AlterCommand(one), relation, look)
    _storage(node, relation, look)


class _AlterCommand:
    """A constraint of CREATE TABLE as ALTER TABLE would add it."""

    __slots__ = ("def_",)

    def __init__(self, node: Any) -> None:
        self.def_ = node


def _storage(node: Any, relation: KnownRelation, look: RuleContext) -> None:
    options = node.options or ()
    if option(options, "autovacuum_enabled") is not None and not switched(options, "autovacuum_enabled"):
        look.tell("T09", "autovacuum is switched off: the table grows without end", relation)
    if node.relation.relpersistence == "u":
        look.tell("T06", "an unlogged table is emptied by a crash and absent on standbys", relation, severity="warning")


def _inherits(node: Any, relation: KnownRelation, look: RuleContext) -> None:
    relation.inherits = True
    for one in node.inhRelations:
        relation.columns.update(look.relation(one).columns)
    look.tell(
        "T11",
        "inheritance: keys and foreign keys are not inherited",
        relation,
        remedy="a partitioned table, or one table",
    )


# Bits of LIKE ... INCLUDING (manual: "CREATE TABLE").
_INCLUDING_INDEXES, _INCLUDING_CONSTRAINTS = 1 << 6, 1 << 2


def _like(node: Any, relation: KnownRelation, look: RuleContext) -> None:
    origin = look.relation(node.relation)
    for name, one in origin.columns.items():
        relation.columns[name] = KnownColumn(
            name, one.type, one.not_null, one.default, made=look.file, where=look.place(node.relation.location)
        )
    if not origin.known or node.options & _INCLUDING_INDEXES:
        relation.inherits = True
    if node.options & _INCLUDING_CONSTRAINTS:
        relation.constraints.update({key: one for key, one in origin.constraints.items() if one.kind == "check"})


def create_as(node: Any, look: RuleContext) -> None:
    """CREATE TABLE ... AS, CREATE MATERIALIZED VIEW."""
    what = "materialized_view" if node.objtype.name == "OBJECT_MATVIEW" else "table"
    relation = look.make(node.into.rel, what, if_not_exists=node.if_not_exists)
    if relation is not None:
        relation.filled = not node.into.skipData
        if relation.filled:
            look.read_under_lock(node.query)
        _reads(relation, node.query, look)


def view(node: Any, look: RuleContext) -> None:
    """CREATE VIEW, CREATE OR REPLACE VIEW."""
    relation = look.make(node.view, "view")
    if relation is not None:
        _reads(relation, node.query, look)


def _reads(relation: KnownRelation, query: Any, look: RuleContext) -> None:
    relation.reads = frozenset(look.name(one) for one in of_type(query, "RangeVar"))
    names = set(columns_of(query))
    if any(True for one in of_type(query, "ColumnRef") if any(kind(field) == "A_Star" for field in one.fields)):
        names |= {
            name
            for table in relation.reads
            if table in look.known.relations
            for name in look.known.relations[table].columns
        }
    relation.reads_columns = frozenset(names)


def sequence(node: Any, look: RuleContext) -> None:
    """CREATE SEQUENCE."""
    look.make(node.sequence, "sequence", if_not_exists=node.if_not_exists)


def new_type(node: Any, look: RuleContext) -> None:
    """CREATE TYPE."""
    named = node.typevar if kind(node) == "CompositeTypeStmt" else node.typeName
    look.known.types[look.name(named)] = look.file


def ignored(node: Any, look: RuleContext) -> None:
    """Nothing is known of it, and nothing is wrong with it."""


def domain(node: Any, look: RuleContext) -> None:
    """CREATE DOMAIN."""
    name = look.name(node.domainname)
    look.known.types[name] = look.file
    look.known.domains[name] = any(
        one.contype.name in ("CONSTR_CHECK", "CONSTR_NOTNULL") for one in node.constraints or ()
    )


def alter_domain(node: Any, look: RuleContext) -> None:
    """ALTER DOMAIN: what it adds is checked in every table that uses it."""
    name = look.name(node.typeName)
    label = ".".join(name)
    if node.subtype in ("C", "O"):
        look.known.domains[name] = True
    if look.known.types.get(name) == look.file or node.subtype in ("T", "N", "X"):
        return
    if node.subtype == "V":
        if look.session.transaction and f"domain {label}.{node.name}" in look.session.told:
            look.tell(
                "K03",
                "the rows are read in the transaction that added it: its lock is held until the end",
                label,
                node.name,
            )
        return
    if node.def_ is not None and node.def_.skip_validation:
        look.session.told.add(f"domain {label}.{node.def_.conname}")
        return
    look.tell(
        "Y05",
        "every table that uses the domain is read, and takes no writes meanwhile",
        label,
        remedy=f"ALTER DOMAIN {label} ADD CONSTRAINT ... NOT VALID; then VALIDATE CONSTRAINT in a transaction of its own",
    )


def enum_value(node: Any, look: RuleContext) -> None:
    """ALTER TYPE ... ADD VALUE, RENAME VALUE."""
    name = look.name(node.typeName)
    label = ".".join(name)
    if node.oldVal:
        if look.known.types.get(name) != look.file:
            look.tell(
                "Y03",
                f"statements with {node.oldVal!r} fail at once",
                label,
                node.oldVal,
                remedy="add the new value, write it, change the rows in batches, and leave the old value",
            )
        return
    if not node.newValNeighbor and look.known.types.get(name) != look.file:
        look.tell(
            "Y02", f"{node.newVal!r} comes last, whatever was meant", label, node.newVal, remedy="say AFTER or BEFORE"
        )
    if look.session.transaction and look.known.types.get(name) != look.file:
        look.session.enum_values[node.newVal] = look.statement


def extension(node: Any, look: RuleContext) -> None:
    """ALTER EXTENSION ... UPDATE."""
    wanted = option(node.options, "new_version")
    look.tell(
        "S11",
        f"the update of {node.extname} runs whatever its author wrote"
        + ("" if wanted else ", to whatever version the server has"),
        node.extname,
        remedy="UPDATE TO a version, tried on a copy",
    )
