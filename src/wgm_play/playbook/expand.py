"""A playbook file to plays and steps: imports, loops and conditions resolved, values rendered.

In: a path, an environment, `-e` variables, what earlier steps registered. Out: `Playbook`, or all its errors at once.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from datetime import date
from pathlib import Path
from typing import Any

from wgm_play.document.nodes import Map, Text, position_of
from wgm_play.environment import Environment
from wgm_play.errors import InputError, Position, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.files import Files, project_of, raise_all, shown
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.model import (
    Acknowledged,
    AfterChanges,
    Alert,
    Exercise,
    Flag,
    Invariant,
    Job,
    Pin,
    Play,
    Playbook,
    Pooling,
    Query,
    Step,
    Written,
)
from wgm_play.playbook.schema_rules import Checker, nearest
from wgm_play.playbook.values import holds_template, render_value, truth
from wgm_play.playbook.variables import Environ, Pending, Root, Scope, Visible
from wgm_play.quantities import parse_duration
from wgm_play.render import as_json
from wgm_play.sql import reveal

__all__ = ["backup_of", "hosts_of", "load_playbook", "project_of"]

DEFAULT_SCHEMA = "public"
# What `pin` may say: the beginning of a SHA-256, or that nothing is pinned yet.
_PIN = re.compile(r"(none|[0-9a-f]{12,64})\Z")


def load_playbook(
    path: Path | str,
    environment: Environment,
    extra_vars: Mapping[str, Any] | None = None,
    registered: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    number: int | None = None,
) -> Playbook:
    """Load, check and expand a playbook, or the play of it with this number. Raise `InputError`, or `Problems`.

    `registered` are the values of variables that steps have registered, by name; a step whose `when` or values read
    one that is not known yet is `deferred`. `environ` stands for the process environment in tests.
    """
    place = Path(path)
    project = project_of(place)
    with without_collections():
        return _load(place, project, environment, extra_vars or {}, dict(registered or {}), Environ(environ), number)


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Hold the garbage collector back: of the many objects made here, none is garbage."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _load(
    place: Path,
    project: Path,
    environment: Environment,
    extra: Mapping[str, Any],
    known: Mapping[str, Any],
    process: Environ,
    number: int | None,
) -> Playbook:
    files = Files(project)
    document = files.document(place, "playbook")
    problems: list[WgmError] = []
    plays = []
    pins: list[Pin] = []
    for play in document if number is None else document[number : number + 1]:
        try:
            expansion = _Expansion(
                files, place, environment, Root(extra, process, known, _builtins(environment)), problems
            )
            plays.append(expansion.play(play))
            pins += expansion.pins
        except WgmError as error:
            problems.append(error)
    raise_all([*files.problems, *problems])
    return Playbook(
        shown(place),
        str(project),
        tuple(plays),
        dict(files.inputs),
        _digest(files.inputs, environment, extra, known, process),
        frozenset(process.read),
        tuple(pins),
    )


def hosts_of(path: Path | str) -> list[tuple[str, str, Position]]:
    """Return name, environment and position of each play of a playbook, without expanding it."""
    place = Path(path)
    document = Files(project_of(place)).document(place, "playbook")
    return [
        (reveal(play["name"]), reveal(play["hosts"]), position_of(play, "hosts") or play.position) for play in document
    ]


def backup_of(path: Path | str, number: int) -> Mapping[str, Any] | None:
    """Return the backup policy of a play as it is written, without expanding the playbook."""
    place = Path(path)
    given = Files(project_of(place)).document(place, "playbook")[number].get("backup")
    return given if isinstance(given, Mapping) else None


def _builtins(environment: Environment) -> dict[str, Any]:
    return {"environment": environment.name}


def _digest(
    inputs: Mapping[str, str],
    environment: Environment,
    extra: Mapping[str, Any],
    registered: Mapping[str, Any],
    process: Environ,
) -> str:
    """Return the SHA-256 over files, variables and what was read of the process environment."""
    read = {name: process.values_of.get(name) for name in sorted(process.read)}
    values = {
        "inputs": dict(inputs),
        "environment": [environment.name, _revealed(environment.variables)],
        "extra": _revealed(extra),
        "registered": _revealed(registered),
        "env": read,
    }
    return hashlib.sha256(as_json(values).encode()).hexdigest()


def _revealed(value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {str(key): _revealed(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_revealed(one) for one in value]
    return value


@dataclass(slots=True)
class _Frame:
    """What the steps of one file inherit from the imports that lead to it."""

    folder: Path
    scope: Scope
    tags: frozenset[str]
    whens: tuple[tuple[Any, Position | None], ...] = ()
    stack: tuple[str, ...] = ()
    skipped: str | None = None
    deferred: bool = False
    templated: bool = True
    imports: tuple[Position, ...] = ()


@dataclass(slots=True)
class _Expansion:
    """The expansion of one play."""

    files: Files
    path: Path
    environment: Environment
    root: Root
    problems: list[WgmError]
    schema: str = DEFAULT_SCHEMA
    steps: list[Step] = field(default_factory=list)
    pins: list[Pin] = field(default_factory=list)

    def play(self, play: Map) -> Play:
        """Expand one play; collect errors of its parts."""
        scope = self._variables(play)
        given = self._try(lambda: render_value(play.get("schema"), scope, position_of(play, "schema")))
        self.schema = reveal(given) if given else DEFAULT_SCHEMA
        frame = _Frame(self.path.parent, scope, _words(play.get("tags")), stack=(os.path.realpath(self.path),))
        self._each(play.get("steps") or [], frame)
        count = len(self.steps)
        self._each(play.get("handlers") or [], frame)
        steps, handlers = self.steps[:count], self.steps[count:]
        self._check_notify(steps, handlers)
        self._check_handlers(handlers)
        flags = tuple(self._flags(play.get("flags") or [], scope))
        self._check_flags([*steps, *handlers], flags)
        self._check_once([*steps, *handlers])
        backup = self._try(lambda: render_value(play.get("backup"), scope, position_of(play, "backup")))
        if backup is not None:
            self._check_backup(backup)
        alerts = tuple(self._alerts(play.get("alerts") or [], frame))
        self._check_alerts(alerts)
        invariants = tuple(self._invariants(play.get("invariants") or [], scope))
        taken = tuple(self._acknowledged(play.get("acknowledge") or [], scope))
        rendered = (
            self._try(lambda: render_value({k: play[k] for k in ("name", "manage") if k in play}, scope, play.position))
            or {}
        )
        return Play(
            str(rendered.get("name", play["name"])),
            reveal(play["hosts"]),
            play.position,
            tuple(steps),
            tuple(handlers),
            backup,
            alerts,
            invariants,
            taken,
            bool(play.get("prune", False)),
            play.get("renames") != "none",
            rendered.get("manage"),
            Visible(scope),
            scope.sources(),
            self._try(lambda: render_value(play.get("budget"), scope, position_of(play, "budget"))),
            tuple(self._exercises(play.get("exercise") or [], play, scope)),
            tuple(self._tables(play.get("audits") or [], play, scope)),
            flags=flags,
            queries=tuple(self._queries(play.get("queries") or [], scope)),
            gate=play.get("gate"),
            application=self._try(
                lambda: render_value(play.get("application"), scope, position_of(play, "application"))
            ),
            after_changes=self._after_changes(play, alerts, scope),
            schedule=tuple(self._schedule(play, scope)),
            pool=self._pool(play, scope),
        )

    def _try(self, work: Any) -> Any:
        try:
            return work()
        except Pending as error:
            self.problems.append(InputError(f"{error.name!r} is registered by a step: only steps can read it"))
        except WgmError as error:
            self.problems.append(error)
        return None

    def _variables(self, play: Map) -> Scope:
        scope = Scope(self.root, None, 1, self.environment.variables)
        files = play.get("vars_files") or []
        for number, name in enumerate([files] if isinstance(files, str) else files):
            where = position_of(files, number) or position_of(play, "vars_files")
            path = self._try(lambda name=name, where=where, scope=scope: render_value(name, scope, where))
            if path is not None:
                found = self._try(
                    lambda path=path, where=where: self.files.document(self.path.parent / reveal(path), "vars", where)
                )
                scope = scope.below(found, 2)
        return scope.below(play.get("vars"), 3)

    # Steps --------------------------------------------------------------------------------------------------------

    def _each(self, entries: Any, frame: _Frame) -> None:
        for entry in entries:
            try:
                if "import_steps" in entry:
                    self._import(entry, frame)
                else:
                    self._step(entry, frame)
            except WgmError as error:
                self.problems.append(error)

    def _import(self, entry: Map, frame: _Frame) -> None:
        scope = frame.scope.below(entry.get("vars"))
        where = position_of(entry, "import_steps") or entry.position
        skipped, deferred = frame.skipped, frame.deferred
        whens = frame.whens
        if "when" in entry and skipped is None:
            try:
                if not truth(entry["when"], scope, position_of(entry, "when")):
                    skipped = f"when: {_said(entry['when'])}"
            except Pending:
                deferred = True
        try:
            name = reveal(render_value(entry["import_steps"], scope, where))
        except Pending as error:
            raise InputError(f"{error.name!r} is not known when files are read", where=where) from None
        path = frame.folder / name
        real = os.path.realpath(path)
        if real in frame.stack:
            chain = " -> ".join(shown(Path(one)) for one in (*frame.stack[frame.stack.index(real) :], real))
            raise InputError(f"an import cycle: {chain}", where=where, hint="remove one of the imports")
        steps = self.files.document(path, "steps", where)
        if "pin" in entry and skipped is None:
            self._pin(entry, path)
        tags = frame.tags | _words(render_value(entry.get("tags"), scope, entry.position))
        inner = _Frame(
            path.parent,
            scope,
            tags,
            whens,
            (*frame.stack, real),
            skipped,
            deferred,
            self.files.templated(path),
            (*frame.imports, where),
        )
        self._each(steps, inner)

    def _pin(self, entry: Map, path: Path) -> None:
        """Note which digest this environment pins."""
        pin, where = entry["pin"], position_of(entry, "pin") or entry.position
        if isinstance(pin, Mapping):
            name = self.environment.name
            if name not in pin:
                return
            pin, where = pin[name], position_of(pin, name) or where
        if not isinstance(pin, str) or not _PIN.match(pin):
            hint = "the beginning of its SHA-256 in quotes, 12 letters at least, as sha256sum prints it; or none"
            raise InputError(f"{pin!r} is no digest of a file", where=where, hint=hint)
        # A checkout on Windows may end lines with CR LF: that makes no other file of it.
        digest = hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
        self.pins.append(Pin(shown(path), reveal(pin), digest, where))

    def _step(self, entry: Map, frame: _Frame) -> None:
        if isinstance(entry.get("register"), str):
            self.root.announced.add(str(entry["register"]))
        scope = frame.scope.below(entry.get("vars"))
        if frame.skipped is not None or frame.deferred:
            self._add(entry, frame, scope, skipped=frame.skipped, deferred=frame.deferred and not frame.skipped)
            return
        if "loop" not in entry:
            self._one(entry, frame, scope)
            return
        try:
            where = position_of(entry, "loop")
            items = render_value(entry["loop"], scope, where)
        except Pending:
            self._add(entry, frame, scope, deferred=True)
            return
        if isinstance(items, str) and items is entry["loop"]:
            raise InputError("`loop` is a text", where=where, hint='write a list, or an expression: "{{ names }}"')
        if not isinstance(items, list):
            kind = "a mapping: use `| dict2items`" if isinstance(items, Mapping) else type(items).__name__
            raise InputError(f"`loop` yields {kind}, expected a list", where=where)
        control = entry.get("loop_control") or {}
        for number, item in enumerate(items):
            values = Map(position_of(items, number) or where)
            values[str(control.get("loop_var", "item"))] = item
            if "index_var" in control:
                values[str(control["index_var"])] = number
            inner = scope.below(values, rendered=True)
            try:
                self._one(entry, frame, inner, item, control)
            except WgmError as error:
                self.problems.append(error)

    def _one(self, entry: Map, frame: _Frame, scope: Scope, item: Any = None, control: Any = None) -> None:
        if "when" in entry:
            try:
                if not truth(entry["when"], scope, position_of(entry, "when")):
                    self._add(entry, frame, scope, item=item, control=control, skipped=f"when: {_said(entry['when'])}")
                    return
            except Pending:
                self._add(entry, frame, scope, item=item, control=control, deferred=True)
                return
        try:
            spec = self._spec(entry, frame, scope)
        except Pending:
            self._add(entry, frame, scope, item=item, control=control, deferred=True)
            return
        self._add(entry, frame, scope, item=item, control=control, spec=spec)

    def _spec(self, entry: Map, frame: _Frame, scope: Scope) -> Any:
        """Return the rendered and checked value of the kind key."""
        kind = _kind(entry)
        raw = entry[kind]
        where = position_of(entry, kind) or entry.position
        spec = raw
        if frame.templated and holds_template(raw):
            from wgm_play.playbook.validate import check_rendered

            spec = render_value(raw, scope, where)
            raise_all(check_rendered(kind, spec, where, absent=entry.get("state") == "absent"))
        if isinstance(spec, Map):
            if spec.get("template") is not None:
                spec = self._template(spec, scope)
            if kind == "seed" and "file" in spec:
                spec = self._csv(spec, frame)
        return spec

    def _template(self, spec: Map, scope: Scope) -> Map:
        from wgm_play.playbook.templates import render_template

        made = spec.duplicate()
        made["template"] = render_template(spec["template"], self.files, scope, position_of(spec, "template"))
        return made

    def _csv(self, spec: Map, frame: _Frame) -> Map:
        where = position_of(spec, "file")
        path = frame.folder / reveal(spec["file"])
        self.files.confine(path, where)
        content, name = self.files.read(path, "file", where)
        made = spec.duplicate()
        made["file"] = CsvFile(reveal(spec["file"]), where)
        made["file"].content, made["file"].name = content, name
        return made

    def _add(
        self,
        entry: Map,
        frame: _Frame,
        scope: Scope,
        *,
        spec: Any = None,
        item: Any = None,
        control: Any = None,
        skipped: str | None = None,
        deferred: bool = False,
    ) -> None:
        kind = _kind(entry)
        no_log = bool(entry.get("no_log", False))
        asleep = skipped is not None or deferred
        variables: dict[str, Any] = {"schema": self.schema}
        if item is not None:
            variables["item"] = item
        self.steps.append(
            Step(
                index=len(self.steps),
                name=str(self._word(entry, "name", scope, asleep)),
                kind=kind,
                spec=entry[kind] if asleep else spec,
                position=entry.position,
                tags=frame.tags | _words(entry.get("tags")),
                state=str(entry.get("state", "present"))
                if asleep
                else reveal(self._word(entry, "state", scope, asleep) or "present"),
                renamed_from=_optional(self._word(entry, "renamed_from", scope, asleep)),
                notify=tuple(_list(entry.get("notify"))),
                register=_optional(entry.get("register")),
                no_log=no_log,
                required=entry.get("required", True) is not False,
                item="" if item is None else self._label(item, control or {}, scope, no_log),
                skipped=skipped,
                deferred=deferred,
                variables=variables,
                accept=self._accept(entry, scope, asleep),
                after_flag=_optional(self._word(entry, "after_flag", scope, asleep)),
                flag_for=parse_duration(entry["for"], position_of(entry, "for")) if "for" in entry else 0.0,
                pause_pool=bool(entry.get("pause_pool")),
                written=Written(entry, scope, frame.imports),
            )
        )

    def _word(self, entry: Map, key: str, scope: Scope, asleep: bool) -> Any:
        value = entry.get(key)
        try:
            return render_value(value, scope, position_of(entry, key))
        except (WgmError, Pending):
            if asleep:
                return value
            raise

    def _accept(self, entry: Map, scope: Scope, asleep: bool) -> dict[str, str]:
        if "accept" not in entry:
            return {}
        return {code: reveal(self._word(entry["accept"], code, scope, asleep)) for code in entry["accept"]}

    def _label(self, item: Any, control: Mapping[str, Any], scope: Scope, no_log: bool) -> str:
        """Return what tells the items of a loop apart; for `no_log` a digest."""
        if "label" in control:
            label = render_value(control["label"], scope, position_of(control, "label"))
            item = label if isinstance(label, str) else as_json(_revealed(label))
        text = reveal(item) if isinstance(item, str) else as_json(_revealed(item))
        if no_log:
            return hashlib.sha256(text.encode()).hexdigest()[:8]
        return str(item) if isinstance(item, str) else text

    # What the steps say together ------------------------------------------------------------------------------------

    def _check_notify(self, steps: list[Step], handlers: list[Step]) -> None:
        names = [handler.name for handler in handlers]
        for step in [*steps, *handlers]:
            for name in step.notify:
                if name not in names:
                    where = getattr(name, "position", None) or step.position
                    hint = nearest(name, names) or "add it to `handlers:` of the play"
                    self.problems.append(
                        InputError(f"no handler {str(name)!r}", where=where, hint=hint, step=step.name)
                    )

    def _check_flags(self, steps: list[Step], flags: tuple[Flag, ...]) -> None:
        names = [flag.name for flag in flags]
        for step in steps:
            if step.after_flag is not None and step.after_flag not in names:
                hint = nearest(step.after_flag, names) or "add it to `flags:` of the play"
                self.problems.append(
                    InputError(f"no flag {step.after_flag!r}", where=step.position, hint=hint, step=step.name)
                )
            if step.flag_for and step.after_flag is None:
                self.problems.append(
                    InputError(
                        "`for` goes with `after_flag`", where=step.position, hint="name the flag", step=step.name
                    )
                )

    def _flags(self, entries: Any, scope: Scope) -> Iterator[Flag]:
        for entry in entries:
            made = self._try(lambda entry=entry: render_value(entry, scope, entry.position))
            if made is not None:
                yield Flag(str(made["name"]), made["query"], entry.position)

    def _check_handlers(self, handlers: list[Step]) -> None:
        """Refuse a handler that declares: what is declared is compared by every run, it cannot wait for a notice."""
        for handler in handlers:
            if handler.kind != "sql":
                self.problems.append(
                    InputError(
                        f"a handler is a `sql` step, this one is of the kind '{handler.kind}'",
                        where=handler.position,
                        hint="move it to `steps:`: what is declared there is made where it is missing",
                        step=handler.name,
                    )
                )

    def _check_alerts(self, alerts: tuple[Alert, ...]) -> None:
        """Refuse two alerts of one name: rules and metrics know them by it."""
        seen: dict[str, Alert] = {}
        for alert in alerts:
            first = seen.setdefault(alert.name, alert)
            if first is not alert:
                self.problems.append(
                    InputError(
                        f"two alerts are called {alert.name!r}",
                        where=alert.position,
                        hint=f"the first is at {first.position}: give one of them another name",
                    )
                )

    def _check_once(self, steps: list[Step]) -> None:
        """Refuse two `sql` steps that the ledger could not tell apart."""
        seen: dict[tuple[str, str], Step] = {}
        for step in steps:
            if step.kind != "sql":
                continue
            first = seen.setdefault((step.name, step.item), step)
            if first is not step:
                what = f"{step.name!r}" + (f" (item {step.item})" if step.item else "")
                self.problems.append(
                    InputError(
                        f"two sql steps are called {what}",
                        where=step.position,
                        hint=f"the first is at {first.position}: they run once by their names, so give another name",
                    )
                )

    def _check_backup(self, backup: Any) -> None:
        from wgm_play.playbook.validate import definitions

        checker = Checker(definitions(), templates=False)
        checker.check(backup, definitions()["backup"], position_of(backup), "'backup'")
        self.problems += checker.problems

    def _after_changes(self, play: Map, alerts: tuple[Alert, ...], scope: Scope) -> AfterChanges | None:
        if "after_changes" not in play:
            return None
        from wgm_play.playbook.operating import after_changes_of
        from wgm_play.playbook.operating_keys import AFTER_CHANGES

        where = position_of(play, "after_changes") or play.position
        made = self._piece(play["after_changes"], scope, where, AFTER_CHANGES, "'after_changes'")
        return None if made is None else self._try(lambda: after_changes_of(made, alerts, where))

    def _schedule(self, play: Map, scope: Scope) -> list[Job]:
        if not play.get("schedule"):
            return []
        from wgm_play.playbook.operating import job_of, refuse_namesakes
        from wgm_play.playbook.operating_keys import SCHEDULE

        found = []
        for number, entry in enumerate(play["schedule"]):
            where = position_of(play["schedule"], number) or play.position
            made = self._piece(entry, scope, where, SCHEDULE["items"], "the job")
            job = None if made is None else self._try(lambda made=made, where=where: job_of(made, where))
            found += [] if job is None else [job]
        self.problems += refuse_namesakes(found)
        return found

    def _pool(self, play: Map, scope: Scope) -> Pooling | None:
        if "pool" not in play:
            return None
        from wgm_play.playbook.operating import pooling_of
        from wgm_play.playbook.operating_keys import POOL

        where = position_of(play, "pool") or play.position
        made = self._piece(play["pool"], scope, where, POOL, "'pool'")
        return None if made is None else self._try(lambda: pooling_of(made, where))

    def _piece(self, given: Any, scope: Scope, where: Position, rules: Mapping[str, Any], name: str) -> Any:
        """Return a part of the play with its expressions worked out, checked again where it has any; None where it is wrong."""
        made = self._try(lambda: render_value(given, scope, where))
        if made is None or not holds_template(given):
            return made
        from wgm_play.playbook.validate import definitions

        checker = Checker(definitions(), templates=False)
        checker.check(made, rules, where, name)
        self.problems += checker.problems
        return None if checker.problems else made

    def _invariants(self, entries: Any, scope: Scope) -> Iterator[Invariant]:
        for entry in entries:
            made = self._try(lambda entry=entry: render_value(entry, scope, entry.position))
            if made is not None:
                yield Invariant(str(made["name"]), made["query"], entry.position)

    def _queries(self, entries: Any, scope: Scope) -> Iterator[Query]:
        seen: dict[str, Position] = {}
        for entry in entries:
            made = self._try(lambda entry=entry: render_value(entry, scope, entry.position))
            if made is None:
                continue
            name = str(made["name"])
            if name in seen:
                hint = f"the first is at {seen[name]}: give one of them another name"
                self.problems.append(InputError(f"two queries are called {name!r}", where=entry.position, hint=hint))
            seen.setdefault(name, entry.position)
            yield Query(name, made["sql"], made.get("values"), entry.position)

    def _acknowledged(self, entries: Any, scope: Scope) -> Iterator[Acknowledged]:
        if not entries:
            return
        from wgm_play.health import CODES

        for entry in entries:
            made = self._try(lambda entry=entry: render_value(entry, scope, entry.position))
            if made is None:
                continue
            try:
                until = date.fromisoformat(str(made["until"]))
            except ValueError:
                told = f"{str(made['until'])!r} is no day"
                self.problems.append(InputError(told, where=position_of(entry, "until"), hint="write it as 2027-01-31"))
                continue
            name = str(made["check"])
            if name not in CODES:
                near = nearest(name, CODES) or "`wgm-play doc health` lists them"
                self.problems.append(
                    InputError(f"no check is called {name!r}", where=position_of(entry, "check"), hint=near)
                )
                continue
            yield Acknowledged(name, str(made.get("object") or ""), str(made["reason"]), until, entry.position)

    def _tables(self, entries: Any, play: Map, scope: Scope) -> Iterator[tuple[str, str]]:
        for entry in entries:
            named = self._try(lambda entry=entry: render_value(entry, scope, position_of(play, "audits")))
            schema, _, name = str(named).rpartition(".")
            yield schema or self.schema, name

    def _exercises(self, entries: Any, play: Map, scope: Scope) -> Iterator[Exercise]:
        for number, entry in enumerate(entries):
            where = position_of(entries, number) or position_of(play, "exercise") or play.position
            made = self._try(lambda entry=entry, where=where: render_value(entry, scope, where))
            if isinstance(made, Mapping):
                yield Exercise(made["sql"], made.get("holds"), position_of(made, "sql") or where)
            elif made is not None:
                yield Exercise(made, None, where)

    # Alerts ---------------------------------------------------------------------------------------------------------

    def _alerts(self, entries: Any, frame: _Frame) -> Iterator[Alert]:
        for entry in entries:
            try:
                yield from self._import_alerts(entry, frame) if "import_alerts" in entry else self._alert(entry, frame)
            except Pending as error:
                self.problems.append(
                    InputError(f"{error.name!r} is registered by a step: alerts cannot read it", where=entry.position)
                )
            except WgmError as error:
                self.problems.append(error)

    def _import_alerts(self, entry: Map, frame: _Frame) -> Iterator[Alert]:
        from wgm_play.playbook import alerts

        scope = frame.scope.below(entry.get("vars"))
        where = position_of(entry, "import_alerts") or entry.position
        if "when" in entry and not truth(entry["when"], scope, position_of(entry, "when")):
            return
        name = reveal(render_value(entry["import_alerts"], scope, where))
        change = render_value(entry.get("change") or {}, scope, entry.position)
        if alerts.is_library(name):
            found = [
                replace(made, position=where, shipped=True)
                for path in alerts.files_of(name, where)
                for made in self._alerts(self.files.document(path, "alerts", where, ours=True), frame)
            ]
            yield from alerts.chosen(alerts.named(found, name, where), entry, change)
            return
        path = frame.folder / name
        real = os.path.realpath(path)
        if real in frame.stack:
            raise InputError(f"an import cycle: {shown(path)} imports itself", where=where)
        entries = self.files.document(path, "alerts", where)
        inner = _Frame(path.parent, scope, frame.tags, stack=(*frame.stack, real))
        yield from alerts.chosen(list(self._alerts(entries, inner)), entry, change)

    def _alert(self, entry: Map, frame: _Frame) -> Iterator[Alert]:
        from wgm_play.playbook.alert_keys import ALERT
        from wgm_play.playbook.alerts import made_of
        from wgm_play.playbook.validate import definitions

        if "when" in entry and not truth(entry["when"], frame.scope, position_of(entry, "when")):
            return
        made = entry
        if holds_template(entry):
            made = render_value(entry, frame.scope, entry.position)
            checker = Checker(definitions(), templates=False)
            checker.check(made, ALERT, entry.position, "the alert")
            raise_all(checker.problems)
        yield made_of(made, entry.position)


class CsvFile(Text):
    """The `file` of a seed, read: its text is `content`, `name` is how messages call it."""

    __slots__ = ("content", "name")
    content: str
    name: str


def _kind(entry: Map) -> str:
    return next(key for key in entry if key in KINDS)


def _said(condition: Any) -> str:
    if isinstance(condition, list):
        return " and ".join(_said(one) for one in condition)
    return str(condition).lower() if isinstance(condition, bool) else str(condition)


def _optional(value: Any) -> str | None:
    return None if value is None else reveal(value)


def _list(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _words(value: Any) -> frozenset[str]:
    """Return tags: a list of words, or words with commas."""
    words: list[str] = []
    for one in _list(value):
        words += [word.strip() for word in reveal(one).split(",")]
    return frozenset(word for word in words if word)
