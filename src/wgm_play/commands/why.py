"""`why NAME`: where an object comes from. Lines of playbooks, variables, commits; and which run made it, with what SQL.

In: playbooks, a name. Out: `WhyAnswer`s; a ledger is asked where its database can be reached without starting anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.kinds import WITH_TABLE
from wgm_play.catalog.model import Key
from wgm_play.commands.inform import runs
from wgm_play.commands.renames import PastRename, history, renamed
from wgm_play.commands.status import is_running, outcome
from wgm_play.errors import InputError, Position, WgmError, unset_names
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger, decided
from wgm_play.playbook.fold import fold
from wgm_play.playbook.origins import Origin, matching, origins, spellings
from wgm_play.playbook.schema_rules import nearest
from wgm_play.review.git import BlameLine, Repository
from wgm_play.run.opening import Loaded, find_playbook, load_plays, said_unset, with_placeholders
from wgm_play.run.work import PlaySession
from wgm_play.secret import mask

if TYPE_CHECKING:
    from wgm_play.ledger.model import MadeOperation
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter

# What makes a table makes the columns that it has then; what renames it, renames where they are.
_MAKES = ("create", "restore", "rename")


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """What a run did to the object: who, when, from which revision, with which statements; by which run it was taken back."""

    run: int
    at: datetime
    title: str
    step: str
    item: str
    role: str
    os_user: str
    command: str
    status: str
    commit: str | None
    dirty: bool
    statements: tuple[str, ...]
    taken_back_by: int | None = None


@dataclass(frozen=True, slots=True)
class WhyAnswer:
    """What is known of one object in one play: its lines with who wrote them, what runs did, why the ledger was not asked."""

    playbook: str
    environment: str
    origin: Origin
    written: tuple[BlameLine | None, ...] = ()
    events: tuple[HistoryEvent, ...] = ()
    unasked: str | None = None


@dataclass(frozen=True, slots=True)
class WhyAnswers:
    """All answers, and notes on what was passed over."""

    answers: tuple[WhyAnswer, ...]
    notes: tuple[str, ...]


def why(chosen: Sequence[Options], name: str, reporter: Reporter, *, named: bool) -> WhyAnswers:
    """Return all that is known of a name. Raise `InputError` where nothing is; `named` playbooks must be right."""
    answers: list[WhyAnswer] = []
    notes: list[str] = []
    known: dict[str, None] = {}
    unasked: dict[str, str] = {}
    for options in chosen:
        try:
            plays, lacking = _plays(options)
        except InputError as error:
            if named or len(chosen) == 1:
                raise
            notes.append(f"{options.playbook} is left out: {error.message}")
            continue
        if lacking:
            notes.append(said_unset(lacking))
        for number, play, environment, playbook in plays:
            found = origins(play, fold(play.steps), Path(playbook.project))
            known |= dict.fromkeys(word for key in found for word in sorted(spellings(key)))
            work = PlaySession(options, reporter, environment, playbook, play, number)
            of_play, reason = _of_play(work, matching(found, name), name, lacking)
            answers += of_play
            if reason:
                unasked[environment.name] = reason
    if not answers:
        raise InputError(
            f"no playbook says anything of {name!r}",
            hint=nearest(name, [*known]) or "a name is TABLE, TABLE.COLUMN, SCHEMA.TABLE.COLUMN, or that of any object",
            details=[f"{target}: the ledger was not asked: {reason}" for target, reason in unasked.items()],
        )
    return WhyAnswers(tuple(answers), tuple(dict.fromkeys(notes)))


def _plays(options: Options) -> tuple[list[Loaded], list[str]]:
    if not options.untrusted:
        try:
            return load_plays(options), []
        except InputError as error:
            if not unset_names(error):
                raise
    return with_placeholders(options)


def _of_play(
    work: PlaySession, found: list[Origin], name: str, lacking: list[str]
) -> tuple[list[WhyAnswer], str | None]:
    environment, playbook = work.environment, work.playbook
    repository = _repository(find_playbook(playbook.path))

    def answer(origin: Origin, events: tuple[HistoryEvent, ...], unasked: str | None = None) -> WhyAnswer:
        written = tuple(_line(repository, place.where.file, place.where.line) for place in origin.places)
        return WhyAnswer(playbook.path, environment.name, origin, written, events, unasked)

    reason = _closed(work, lacking)
    if reason is None:
        try:
            with work:
                ledger = Ledger(work.reading)
                access = ledger.access()
                if access == "readable":
                    found = found or _gone(ledger, name)
                    renames = renamed(ledger)
                    return [answer(one, _events(ledger, one.key, renames)) for one in found], None
                reason = "it has none yet" if access == "absent" else "this role may not read it"
        except WgmError as error:
            reason = mask(error.message)
    return [answer(one, (), reason) for one in found], reason


def _closed(work: PlaySession, lacking: list[str]) -> str | None:
    """Return why the database cannot be asked, None where it can."""
    if work.options.untrusted:
        return "the playbook is not trusted"
    url = str.__str__(work.environment.url or "")
    lacked = [name for name in lacking if f"postgresql://{name.lower()}" in url]
    if lacked:
        return f"{lacked[0]} is not set"
    if not runs(work):
        return f"the embedded server does not run: wgm-play {work.options.playbook} starts it"
    return None


def _gone(ledger: Ledger, name: str) -> list[Origin]:
    """Return what the ledger knows by a name that no playbook speaks of any more."""
    names = [name, f"public.{name}"]
    return [
        Origin(key, ())
        for key in dict.fromkeys(Key(one.kind, tuple(one.name)) for one in ledger.operations_named(names))
    ]


def _events(ledger: Ledger, key: Key, renames: Sequence[PastRename]) -> tuple[HistoryEvent, ...]:
    kinds: Sequence[str] = ()
    if key.kind == "column":
        kinds = ("table",)
    elif key.kind == "table":
        kinds = sorted(WITH_TABLE)
    made = [one for one in history(ledger, key, kinds, renames) if _concerns(one, key)]
    made += [one.operation for one in reversed(renames) if one.was == key and one.operation not in made]
    if not made:
        return ()
    numbers = sorted({one.run for one in made})
    runs_by_id = {run.id: run for run in ledger.last_runs()}
    back = {taken: run.id for run in runs_by_id.values() for taken in run.rolls_back}
    revisions = decided.revisions(ledger.connection, numbers)
    sent: dict[tuple[int, int], list[str]] = {}
    for statement in ledger.sent_in(numbers):
        sent.setdefault((statement.run, statement.operation), []).append(mask(statement.sql))
    running = is_running(ledger.connection)
    found = []
    for one in made:
        run, revision = runs_by_id[one.run], revisions.get(one.run)
        found.append(
            HistoryEvent(
                one.run,
                one.started_at,
                mask(one.title),
                one.step_name,
                one.item,
                run.role,
                run.os_user,
                run.command,
                outcome(run, running=running),
                revision.commit if revision else None,
                bool(revision and revision.dirty),
                tuple(sent.get((one.run, one.number), ())),
                back.get(one.run),
            )
        )
    return tuple(found)


def _concerns(one: MadeOperation, key: Key) -> bool:
    """Tell whether an operation of a table has to do with one of its columns."""
    return key.kind != "column" or one.kind == "column" or one.verb in _MAKES


def _repository(path: Path) -> Repository | None:
    try:
        return Repository.of(path.absolute().parent)
    except InputError:
        return None


def _line(repository: Repository | None, file: str, number: int) -> BlameLine | None:
    return repository.line(Path(file), number) if repository is not None and number else None


# How it is told --------------------------------------------------------------------------------------------------


def data(told: WhyAnswers) -> list[dict[str, Any]]:
    """Return the answers as data."""
    return [
        {
            "playbook": one.playbook,
            "environment": one.environment,
            "kind": one.origin.key.kind,
            "name": list(one.origin.key.name),
            "places": [
                {
                    "where": str(place.where),
                    "step": place.step,
                    "kind": place.kind,
                    "item": place.item,
                    "absent": place.absent,
                    "silent": place.silent,
                    "template": place.template,
                    "imported_from": [str(at) for at in place.imports],
                    "variables": [
                        {
                            "name": v.name,
                            "value": v.value,
                            "source": v.source,
                            "where": str(v.where) if v.where else None,
                        }
                        for v in place.variables
                    ],
                    "commit": line.commit if line else None,
                    "author": line.author if line else None,
                    "committed_at": line.at if line else None,
                }
                for place, line in zip(one.origin.places, one.written, strict=True)
            ],
            "runs": [
                {
                    "run": e.run,
                    "at": e.at,
                    "title": e.title,
                    "step": e.step,
                    "item": e.item,
                    "role": e.role,
                    "user": e.os_user,
                    "command": e.command,
                    "status": e.status,
                    "commit": e.commit,
                    "dirty": e.dirty,
                    "statements": list(e.statements),
                    "taken_back_by": e.taken_back_by,
                }
                for e in one.events
            ],
            "unasked": one.unasked,
        }
        for one in told.answers
    ]


def text(told: WhyAnswers) -> str:
    """Return the answers for people: what several environments say in the same words is said once."""
    lines: list[str] = []
    for note in told.notes:
        lines.append(f"note: {note}")
    grouped: dict[tuple[Key, Any], list[WhyAnswer]] = {}
    for one in told.answers:
        grouped.setdefault((one.origin.key, tuple(_places(one))), []).append(one)
    for (key, places), several in grouped.items():
        lines += ["", f"{key}  ({', '.join(f'{one.environment}: {_led(one)}' for one in several)})"]
        lines += places or ["  no playbook says anything of it any more"]
        for one in several:
            lines += _history(one)
    return "\n".join(lines).lstrip("\n")


def _led(one: WhyAnswer) -> str:
    """Return by which imports one comes to the first line, or the playbook."""
    imports = one.origin.places[0].imports if one.origin.places else ()
    return " -> ".join(map(str, imports)) if imports else one.playbook


def _text_at(where: Position) -> str:
    try:
        lines = Path(where.file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return lines[where.line - 1].strip() if 0 < where.line <= len(lines) else ""


def _places(one: WhyAnswer) -> Iterator[str]:
    for place, line in zip(one.origin.places, one.written, strict=True):
        item = f" (item {place.item})" if place.item else ""
        yield f"  {place.where}: step {place.step!r}{item}{', which takes it away' if place.absent else ''}"
        shown = "" if place.private else _text_at(place.where)
        if shown:
            yield f"      {mask(shown)}"
        if place.silent:
            yield f"      left out: {place.silent}"
        if place.template:
            yield f"      template: templates/{place.template}"
        for v in place.variables:
            yield f"      {v.name} = {v.value}, {v.source}{f' ({v.where})' if v.where else ''}"
        if line is not None and not line.commit:
            yield "      the line is not committed yet"
        elif line is not None and line.at is not None:
            yield f"      written by {line.author}, {line.at:%Y-%m-%d}, {line.commit[:10]} {line.subject}"


def _history(one: WhyAnswer) -> Iterator[str]:
    if one.unasked:
        yield f"  {one.environment}: the ledger was not asked: {one.unasked}"
        return
    if not one.events:
        yield f"  {one.environment}: no run has touched it"
    for event in one.events:
        revision = f", revision {event.commit[:10]}{' with edits' if event.dirty else ''}" if event.commit else ""
        back = f"; taken back by run {event.taken_back_by}" if event.taken_back_by else ""
        ended = "" if event.status == "done" else f" ({event.status})"
        yield (
            f"  {one.environment}: run {event.run}{ended}, {event.at:%Y-%m-%d %H:%M:%S}, {event.command} by {event.role}"
            f" ({event.os_user}){revision}{back}"
        )
        yield f"      {event.title}"
        for statement in event.statements:
            yield from (f"        {row}" for row in statement.strip().splitlines())
