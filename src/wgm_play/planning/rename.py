"""Renames that a playbook declares: what is live under the old name gets the new one, before anything is compared.

In: declarations with `renamed_from`, the live catalog. Out: changes that rename, and the catalog after them, which a
scratch database tells: names stand in definitions, keys and views, and PostgreSQL knows all of these places.
"""

from __future__ import annotations

import difflib
import itertools
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from wgm_play.catalog.access import keep_roles, moved
from wgm_play.catalog.graph import touched
from wgm_play.catalog.kinds import (
    ACCESS,
    AS_ROWS,
    BY_METHOD,
    BY_TYPES,
    IN_TABLE,
    OF_TABLE,
    RELATIONS,
    ROUTINES,
    TYPES,
    WITH_ATTRIBUTES,
    WITH_BODY,
)
from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.overlay import same_object
from wgm_play.errors import Position, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import ACCESS_EXCLUSIVE, Change, PlanContext, TableSize, alter, command, hazard, what_of
from wgm_play.operations.range_names import moves, renames
from wgm_play.plan import Command, Lock
from wgm_play.planning.rename_values import in_order, pending
from wgm_play.playbook.model import Declaration, TablePart
from wgm_play.render import render
from wgm_play.shadow import Shadow, read, run_all
from wgm_play.shadow.remake import remake
from wgm_play.sql import Sql, automatic, ident, literal, replace_names

_HAZARD_TABLE = hazard(
    "T02", "statements of the application that use the old name fail at once", "release both at the same moment"
)
_HAZARD_COLUMN = hazard(
    "C11", "statements of the application that use the old name fail at once", "release both at the same moment"
)

_HAZARD_LABEL = hazard(
    "Y03",
    "statements of the application that use the old value fail at once (22P02)",
    "release both at the same moment",
)

# The changes before a swap, and the swap, by the column that is renamed in it.
Delayed = Mapping[Key, tuple[tuple[Change, ...], tuple[Change, ...]]]


# What is told apart by types: PostgreSQL names it by the names that these have then.


@dataclass(slots=True)
class Renamed:
    """Renames to do: new key -> old key, and the changes; `pairs` has columns of renamed tables too.

    `words` are the old and the new name of each change; `early` are the changes that wait for no swap.
    """

    pairs: dict[Key, Key] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    words: list[tuple[Change, Key, Key]] = field(default_factory=list)
    early: list[Change] = field(default_factory=list)

    def add(self, change: Change, old: Key, new: Key) -> None:
        """Add a change that gives something another name."""
        self.changes.append(change)
        self.words.append((change, old, new))

    def with_types(self, key: Key) -> Key:
        """Return the key of a routine with its arguments as they are called after the renames until now."""
        if key.kind not in ROUTINES:
            return key
        names = {
            str(ident(old.name)): str(ident(new.name))
            for new, old in self.pairs.items()
            if new.kind in (RELATIONS | TYPES)
        }
        return Key(key.kind, (*key.name[:2], replace_names(key.name[2], names)))

    def after(self, key: Key) -> Key:
        """Return the key that an object has after the renames."""
        return {old: new for new, old in self.pairs.items()}.get(key, key)

    def sizes(self, live: Mapping[Key, TableSize]) -> dict[Key, TableSize]:
        """Return the sizes of tables by their new names too."""
        return {**live, **{new: live[old] for new, old in self.pairs.items() if old in live}}


def find(live: Catalog, declarations: Mapping[Key, Declaration], situation: PlanContext) -> Renamed:
    """Return the renames that are not done yet. Raise `Refused` where both names are live."""
    found = Renamed()
    asked = [
        _AskedRename(declaration.renamed_from, key, declaration.position)
        for key, declaration in declarations.items()
        if not declaration.absent and declaration.renamed_from is not None
    ]
    # The others are named as they are in their schema, routines by the types of their arguments.
    asked.sort(key=lambda one: (one.new.kind != "schema", one.new.kind in ROUTINES))
    for one in _in_order(live, found, asked, {key for key, made in declarations.items() if not made.absent}):
        _object(live, found, situation, one.old, one.new, declarations[one.new])
        _parts(live, found, situation, one.new, declarations[one.new])
    renamed = {one.new for one in asked}
    for key, declaration in declarations.items():
        if not declaration.absent and key not in renamed:
            _parts(live, found, situation, key, declaration)
    _serials(live, found, situation, declarations)
    for change, earlier in zip(found.changes[1:], found.changes, strict=False):
        change.wait_only_for(earlier)
    return found


@dataclass(frozen=True, slots=True)
class _AskedRename:
    old: Key
    new: Key
    where: Any


def _in_order(
    live: Catalog, found: Renamed, asked: Sequence[_AskedRename], declared: Collection[Key]
) -> Iterator[_AskedRename]:
    """Yield renames, each when its new name is free: what has it may be renamed too.

    One whose old name is declared of something else, and whose new name is there, was done by an earlier run.
    """
    left = list(asked)
    while left:
        free = [one for one in left if _is_free(live, found, one)]
        if not free:
            break
        yield from free[:1]
        left.remove(free[0])
    circle = {one.old for one in left} & {one.new for one in left}
    while (smaller := {one.old for one in left if one.new in circle and one.old in circle}) != circle:
        circle = smaller
    for one in left:
        if one.new in circle and one.old in circle:
            raise Refused(
                f"{one.new} and {one.old} are to get each other's name: nothing tells whether they have it already",
                where=one.where,
                hint=f"rename {one.old} to a third name, run, and rename that to {one.new.name[-1]!r}",
            )
        if one.old not in declared:
            raise _both(one.old, one.new, one.where)


def _is_free(live: Catalog, found: Renamed, one: _AskedRename) -> bool:
    """Tell whether a rename can be looked at: its old name is gone, or its new one is free or given up by now."""
    old, new = _as_live(live, one.old, one.new)
    there = found.pairs.get(new, new)
    if there not in live.rows or there == old or (old not in live.rows and old not in found.pairs):
        return True
    return there in found.pairs.values() and there != found.pairs.get(new)


def _as_live(live: Catalog, old: Key, new: Key) -> tuple[Key, Key]:
    """Return the keys of a routine with its arguments as the catalog writes them."""
    if old.kind in WITH_BODY:
        old = next(iter(same_object(live, old)), old)
        new = Key(new.kind, (*new.name[:2], old.name[2]))
    return old, new


def _parts(live: Catalog, found: Renamed, situation: PlanContext, key: Key, declaration: Declaration) -> None:
    """Rename what belongs to an object."""
    said = {part: made for part, made in declaration.parts.items() if not made.absent}
    owner = found.pairs.get(key, key)
    asked = []
    if key.kind == "enum":
        _labels(live, found, situation, key, declaration)
        return
    for part_key, part in said.items():
        if part.renamed_from and part_key.kind == "attribute":
            if Key("attribute", (*part_key.name[:2], part.renamed_from)) not in said:
                _attribute(live, found, situation, key, part_key, part)
        elif part.renamed_from:
            asked.append(_AskedRename(Key(part_key.kind, (*owner.name, part.renamed_from)), part_key, part.position))
    for one in _in_order(live, found, asked, {Key(part.kind, (*owner.name, part.name[-1])) for part in said}):
        _part(live, found, situation, one.old, one.new, said[one.new])


def _serials(live: Catalog, found: Renamed, situation: PlanContext, declarations: Mapping[Key, Declaration]) -> None:
    """Let the sequence of a serial column follow the new name of its table or column: PostgreSQL leaves it as it is.

    It comes before its table, because the column's default needs it.
    """
    before = len(found.changes)
    for key in live.of("sequence") if found.pairs else ():
        owner = Key("column", tuple(live[key].owned_by or ()))
        now, here = found.after(owner), found.after(key)
        if (
            now == owner
            or now.name[0] != here.name[0]
            or {key, here} & declarations.keys()
            or key.name[1] != automatic(owner.name[1], owner.name[2], "seq")
        ):
            continue
        new = Key("sequence", (now.name[0], automatic(now.name[1], now.name[2], "seq")))
        table = declarations.get(Key("table", now.name[:2]))
        if new != here and new not in live.rows and table is not None:
            _object(live, found, situation, here, new, Declaration(new, table.step, table.position))
    schemas = sum(change.operation.key.kind == "schema" for change in found.changes)  # these come first
    found.changes[schemas:] = [*found.changes[before:], *found.changes[schemas:before]]


def _both(old: Key, new: Key, where: Any) -> Refused:
    return Refused(
        f"{new} is declared to be renamed from {old.name[-1]!r}, but both are there",
        where=where,
        hint=f"take `renamed_from:` away and say what becomes of {old}",
    )


def _object(
    live: Catalog, found: Renamed, situation: PlanContext, old: Key, new: Key, declaration: Declaration
) -> None:
    old, new = _as_live(live, old, new)
    source = old if old in live.rows else found.pairs.get(old)  # where its schema is renamed before it
    if source is None:
        return
    lock = Lock(ACCESS_EXCLUSIVE, old.label)
    commands = []
    old, new = found.with_types(old), found.with_types(new)
    if old.name[0] != new.name[0] and len(old.name) > 1:
        commands.append(command("object/set_schema", lock, what=what_of(old), schema=new.name[0]))
    place = Key(old.kind, (new.name[0], *old.name[1:])) if len(old.name) > 1 else old
    last = 1 if old.kind in (ROUTINES | BY_METHOD) else -1
    if place.name[last] != new.name[last]:
        commands.append(command("object/rename", lock, what=what_of(place), to=new.name[last]))
    if old.kind == "range":
        commands = _range(live[source], old, new)
    hazards = (_HAZARD_TABLE,) if old.kind in (RELATIONS - {"foreign_table"}) else ()
    found.add(
        alter(
            situation,
            new,
            f"rename {old} to {new.label}",
            commands,
            verb="rename",
            step=declaration.step,
            hazards=hazards,
            payload={"trash": record(new.kind, old, new)},
        ),
        old,
        new,
    )
    found.pairs.pop(old, None)
    found.pairs[new] = source
    if old.kind == "schema":
        called = {part: now for now, part in found.pairs.items()}
        for key in live.rows:
            if len(key.name) > 1 and key.name[0] == old.name[0] and key.kind not in ACCESS:
                now = called.get(key, key)
                found.pairs.pop(now, None)
                found.pairs[Key(key.kind, (*new.name, *now.name[1:]))] = key
    if old.kind not in RELATIONS:
        return
    called = {
        part: now for now, part in found.pairs.items() if now.name[:2] == old.name
    }  # a rollback renames them first
    for key in live.rows:
        if key.kind in OF_TABLE and key.name[:2] == source.name:
            now = called.get(key, Key(key.kind, (*old.name, key.name[2])))
            found.pairs.pop(now, None)
            found.pairs[Key(key.kind, (*new.name, now.name[2]))] = key


def back(found: Renamed, situation: PlanContext, live: Catalog, now: Key, before: Key, place: list[str]) -> None:
    """Add the rename that takes another one back; `place` is that one's record in the trash."""
    nowhere, until_now = Position(""), len(found.changes)
    if now.kind == "attribute":
        owner = _attribute_owner(live, found, now)
        if owner is not None:
            part = TablePart(-1, nowhere, renamed_from=now.name[2])
            _attribute(live, found, situation, owner, Key(now.kind, (*owner.name, before.name[2])), part)
    elif now.kind == "label":
        owner = next(
            (new for new, old in found.pairs.items() if old == Key("enum", now.name[:2])), Key("enum", now.name[:2])
        )
        row = live.get(found.pairs.get(owner, owner))
        if row is not None and _called(found, owner, row.labels or (), now.name[2]):
            _label(found, situation, owner, now.name[2], before.name[2], -1)
    elif now.kind in IN_TABLE:
        table = next((new for new, old in found.pairs.items() if old == Key("table", now.name[:2])), None)
        within = table.name if table else now.name[:2]
        _part(live, found, situation, now, Key(now.kind, (*within, before.name[2])), TablePart(-1, nowhere))
    else:
        _object(live, found, situation, now, before, Declaration(before, -1, nowhere))
    if len(found.changes) > until_now:
        payload = found.changes[-1].operation.payload
        payload["trash"] = {**payload["trash"], "event": "restored", "trash_name": place, "definition": {}}


def _called(found: Renamed, owner: Key, labels: Sequence[str], label: str) -> bool:
    """Tell whether an enum has a label after the renames until now."""
    names = list(labels)
    for _, old, new in found.words:
        if new.kind == "label" and new.name[:2] == owner.name and old.name[2] in names:
            names[names.index(old.name[2])] = new.name[2]
    return label in names


def _range(row: Any, old: Key, new: Key) -> list[Command]:
    """Return the statements that rename and move a range type with its constructors; its multirange keeps its name."""
    names = (new.name[1], row.multirange)
    made = renames(row.subtype, old.name[0], (old.name[1], row.multirange), names) if old.name[1] != new.name[1] else []
    return made + (moves(row.subtype, old.name[0], names, new.name[0]) if old.name[0] != new.name[0] else [])


def _part(live: Catalog, found: Renamed, situation: PlanContext, old: Key, new: Key, part: Any) -> None:
    if old not in live.rows:
        return
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", new.name[:2]).label)
    if new.kind == "column":
        made = command("column/rename", lock, what=Sql("TABLE"), table=new.name[:2], name=old.name[2], to=new.name[2])
    else:
        made = command("constraint/rename", lock, table=new.name[:2], name=old.name[2], to=new.name[2])
    hazards = (_HAZARD_COLUMN,) if new.kind == "column" else ()
    source = Key(new.kind, (*new.name[:2], old.name[2]))
    title = f"rename {source} to {new.name[2]}"
    payload = {"trash": record(new.kind, source, new)}
    change = alter(situation, new, title, [made], verb="rename", step=part.step, hazards=hazards, payload=payload)
    found.add(change, source, new)
    found.pairs.pop(Key(old.kind, (*new.name[:2], old.name[2])), None)
    found.pairs[new] = old


def joined(renamed: Renamed, changes: Sequence[Change], forced: Collection[Key]) -> list[tuple[Change, Change]]:
    """Return the renames that must commit together with another change, as pairs.

    With the conversion of their column: afterwards nothing tells whether values whose type stays were converted. With what
    takes the name that a relation gives up, or gives up the name that it takes: no moment is without that name.
    """
    first = {change.operation.key: change for change in renamed.changes}
    made = [
        (first[change.operation.key], change)
        for change in changes
        if change.operation.key in forced and change.operation.key in first and "convert" in change.operation.payload
    ]
    relations = [(change, old, new) for change, old, new in renamed.words if new.kind in RELATIONS]
    for change in changes if relations else ():
        taken, given = ({key.name for key in keys if key.kind in RELATIONS} for keys in (change.makes, change.removes))
        made += [(one, change) for one, old, new in relations if old.name in taken or new.name in given]
    return made


def apart(renamed: Renamed, situation: PlanContext) -> tuple[list[Change], list[Change]]:
    """Return the renames that come first, and those that wait for what prepares swaps.

    The latter commit with the conversion of their column (`joined`), which may stand in the transaction of a swap.
    """
    late = [
        one for one in renamed.changes if situation.findings.prepared and one.operation.key in situation.goal.forced
    ]
    early = [
        one
        for one in renamed.changes
        if not situation.findings.prepared or one.operation.key not in situation.goal.forced
    ]
    renamed.early = early
    if late:
        for change in early[:1]:
            change.wait_only_for()
        for earlier, change in itertools.pairwise(early):
            change.wait_only_for(earlier)
        for change in late:
            change.wait_only_for(*early[-1:], *situation.findings.prepared)
    return early, late


def record(kind: str, old: Key, new: Key) -> dict[str, Any]:
    """Return what the ledger keeps of a rename, so that a rollback gives the old name back."""
    return {
        "event": "trashed",
        "kind": "rename",
        "name": list(new.name),
        "trash_name": ["rename", kind, *new.name, uuid.uuid4().hex],  # a name may be given again
        "definition": {"kind": kind, "from": list(old.name)},
    }


def put_first(renamed: Renamed, changes: Sequence[Change], delayed: Delayed | None = None) -> list[Change]:
    """Let other changes wait for the renames, which wait for the schemas that they move something to; return those renames.

    Those that are `delayed` wait for what still uses the old name, and commit with the swap of their values.
    """
    later = delayed or {}
    early = [change for change in renamed.changes if change.operation.key not in later]
    renamed.early = early
    for change in early[:1]:
        change.wait_only_for()
    for earlier, change in itertools.pairwise(early):
        change.wait_only_for(earlier)
    for change in changes:
        if change.operation.key.kind == "schema" and change.makes:
            for first in early[:1]:
                first.wait_for(change)
        elif change.operation.key.kind != "enum" or change.operation.key in renamed.pairs:
            change.wait_for(*early[-1:])
    for change in renamed.changes:
        if (found := later.get(change.operation.key)) is not None:
            before, swap = found
            change.wait_only_for(*early[-1:], *before)
            for one in swap:
                one.wait_for(change)
    return early


def _labels(live: Catalog, found: Renamed, situation: PlanContext, key: Key, declaration: Declaration) -> None:
    """Rename the labels of an enum that a step renames."""
    row = live.get(found.pairs.get(key, key))
    asked = {part.name[2]: made for part, made in declaration.parts.items()}
    if row is None or not asked:
        return
    now = list(row.labels or ())
    to, both = pending(
        now, declaration.attributes["labels"], {new: str(made.renamed_from) for new, made in asked.items()}
    )
    for new in both:
        part = asked[new]
        raise _both(Key("label", (*key.name, str(part.renamed_from))), Key("label", (*key.name, new)), part.position)
    for old, new in in_order(now, to):
        step = asked[new].step if new in asked else declaration.step
        _label(found, situation, key, old, new, step)


def _label(found: Renamed, situation: PlanContext, key: Key, old: str, new: str, step: int) -> None:
    before, after = Key("label", (*key.name, old)), Key("label", (*key.name, new))
    made = command("enum/rename_value", name=key.name, label=old, to=new)
    change = alter(
        situation,
        key,
        f"rename value {old!r} of {key} to {new!r}",
        [made],
        verb="rename",
        step=step,
        hazards=(_HAZARD_LABEL,),
        payload={"trash": record("label", before, after)},
    )
    found.add(change, before, after)
    found.pairs.setdefault(key, key)


def tell_users(renamed: Renamed, wanted: Catalog) -> None:
    """Name the routines whose text still has a value that is renamed: PostgreSQL renames it nowhere but in the type."""
    for change, old, _ in renamed.words:
        if old.kind != "label":
            continue
        text = str(literal(old.name[-1]))
        routines = (key for key in sorted(wanted.rows) if key.kind in WITH_BODY)
        users = [str(key) for key in routines if text in str(wanted[key].definition)]
        if users:
            told = replace(_HAZARD_LABEL, what=f"{_HAZARD_LABEL.what}; still in the text of {', '.join(users)}")
            change.operation = replace(change.operation, hazards=(told,))


def _attribute(live: Catalog, found: Renamed, situation: PlanContext, owner: Key, new: Key, part: Any) -> None:
    """Rename an attribute of a composite type, or a column of a foreign table: their rows hold them."""
    names = _attribute_names(live, found, owner)
    if part.renamed_from not in names:
        return
    old = Key(new.kind, (*new.name[:2], part.renamed_from))
    if new.name[2] in names:
        raise _both(old, new, part.position)
    word = Sql("ATTRIBUTE" if owner.kind == "composite" else "COLUMN")
    lock = Lock(ACCESS_EXCLUSIVE, owner.label)
    made = command("composite/rename_attribute", lock, what=what_of(owner), word=word, name=old.name[2], to=new.name[2])
    title = f"rename attribute {owner.label}.{old.name[2]} to {new.name[2]}"
    payload = {"trash": record(new.kind, old, new)}
    change = alter(
        situation, owner, title, [made], verb="rename", step=part.step, hazards=(_HAZARD_COLUMN,), payload=payload
    )
    found.add(change, old, new)
    found.pairs.setdefault(owner, owner)


def _attribute_names(live: Catalog, found: Renamed, owner: Key) -> list[str]:
    """Return the names that the attributes of a type or foreign table have after the renames until now."""
    row = live.get(found.pairs.get(owner, owner))
    if row is None:
        return []
    names = [str(one[0]) for one in (row.attributes if owner.kind == "composite" else row.columns) or ()]
    for _, old, new in found.words:
        if new.kind == "attribute" and new.name[:2] == owner.name and old.name[2] in names:
            names[names.index(old.name[2])] = new.name[2]
    return names


def _attribute_owner(live: Catalog, found: Renamed, attribute: Key) -> Key | None:
    """Return the composite type or foreign table that an attribute belongs to, as it is called by now."""
    owners = (Key(kind, attribute.name[:2]) for kind in sorted(WITH_ATTRIBUTES))
    return next((one for one in owners if one in found.pairs or one in live.rows), None)


def apply(shadow: Shadow, live: Catalog, renamed: Renamed) -> Catalog:
    """Return the live catalog as it is after the renames."""
    part = touched(live, set(renamed.pairs.values())) - {key for key in live.rows if key.kind in AS_ROWS}
    with shadow.database() as connection:
        remake(connection, live, part)
        schemas = {
            key.name[0]
            for key in renamed.pairs
            if len(key.name) > 1 and not {Key("schema", key.name[:1])} & (part | renamed.pairs.keys())
        } - {"public"}
        run_all(connection, [render("schema/create.sql.j2", name=name).sql for name in sorted(schemas)])
        before = read(connection, edges=False, kinds=BY_TYPES)
        run_all(connection, [made.sql for change in renamed.changes for made in change.operation.commands])
        after = read(connection)
        _follow_types(renamed, before, after)
        for name in schemas:
            after.rows.pop(
                Key("schema", (name,)), None
            )  # made for the move: live already, or by an operation of its own
    made = live.copy()
    for key in part:
        if key != Key("schema", ("public",)):
            made.rows.pop(key, None)
            made.extras.pop(key, None)  # another object may get the name
    after.rows.pop(Key("schema", ("public",)), None)
    back = renamed.pairs
    moved(made, back, live)
    for key, row in {**after.rows, **keep_roles(after.rows, live.rows, back)}.items():
        if key.kind in ACCESS:
            continue
        made.rows[key] = row
        source = live.extras.get(back.get(key, key))
        if source is not None and key.kind == "column":  # the sequence of an identity column keeps its name
            made.extras[key] = source._replace(owner=after.extras[key].owner)
        elif source is not None:
            made.extras[key] = source
        else:
            made.extras.setdefault(key, after.extras[key]._replace(owner=None, acl=None))
    made.edges = frozenset(
        {edge for edge in live.edges if edge[0] not in part}
        | {edge for edge in after.edges if edge[0] in made.rows and edge[1] in made.rows}
    )
    return made


def _follow_types(renamed: Renamed, before: Catalog, after: Catalog) -> None:
    """Note the names of what is told apart by types that have other names now."""
    now = {(extra.class_oid, extra.oid): key for key, extra in after.extras.items() if key.kind in BY_TYPES}
    live = {old: new for new, old in renamed.pairs.items()}
    for old, extra in before.extras.items():
        new = now.get((extra.class_oid, extra.oid), old)
        if new != old:
            renamed.pairs.pop(live.get(old, new), None)
            renamed.pairs[new] = old


def suspected(
    live: Catalog, wanted: Catalog, declarations: Mapping[Key, Declaration], removed: Sequence[Key]
) -> list[tuple[Key, Key, str]]:
    """Return (what disappears, what like it appears, the line to add) for everything that looks like a rename."""
    found = []
    appearing = [key for key in wanted.rows if key not in live.rows]
    taken: set[Key] = set()
    for old in removed:
        if old.kind == "column":
            like = [
                key
                for key in appearing
                if key.kind == "column"
                and key.name[:2] == old.name[:2]
                and wanted.value(key, "type") == live.value(old, "type")
                and key not in taken
            ]
        elif old.kind == "table":
            like = [
                key for key in appearing if key.kind == "table" and key not in taken and _alike(live, old, wanted, key)
            ]
        else:
            continue
        if like:
            names = {key.name[-1]: key for key in like}
            nearest = difflib.get_close_matches(old.name[-1], list(names), n=1, cutoff=0.0)
            new = names[nearest[0]]
            taken.add(new)
            found.append((old, new, f"renamed_from: {old.name[-1]}"))
    return found


def left_behind(live: Catalog, wanted: Catalog, managed: Collection[Key]) -> list[tuple[Key, Key]]:
    """Return (a function that no step names, a new one of its name): with other arguments that is another function.

    What uses the old one would go on using it, and calls that fit both would fail.
    """
    kinds = WITH_BODY
    found = []
    for new in sorted(key for key in wanted.rows if key.kind in kinds and key not in live.rows):
        others = [one for kind in kinds for one in live.of(kind, *new.name[:2])]
        found += [(old, new) for old in others if old in wanted.rows and old not in managed]
    return found


def _alike(live: Catalog, old: Key, wanted: Catalog, new: Key) -> bool:
    before = {key.name[2]: live.value(key, "type") for key in live.of("column", *old.name)}
    after = {key.name[2]: wanted.value(key, "type") for key in wanted.of("column", *new.name)}
    same = sum(1 for name, kind in after.items() if before.get(name) == kind)
    return same * 2 > max(len(before), len(after))
