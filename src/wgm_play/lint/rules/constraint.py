"""Constraints: added, validated, dropped.

In: a command of ALTER TABLE, or a column or table that declares some. Out: findings; the constraints there are.
"""

from __future__ import annotations

from typing import Any

from wgm_play.lint.context import ACCESS_EXCLUSIVE, SHARE_ROW_EXCLUSIVE, RuleContext
from wgm_play.lint.following import later
from wgm_play.lint.model import KnownConstraint, KnownIndex, KnownRelation
from wgm_play.lint.tree import columns_of, functions_of, is_null, last, of_type, proves_not_null, words
from wgm_play.lint.tree import kind as kind_of
from wgm_play.lint.types import MUTABLE, MUTABLE_WORDS

KINDS = {
    "CONSTR_CHECK": "check",
    "CONSTR_FOREIGN": "foreign",
    "CONSTR_UNIQUE": "unique",
    "CONSTR_PRIMARY": "primary",
    "CONSTR_EXCLUSION": "exclude",
    "CONSTR_NOTNULL": "not_null",
}
_ENDINGS = {
    "check": "check",
    "foreign": "fkey",
    "unique": "key",
    "primary": "pkey",
    "exclude": "excl",
    "not_null": "not_null",
}


def of_column(node: Any, relation: KnownRelation, look: RuleContext, *, added: bool = False) -> None:
    """Read the constraints that a column declares; `added` says that its table is there already."""
    defaults = [one for one in node.constraints or () if one.contype.name == "CONSTR_DEFAULT"]
    filled = any(not is_null(one.raw_expr) for one in defaults)
    for one in node.constraints or ():
        kind = KINDS.get(one.contype.name)
        if kind is None or (kind == "not_null" and not one.conname):
            continue
        made = _record(one, kind, (node.colname,), relation, look)
        _always(one, made, relation, look)
        if kind == "foreign":
            _second_table(one, relation, look)
        if added and not look.quiet(relation):
            _inline(one, made, node, relation, look, filled)


def _inline(
    one: Any, made: KnownConstraint, node: Any, relation: KnownRelation, look: RuleContext, filled: bool
) -> None:
    name = node.colname
    if made.kind in ("unique", "primary", "exclude"):
        look.tell(
            "C16",
            f"{name}: its index is built while reads and writes wait",
            relation,
            name,
            at=one.location,
            remedy="add the column, build the unique index CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX",
        )
    elif made.kind == "check" and one.is_enforced is not False:
        look.tell(
            "C16",
            f"{name}: all rows are read for the check while reads and writes wait",
            relation,
            name,
            at=one.location,
            remedy="add the column, then the check NOT VALID, and validate it in a transaction of its own",
        )
    elif made.kind == "foreign" and filled:
        look.tell(
            "C04",
            f"{name}: with a default every row is looked up while reads and writes wait",
            relation,
            name,
            at=one.location,
            remedy="add the column, then the foreign key NOT VALID, and validate it by itself",
        )


def add(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """ADD CONSTRAINT."""
    node = command.def_
    kind = KINDS.get(node.contype.name)
    if kind is None:
        return
    columns = _columns(node, relation, look)
    nullable = [name for name in columns if look.column(relation, name).not_null is False]
    made = _record(node, kind, columns, relation, look)
    _always(node, made, relation, look)
    if kind == "foreign":
        _second_table(node, relation, look)
    if node.is_enforced is False and kind in ("check", "foreign"):
        look.tell("K11", "NOT ENFORCED: it is recorded and not kept", relation, made.name, at=node.location)
        return
    if look.quiet(relation):
        return
    _required(node, made, relation, look)
    if node.indexname:
        _using_index(node, made, relation, look, nullable)
    elif kind in _ADDED and not (node.skip_validation and kind in ("check", "foreign", "not_null")):
        code, message, remedy = _ADDED[kind]
        look.tell(
            code,
            message.format(table=relation.label, other=_label(made.refers)),
            relation,
            made.name,
            at=node.location,
            remedy=remedy.format(table=relation.label, name=node.conname or made.name, columns=", ".join(columns)),
        )
    elif kind == "foreign" and relation.partitioned is not None and look.settings.server_version < 18:
        look.tell("K02", "NOT VALID is refused on a partitioned table before PostgreSQL 18", relation, made.name)


_BY_INDEX = "CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns});\nALTER TABLE {table} ADD CONSTRAINT {name} %s USING INDEX {name};"
_NOT_VALID = "add it NOT VALID, then, in a transaction of its own:\nALTER TABLE {table} VALIDATE CONSTRAINT {name};"
_ADDED = {
    "check": ("K01", "all rows are read for the check while reads and writes wait", _NOT_VALID),
    "not_null": ("C06", "all rows are read for NOT NULL while reads and writes wait", _NOT_VALID),
    "foreign": ("K02", "writes to {table} and {other} wait while all rows are looked up", _NOT_VALID),
    "unique": ("K04", "the index is built while reads and writes wait", _BY_INDEX % "UNIQUE"),
    "primary": ("K05", "the index is built while reads and writes wait", _BY_INDEX % "PRIMARY KEY"),
    "exclude": (
        "K06",
        "the index is built while reads and writes wait; there is no online form",
        "a quiet hour with a lock_timeout, or the constraint on new partitions only",
    ),
}


def _label(name: tuple[str, str] | None) -> str:
    return ".".join(name) if name else "the other table"


def _using_index(
    node: Any, made: KnownConstraint, relation: KnownRelation, look: RuleContext, nullable: list[str]
) -> None:
    """A key made of an index reads the rows again where a column of it may be NULL."""
    if made.kind == "primary" and nullable:
        look.tell(
            "K05",
            f"{', '.join(nullable)} may be NULL: all rows are read for NOT NULL while reads and writes wait",
            relation,
            made.name,
            at=node.location,
            remedy="SET NOT NULL first, by a check that is proven (C06)",
        )


def _required(node: Any, made: KnownConstraint, relation: KnownRelation, look: RuleContext) -> None:
    """A check may require a column that no writer knows yet."""
    for name in made.proves:
        column = relation.columns.get(name)
        if column is not None and column.made == look.file and not column.default and not column.serial:
            look.tell(
                "C02",
                f"{name} is new, has no default and is required from here on: writers that do not know it fail",
                relation,
                name,
                at=node.location,
                remedy="give it a default, or require it in a later release",
            )


def _columns(node: Any, relation: KnownRelation, look: RuleContext) -> tuple[str, ...]:
    named = words(node.fk_attrs if node.contype.name == "CONSTR_FOREIGN" else node.keys)
    if named or not node.indexname:
        return tuple(named)
    index = look.known.indexes.get((relation.name[0], node.indexname))
    return index.columns if index else ()


def _record(
    node: Any, kind: str, columns: tuple[str, ...], relation: KnownRelation, look: RuleContext
) -> KnownConstraint:
    """Note a constraint, and the index behind it."""
    expression = node.raw_expr
    name = node.conname or _default_name(relation, kind, columns or _only(expression))
    refers = look.name(node.pktable) if node.pktable is not None else None
    made = KnownConstraint(
        name,
        kind,
        columns or tuple(dict.fromkeys(columns_of(expression))),
        not node.skip_validation,
        frozenset(proves_not_null(expression)) if kind == "check" else frozenset(columns if kind == "not_null" else ()),
        frozenset(one[-1] for one in functions_of(expression)),
        refers,
        tuple(words(node.pk_attrs)),
        str(node.fk_del_action or "a").strip("\0") or "a",
        look.file,
        look.session.number,
        look.place(node.location),
    )
    relation.constraints[name] = made
    look.known.called |= made.functions
    if kind in ("unique", "primary") and not node.indexname:
        key = (relation.name[0], name)
        look.known.indexes[key] = KnownIndex(key, relation.name, made.columns, True, False, "btree", made=look.file)
    if kind == "primary":
        for one in made.columns:
            look.column(relation, one).not_null = True
    return made


def _only(expression: Any) -> tuple[str, ...]:
    """Return the column that a check names, where it names one."""
    found = tuple(dict.fromkeys(columns_of(expression)))
    return found if len(found) == 1 else ()


def _default_name(relation: KnownRelation, kind: str, columns: tuple[str, ...]) -> str:
    name = "_".join((relation.name[1], *(columns if kind != "primary" else ()), _ENDINGS[kind]))
    number = ""
    while name + number in relation.constraints:
        number = str(int(number or 0) + 1)
    return name + number


def _always(node: Any, made: KnownConstraint, relation: KnownRelation, look: RuleContext) -> None:
    """What is wrong with a constraint of a new table too."""
    if made.kind == "check":
        words_of_time = [one for one in of_type(node.raw_expr, "SQLValueFunction") if one.op.name in MUTABLE_WORDS]
        calls = [one for one in functions_of(node.raw_expr) if one[-1] in MUTABLE]
        if words_of_time or calls:
            said = calls[0][-1] + "()" if calls else words_of_time[0].op.name.removeprefix("SVFOP_").lower()
            look.tell(
                "K10",
                f"the check depends on {said}: rows that were right become wrong unseen, and a restore fails",
                relation,
                made.name,
                at=node.location,
                remedy="a trigger, or the value in a column",
            )
    if made.kind in ("unique", "primary") and relation.partitioned and not node.indexname:
        missing = [one for one in relation.partitioned if one not in made.columns]
        if missing and made.columns:
            look.tell(
                "P06",
                f"the key must hold the partition key ({', '.join(missing)}): PostgreSQL refuses it",
                relation,
                made.name,
                at=node.location,
            )


def _second_table(node: Any, relation: KnownRelation, look: RuleContext) -> None:
    """A foreign key locks the table that it refers to as well."""
    other = look.relation(node.pktable)
    if other is relation or look.is_new(other):
        return
    before = {one.relation.label for one in look.session.held if one.level == SHARE_ROW_EXCLUSIVE} - {relation.label}
    look.lock(other, SHARE_ROW_EXCLUSIVE)
    if look.session.transaction and before - {other.label} and "keys" not in look.session.told:
        look.session.told.add("keys")
        look.tell(
            "K07",
            f"writers of {', '.join(sorted(before))} and of {other.label} wait in one transaction: a deadlock is near",
            relation,
            at=node.location,
            remedy="one foreign key in a transaction",
        )


def validate(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """VALIDATE CONSTRAINT."""
    one = relation.constraints.get(command.name)
    same = one is not None and one.transaction == look.session.number and look.session.transaction
    if same and not look.quiet(relation):
        look.tell(
            "K03",
            "all rows are read in the transaction that added it: its lock is held until the end",
            relation,
            command.name,
            remedy="COMMIT between them",
        )
    elif not look.quiet(relation):
        look.lock(relation, 0, long=True)
    if one is not None:
        one.valid = True
    else:
        relation.validated = look.file


def drop(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """DROP CONSTRAINT."""
    one = relation.constraints.pop(command.name, None)
    look.known.indexes.pop((relation.name[0], command.name), None)
    if command.behavior.name == "DROP_CASCADE" and not look.is_new(relation):
        look.tell("S13", f"CASCADE takes the foreign keys that use {command.name}", relation, command.name)
    if one is not None and one.kind == "foreign" and one.refers:
        look.lock(look.relation(one.refers), ACCESS_EXCLUSIVE)
    if look.is_new(relation) or (one is not None and (one.made == look.file or one.kind in ("check", "not_null"))):
        return
    if relation.validated == look.file and one is None:
        return
    key = one.kind in ("primary", "unique") if one else command.name.endswith(("_pkey", "_key"))
    if key and _key_again(relation, look):
        return
    if key and relation.name in look.known.published and (one is None or one.kind == "primary"):
        look.tell("R01", "published UPDATEs and DELETEs fail without the key", relation, command.name)
    look.tell(
        "K09",
        f"{command.name} is gone at once; to bring it back costs a scan or an index",
        relation,
        command.name,
        severity="warning" if key else "info",
        remedy="make sure that no foreign key and no ON CONFLICT needs it" if key else "",
    )


def _key_again(relation: KnownRelation, look: RuleContext) -> bool:
    """Say whether another key takes the place of one in the same statement or transaction."""
    coming = [look.statement.node, *later(look, same_transaction=True)]
    return any(
        one.subtype.name == "AT_AddConstraint" and one.def_.contype.name in ("CONSTR_PRIMARY", "CONSTR_UNIQUE")
        for node in coming
        if kind_of(node) == "AlterTableStmt" and look.name(node.relation) == relation.name
        for one in node.cmds
    )


def alter(command: Any, relation: KnownRelation, look: RuleContext) -> None:
    """ALTER CONSTRAINT."""
    if not look.is_new(relation):
        look.tell(
            "K13", "transactions that relied on the old moment may fail", relation, last(command.def_.conname or ())
        )
