"""Rollback: the same diff with another wanted state, the snapshot of before; nobody writes down-scripts.

In: what the ledger recorded of the runs to take back. Out: a planned play that is run like any other.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from wgm_play.cache.store import Cache
from wgm_play.catalog.graph import parts_of_table, reached, users
from wgm_play.catalog.kinds import CLUSTER, HOLDING_VALUES, NAMED_AS_RELATIONS, NAMED_AS_TYPES, RESTORED
from wgm_play.catalog.model import Catalog, Key, Row, Rows
from wgm_play.commands import beside
from wgm_play.desired.model import Wanted
from wgm_play.diff.compare import diff
from wgm_play.errors import InputError, Refused
from wgm_play.ledger import Change as RunChange
from wgm_play.ledger import Ledger, RowChange, SqlOnce, TrashEntry
from wgm_play.ledger.statements import run as ask
from wgm_play.operations.base import Change, Findings, Goal, Situation, Waiting
from wgm_play.operations.calls import calling
from wgm_play.operations.index import drop_index
from wgm_play.operations.online.leftover import removals
from wgm_play.operations.online.spell import renamed_columns
from wgm_play.operations.order import constraints_without_index, groups, name_space, order
from wgm_play.operations.trash import RECORDS, kept_rows, restore
from wgm_play.plan import Command, Group, Operation
from wgm_play.planning import family, rename
from wgm_play.planning.announce import announced
from wgm_play.planning.assemble import Draft, assemble, in_order, transactions
from wgm_play.planning.consent import Consents
from wgm_play.planning.convert import Conversion, Kept, active, back_to_kept, castable
from wgm_play.planning.dependents import realise_dependents
from wgm_play.planning.imperative import SEARCH_PATH, Imperative
from wgm_play.planning.literals import spell
from wgm_play.planning.locks_below import with_children
from wgm_play.planning.model import Choices, Planned
from wgm_play.planning.planner import Planner
from wgm_play.planning.privileges import Skips
from wgm_play.playbook.fold import fold
from wgm_play.playbook.model import Folded
from wgm_play.reporter import StepResult
from wgm_play.secret import MASK, names_in, register
from wgm_play.sql import Sql, ident

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import Work

PENDING = 10


def roll_back(work: Work, options: Options, reporter: Reporter) -> int:
    """Take back the last change, or all since a run; return the exit code."""
    work.check_marker()
    ledger = Ledger(work.reading)
    changes = _changes(ledger, options)
    if not changes:
        reporter.note("there is nothing to roll back")
        reporter.step(StepResult(work.target, "Roll back", "ok"))
        return 0
    _refuse_irreversible(ledger, _ids(changes))
    while changes:
        part = _in_one_run(ledger, changes)
        code = _take_back(work, ledger, part, options, reporter)
        changes = changes[len(part) :]
        if options.check:
            if changes:
                reporter.note(f"{_named(changes)} would then be taken back: how, is known when it is their turn")
            return code
    return 0


def _take_back(work: Work, ledger: Ledger, changes: Sequence[RunChange], options: Options, reporter: Reporter) -> int:
    """Take changes back in one run; with --check, show it."""
    ids, name = _ids(changes), f"Roll back {_named(changes)}"
    live = work.read_live()
    with ExitStack() as stack:
        planned = _plan(work, ledger, changes, ids, live, stack)
    if planned.plan.groups:
        work.refuse_unwritable_backups()
    if options.check:
        reporter.plan(planned.plan, diff=options.diff, outlook=work.outlook(planned))
        outcome = "changed" if planned.plan.groups else "ok"
        reporter.step(StepResult(work.target, name, outcome, operations=planned.plan.operations))
        return PENDING if options.detailed_exitcode and planned.plan.groups else 0
    from wgm_play.run.running import run_plan

    if not planned.plan.groups:
        reporter.note("the catalog is already as it was before")
    run_plan(work, planned, command="rollback", rolls_back=ids, title=name)
    return 0


def _ids(changes: Sequence[RunChange]) -> list[int]:
    return [one for change in changes for one in change.ids]


def _named(changes: Sequence[RunChange]) -> str:
    ids = sorted(_ids(changes))
    return f"run {ids[0]}" if len(ids) == 1 else f"runs {', '.join(map(str, ids))}"


def _in_one_run(ledger: Ledger, changes: Sequence[RunChange]) -> list[RunChange]:
    """Return those of the newest changes that one run takes back: one, or several that kept nothing and ran nothing.

    What one removed, renamed, converted, wrote or ran goes back when nothing newer stands in its place, under the
    names of then.
    """
    busy = {entry.run for entry in ledger.trash_entries()} | {row.run for row in ledger.sql_done()}
    busy |= {row.run for row in ledger.row_changes(_ids(changes))}
    return list(itertools.takewhile(lambda change: not busy.intersection(change.ids), changes)) or [changes[0]]


def _changes(ledger: Ledger, options: Options) -> list[RunChange]:
    if ledger.access() == "unknown":
        raise Refused(
            "this role may not read the ledger, so nothing can be rolled back", hint="name the role under readers:"
        )
    if options.to_run is None:
        last = ledger.state_before_last_change()
        return [last] if last else []
    known = {one for change in ledger.changes() for one in change.ids}
    if options.to_run not in known:
        raise InputError(f"there is no run {options.to_run}", hint=f"wgm-play status {options.playbook} lists the runs")
    gone = ledger.taken_back_since(options.to_run)
    if gone is not None:
        raise Refused(
            f"run {gone[0]} was taken back by run {gone[1]}: the state just after run {options.to_run} cannot be had by taking"
            " runs back",
            hint=f"run the playbook of then; `wgm-play trash {options.playbook}` lists the rows that are kept",
        )
    return ledger.changes_after(options.to_run)


def _plan(
    work: Work, ledger: Ledger, changes: Sequence[RunChange], ids: Sequence[int], live: Catalog, stack: ExitStack
) -> Planned:
    target = ledger.snapshot_of(changes[-1].first.id, "before")
    if target is None:
        raise Refused(
            f"the snapshot before run {changes[-1].first.id} is not in the ledger", hint="restore the backup instead"
        )
    latest = ledger.snapshot_of(changes[0].last.id, "after") or _without_others_roles(live, target)
    trashed = ledger.trash_entries()
    entries = [entry for entry in trashed if entry.run in ids]
    renamed_keys = {Key(one.definition["kind"], tuple(one.name)) for one in entries if one.kind == "rename"}
    cut_short = {run.id for run in ledger.last_runs() if set(run.rolls_back) & set(ids)}
    began_at = ledger.snapshot_of(min(cut_short), "before") if cut_short else None
    wanted = _wanted(live, target, latest, began_at, renamed_keys)
    planner = _planner(work, live)
    planner.stack = stack
    situation = Situation(live, wanted.catalog, planner.facts(live))
    cleared, clearing = _clear(planner, situation, _in_the_way(live, entries))
    renamed = _renames(situation, cleared, wanted.catalog, entries)
    there = rename.apply(planner.shadow(), cleared, renamed) if renamed.changes else live
    situation = replace(situation, facts=planner.under_new_names(situation.facts, renamed))
    restored, current, brought = _restores(situation, there, wanted.catalog, entries)
    facts = planner.with_sequences(situation.facts, current, wanted.catalog)
    situation = replace(situation, current=current, facts=facts)
    waiting = _waiting(situation, wanted.catalog, entries)
    brought |= waiting.keys()
    done = _converted([entry for entry in trashed if entry.run in cut_short])
    converts, forced = _conversions(
        entries, current, wanted.catalog, renamed, done, partial(castable, planner.types(), wanted.catalog, live.rows)
    )
    goal = Goal(backfills=_fills(current, wanted.catalog, brought), converts=converts, forced=forced, waiting=waiting)
    situation = replace(situation, goal=goal)
    moves = family.moves_between(situation, brought)
    last = family.joins_last(situation, brought)
    if moves.changes:
        current = family.after(planner.shadow(), current, moves)
        situation = replace(situation, current=current)
        family.prove_bounds(situation, moves)
    situation = replace(
        situation,
        wanted=_before_joining(wanted.catalog, current, last),
        goal=replace(goal, let_go=moves.let_go),
    )
    situation = planner.with_uncastable(situation)
    realise_dependents(planner.shadow, situation, wanted)
    found = diff(situation)
    _take_over(wanted.catalog, situation.wanted, last)
    _mark_conversions(found.changes, entries, renamed)
    early, late = rename.apart(renamed, situation)
    restored = [*early, *restored]
    for change in restored[len(early) :]:
        change.after = (*change.after, *early)
    for change in moves.changes:
        change.after = (*change.after, *restored)
    taken = frozenset[Key]().union(*(change.makes for change in (*restored, *moves.changes)))
    first = _free_names_first(found.changes, taken)
    after_all = [
        change
        for change in found.changes
        if id(change) not in first and not (change.operation.key.kind == "schema" and change.makes)
    ]
    for change in after_all:
        prepares = any(change is one for one in situation.findings.prepared)
        change.after = (*change.after, *restored, *(() if prepares else late))
    moves.order(after_all)
    loosening = _loosening(found.changes)
    for change in found.changes:
        if id(change) in loosening:
            change.makes = frozenset()  # what has one rule less needs nothing that comes
    sqls = _undone_sql(work, ledger, ids)
    rows = _undone_rows(ledger, ids, cleared, wanted.catalog, renamed, current if loosening else None)
    restored = [*restored, *moves.changes]
    _put_rows_between(sqls, rows, restored, found.changes, loosening)
    joined = {Key("table", tuple(parent)) for one in last for parent in wanted.catalog[one.operation.key].parents or ()}
    # What looks for its rows there.
    full = family.referring(wanted.catalog, joined) | family.filled_from(wanted.catalog, joined)
    for change in last:
        change.after = (*change.after, *restored, *(one for one in found.changes if one.operation.key not in full))
    for change in found.changes:
        if change.operation.key in full:
            change.after = (*change.after, *last)
    before = [*removals(situation.facts.helpers, situation.findings.used_helpers), *sqls]
    early_rows, late_rows = ([], rows) if loosening else (rows, [])
    everything = [*before, *rows, *restored, *late, *found.changes, *last]
    made: tuple[Group, ...] = ()
    if cleared is not live:  # apart: what returns has the names of what goes
        for change in clearing:
            change.after = (*change.after, *sqls, *early_rows)
        made = groups(
            order([*before, *early_rows, *clearing], live.edges, (), without_index=constraints_without_index(live))
        )
        everything = [*late_rows, *restored, *late, *found.changes, *last]
    ordered = in_order(situation, wanted.catalog, everything, found, renamed)
    made = _without_gap(made, transactions(planner, situation, ordered), renamed)
    made = with_children(calling(announced(made, live, wanted.catalog), live, wanted.catalog), live)
    definitions = [
        _definition(entry, situation)
        for entry in entries
        if Key(entry.kind, tuple(entry.name)) in brought or _is_used(entry, situation, renamed)
    ]
    consents = Consents(work.play.steps, fold(work.play.steps).declarations, ledger.consents(ids))
    draft = Draft(
        live, wanted, situation, renamed, made, consents, Skips(), cleared, own=False, trashed=definitions,
        rewritten=_rewritten(ledger, ids),
    )  # fmt: skip
    return assemble(planner, draft)


def _without_gap(clearing: tuple[Group, ...], rest: tuple[Group, ...], renamed: rename.Renamed) -> tuple[Group, ...]:
    """Return all groups; a name that something gives up and a rename takes back is there at every moment."""
    takes = {change.operation.key for change in renamed.early}
    if not clearing or not rest or not takes & {one.key for one in rest[0].operations}:
        return clearing + rest
    last, first = clearing[-1], rest[0]
    if not (last.transactional and first.transactional):
        return clearing + rest
    both = replace(first, operations=(*last.operations, *first.operations))
    return (*clearing[:-1], both, *rest[1:])


# Of these one name has one owner in a schema (manual: "CREATE TABLE", "CREATE TYPE").
_NAMESAKES = (NAMED_AS_RELATIONS - {"index"}) | NAMED_AS_TYPES


def _in_the_way(live: Catalog, entries: Sequence[TrashEntry]) -> list[Key]:
    """Return what is live under a name that a rename gave up, and that it gets back."""
    found = [
        (
            Key(entry.definition["kind"], tuple(entry.name)),
            Key(entry.definition["kind"], tuple(entry.definition["from"])),
        )
        for entry in entries
        if entry.kind == "rename"
    ]
    renamed = {now for now, _ in found}
    return [
        one
        for now, before in found
        if now in live.rows
        for one in (Key(kind, before.name) for kind in (_NAMESAKES if before.kind in _NAMESAKES else (before.kind,)))
        if one in live.rows and one not in renamed
    ]


def _clear(planner: Planner, situation: Situation, keys: Sequence[Key]) -> tuple[Catalog, list[Change]]:
    """Return the catalog without some objects and what depends on them, and the changes that remove these."""
    live, wanted = situation.current, situation.wanted
    if not keys:
        return live, []
    cleared = live.copy()
    above = users(live)

    def with_it(key: Key) -> Iterator[Key]:
        yield from parts_of_table(live, key) if key.kind == "table" else ()
        yield from above.get(key, ())

    gone = {key for key in reached(keys, with_it) if key in live.rows}
    kept = sorted(
        key for key in gone
        if key.kind in HOLDING_VALUES and key in wanted.rows and not {key, Key("table", key.name[:2])} & set(keys)
    )  # fmt: skip
    if kept:
        raise Refused(
            f"{keys[0]} must go before its old name can return, but {kept[0]} depends on it",
            hint=f"take {kept[0]} out of the playbook, run, and roll back then",
        )
    for key in gone:
        cleared.rows.pop(key)
    cleared.edges = frozenset(edge for edge in live.edges if not gone.intersection(edge))
    facts = planner.with_sequences(situation.facts, live, cleared)
    own = Findings(trash_names=situation.findings.trash_names)
    return cleared, diff(Situation(live, cleared, facts, findings=own)).changes


def _before_joining(wanted: Catalog, current: Catalog, last: Sequence[Change]) -> Catalog:
    """Return the wanted catalog with the tables that join a parent last as they came out of the trash."""
    if not last:
        return wanted
    made = wanted.copy()
    for table in {change.operation.key for change in last}:
        for key in (table, *parts_of_table(wanted, table)):
            made.rows.pop(key, None)
        for key in (table, *parts_of_table(current, table)):
            made.rows[key] = current.rows[key]
    return made


def _take_over(wanted: Catalog, made: Catalog, last: Sequence[Change]) -> None:
    """Take what was found out about dependents into the wanted catalog."""
    if wanted is made:
        return
    joining = {key for change in last for key in (change.operation.key, *parts_of_table(made, change.operation.key))}
    for key, row in made.rows.items():
        if key in wanted.rows and key not in joining:
            wanted.rows[key] = row
    wanted.edges |= made.edges


def _free_names_first(changes: Sequence[Change], taken: Collection[Key]) -> set[int]:
    """Return the changes (by `id`) that free a name which something brought back takes, and those before them."""
    spaces = {name_space(key) for key in taken}
    todo = [change for change in changes if any(name_space(key) in spaces for key in change.removes - change.makes)]
    found: set[int] = set()
    while todo:
        change = todo.pop()
        if id(change) not in found:
            found.add(id(change))
            todo += change.after
    return found


def _loosening(changes: Sequence[Change]) -> set[int]:
    """Return the changes (by `id`) that only take a rule away, and wait for no other one."""
    found: set[int] = set()
    those = {id(change) for change in changes}
    for change in changes:
        if not any(id(other) in those - found for other in change.after) and _loosens(change):
            found.add(id(change))
    return found


def _loosens(change: Change) -> bool:
    operation = change.operation
    if operation.key.kind == "constraint":
        return operation.verb == "drop"
    return operation.key.kind == "column" and all("DROP NOT NULL" in made.sql for made in operation.commands)


def _put_rows_between(
    sqls: Sequence[Change],
    rows: Sequence[Change],
    restored: Sequence[Change],
    changes: Sequence[Change],
    loosening: set[int],
) -> None:
    """Let rows go back when no rule of the run stands in their way, and before the rules of before return."""
    free = [change for change in changes if id(change) in loosening]
    first = (*sqls, *(() if loosening else rows))
    for change in (*restored, *free):
        change.after = (*change.after, *first)
    for change in rows:
        change.after = (*change.after, *sqls, *(restored if loosening else ()), *free)
    for change in changes:
        if id(change) not in loosening:
            change.after = (*change.after, *sqls, *rows)


def _planner(work: Work, live: Catalog) -> Planner:
    folded = Folded({})
    imperative = Imperative(work.play, folded, fold(()), Ledger(work.reading), work.reading, work.asker)
    choices = Choices(trash=not work.options.no_trash)
    return Planner(
        work.playbook, work.play, folded, work.environment, work.reading, work.connections, Cache(None), choices, (), live,
        imperative, sizes=work.sizes,
    )  # fmt: skip


def _refuse_irreversible(ledger: Ledger, ids: Sequence[int]) -> None:
    rows = ask(ledger.connection, "irreversible", list(ids)).fetchall()
    undone = {(row.step, row.run) for row in ledger.sql_done() if row.down is not None}
    told = [f"run {run}: {title}: {why}" for run, title, why in rows if (title.removeprefix("run "), run) not in undone]
    for kind, name, event, run in ledger.emptied_since(ids):
        word = "purged" if event == "purged" else "brought back from the trash"
        told.append(f"{kind} {'.'.join(name)}: it was {word} by run {run}")
    if told:
        raise Refused(
            "what was done cannot be undone", details=told, hint="restore the backup that was taken before the run"
        )


def _without_others_roles(live: Catalog, target: Catalog) -> Catalog:
    """Return the live catalog without roles that the snapshot does not know: they are other databases' too, and a run
    that was cut short has not recorded which of them it made."""
    made = live.copy()
    made.rows = Rows({key: row for key, row in live.rows.items() if key.kind not in CLUSTER or key in target.rows})
    return made


def _wanted(
    live: Catalog, target: Catalog, latest: Catalog, began_at: Catalog | None, renamed: Collection[Key]
) -> Wanted:
    """Return the live catalog with what the runs changed as it was before them; what others did since stays.

    `renamed` get their old names back. What a rollback changed that was cut short is no work of others: it is as that one
    found it, at `began_at`.
    """
    made = Wanted(live.copy())
    if began_at is not None:
        for key, row in began_at.rows.items():
            if live.rows.get(key) != row and key.kind not in CLUSTER:
                made.catalog.rows[key] = row
                made.catalog.extras.setdefault(key, began_at.extra(key))
        moved = {key for key in live.of("table") if live.rows[key] != began_at.rows.get(key) and key in target.rows}
        for key in beside.inside(live, moved):
            if key not in began_at.rows and key not in target.rows:
                made.catalog.rows.pop(key, None)
    for key in {*target.rows, *latest.rows}:
        if target.rows.get(key) == latest.rows.get(key):
            continue
        if key in target.rows:
            made.catalog.rows[key] = target.rows[key]
            made.catalog.extras[key] = target.extra(key)._replace(oid=live.extra(key).oid)
        else:
            made.catalog.rows.pop(key, None)
    beside.settle(live, made.catalog, latest, renamed)
    changed = {key for key in target.rows if target.rows[key] != latest.rows.get(key)}
    made.managed = frozenset(changed)
    made.catalog.edges = frozenset(
        {edge for edge in live.edges if edge[0] not in changed}
        | {edge for edge in target.edges if edge[0] in made.catalog.rows}
    )
    return made


def _restores(
    situation: Situation, live: Catalog, wanted: Catalog, entries: Sequence[TrashEntry]
) -> tuple[list[Change], Catalog, set[Key]]:
    """Return the changes that bring removed data back, and the catalog after them."""
    current = live.copy()
    changes: list[Change] = []
    brought: set[Key] = set()
    for entry in sorted(entries, key=lambda one: (RESTORED.get(one.kind, len(RESTORED)), one.name)):
        key = Key(entry.kind, tuple(entry.name))
        if entry.kind in RECORDS or key not in wanted.rows or key in current.rows or entry.definition.get("replaced"):
            continue
        change = restore(situation, key, list(entry.trash_name), entry.definition)
        kept_ones = kept_rows(entry.definition)
        for kept in kept_ones:  # another table's index has the name by now
            if kept.kind == "index" and kept in live.rows and live.rows[kept][0] != kept_ones[kept][0]:
                changes += drop_index(situation, kept)
        change.after = tuple(changes[-1:])
        changes.append(change)
        brought.add(key)
        for kept, row in kept_ones.items():
            current.rows[kept] = row
            current.extras[kept] = wanted.extra(kept)
    names = set(current.rows)
    current.edges = frozenset(
        {*live.edges, *(edge for edge in wanted.edges if edge[0] in names and edge[0] not in live.rows)}
    )
    return changes, current, brought


def _waiting(situation: Situation, wanted: Catalog, entries: Sequence[TrashEntry]) -> dict[Key, Waiting]:
    """Return the plain columns in the trash whose names live generated columns have: they take turns."""
    found: dict[Key, Waiting] = {}
    for entry in entries:
        key = Key("column", tuple(entry.name))
        if entry.kind != "column" or key in found or entry.definition.get("replaced"):
            continue
        now, before = situation.current.get(key), wanted.get(key)
        if now and before and now.generated and not before.generated:
            back = restore(situation, key, list(entry.trash_name), entry.definition)
            found[key] = Waiting(entry.trash_name[-1], kept_rows(entry.definition)[key], back)
    return found


def _renames(situation: Situation, live: Catalog, wanted: Catalog, entries: Sequence[TrashEntry]) -> rename.Renamed:
    """Return the renames that give back the old names, the last rename first."""
    found = rename.Renamed()
    made = [one for one in entries if one.kind == "rename"]
    schemas = {one.name[0]: one.definition["from"][0] for one in made if one.definition["kind"] == "schema"}
    for entry in reversed(made):
        kind = entry.definition["kind"]
        now, before = Key(kind, tuple(entry.name)), Key(kind, tuple(entry.definition["from"]))
        then = Key(kind, (schemas.get(before.name[0], before.name[0]), *before.name[1:])) if before.name[1:] else before
        if kind in ("attribute", "label") or (now in live.rows and (then in wanted.rows or len(before.name) == 3)):
            rename.back(found, situation, live, now, before, list(entry.trash_name))
    return found


def _converted(entries: Sequence[TrashEntry]) -> set[Key]:
    """Return the columns whose values were converted by those who left these entries."""
    return {
        Key("column", tuple(entry.name))
        for entry in entries
        if entry.kind == "column" and entry.definition.get("replaced")
    }


def _conversions(
    entries: Sequence[TrashEntry],
    current: Catalog,
    wanted: Catalog,
    renamed: rename.Renamed,
    done: Collection[Key],
    castable: Callable[[str, str], bool],
) -> tuple[dict[Key, Any], frozenset[Key]]:
    """Return how converted columns become what they were, from what was recorded when they were converted.

    Those that are `done` are so already.
    """

    def spelled(expression: str, key: Key) -> Sql:
        words = {
            now.name[2]: old.name[2]
            for old, now in renamed.pairs.items()
            if now.kind == "column" and now.name[:2] == key.name[:2]
        }
        return renamed_columns(Sql(expression), words) if words else Sql(expression)

    found: dict[Key, Conversion] = {}
    backs: dict[tuple[Key, int], Sql] = {}
    for entry in entries:
        if entry.kind == "conversion" and entry.definition["back"]:
            key = Key("column", tuple(entry.name))
            back = backs[key, entry.run] = spelled(entry.definition["back"], key)
            found[renamed.after(key)] = Conversion(back, Sql(entry.definition["using"]))
    for key, kept in _kept(entries, current).items():
        values = [
            Kept(entry.trash_name[2], str(row[0]), spelled(entry.definition["using"], key), backs.get((key, entry.run)))
            for entry, row in kept
        ]
        new = renamed.after(key)
        if new not in current.rows:
            continue
        found[new] = back_to_kept(new.name[2], str(current.rows[new][0]), values, castable)
    return active({key: one for key, one in found.items() if key not in done}, current, wanted)


def _definition(entry: TrashEntry, situation: Situation) -> Mapping[str, Any]:
    """Return the definition of what lies in the trash, from which the scratch database has it too."""
    kept = kept_rows(entry.definition)
    edges = [edge for edge in situation.wanted.edges if edge[0] in kept and edge[1] in kept]
    made = {**entry.definition, "place": list(entry.trash_name), "edges": edges}
    if Key(entry.kind, tuple(entry.name)) in situation.goal.waiting:  # its old name is taken there
        made |= {"rows": [[kind, made["place"], row] for kind, _, row in made["rows"]], "commands": []}
    return made


def _is_used(entry: TrashEntry, situation: Situation, renamed: rename.Renamed) -> bool:
    """Tell whether a column gets its values back from this entry."""
    key = Key(entry.kind, tuple(entry.name))
    return "using" in entry.definition and renamed.after(key) in situation.goal.converts


def _kept(entries: Sequence[TrashEntry], current: Catalog) -> dict[Key, list[tuple[TrashEntry, Row]]]:
    """Return, by column, where the values lie that conversions replaced, the last first."""
    found: dict[Key, list[tuple[TrashEntry, Row]]] = {}
    for entry in sorted(entries, key=lambda one: one.at, reverse=True):
        place = Key("column", tuple(entry.trash_name))
        if entry.kind == "column" and "using" in entry.definition and Key("table", place.name[:2]) in current.rows:
            found.setdefault(Key("column", tuple(entry.name)), []).append((entry, kept_rows(entry.definition)[place]))
    return found


def _mark_conversions(changes: Sequence[Change], entries: Sequence[TrashEntry], renamed: rename.Renamed) -> None:
    """Say with the change that takes a conversion back that its record is used up."""
    places: dict[Key, TrashEntry] = {}
    for entry in entries:
        if entry.kind == "conversion":
            key = Key("column", tuple(entry.name))
            places[renamed.after(key)] = entry
    for change in changes:
        found = places.get(change.operation.key)
        if found is not None and "convert" in change.operation.payload:
            made = change.operation.payload.get("trash") or []
            others = [one for one in (made if isinstance(made, list) else [made]) if one["kind"] != "conversion"]
            used_up = {
                "event": "restored", "kind": "conversion", "name": list(found.name), "trash_name": list(found.trash_name), "definition": {},
            }  # fmt: skip
            change.operation.payload["trash"] = [*others, used_up]


def _fills(current: Catalog, wanted: Catalog, brought: set[Key]) -> dict[Key, Sql]:
    """Rows that were written since get the default where a returning rule forbids NULL."""
    fills: dict[Key, Sql] = {}
    for key in wanted.rows:
        if key.kind == "column" and key in brought and wanted[key].not_null and wanted[key].default is not None:
            fills[key] = Sql(wanted[key].default)
    return fills


def _undone_sql(work: Work, ledger: Ledger, ids: Sequence[int]) -> list[Change]:
    """Return the changes that run the `down` of imperative steps and handlers, the last first."""
    made: list[Change] = []
    hidden = {step.name for step in (*work.play.steps, *work.play.handlers) if step.no_log}
    for row in reversed([row for row in ledger.sql_done() if row.run in ids and row.down is not None]):
        _find_secrets(row)
        if row.step in hidden:
            register(str(row.down))
        commands = (Command(SEARCH_PATH, shadow=False), Command(str(row.down), wait="data", shadow=False))
        event = {"event": "undone", "play": row.play, "step": row.step, "item": row.item, "checksum": row.checksum, "sql": row.sql,
                 "down": row.down}  # fmt: skip
        operation = Operation(
            "run", Key("sql", (row.play, row.step)), f"undo {row.step}", commands, payload={"sql_once": event}
        )
        made.append(Change(operation, after=tuple(made[-1:])))
    return made


def _find_secrets(row: SqlOnce) -> None:
    """Make known what the `down` of a step takes from the process environment; refuse what is not there any more."""
    down = str(row.down)
    names = names_in(down)
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise Refused(
            f"the `down` of the step {row.step!r} reads the environment variable {missing[0]}, which is not set",
            hint=f"export {missing[0]}=...",
        )
    if MASK in down:
        raise Refused(
            f"the `down` of the step {row.step!r} holds a secret that the ledger does not keep",
            hint="take it back by hand, or restore the backup that was taken before the run",
        )
    for name in names:
        register(os.environ[name], name)


def _rewritten(ledger: Ledger, ids: Sequence[int]) -> frozenset[Key]:
    """Return the tables of which rows are put back."""
    return frozenset(Key("table", tuple(row.relation)) for row in ledger.row_changes(list(ids)))


def _undone_rows(
    ledger: Ledger,
    ids: Sequence[int],
    live: Catalog,
    wanted: Catalog,
    renamed: rename.Renamed,
    current: Catalog | None,
) -> list[Change]:
    """Return one change that puts the rows back that these runs wrote, the last first: before their tables are renamed,
    or after that, where `current` is the catalog by then."""
    commands: list[Command] = []
    back: list[dict[str, Any]] = []
    held = live if current is None else current
    for written in reversed(ledger.row_changes(list(ids))):
        table = Key("table", tuple(written.relation))
        if table not in live.rows or renamed.after(table) not in wanted.rows:
            continue
        row = written if current is None else _renamed_row(written, renamed)
        table = Key("table", tuple(row.relation))
        types = {key.name[2]: str(held[key].type) for key in held.of("column", *table.name)}
        sql = _row_back(table, row, types, held)
        if sql is None:
            continue
        commands.append(Command(sql, wait="data", shadow=False))
        back.append({"relation": list(row.relation), "key": dict(row.key), "before": row.after, "after": row.before})
    if not commands:
        return []
    title = f"put {len(commands)} row{'s' if len(commands) != 1 else ''} back"
    path = Command(SEARCH_PATH, shadow=False)
    key = Key("table", tuple(back[0]["relation"]))
    return [Change(Operation("run", key, title, (path, *commands), payload={"row_changes": back}))]


def _renamed_row(row: RowChange, renamed: rename.Renamed) -> RowChange:
    """Return a change of a row under the names after the renames."""
    table = Key("table", tuple(row.relation))

    def named(values: Mapping[str, Any]) -> dict[str, Any]:
        return {renamed.after(Key("column", (*table.name, name))).name[-1]: value for name, value in values.items()}

    before, after = row.before and named(row.before), row.after and named(row.after)
    return replace(row, relation=list(renamed.after(table).name), key=named(row.key), before=before, after=after)


def _row_back(table: Key, row: RowChange, types: Mapping[str, str], live: Catalog) -> str | None:
    """Return the statement that puts a row back; None where no column of it is left to put back."""
    from wgm_play.render import render

    where = [Sql(f"{ident(name)} = {spell(value, types[name])}") for name, value in row.key.items() if name in types]
    if row.before is None:
        return render("seed/delete.sql.j2", table=table.name, key=where).sql
    values = {name: value for name, value in row.before.items() if name in types and not _computed(live, table, name)}
    if row.after is None:
        always = any(live[key].identity == "a" for key in live.of("column", *table.name))
        listed = [[spell(value, types[name]) for name, value in values.items()]]
        return render("seed/insert.sql.j2", table=table.name, columns=list(values), rows=listed, overriding=always).sql
    fixed = {*row.key, *(key.name[2] for key in live.of("column", *table.name) if live[key].identity == "a")}
    sets = [Sql(f"{ident(name)} = {spell(value, types[name])}") for name, value in values.items() if name not in fixed]
    if not sets:
        return None
    return render("seed/update.sql.j2", table=table.name, sets=sets, key=where).sql


def _computed(live: Catalog, table: Key, name: str) -> bool:
    key = Key("column", (*table.name, name))
    return key in live.rows and bool(live[key].generated)
