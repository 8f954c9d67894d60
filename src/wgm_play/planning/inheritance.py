"""Who is whose partition or child: what leaves its parent, joins another or gets other bounds does so before the rest.

In: the live catalog, and what its tables are to be. Out: changes that attach and detach, and the catalog after them,
which a scratch database tells: a partition that leaves has columns, keys and indexes of its own from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.access import keep_roles
from wgm_play.catalog.constraint import Constraint
from wgm_play.catalog.graph import children, descendants, object_of, parents_of, reached, touched
from wgm_play.catalog.kinds import ACCESS, AS_ROWS, OF_OBJECT, ON_VIEW, SWAPPED, VIEWS, WITH_BODY
from wgm_play.catalog.model import Catalog, Key, Row
from wgm_play.catalog.partition_set import kept_by_partman
from wgm_play.catalog.table import Table
from wgm_play.desired.manage import Manage
from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    hazard,
)
from wgm_play.operations.online import bound
from wgm_play.operations.table import attach, create_table
from wgm_play.operations.trash import COLUMN_PREFIX
from wgm_play.plan import Command, Hazard, Lock
from wgm_play.playbook.model import Declaration
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.shadow import Shadow, read, run_all, send
from wgm_play.shadow.remake import remake
from wgm_play.sql import Sql, ident, literal

if TYPE_CHECKING:
    import psycopg

PENDING = " DETACH"
_SCAN = hazard(
    "P01",
    "the rows of the table are read while it is locked; not online: no check can say what a bound by hash says",
    "attach it in a quiet hour",
)
_SCAN_DEFAULT = hazard(
    "P01",
    "the rows of the default partition are read while it is locked; not online: its parent is a partition itself",
    "attach in a quiet hour",
)
# What a new parent may need: it is made before that, whatever moves.
_NEEDED_BY_PARENTS = SWAPPED | {"schema"} | {"extension"} | {"sequence"} | {"function"}


@dataclass(slots=True)
class Joining:
    """A table that is attached by a change. `condition` is its bound in SQL, empty where that cannot be told as a check.

    `default` is the default partition, which must hold none of its rows, where there is one. `lacking` are the indexes,
    keys and foreign keys that it gets with it, `parents` the tables that these refer to.
    """

    change: Change
    table: Key
    parent: Key
    default: Key | None
    condition: str = ""
    nested: bool = False
    lacking: dict[Key, Constraint] = field(default_factory=dict)
    parents: dict[Key, list[Key]] = field(default_factory=dict)

    @property
    def excluded(self) -> str:
        """What holds for the rows of the default partition; its own bound would be in the way of a nested parent."""
        return f"NOT ({self.condition})" if self.condition and not self.nested else ""


@dataclass(slots=True)
class Moves:
    """Changes of parents, in order; `tables` are all that take part in them; `gone` go with the table they were part of.

    `let_go` are the foreign keys that refer to a partitioned table which goes: while they stand, no partition with rows
    that they need can leave.
    """

    changes: list[Change] = field(default_factory=list)
    tables: set[Key] = field(default_factory=set)
    joining: list[Joining] = field(default_factory=list)
    gone: dict[Key, Declaration] = field(default_factory=dict)
    let_go: frozenset[Key] = frozenset()

    def order(self, changes: Iterable[Change]) -> None:
        """Let other changes wait for the moves, but for foreign keys that let go before."""
        changes = list(changes)
        first = [change for change in changes if change.removes & self.let_go]
        for change in changes:
            operation = change.operation
            is_free = operation.verb == "create" and operation.key.kind in _NEEDED_BY_PARENTS
            is_free = is_free or (operation.verb == "alter" and operation.key.kind in WITH_BODY)
            if operation.key not in self.let_go and not is_free:
                change.wait_for(*self.changes[-1:])
        for change in self.changes[:1]:
            change.wait_for(*first)


def declared_moves(
    situation: PlanContext, realised: Catalog, declarations: Mapping[Key, Declaration], *, prune: bool, manage: Manage
) -> Moves:
    """Return what the playbook asks for: declared tables under other parents, and partitions that are removed."""
    live = situation.current
    below = children(live)
    if not below and not any(parents_of(realised, key) for key in realised.of("table")):
        return Moves()
    made = Moves()
    declared = {key for key, one in declarations.items() if key.kind == "table" and not one.absent}
    removed = {key for key, one in declarations.items() if key.kind == "table" and one.absent and key in live.rows}
    if prune:
        unsaid = {key for key in live.rows if key.kind == "table" and key not in declared}
        kept = kept_by_partman(live)
        removed |= {key for key in unsaid - kept if manage.covers(key)}
        removed |= {child for key in removed for child in descendants(below, key) if child in kept}
    for key in sorted(removed):
        for child in sorted(descendants(below, key)):
            if child not in declared and child not in removed and live[child].bound is not None:
                cause = declarations[key]
                made.gone[child] = Declaration(child, cause.step, cause.position, absent=True)
    leaving = removed | set(made.gone)
    wanted = {key: row for key, row in realised.rows.items() if key in declared}
    steps = {key: one.step for key, one in (*declarations.items(), *made.gone.items()) if key.kind == "table"}
    _find(situation, made, realised, wanted, leaving, steps)
    return made


def moves_between(situation: PlanContext, brought: Iterable[Key] = ()) -> Moves:
    """Return what leads from the current catalog to the wanted one; what was brought back from the trash joins last."""
    made = Moves()
    current, wanted = situation.current, situation.wanted
    rows = {key: row for key, row in wanted.rows.items() if key.kind == "table" and key not in set(brought)}
    leaving = {key for key in current.rows if key.kind == "table" and key not in rows}
    _find(situation, made, wanted, rows, leaving, {})
    return made


def joins_last(situation: PlanContext, brought: Iterable[Key]) -> list[Change]:
    """Return the changes by which restored tables join their parents, when those are again as they were."""
    made = Moves()
    waiting = [key for key in sorted(brought) if key.kind == "table" and situation.wanted[key].parents]
    for key in waiting:
        new = situation.wanted[key]
        alone = replace(new, parents=None, bound=None)
        _join(situation, made, key, alone, new, situation.step_of(key), trashed=True)
    return made.changes


def _find(
    situation: PlanContext,
    made: Moves,
    source: Catalog,
    wanted: Mapping[Key, Row],
    leaving: Iterable[Key],
    steps: Mapping[Key, int],
) -> None:
    """Append what must happen: first what leaves, then what joins."""
    live = situation.current
    goes = set(leaving)
    joins: list[tuple[Key, Table, Table]] = []
    for key in sorted({*wanted, *goes, *_orphans(live, goes)}):
        if key not in live.rows:
            continue
        old: Table = live[key]
        if key in goes:
            new = _without(old)
        elif key in wanted:
            new = Table(*wanted[key])
        else:
            new = _without(old, {parent.name for parent in goes})
        if (old.parents, old.bound) == (new.parents, new.bound):
            continue
        made.tables.add(key)
        made.tables.update(Key("table", tuple(parent)) for parent in (*(old.parents or ()), *(new.parents or ())))
        step = steps.get(key, situation.step_of(key))
        _leave(situation, made, key, old, new, step)
        joins.append((key, old, new))
    for key, old, new in joins:
        step = steps.get(key, situation.step_of(key))
        for parent in new.parents or ():
            _make_parent(situation, made, source, Key("table", tuple(parent)), steps)
        _join(situation, made, key, old, new, step)
    made.let_go = referring(live, goes)


def referring(catalog: Catalog, tables: Iterable[Key]) -> frozenset[Key]:
    """Return the foreign keys that refer to those of these tables that are partitioned."""
    spread = {key for key in tables if key in catalog.rows and catalog[key].partition_by}
    return frozenset(
        key
        for key, referenced in (catalog.edges if spread else ())
        if key.kind == "constraint" and (referenced.relation or referenced) in spread and catalog[key].type == "f"
    )


def filled_from(catalog: Catalog, tables: Iterable[Key]) -> frozenset[Key]:
    """Return the materialized views that read these tables, through views too, with all that is built on them."""
    by_name: dict[tuple[str, ...], set[Key]] = {}
    for dependent, referenced in catalog.edges:
        by_name.setdefault(referenced.name[:2], set()).add(dependent)

    def above(keys: Iterable[Key], kinds: frozenset[str]) -> set[Key]:
        start = set(keys)
        return reached(start, lambda key: (one for one in by_name.get(key.name[:2], ()) if one.kind in kinds)) - start

    filled = {key for key in above(tables, VIEWS) if key.kind == "materialized_view"}
    built = filled | above(filled, VIEWS | ON_VIEW | {"index"})
    return frozenset(built | {key for key in catalog.rows if key.kind in OF_OBJECT and object_of(key) in built})


def _orphans(live: Catalog, goes: set[Key]) -> list[Key]:
    """Return the children, by inheritance, of what goes: they stay as tables of their own."""
    return [
        child
        for parent, below in children(live).items()
        if parent in goes
        for child in below
        if live[child].bound is None
    ]


def _without(row: Table, parents: set[tuple[str, ...]] | None = None) -> Table:
    left = [one for one in row.parents or () if parents is not None and tuple(one) not in parents]
    return replace(row, parents=left or None, bound=None)


def _append(
    situation: PlanContext, made: Moves, key: Key, title: str, commands: list[Command], step: int, **more: Any
) -> None:
    change = alter(situation, key, title, commands, step=step, after=tuple(made.changes[-1:]), **more)
    change.make_only()
    made.changes.append(change)


def _leave(situation: PlanContext, made: Moves, key: Key, old: Table, new: Table, step: int) -> None:
    kept = new.parents or []
    for parent in old.parents or ():
        table = Key("table", tuple(parent))
        if old.bound is not None:
            _detach(situation, made, key, table, old, step)
        elif new.bound is not None or parent not in kept:
            lock = Lock(ACCESS_EXCLUSIVE, key.label)
            gone = command("table/inherit", lock, child=key.name, parent=table.name, off=True)
            _append(situation, made, key, f"let {key} inherit from {table.label} no more", [gone], step)


def _detach(situation: PlanContext, made: Moves, key: Key, parent: Key, old: Table, step: int) -> None:
    live = situation.current
    title = f"detach {key} from {parent.label}"
    if str(old.bound).endswith(PENDING):
        lock = Lock(ACCESS_EXCLUSIVE, key.label)
        ended = command("table/detach", lock, parent=parent.name, child=key.name, how=Sql("FINALIZE"))
        _append(
            situation, made, key, f"end the detaching of {key} from {parent.label}", [ended, _no_check(live, key)], step
        )
        return
    siblings = children(live).get(parent, ())
    default = any(live[one].bound == "DEFAULT" for one in siblings)
    if situation.facts.version < 140000 or default or not situation.online(parent):
        locks = (Lock(ACCESS_EXCLUSIVE, parent.label), Lock(ACCESS_EXCLUSIVE, key.label))
        _append(
            situation,
            made,
            key,
            title,
            [command("table/detach", *locks, parent=parent.name, child=key.name, how=None)],
            step,
        )
        return
    done = command("table/detached", child=literal(str(ident(key.name))), parent=literal(str(ident(parent.name)))).sql
    apart = command(
        "table/detach",
        Lock(SHARE_UPDATE_EXCLUSIVE, parent.label),
        parent=parent.name,
        child=key.name,
        how=Sql("CONCURRENTLY"),
        wait="long",
        transactional=False,
        done=done,
    )
    _append(situation, made, key, title + " concurrently", [apart], step, alone=True)
    _append(situation, made, key, f"drop the check that the detaching left on {key}", [_no_check(live, key)], step)


def _no_check(live: Catalog, key: Key) -> Command:
    """Drop the CHECK that a concurrent detach leaves (manual: "ALTER TABLE"); it has a name of the server's choice."""
    tables = [key, *parents_of(live, key)]
    known = sorted(
        one.name[2] for table in tables for one in live.of("constraint", *table.name) if live[one].type == "c"
    )
    text = "{" + ",".join('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in known) + "}"
    quoted = str(ident(key.name))
    return command(
        "table/drop_detach_check",
        Lock(ACCESS_EXCLUSIVE, key.label),
        child_text=literal(quoted),
        child_format=Sql(quoted.replace("%", "%%").replace("'", "''")),
        known=literal(text),
    )


def _make_parent(situation: PlanContext, made: Moves, source: Catalog, parent: Key, steps: Mapping[Key, int]) -> None:
    """Create a parent that is not there yet, so that a table that is there can join it."""
    if (
        parent in situation.current.rows
        or parent not in source.rows
        or any(parent in one.makes for one in made.changes)
    ):
        return
    for above in parents_of(source, parent):
        _make_parent(situation, made, source, above, steps)
    there = replace(
        situation,
        wanted=source,
        goal=replace(situation.goal, steps={**situation.goal.steps, parent: steps.get(parent, -1)}),
    )
    for change in create_table(there, parent):
        if change.makes:  # marks of indexes wait for the indexes
            change.wait_only_for(*made.changes[-1:])
            made.changes.append(change)
    made.tables.add(parent)


def _join(
    situation: PlanContext, made: Moves, key: Key, old: Table, new: Table, step: int, *, trashed: bool = False
) -> None:
    trashed = trashed or any(name.startswith(COLUMN_PREFIX) for name in situation.facts.trash_names)
    had = old.parents or [] if old.bound is None and new.bound is None else []
    for parent in new.parents or ():
        table = Key("table", tuple(parent))
        alike = [_trash_columns(key, table)] if trashed else []
        if new.bound is not None:
            siblings = children(situation.current).get(table, ())
            defaults = [one for one in siblings if situation.current[one].bound == "DEFAULT" and one != key]
            locks = [Lock(ACCESS_EXCLUSIVE, one.label) for one in defaults]
            joined = attach(table, key, Sql(new.bound), *locks)
            _append(situation, made, key, f"attach {key} to {table.label}", [*alike, joined], step)
            nested = table in situation.current.rows and situation.current[table].bound is not None
            made.joining.append(Joining(made.changes[-1], key, table, next(iter(defaults), None), nested=nested))
        elif parent not in had:
            locks = [Lock(ACCESS_EXCLUSIVE, key.label), Lock(SHARE_UPDATE_EXCLUSIVE, table.label)]
            joined = command("table/inherit", *locks, child=key.name, parent=table.name, off=False)
            _append(situation, made, key, f"let {key} inherit from {table.label}", [*alike, joined], step)


def _trash_columns(child: Key, parent: Key) -> Command:
    """Give a child the columns that its parent keeps in the trash: without them it cannot join."""
    quoted = str(ident(child.name))
    return command(
        "table/take_trash_columns",
        Lock(ACCESS_EXCLUSIVE, child.label),
        child_text=literal(quoted),
        parent_text=literal(str(ident(parent.name))),
        child_format=Sql(quoted.replace("%", "%%").replace("'", "''")),
    )


def _try(connection: psycopg.Connection[Any], change: Change) -> None:
    import psycopg as library

    for made in change.operation.commands:
        if not made.shadow:
            continue
        try:
            send(connection, made.sql)
        except library.Error as error:
            raise Refused(
                f"{change.operation.title}: {mask(str(error.diag.message_primary or error))}; nothing was touched",
                hint=error.diag.message_hint or "change its columns and rules in a run before",
            ) from error


def _condition(connection: psycopg.Connection[Any], table: Key) -> str:
    """Return the bound of a partition as a condition; empty for one of hash: it names the parent by its number."""
    row = connection.execute(
        render("table/bound.sql.j2", child=literal(str(ident(table.name)))).sql.encode()
    ).fetchone()
    return "" if row is None or row[0] is None or "satisfies_hash_partition" in row[0] else str(row[0])


def _note_lacking(connection: psycopg.Connection[Any], one: Joining, live: Catalog) -> None:
    """Note what the server made for a partition as it joined."""
    child, parent = (literal(str(ident(table.name))) for table in (one.table, one.parent))
    statement = render("table/lacking.sql.j2", child=child, parent=parent)
    for kind, name, letter, definition, options, tablespace, refers in connection.execute(statement.sql.encode()):
        where = one.table.name if kind == "constraint" else one.table.name[:1]
        key = Key(kind, (*where, name))
        if key not in live.rows:
            one.lacking[key] = Constraint(letter, definition, True, options, tablespace, None)
            one.parents[key] = [Key("table", tuple(refers))] if refers else []


def _made_meanwhile(keys: Iterable[Key]) -> Hazard:
    listed = ", ".join(map(str, keys))
    return hazard(
        "P01",
        f"made while the table is locked; not online: nothing that is built before is taken over for it: {listed}",
        "attach it in a quiet hour",
    )


def prove_bounds(situation: PlanContext, moves: Moves) -> None:
    """Let large tables join without being read: what their bound says is proved before, by a check.

    Notes in the situation which conditions the rows must meet.
    """
    for one in moves.joining:
        proofs: list[Change] = []
        ends: list[Command] = []
        hazards: list[Hazard] = []
        named: list[Command] = []
        step = one.change.operation.step
        for table, condition, unproved in (
            (one.table, one.condition, _SCAN),
            (one.default, one.excluded, _SCAN_DEFAULT),
        ):
            if table is None:
                continue
            if condition:
                situation.findings.bounds.setdefault(table, []).append((Sql(condition), one.table))
            if not situation.online(table):
                continue
            if condition:
                proofs += bound.prove(situation, table, condition, step)
                ends.append(bound.end(table, condition))
            else:
                hazards.append(unproved)
        if situation.online(one.table):
            built, named, left = bound.equip(situation, one.table, one.lacking, one.parents, step)
            proofs = [*built, *proofs]
            hazards += [_made_meanwhile(left)] if left else []
        for change in proofs:
            change.make_only()
        at, before = moves.changes.index(one.change), one.change.after
        for change in (*proofs, one.change):
            change.wait_only_for(*before)
            before = (change,)
        moves.changes[at:at] = proofs
        operation = one.change.operation
        one.change.operation = replace(operation, commands=(*named, *operation.commands, *ends), hazards=tuple(hazards))


def after(shadow: Shadow, live: Catalog, moves: Moves) -> Catalog:
    """Return the live catalog as it is after the moves."""
    part = touched(live, moves.tables) - {key for key in live.rows if key.kind in AS_ROWS | ACCESS}
    with shadow.database() as connection:
        remake(connection, live, part)
        joining = {id(one.change): one for one in moves.joining}
        freed = [
            command("constraint/drop", name=key.name[2], table=key.name[:2]) for key in sorted(moves.let_go & part)
        ]
        run_all(connection, [made.sql for made in freed])
        for change in moves.changes:
            _try(connection, change)
            if id(change) in joining:
                one = joining[id(change)]
                one.condition = _condition(connection, one.table)
                _note_lacking(connection, one, live)
        found = read(connection)
    made_catalog = live.copy()
    public = Key("schema", ("public",))
    for key in part - {public}:
        made_catalog.rows.pop(key, None)
    found.rows.pop(public, None)
    for key, row in {**found.rows, **keep_roles(found.rows, live.rows)}.items():
        if key.kind in ACCESS:
            continue
        made_catalog.rows[key] = row
        if key not in live.extras:
            made_catalog.extras[key] = found.extras[key]._replace(oid=0, owner=None, acl=None)
    for key in moves.let_go:  # they are dropped by changes of their own
        made_catalog.rows[key] = live.rows[key]
    made_catalog.edges = frozenset(
        {edge for edge in live.edges if edge[0] not in part or edge[0] in moves.let_go}
        | {edge for edge in found.edges if edge[0] in made_catalog.rows and edge[1] in made_catalog.rows}
    )
    return made_catalog
