"""All steps of a play as one wanted state: the steps folded in order, later ones laid over earlier ones.

In: expanded steps. Out: `Declarations`, one declaration for each object, or all errors at once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from wgm_play.catalog.kinds import NEVER_RENAMED, ON_TABLE
from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, position_of
from wgm_play.errors import InputError, Position, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.files import raise_all
from wgm_play.playbook.kinds import KINDS, Folding
from wgm_play.playbook.kinds.base import at, default_schema, split
from wgm_play.playbook.kinds.comment import target_of
from wgm_play.playbook.kinds.constraint import ConstraintSpec
from wgm_play.playbook.kinds.index import table_of
from wgm_play.playbook.kinds.partition import partition_steps
from wgm_play.playbook.kinds.privileges import access_of
from wgm_play.playbook.kinds.trigger import event_columns
from wgm_play.playbook.lazy import LazyDeclaration
from wgm_play.playbook.model import Assertion, Declaration, Declarations, Seed, SqlStep, Step
from wgm_play.sql import reveal


@dataclass(slots=True)
class FoldedObject:
    """What the steps so far say of one object."""

    step: Step
    absent: bool
    renamed_from: str | None


def fold(steps: Iterable[Step], *, handlers: bool = False, known: Mapping[Key, str] | None = None) -> Declarations:
    """Fold steps in order; skipped and deferred ones say nothing. `handlers` marks the `sql` steps as handlers'.

    `known` are the digests of what steps said of each object when all of it was found right: what is still said in the
    same words is not checked again, and the content of its declaration is made when it is read.
    """
    from wgm_play.playbook.expand import without_collections

    with without_collections():
        return _fold(steps, handlers, known or {})


def _fold(steps: Iterable[Step], handlers: bool, known: Mapping[Key, str]) -> Declarations:
    folding = Folding()
    entries: dict[Key, FoldedObject] = {}
    others: list[Any] = []
    problems: list[WgmError] = []
    for step in steps:
        if step.skipped is not None or step.deferred:
            continue
        try:
            if KINDS[step.kind].key is None:
                others.append(KINDS[step.kind].declare(step, folding))
            else:
                _lay(step, entries, folding)
        except WgmError as error:
            problems.append(_of_step(error, step))
    said = {key: _said(entry) for key, entry in entries.items()}
    changed = {key for key, text in said.items() if known.get(key) != digest_of(text)}
    declarations: dict[Key, Declaration] = {}
    for key, entry in entries.items():
        try:
            declarations[key] = (_declaration if key in changed else _later)(key, entry, folding)
        except WgmError as error:
            problems.append(_of_step(error, entry.step))
    seeds = [one for one in others if isinstance(one, Seed)]
    if not problems:
        changed |= known.keys() - said.keys()
        problems += references(entries, seeds, changed | mentioning(said, changed) if known else None)
    raise_all(problems)
    _attach_comments(declarations)
    return Declarations(
        declarations,
        tuple(seeds),
        tuple(dataclasses.replace(one, handler=handlers) for one in others if isinstance(one, SqlStep)),
        tuple(one for one in others if isinstance(one, Assertion)),
        said,
    )


def _said(entry: FoldedObject) -> str:
    """Return all that steps say of an object, as text without positions."""
    step = entry.step
    if entry.absent:
        return f"absent {step.required}"
    values = [step.kind, step.state, entry.renamed_from, step.required, step.spec, step.variables]
    return json.dumps(values, ensure_ascii=False, default=repr)


def digest_of(said: str) -> str:
    """Return the digest under which a text of `Declarations.said` is known to the next run."""
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


# As many names are looked for one by one in no more time than all of them together.
_FEW_NAMES = 30
# They belong to an object: nobody else calls them by their names.
_UNCALLED = ON_TABLE | {"comment"} | {"grant"}


def mentioning(said: Mapping[Key, str], keys: Iterable[Key]) -> set[Key]:
    """Return the objects in whose text the name of one of `keys` stands as a word."""
    names = {key.name[min(1, len(key.name) - 1)] for key in keys if key.kind not in _UNCALLED}
    if not names:
        return set()
    found = re.compile(rf"(?<![\w$])(?:{'|'.join(map(re.escape, sorted(names)))})(?![\w$])")
    # Few texts hold a name at all: that is looked for a hundred times faster than a word is.
    few = names if len(names) <= _FEW_NAMES else ()
    return {key for key, text in said.items() if (not few or any(name in text for name in few)) and found.search(text)}


def _of_step(error: WgmError, step: Step) -> WgmError:
    if error.step is None:
        error.step = step.name
    if error.where is None and not hasattr(error, "problems"):
        error.where = step.position
    return error


def _lay(step: Step, entries: dict[Key, FoldedObject], folding: Folding) -> None:
    kind = KINDS[step.kind]
    assert kind.key is not None and kind.merge is not None  # noqa: S101 - kinds of objects have both
    key = kind.key(step)
    old = entries.get(key)
    renamed = step.renamed_from or step.spec.get("renamed_from") or (old.renamed_from if old else None)
    if step.state == "absent" or (step.kind == "table" and step.spec.get("state") == "absent"):
        entries[key] = FoldedObject(step, True, None)
        return
    base = old.step if old is not None and not old.absent else None
    spec = kind.merge(base.spec if base else None, step, folding)
    if base is not None and step.kind == "table":
        # A table is made by the step that first speaks of it; its columns know their own steps.
        merged = dataclasses.replace(base, spec=spec, required=base.required and step.required)
    else:
        merged = dataclasses.replace(step, spec=spec)
    entries[key] = FoldedObject(merged, False, reveal(renamed) if renamed else None)
    if step.kind == "table" and step.spec.get("partitions"):
        for partition in partition_steps(step, key.name[0]):
            _lay(partition, entries, folding)


def _declaration(key: Key, entry: FoldedObject, folding: Folding) -> Declaration:
    step = entry.step
    if entry.absent:
        return Declaration(key, step.index, step.position, absent=True, required=step.required)
    kind = KINDS[step.kind]
    for needed in kind.required:
        names = (needed,) if isinstance(needed, str) else needed
        if not any(step.spec.get(name) is not None for name in names):
            raise InputError(
                f"{key} has no {' or '.join(repr(name) for name in names)}",
                where=step.spec.position,
                hint=f"add `{names[0]}:`",
            )
    made: Declaration = kind.declare(step, folding)
    if "owner" in step.spec or "grants" in step.spec:
        made = dataclasses.replace(made, attributes={**made.attributes, **access_of(step.spec)})
    old = _renamed(key, entry.renamed_from)
    if old is None and step.required:
        return made
    return dataclasses.replace(made, renamed_from=old, required=step.required)


def _later(key: Key, entry: FoldedObject, folding: Folding) -> Declaration:
    """Return the declaration with its content made when it is read."""
    if entry.absent:
        return _declaration(key, entry, folding)
    step = entry.step
    return LazyDeclaration.of(
        key,
        step.index,
        step.position,
        lambda: _declaration(key, entry, folding),
        renamed_from=_renamed(key, entry.renamed_from),
        required=step.required,
    )


def _renamed(key: Key, name: str | None) -> Key | None:
    """Return the key that the object has had until now."""
    if not name:
        return None
    if len(key.name) == 1:
        return Key(key.kind, (name,))
    if key.kind in NEVER_RENAMED:
        raise InputError(f"PostgreSQL renames no {key.kind.replace('_', ' ')}", hint="take `renamed_from:` away")
    if key.kind in ON_TABLE:
        return Key(key.kind, (*key.name[:2], name))
    return Key(key.kind, (*split(name, key.name[0]), *key.name[2:]))


def _attach_comments(declarations: dict[Key, Declaration]) -> None:
    """Put comments of steps to the objects that steps declare; those of other objects stay for themselves."""
    for key in [key for key in declarations if key.kind == "comment"]:
        comment = declarations[key]
        if comment.absent:
            continue
        target: Key = comment.attributes["target"]
        owner = target if target in declarations else target.relation
        if owner is not None and owner in declarations and not declarations[owner].absent:
            found = declarations[owner]
            declarations[owner] = dataclasses.replace(found, late=(*found.late, *comment.late))
            del declarations[key]


# What one step needs of another ---------------------------------------------------------------------------------


def references(
    entries: Mapping[Key, FoldedObject], seeds: Iterable[Seed], only: Collection[Key] | None = None
) -> Iterator[WgmError]:
    """Yield an error for each table or column that a step needs and another removes, or that its table lacks.

    Tables that no step declares may be live: only the database can tell. `only` these objects are looked at.
    """
    tables = {key.name: _columns(entry) for key, entry in entries.items() if key.kind == "table"}
    removers = {key.name: entry.step for key, entry in entries.items() if key.kind == "table" and entry.absent}
    look = _Look(tables, removers)
    for key, entry in entries.items():
        if entry.absent or (only is not None and key not in only):
            continue
        step, spec = entry.step, entry.step.spec
        if key.kind == "table":
            yield from _table_needs(look, step)
        elif key.kind == "index":
            from wgm_play.playbook.kinds.base import column_list, element

            table = table_of(step)
            yield from look.table(table, at(spec, "table"), step)
            elements = [
                element(one, position_of(spec["columns"], number)) for number, one in enumerate(spec["columns"])
            ]
            names = [
                (str(one.name), position_of(spec["columns"], n))
                for n, one in enumerate(elements)
                if one.name is not None
            ]
            names += [(str(name), name.position) for name in column_list(spec, "include")]
            for name, where in names:
                yield from look.column(table, name, where, step)
        elif key.kind == "trigger":
            yield from look.table(key.name[:2], at(spec, "table"), step)
            for word in event_columns(step):
                yield from look.column(key.name[:2], str(word), word.position, step)
        elif key.kind == "sequence":
            from wgm_play.playbook.kinds.sequence import owner

            found = owner(step)
            if found:
                yield from look.table(found[:2], at(spec, "owned_by"), step)
                yield from look.column(found[:2], found[2], at(spec, "owned_by"), step)
        elif key.kind == "comment":
            target = target_of(step)[0]
            if target in entries and entries[target].absent:
                yield _removed(target, at(spec, "on"), entries[target].step, step)
            if target.kind == "column":
                yield from look.table(target.name[:2], at(spec, "on"), step)
                yield from look.column(target.name[:2], target.name[2], at(spec, "on"), step)
    for seed in seeds:
        yield from _seed_needs(look, seed)
    declared = [one.step for key, one in entries.items() if key.kind == "table" and not one.absent]
    if any("mask" in column for step in declared for column in _mappings(step)):
        from wgm_play.playbook.masks import problems

        yield from problems(declared)


def _mappings(step: Step) -> Iterator[Map]:
    """Yield the columns of a table that are mappings."""
    columns = step.spec.get("columns") if isinstance(step.spec, Map) else None
    yield from (one for one in (columns or {}).values() if isinstance(one, Map))


def _columns(entry: FoldedObject) -> dict[str, bool] | None:
    """Return the columns of a table, by name, with whether they are there; None for a table that is removed."""
    if entry.absent:
        return None
    if entry.step.spec.get("partition_of") or entry.step.spec.get("inherits"):
        return {}  # most of its columns are its parent's
    columns: Map | dict[str, Any] = entry.step.spec.get("columns") or {}
    return {name: column.get("state") != "absent" for name, column in columns.items()}


def _table_needs(look: _Look, step: Step) -> Iterator[WgmError]:
    from wgm_play.playbook.kinds.table import constraints_of, key

    mine = key(step).name
    for one in constraints_of(step.spec, default_schema(step)):
        yield from _constraint_needs(look, one, mine, step)


def _constraint_needs(look: _Look, one: ConstraintSpec, mine: tuple[str, ...], step: Step) -> Iterator[WgmError]:
    elements = [element.name for element in one.elements if element.name is not None]
    for name in (*one.columns, *one.include, *elements):
        yield from look.column(mine, str(name), name.position or one.position, step)
    if one.table is not None:
        where = one.target_position or one.position
        yield from look.table(one.table, where, step)
        for name in one.target_columns:
            yield from look.column(one.table, str(name), where, step)


def _seed_needs(look: _Look, seed: Seed) -> Iterator[WgmError]:
    table = seed.table.name
    yield from look.table(table, seed.table_at, None)
    told: set[str] = set()
    for name in seed.key:
        if name not in told:
            told.add(name)
            yield from look.column(table, name, position_of(name) or seed.position, None)
    for row in seed.rows:
        for name in row.values:
            if name not in told:
                told.add(name)
                where = row.values.keys_at.get(name) if isinstance(row.values, Map) else None
                yield from look.column(table, name, where or row.position, None)


@dataclass(slots=True)
class _Look:
    """Finds tables and columns in what the steps declare."""

    tables: Mapping[tuple[str, ...], dict[str, bool] | None]
    removers: Mapping[tuple[str, ...], Step]

    def table(self, name: tuple[str, ...], where: Position | None, step: Step | None) -> Iterator[WgmError]:
        """Yield an error where another step removes the table."""
        if name in self.removers:
            yield _removed(Key("table", name), where, self.removers[name], step)

    def column(
        self, table: tuple[str, ...], name: str, where: Position | None, step: Step | None
    ) -> Iterator[WgmError]:
        """Yield an error where the table is declared without the column."""
        columns = self.tables.get(table)
        if not columns or columns.get(name):
            return
        from wgm_play.playbook.schema_rules import nearest

        label = Key("table", table).label
        there = [one for one, present in columns.items() if present]
        said = (
            f"the column {name!r} of the table {label!r} is removed by its step"
            if name in columns
            else f"the table {label!r} has no column {name!r}"
        )
        hint = nearest(name, there) or f"it has: {', '.join(there)}"
        yield InputError(said, where=where, hint=hint, step=step.name if step else None)


def _removed(target: Key, where: Position | None, remover: Step, step: Step | None) -> InputError:
    return InputError(
        f"{target} is needed here and removed by the step {remover.name!r}",
        where=where,
        hint=f"see {remover.position}: remove one of the two",
        step=step.name if step else None,
    )
