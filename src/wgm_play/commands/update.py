"""`inspect --update`: what drifted in the database is brought into the playbook, line by line.

In: `Options`, the texts of the playbook's files. Out: the exit code: 12 where something is left to be written by hand.
The texts are tried before they are written: the play is read again with them, and compared again.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.catalog.kinds import ACCESS, CLUSTER
from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.manage import Manage
from wgm_play.desired.overlay import same_object
from wgm_play.document.as_read import instead
from wgm_play.document.spans import Address, at
from wgm_play.errors import Found, InputError, Refused, WgmError
from wgm_play.inspect.command import examine
from wgm_play.inspect.describe import describe
from wgm_play.inspect.entry import Entry
from wgm_play.inspect.update import drift
from wgm_play.inspect.update.apply import Editor, LeftByHand, TextChange, table_of
from wgm_play.inspect.update.edit import Unplaced
from wgm_play.inspect.update.place import StepFinder, Texts
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.options import Options
from wgm_play.playbook.files import shown
from wgm_play.playbook.fold import fold
from wgm_play.quantities import counted
from wgm_play.run.opening import find_playbook, load_plays, open_plays
from wgm_play.run.plans import compared

if TYPE_CHECKING:
    from wgm_play.desired.model import DesiredState
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

# A change may show another one: a column that comes back has its rules again.
ROUNDS = 5


def update(options: Options, reporter: Reporter) -> int:
    """Bring drift into a playbook. Raise `Found` where something is left."""
    texts = Texts(_read)
    left: list[LeftByHand] = []
    works = open_plays(options, reporter)
    if options.url is not None and len(works) > 1:
        raise InputError(
            f"{options.playbook} has {len(works)} plays; DSN is one database", hint="name the play with -l"
        )
    for number in range(len(works)):
        left += _Play(options, reporter, texts, number).bring_in()
    _tell(options, reporter, texts)
    if left:
        raise Found(
            f"{counted(len(left), 'difference')} to be written by hand",
            details=[line for one in left for line in _shown(one)],
            hint=f"then: wgm-play {options.playbook} --check",
        )
    return 0


def _read(file: str) -> str:
    return Path(file).read_bytes().decode("utf-8")


def _tell(options: Options, reporter: Reporter, texts: Texts) -> None:
    """Write the files, or show what would be written."""
    changed = texts.changed
    if options.check or options.diff:
        for file, text in changed.items():
            old, new = texts.first[file].splitlines(keepends=True), text.splitlines(keepends=True)
            name = shown(Path(file))
            reporter.page("diff", "".join(_whole(difflib.unified_diff(old, new, name, name))))
    if not options.check:
        for file, text in changed.items():
            Path(file).write_bytes(text.encode())
    word = "would change" if options.check else "changed"
    names = ", ".join(shown(Path(file)) for file in changed)
    reporter.note(f"{counted(len(changed), 'file')} {word}: {names}" if changed else "nothing to bring in")
    reporter.data("files", [shown(Path(file)) for file in changed])


def _whole(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _shown(one: LeftByHand) -> list[str]:
    return [f"{one.where}: {one.key}: {one.why}; write:", *(f"    {line}" for line in one.lines)]


@dataclass(slots=True)
class _Play:
    """One play, brought up to date with its database."""

    options: Options
    reporter: Reporter
    texts: Texts
    number: int
    pretty: dict[Key, Entry] = field(default_factory=dict)
    left: dict[tuple[Key, str], LeftByHand] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    rest: set[Key] = field(default_factory=set)

    def bring_in(self) -> list[LeftByHand]:
        """Change the texts until nothing more can be brought in; return what is left."""
        for _ in range(ROUNDS):
            before = dict(self.texts.now)
            self.left.clear()
            if not self._once() or self.texts.now == before:
                break
        if not self.left:
            self._name_rest()
        return list(self.left.values())

    def _name_rest(self) -> None:
        """Name what still differs although no step could be found that says it."""
        for key in sorted(self.rest):
            lines = (f"wgm-play {self.options.playbook} --check --diff shows what a run would change",)
            where = shown(find_playbook(self.options.playbook))
            self.left[key, ""] = LeftByHand(key, "the playbook says it in a way that is not known here", where, lines)

    def _once(self) -> bool:
        """Compare, and change the texts; tell whether something differed."""
        with instead(self.texts.changed), ExitStack() as stack:
            work = open_plays(self.options, self.reporter)[self.number]
            stack.enter_context(work)
            work.check_marker()
            live, wanted = compared(work)
            places = StepFinder((*work.play.steps, *work.play.handlers), self.texts, _known(live, wanted))
            found, kept = self._drift(work, live, wanted, places)
            rows = wanted.catalog.rows
            self.rest = (
                {key for key in {*live.rows, *rows} if live.rows.get(key) != rows.get(key)} if not kept else set()
            )
            for key in kept:
                self._say(f"{key}: the playbook says it and no run applied it yet: left as it is")
            if not found:
                return False
            self._apply(Editor(places, self.pretty.get, self._end(work)), found)
        return True

    def _drift(
        self, work: PlaySession, live: Catalog, wanted: DesiredState, places: StepFinder
    ) -> tuple[drift.Drift, list[Key]]:
        said = examine(work.reading)
        self.pretty = drift.described(said)
        role, owner = work.reading.info.user, said.owner
        there = drift.described(describe(live, said.versions, role, owner))
        asked = drift.described(describe(wanted.catalog, said.versions, role, owner))
        recorded = _recorded(work)
        base = drift.described(describe(recorded, said.versions, role, owner)) if recorded is not None else None
        declared = {*places.about, *places.shared}
        free = _free(there, declared, wanted, Manage.of(work.play.manage), base is not None)
        found = drift.find(asked, there, base, free, declared.__contains__)
        return found, list(dict.fromkeys(found.kept))

    def _end(self, work: PlaySession) -> tuple[str, Address] | None:
        """Return the last of the play's own steps."""
        file = os.path.realpath(find_playbook(self.options.playbook))
        root = self.texts.tree(file)
        line = work.play.position.line
        text = self.texts[file]
        for number, play in enumerate(root.values):
            steps = at(root, (number, "steps"))
            if text.count("\n", 0, play.start) + 1 == line and steps is not None and steps.values:
                return file, (number, "steps", len(steps.values) - 1)
        return None

    def _apply(self, editor: Editor, found: drift.Drift) -> None:
        for entry, one in found.both:
            self._leave(
                editor,
                TextChange(entry.key, "", lambda: None, (f"{'.'.join(one.path)}: {one.value!r}",)),
                "the playbook and the database both changed it since the last run",
            )
        inside = [editor.rename(old, new) for old, new in found.renamed]
        for old, new, differences in found.changed:
            inside += editor.change(old, new, differences)
        come = sorted(found.come, key=lambda one: table_of(one) is None)  # what belongs to a table stands beside it
        whole = [*(editor.remove(one) for one in found.gone), *(editor.add(one) for one in come)]
        before = dict(self.texts.now)
        done = [one for one in inside if self._made(editor, one)]
        done += [one for one in whole if self._made(editor, one)]
        editor.settle()
        if not self._readable():
            self.texts.now = before
            done = self._one_by_one(editor, [*inside, *whole])
        for made in done:
            self._say(f"{made.key}: {made.said}")

    def _made(self, editor: Editor, change: TextChange) -> bool:
        before = dict(self.texts.now)
        try:
            change.make()
        except Unplaced as error:
            self.texts.now = before
            self._leave(editor, change, str(error))
            return False
        return True

    def _one_by_one(self, editor: Editor, changes: list[TextChange]) -> list[TextChange]:
        """Make the changes after which the playbook can still be read; leave the others."""
        done = []
        waiting = changes
        moved = True
        while moved and waiting:
            moved, still = False, []
            for one in waiting:
                before = dict(self.texts.now)
                if not self._made(editor, one):
                    continue
                if one.steps:
                    editor.settle()
                if self._readable():
                    done.append(one)
                    moved = True
                    if one.steps:
                        return done  # the addresses of the others are no longer right: the next round makes them
                else:
                    self.texts.now = before
                    still.append(one)
            waiting = still
        for one in waiting:
            self._leave(editor, one, "without it the playbook could not be read")
        return done

    def _readable(self) -> bool:
        """Tell whether the playbook can be read with the texts as they are now."""
        try:
            with instead(self.texts.changed):
                for _, play, _, _ in load_plays(self.options):
                    fold(play.steps)
        except WgmError:
            return False
        return True

    def _leave(self, editor: Editor, change: TextChange, why: str) -> None:
        steps = editor.places.about.get(change.key, [])
        where = str(steps[-1].step.position) if steps else shown(find_playbook(self.options.playbook))
        self.left[change.key, change.said] = LeftByHand(change.key, why, where, change.lines)

    def _say(self, text: str) -> None:
        if text not in self.told:
            self.told.add(text)
            self.reporter.note(text)


def _known(live: Catalog, wanted: DesiredState) -> Callable[[Key], Key]:
    """Return how to find the key that PostgreSQL has for what a step says: `a integer` is the argument `integer`."""

    def known(key: Key) -> Key:
        for catalog in (wanted.catalog, live):
            found = [key] if key in catalog.rows else same_object(catalog, key)
            if found:
                return found[0]
        return key

    return known


def _recorded(work: PlaySession) -> Catalog | None:
    """Return what the last run left."""
    ledger = Ledger(work.reading)
    try:
        last = next((run for run in ledger.last_runs() if run.status == "done"), None)
        return ledger.snapshot_of(last.id, "after") if last is not None else None
    except Refused:
        return None


def _free(live: drift.Described, declared: set[Key], wanted: DesiredState, manage: Manage, recorded: bool) -> set[Key]:
    """Return the live objects that no step mentions, and that this play speaks for."""
    found = {key for key in wanted.unmanaged if key in live}
    privileges = recorded or any(key.kind in ACCESS - CLUSTER - {"owner"} - {"security_label"} for key in declared)
    for key in live:
        if key.kind in ACCESS and key not in declared and key not in wanted.managed and manage.covers(key):
            of = Key(key.name[0], key.name[1:-1]) if key.kind == "grant" else None
            if (of in found) or (privileges and key.kind != "role") or (key.kind == "role" and recorded):
                found.add(key)
    return found
