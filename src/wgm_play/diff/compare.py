"""Compare two catalogs and say which changes lead from one to the other.

In: a `PlanContext` with the current and the wanted catalog. Out: changes, and the keys of what is dropped and made
again because something below it changes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field
from functools import partial

from wgm_play.catalog.graph import object_of, owner_column, parts_of, parts_of_table, relation_of, users
from wgm_play.catalog.kinds import (
    COMPOUND_TYPES,
    INDEXES,
    KIND_ORDER,
    OF_OBJECT,
    OF_PUBLICATION,
    ON_VIEW,
    OWNED,
    PER_ROW,
    SWAPPED,
    TYPES,
    UNSTORED,
    VIEWS,
    WITH_BODY,
    WITH_PARTS,
)
from wgm_play.catalog.model import Catalog, Key, expressions_differ
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations import DEFINED, OPERATIONS_FOR, attached_keys, defined, index_marks, type_swap
from wgm_play.operations import column as columns
from wgm_play.operations import composite as composites
from wgm_play.operations import function as functions
from wgm_play.operations import index as indexes
from wgm_play.operations import view as views
from wgm_play.operations.access import before_columns_go
from wgm_play.operations.base import Change, PlanContext, alter, command
from wgm_play.operations.online import choose
from wgm_play.operations.sequence import let_go_first, outlives_its_owner
from wgm_play.sql import Sql


@dataclass(slots=True)
class Difference:
    """What differs: keys to create, drop and alter, and the changes that do it; `joined` are pairs that commit together."""

    created: list[Key] = field(default_factory=list)
    dropped: list[Key] = field(default_factory=list)
    altered: list[Key] = field(default_factory=list)
    rebuilt: frozenset[Key] = frozenset()
    changes: list[Change] = field(default_factory=list)
    joined: list[tuple[Change, Change]] = field(default_factory=list)


def compare(current: Catalog, wanted: Catalog) -> Difference:
    """Return the keys that differ; no changes yet."""
    found = Difference()
    rows, other = current.rows, wanted.rows
    for key, row in other.items():
        before = rows.get(key)
        if before is None:
            if key not in rows:
                found.created.append(key)
        elif before != row:
            found.altered.append(key)
    found.dropped = [key for key in rows if key not in other]
    for keys, catalog in ((found.created, wanted), (found.dropped, current), (found.altered, wanted)):
        keys.sort(key=partial(_place, catalog))
    return found


def _place(catalog: Catalog, key: Key) -> tuple[int, tuple[str, ...], int, Key]:
    """Return where a key stands among others: columns in the order of their table, all else by name."""
    number = catalog.extra(key).number if key.kind == "column" else 0
    return (KIND_ORDER[key.kind], key.name[:2], number, key)


def diff(situation: PlanContext) -> Difference:
    """Return the changes that lead from the current to the wanted catalog, not yet in order."""
    found = compare(situation.current, situation.wanted)
    found.altered += sorted(situation.goal.forced - set(found.altered))
    found.altered += [key for key in situation.goal.passwords if key not in found.created and key not in found.altered]
    if not (found.created or found.dropped or found.altered):
        return found
    hard, rebuilt = _rebuilds(situation, found)
    online = choose.choose(situation, found.altered)
    rebuilt -= online.covered
    found.rebuilt = frozenset(rebuilt | hard)
    situation.findings.apart |= situation.goal.let_go | _circular_keys(situation.current, found.dropped)
    situation.findings.apart |= {
        key for key in found.altered if key.kind == "sequence" and outlives_its_owner(situation, key)
    }
    covered = _covered_by_drop(situation, found) - situation.findings.apart
    done = _swapped(found, situation)
    for key in found.dropped:
        if key not in covered and key not in done:
            found.changes += OPERATIONS_FOR[key.kind][2](situation, key)
    _create(situation, found, done)
    for key in found.altered:
        if key in rebuilt or key in done or key in online.covered:
            continue
        found.changes += OPERATIONS_FOR[key.kind][1](situation, key)
    again = rebuilt | {key for key in hard if key.kind in VIEWS}
    for key in sorted(rebuilt, key=partial(_place, situation.wanted)):
        found.changes += _again(situation, key, hard, again)
    if situation.facts.attached:
        found.changes = attached_keys.go_together(situation, found.changes, OPERATIONS_FOR["constraint"][0])
    _one_primary_key(situation, found)
    before_columns_go(situation, found.changes)
    choose.join(situation, online, found.changes, found.rebuilt)
    found.changes += index_marks.again(situation, found.changes)
    let_go_first(situation, found.changes)
    found.joined += index_marks.in_one_moment(situation, found.changes)
    found.joined += columns.with_what_is_inherited(situation, found.changes)
    found.changes += online.changes
    _after_fills(situation, found)
    return found


def _after_fills(situation: PlanContext, found: Difference) -> None:
    """Let new and changed triggers of a table wait until its rows are filled: they would act on them."""
    for change in found.changes if situation.findings.fills else ():
        key = change.operation.key
        if key.kind == "trigger" and change.operation.verb in ("create", "alter") and key not in found.rebuilt:
            change.wait_for(*(last for table, last in situation.findings.fills if table == key.relation))


def _one_primary_key(situation: PlanContext, found: Difference) -> None:
    """Let a table's primary key of another name go before the new one comes: there is never a second one."""
    gone = {
        key.relation: key
        for key in found.dropped
        if key.kind == "constraint" and situation.current.value(key, "type") == "p"
    }
    dropping = {key: change for change in found.changes for key in change.removes if key in gone.values()}
    for key in found.created:
        before = (
            gone.get(key.relation) if key.kind == "constraint" and situation.wanted.value(key, "type") == "p" else None
        )
        if before in dropping:
            for change in found.changes:
                if key in change.makes and change is not dropping[before]:
                    change.wait_for(dropping[before])
                    found.joined.append((dropping[before], change))


def _create(situation: PlanContext, found: Difference, done: set[Key]) -> None:
    made = set(done)
    for kind in WITH_PARTS:
        for key in found.created:
            if key.kind == kind:
                changes = OPERATIONS_FOR[kind][0](situation, key)
                found.changes += changes
                made.update(*(change.makes - _left_to_do(situation, change) for change in changes))
    for key in found.created:
        if key.kind not in WITH_PARTS and key not in made:
            found.changes += OPERATIONS_FOR[key.kind][0](situation, key)


def _left_to_do(situation: PlanContext, change: Change) -> set[Key]:
    """Return the columns that a table gets from its parent when it is created, and that differ from the parent's."""
    if change.operation.verb != "create":
        return set()
    return {key for key in change.makes if key.kind == "column" and situation.wanted[key].inherited}


def _covered_by_drop(situation: PlanContext, found: Difference) -> set[Key]:
    """Return the keys that go together with what they belong to."""
    current, gone = situation.current, set(found.dropped)
    covered = {key for table in found.dropped if table.kind == "table" for key in parts_of_table(current, table)}
    others = [key for key in found.dropped if key.kind in _WITH_ITS_PARTS]
    covered.update(key for key in parts_of(current, others) if key.kind not in OF_OBJECT | {"sequence"})
    for key in found.dropped:
        if key.kind in OF_OBJECT and object_of(key) not in situation.wanted.rows and key.name[0] in _GRANTED_WITH:
            covered.add(key)
        elif key.kind == "sequence" and not situation.facts.trash and owner_column(current, key) in gone:
            covered.add(key)  # a column that is dropped for good takes it along
    return covered


def _circular_keys(current: Catalog, dropped: list[Key]) -> frozenset[Key]:
    """Return the foreign keys of tables that all go and refer to one another: they go first, each by itself."""
    refers: dict[Key, set[tuple[Key, Key]]] = defaultdict(set)
    left = {key for key in dropped if key.kind == "table"}
    for dependent, referenced in current.edges if len(left) > 1 else ():
        owner, parent = dependent.relation, referenced.relation or referenced
        if dependent.kind == "constraint" and owner in left and parent in left and owner != parent:
            refers[parent].add((owner, dependent))
    while free := {table for table in left if not any(owner in left for owner, _ in refers[table])}:
        left -= free
    return frozenset(key for table in left for owner, key in refers[table] if owner in left)


def _rebuilds(situation: PlanContext, found: Difference) -> tuple[set[Key], set[Key]]:
    """Return (what changes so that its dependents must step aside, the dependents to drop and make again)."""
    hard = {key for key in found.altered if _is_hard(situation, key)}
    # A foreign key may lean on another one, what calls a function may be bound to another of its name.
    gone = {key for key in found.dropped if key.kind in (INDEXES | {"function"})}
    if not (hard or gone):
        return set(), set()
    situation.findings.nested = {
        key: nested for key in sorted(hard) if key.kind in TYPES and (nested := type_swap.nested_in(situation, key))
    }
    hard |= {one for nested in situation.findings.nested.values() for one in nested}
    above = users(situation.current)
    rebuilt: set[Key] = set()
    todo = sorted(hard | gone)
    altered = set(found.altered)
    while todo:
        below = todo.pop()
        for key in sorted(above.get(below, ())):
            inside = (
                key.kind == "index" and below.kind == "materialized_view"
            )  # goes with it, however it changes itself
            if key.kind == "constraint" and key in hard and below.kind == "column" and below in hard:
                rebuilt.add(key)  # the old key goes before its column changes, the new one comes after that
            if key in rebuilt or key not in situation.wanted.rows or key not in situation.current.rows:
                continue
            if key in hard and not inside:
                continue
            if below in gone and below.kind == "function" and _says_otherwise(situation, key):
                continue  # its own change binds it to another one
            if key.kind == "domain_constraint" and Key("domain", key.name[:2]) in hard:
                continue  # it is made with its domain
            if (
                key.kind == "column"
                and below.kind in SWAPPED
                and not situation.current[key].generated
                and (below.kind not in COMPOUND_TYPES or composites.is_swapped(situation, below))
            ):
                hard.add(key)
                todo.append(key)
            elif _steps_aside(situation, key, below, altered):
                rebuilt.add(key)
                todo.append(key)
    return hard, rebuilt


def dependents_of_hard(situation: PlanContext, found: Difference) -> set[Key]:
    """Return what must step aside while something below it changes."""
    return _rebuilds(situation, found)[1]


def _is_hard(situation: PlanContext, key: Key) -> bool:
    if key.kind in DEFINED:
        return DEFINED[key.kind].in_place(situation, key) is None
    old, new = situation.current[key], situation.wanted[key]
    if key.kind in (TYPES | {"collation"}) and key in situation.goal.forced:
        return True
    if key.kind in COMPOUND_TYPES:
        return composites.touches_users(situation, key)
    if key.kind == "collation":
        return bool(defined.changed(old, new) - {"comment"})
    if key.kind == "column":
        retyped = (old.type, old.collation) != (new.type, new.collation) or key in situation.goal.forced
        return retyped or columns.must_be_made_again(situation, key)
    if key.kind == "view":
        return (old.query, old.columns) != (new.query, new.columns) and not views.replaceable(situation, key)
    if key.kind == "materialized_view":
        return bool(old.query != new.query or old.columns != new.columns or old.tablespace != new.tablespace)
    if key.kind == "constraint":  # foreign keys refer to it, and views that group by it
        return old.type in "pu" and (old.type, old.definition) != (new.type, new.definition)
    if key.kind == "index":
        return old.definition.startswith("CREATE UNIQUE") and indexes.change_options(situation, key) is None
    if key.kind in WITH_BODY:
        return not functions.replaceable(situation, key)
    if key.kind == "enum":
        before, after = old.labels or [], new.labels or []
        return [label for label in after if label in before] != before
    if key.kind == "domain":
        return (old.type, old.collation) != (new.type, new.collation)
    return False


# Beside tables, what takes its parts along when it is dropped.
_WITH_ITS_PARTS = VIEWS | UNSTORED | {"domain"} | {"publication"}
# What has privileges or an owner that go with it.
_GRANTED_WITH = OWNED | {"column"} | {"base_type"}
_ALWAYS_ASIDE = VIEWS | WITH_BODY | OF_PUBLICATION | PER_ROW | {"user_mapping"}


# What calls functions, each in one statement.
_CALLING = INDEXES | VIEWS | ON_VIEW | {"column"}


def _says_otherwise(situation: PlanContext, key: Key) -> bool:
    """Tell whether what an object calls is written otherwise from now on."""
    return key.kind in _CALLING and expressions_differ(
        key.kind, situation.current.rows[key], situation.wanted.rows[key]
    )


def _steps_aside(situation: PlanContext, key: Key, below: Key, altered: set[Key]) -> bool:
    """Tell whether `key` must be dropped while `below` changes; PostgreSQL itself rebuilds keys, checks and indexes
    when a column's type changes (manual: "ALTER TABLE"), unless they name a type that goes."""
    if key.kind in _ALWAYS_ASIDE or key.kind in DEFINED:
        return True
    if key.kind == "column":
        return (
            (below.kind in ("column", *SWAPPED) and bool(situation.current[key].generated))
            or below.kind in WITH_BODY
            or below.kind in DEFINED
        )
    if key.kind in INDEXES and below.kind == "column" and _is_made_again(situation, below):
        return True  # it goes with the column
    if below.kind in (WITH_BODY | VIEWS) or below.kind in SWAPPED or below.kind in DEFINED:
        return key.kind in (INDEXES | {"domain_constraint"})
    if key.kind == "constraint":
        return situation.current[key].type == "f" or key in altered
    if key.kind == "index":
        return key in altered or _typed_by_swapped(situation, below)
    return False


def _is_made_again(situation: PlanContext, column: Key) -> bool:
    """Tell whether a column that stands in the way, or that something below it does, is dropped and added."""
    there = column in situation.current.rows and column in situation.wanted.rows
    return there and (bool(situation.current[column].generated) or columns.must_be_made_again(situation, column))


def _typed_by_swapped(situation: PlanContext, column: Key) -> bool:
    """Tell whether a column's type keeps its name while the type below it is swapped."""
    return column.kind == "column" and situation.current[column].type == situation.wanted[column].type


def _swapped(found: Difference, situation: PlanContext) -> set[Key]:
    """Return what the swap of a type changes itself: types over it, a domain's checks, those that come and go too."""
    done: set[Key] = set()
    nested = {one for types_over in situation.findings.nested.values() for one in types_over}
    done |= nested
    for key in {*found.altered, *nested}:
        if key.kind == "domain" and (key in nested or _is_hard(situation, key)):
            done.update(situation.wanted.of("domain_constraint", *key.name))
            done.update(situation.current.of("domain_constraint", *key.name))
    return done


def _goes_with_its_relation(situation: PlanContext, key: Key, again: set[Key]) -> bool:
    """Tell whether dropping the view below drops it: the index of a materialized view, the trigger of a view."""
    if key.kind == "index":
        return Key("materialized_view", relation_of(situation.current, key) or ()) in again
    return key.kind in ON_VIEW and any(Key(kind, key.name[:2]) in again for kind in UNSTORED)


def _again(situation: PlanContext, key: Key, hard: set[Key], again: set[Key]) -> list[Change]:
    """Return the changes that drop an object and make it again."""
    step = _step_of_cause(situation, hard)
    if key.kind == "column" and not situation.current[key].generated:
        changes = _default_aside(situation, key)
    else:
        makes, drops = OPERATIONS_FOR[key.kind][0], OPERATIONS_FOR[key.kind][2]
        gone = drops(situation, key) if key.kind != "column" else columns.drop_column(situation, key)
        changes = [*(() if _goes_with_its_relation(situation, key, again) else gone), *makes(situation, key)]
    for change in changes:
        if change.operation.step < 0 <= step:
            from dataclasses import replace

            change.operation = replace(change.operation, step=step)
    return changes


def _step_of_cause(situation: PlanContext, hard: set[Key]) -> int:
    return max((situation.step_of(key) for key in hard), default=-1)


def _default_aside(situation: PlanContext, key: Key) -> list[Change]:
    """Take a column's default away while the function it calls is made again."""
    table, name = key.name[:2], key.name[2]
    old, new = situation.current[key], situation.wanted[key]
    if old.default is None:
        return []
    gone = alter(
        situation,
        key,
        f"take the default of {key} away",
        [command("column/set_default", table=table, name=name, default=None)],
        removes=[key],
    )
    gone.make_only()
    back = alter(
        situation,
        key,
        f"give {key} its default again",
        [command("column/set_default", table=table, name=name, default=new.default and Sql(new.default))],
        after=(gone,),
    )
    return [gone, back]
