"""The trash: what lies in it, and one object brought back beside what is live.

In: the ledger's trash entries, the live database. Out: a table for people, or a run of its own that moves one object out of
the trash, under a name that nothing has.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import parts_of_table
from wgm_play.catalog.kinds import HOLDING_VALUES, OF_TABLE
from wgm_play.catalog.model import Key, field_of, with_fields
from wgm_play.commands.upkeep import plan_of, run_of
from wgm_play.errors import InputError, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger, TrashEntry
from wgm_play.operations.base import ACCESS_EXCLUSIVE, command, hazard, what_of
from wgm_play.operations.trash import NAMED, RECORDS, SCHEMA, kept_rows, out_of_trash
from wgm_play.plan import Command, Group, Hazard, Lock, Operation, Plan
from wgm_play.render import render
from wgm_play.reporter import StepResult
from wgm_play.sql import Sql, ident, shortened

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

# What goes when a table is removed, and is not made again beside another one.
_LOST = OF_TABLE - {"column"} - {"rule"}


def lying(entries: Sequence[TrashEntry]) -> list[TrashEntry]:
    """Return what lies in the trash with its data, without the records of renames and conversions."""
    return [entry for entry in entries if entry.kind not in RECORDS]


def row_of(entry: TrashEntry) -> tuple[str, str, str, int, str]:
    """Return an entry as it is listed: kind, name before, name now, run, time."""
    return entry.kind, ".".join(entry.name), ".".join(entry.trash_name), entry.run, f"{entry.at:%Y-%m-%d %H:%M}"


def show(work: PlaySession, reporter: Reporter) -> int:
    """List what lies in the trash, and until when it is kept."""
    kept = timedelta(seconds=work.environment.policy.trash_retention)
    rows = [(*row_of(entry), f"{entry.at + kept:%Y-%m-%d}") for entry in lying(_entries(work))]
    if rows:
        reporter.table("trash", ("kind", "was", "is now", "run", "since", "kept until"), rows)
    else:
        reporter.note("nothing lies in the trash")
    return 0


def bring_back(work: PlaySession, options: Options, reporter: Reporter, name: str, wanted: str | None) -> int:
    """Bring one object back beside what is live; with --check only show it."""
    work.check_marker()
    reporter.play(work.play.name, work.target)
    entry = _named(lying(_entries(work)), name, options)
    moved = _Move(work, entry, wanted).made()
    title = moved.operation.title[0].upper() + moved.operation.title[1:]
    groups = (Group((moved.operation,), -1),)
    if options.check:
        reporter.plan(plan_of(work, groups, work.read_live()), diff=options.diff)
    else:
        run_of(work, groups, "trash", reporter)
    reporter.step(StepResult(work.target, title, "changed", operations=[moved.operation]))
    for text in moved.notes:
        reporter.note(text)
    reporter.recap()
    return 0


def mention(work: PlaySession, plan: Plan, reporter: Reporter) -> None:
    """Say where the trash holds rows of something that the plan makes anew, without them."""
    made = {operation.key for operation in plan.operations if operation.verb == "create"}
    if not any(key.kind in (HOLDING_VALUES | {"sequence"}) for key in made):
        return
    newest: dict[Key, TrashEntry] = {}
    for entry in lying(Ledger(work.reading).trash_entries()):
        key = Key(entry.kind, tuple(entry.name))
        if key in made and (key not in newest or entry.run > newest[key].run):
            newest[key] = entry
    for key, entry in newest.items():
        reporter.note(
            f"{key} is made anew: the trash holds it as it was before run {entry.run}; "
            f"`wgm-play trash {work.options.playbook} restore {entry.trash_name[-1]}` brings that back beside it"
        )


def _entries(work: PlaySession) -> list[TrashEntry]:
    ledger = Ledger(work.reading)
    if ledger.access() == "unknown":
        raise Refused(
            "this role may not read the ledger, so the trash cannot be listed",
            hint="name the role under readers: of the environment",
        )
    return ledger.trash_entries()


def _named(entries: Sequence[TrashEntry], name: str, options: Options) -> TrashEntry:
    """Return the entry with this name, the one before or the one in the trash; raise where none or several have it."""
    found = [entry for entry in entries if name in (entry.trash_name[-1], ".".join(entry.trash_name))]
    found = found or [
        entry for entry in entries if name in {".".join(entry.name[first:]) for first in range(len(entry.name))}
    ]
    if len(found) == 1:
        return found[0]
    listed = [f"{entry.kind} {'.'.join(entry.name)}: {entry.trash_name[-1]} (run {entry.run})" for entry in found]
    if found:
        raise InputError(
            f"{len(found)} objects in the trash are called {name!r}",
            details=listed,
            hint=f"give the name in the trash: wgm-play trash {options.playbook} restore {found[-1].trash_name[-1]}",
        )
    raise InputError(
        f"nothing in the trash is called {name!r}", hint=f"wgm-play trash {options.playbook} lists what lies there"
    )


@dataclass(frozen=True, slots=True)
class _BroughtBack:
    """What brings one object back, and what is worth knowing of it."""

    operation: Operation
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Move:
    """The way of one entry out of the trash; `wanted` is the name that was asked for."""

    work: PlaySession
    entry: TrashEntry
    wanted: str | None

    def made(self) -> _BroughtBack:
        """Return what is to be done."""
        return self._column() if self.entry.kind == "column" else self._object()

    def _column(self) -> _BroughtBack:
        entry = self.entry
        found = self._rows("trash/place", name=entry.trash_name[-1], table=entry.trash_name[:2])
        if not found:
            raise Refused(
                f"the table of column {'.'.join(entry.name)} is not there",
                hint=f"bring the table back first: wgm-play trash {self.work.options.playbook} lists what lies there",
            )
        schema, table, columns = found[0]
        name = self._free(entry.name[-1], columns, self.wanted)
        now = Key("column", (schema, table, name))
        lock = Lock(ACCESS_EXCLUSIVE, now.name[1] if schema == "public" else f"{schema}.{table}")
        back = command(
            "column/rename", lock, what=Sql("TABLE"), table=(schema, table), name=entry.trash_name[-1], to=name
        )
        seen = hazard("Q09", "it stands among the others again: SELECT * and INSERT without names meet it", NAMED)
        said = f"declare it, or the next run of the playbook asks what becomes of it: {name}: {self._type()}"
        return self._moved(now, [back], (said,), (seen,))

    def _type(self) -> str:
        rows = kept_rows(self.entry.definition)
        return next((str(field_of("column", row, "type")) for key, row in rows.items() if key.kind == "column"), "")

    def _object(self) -> _BroughtBack:
        entry = self.entry
        schema, name = entry.name[0], entry.name[-1]
        wanted = self.wanted
        if wanted is not None and "." in wanted:
            schema, _, wanted = wanted.partition(".")
        if not self._rows("trash/schema", name=str(ident(schema)))[0][0]:
            raise Refused(
                f"the schema {schema} is not there",
                hint=f"wgm-play trash {self.work.options.playbook} restore {entry.trash_name[-1]} --as SCHEMA.NAME",
            )
        taken = {row[0] for row in self._rows("trash/taken", schema=schema)}
        now = Key(entry.kind, (schema, self._free(name, taken, wanted)))
        taken.add(now.name[1])
        apart = self._parts(taken) if entry.kind == "table" else []
        return self._moved(
            now, [*apart, *out_of_trash(now, entry.trash_name[-1], self._kept(now, taken))], self._lost()
        )

    def _kept(self, now: Key, taken: Collection[str]) -> dict[Key, tuple[Any, ...]]:
        """Return the rows of the entry, its own one by the name that it gets."""
        kept = kept_rows(self.entry.definition)
        row = kept[Key(self.entry.kind, tuple(self.entry.name))]
        several = field_of("range", row, "multirange") if self.entry.kind == "range" else None
        if several:
            row = with_fields("range", row, multirange=self._beside(str(several), taken))
        return {now: row}

    def _parts(self, taken: set[str]) -> list[Command]:
        """Return what renames the indexes and sequences of a table whose names are taken where it goes."""
        before = {to: own[-1] for _, own, to in self.entry.definition.get("renamed", ())}
        made = []
        for kind, name in self._rows("trash/inside", table=str(ident((SCHEMA, self.entry.trash_name[-1])))):
            to = self._beside(before.get(name, name), taken)
            taken.add(to)
            if to != name:
                made.append(command("object/rename", what=what_of(Key(kind, (SCHEMA, name))), to=to))
        return made

    def _lost(self) -> tuple[str, ...]:
        """Say what a table had that went when it was removed, and is not made again beside another one."""
        before = Ledger(self.work.reading).snapshot_of(self.entry.run, "before")
        key = Key("table", tuple(self.entry.name))
        if before is None or key not in before.rows:
            return ()
        kept = kept_rows(self.entry.definition)
        lost = [str(own) for own in parts_of_table(before, key) if own.kind in _LOST and own not in kept]
        return (f"it comes without {', '.join(lost)}: declare what it needs",) if lost else ()

    def _free(self, name: str, taken: Collection[str], wanted: str | None) -> str:
        """Return the name that the object gets: the one asked for, else its own, else one beside that."""
        if wanted is None:
            return self._beside(name, taken)
        if wanted in taken:
            raise InputError(f"the name {wanted!r} is taken", hint="give another one with --as")
        return wanted

    @staticmethod
    def _beside(name: str, taken: Collection[str]) -> str:
        made, number = name, 1
        while made in taken:
            end = "_restored" if number == 1 else f"_restored_{number}"
            made, number = shortened(name, end), number + 1
        return made

    def _rows(self, template: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.work.reading.execute(render(f"{template}.sql.j2", **values).sql.encode()).fetchall()

    def _moved(
        self, now: Key, commands: Sequence[Command], notes: tuple[str, ...], hazards: tuple[Hazard, ...] = ()
    ) -> _BroughtBack:
        entry = self.entry
        event = {
            "event": "restored",
            "kind": entry.kind,
            "name": list(now.name),
            "trash_name": list(entry.trash_name),
            "definition": {},
        }
        title = f"bring {Key(entry.kind, tuple(entry.name))} back from the trash as {now.label}"
        operation = Operation("restore", now, title, tuple(commands), hazards=hazards, payload={"trash": event})
        return _BroughtBack(operation, notes)
