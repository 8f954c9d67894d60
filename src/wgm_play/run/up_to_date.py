"""Answer a run that finds nothing to do from what the last one found out.

In: the options of a run, the record that the last one left. Out: the steps as they ended then, or None.

A plan is a function of what was read (files, variables, options, this program) and of what the database answered. Where
all of these are as they were when the plan was empty, it is empty again. So nothing is taken for granted: which versions
its rows have is compared for the whole catalog (where these are others, as after a temporary table, it is read and
hashed by the server), so is the state of the ledger, and every other question that planning asked is asked again. The
record holds digests of answers and the names of questions, no SQL: what is sent are our own templates. A play that asks
anything else (seed rows, assertions, invariants, privileges) is planned each time. Whatever is not as it was, and whatever
goes wrong, leads to the full way. This module imports nothing heavy: no YAML, no Jinja, no catalog.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play import __version__, plain_templates, secret
from wgm_play.cache.inputs import names_below, program
from wgm_play.cache.questions import QUESTIONS, READER, answer, mark_of
from wgm_play.cache.store import Cache
from wgm_play.errors import Position, WgmError
from wgm_play.lazy_dataclass import dataclass

if TYPE_CHECKING:
    import psycopg

    from wgm_play.environment import Environment
    from wgm_play.options import Options
    from wgm_play.planning.model import Planned
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

# A record of another form is not read.
FORM = 5
# Records kept per project: as many playbooks and options as people use in turn.
KEPT = 50
# Libpq reads these by itself (manual: "Environment Variables").
_LIBPQ = re.compile(r"PG[A-Z]+\Z")
_NAMED = re.compile(r"env\.([A-Za-z_][A-Za-z0-9_]*)")


# After planning: what is kept -------------------------------------------------------------------------------------


def eligible(options: Options) -> bool:
    """Tell whether a run with these options only says what there is to do when there is something."""
    return not (options.check or options.plan or options.save_plan or options.step or options.kill_blockers)


@dataclass(slots=True)
class UpToDateRecord:
    """Collects what the plays of one playbook found, as long as none of them has anything to do."""

    options: Options
    usable: bool
    plays: list[dict[str, Any]] = field(default_factory=list)
    inputs: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    project: Path | None = None

    def quiet(self, work: PlaySession, planned: Planned, left: str | None) -> None:
        """Note a play that found nothing to do, with the line on what no step mentions."""
        from wgm_play.run.results import results

        ended = results(work, planned)
        asked, environment = work.questions, work.environment
        if asked.complete:
            asked.read_catalog(work.reading)
        told = [asked.identity, asked.ledger, asked.rows, asked.catalog]
        ephemeral = environment.embedded is not None and environment.embedded.ephemeral
        if not (asked.complete and all(told)) or ephemeral or environment.deliver:
            self.usable = False
            return
        self.read_by(work)
        self.plays.append(
            {
                **self.play_of(work),
                "catalog": asked.catalog,
                "closing": left,
                "steps": [[one.name, one.outcome, one.item, one.reason, one.administrator] for one in ended],
            }
        )

    def play_of(self, work: PlaySession) -> dict[str, Any]:
        """Return what tells a play's database, and whether it is as it was."""
        asked = work.questions
        return {
            "name": work.play.name,
            "target": work.target,
            "where": _where(work.environment, self.options.url),
            "questions": [asked.identity, asked.ledger, *asked.asked],
            "rows": asked.rows,
        }

    def read_by(self, work: PlaySession) -> None:
        """Note what a play was made from."""
        file = Path(work.environment.path)
        self.project = work.project
        self.inputs |= {os.path.abspath(name) for name in work.playbook.inputs} | {os.path.abspath(file)}
        self.inputs |= {os.path.abspath(one[1:]) for one in self.options.extra_vars if one.startswith("@")}
        self.names |= work.playbook.environment_read
        self.names |= {*_NAMED.findall(file.read_text(encoding="utf-8", errors="replace"))}
        self.folders |= {os.path.abspath(file.parent), str(work.project / "templates")}

    def keep(self) -> None:
        """Write the record; not where a secret would be in it whose name is not known."""
        if not self.usable or self.project is None:
            return
        inputs = sorted(self.inputs)
        names, folders = sorted(self.names), sorted(self.folders)
        record = {
            "inputs": inputs,
            "names": names,
            "folders": folders,
            "digest": digest(self.options, inputs, names, folders),
            "plays": self.plays,
        }
        text = json.dumps(record)
        if secret.mask(text) == text:
            Cache.of(self.project).write(place(self.options), text.encode(), keep=KEPT)


def _where(environment: Environment, url: str | None) -> dict[str, Any]:
    """Return what it takes to connect; a URL as it is written, its references not resolved."""
    from wgm_play.document.load import load_file

    raw = load_file(Path(environment.path), environment.path)
    return {
        "name": environment.name,
        "path": environment.path,
        "line": environment.position.line,
        "url": None if url is not None or raw.get("url") is None else str.__str__(raw["url"]),
        "service": environment.service,
        "embedded": None if environment.embedded is None else dataclasses.asdict(environment.embedded),
        "policy": dataclasses.asdict(environment.policy),
    }


def place(options: Options) -> str:
    """Return the name of the record of these options."""
    text = repr((os.getcwd(), dataclasses.astuple(options)))
    return f"unchanged-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def digest(options: Options, inputs: Iterable[str], names: Iterable[str], folders: Iterable[str]) -> str:
    """Return the SHA-256 of all that a plan depends on beside the database. Raise `OSError` for a file that is gone."""
    made = hashlib.sha256(repr((FORM, __version__, os.getcwd(), dataclasses.astuple(options))).encode())
    for path in inputs:
        with open(path, "rb") as file:
            made.update(f"\n{path} ".encode() + hashlib.sha256(file.read()).digest())
    known = os.environ
    read = {*names, *(name for name in known if _LIBPQ.match(name))}
    made.update(repr([(name, known.get(name)) for name in sorted(read)]).encode())
    for folder in folders:
        made.update(repr((folder, sorted(names_below(folder)))).encode())
    made.update(repr(program()).encode())
    return made.hexdigest()


# Before planning: what is looked at -------------------------------------------------------------------------------


def answered(options: Options, reporter: Reporter) -> bool:
    """Say that nothing is to do, where the record of the last run and the database prove it; else say nothing."""
    if not eligible(options):
        return False
    record = record_of(options)
    if record is None:
        return False
    shown = []
    for play in record["plays"]:
        closing = as_it_was(play, options, Path(record["project"]))
        if closing is None:
            return False
        shown.append(closing)
    from wgm_play.reporter import StepResult

    for play, (notes, url) in zip(record["plays"], shown, strict=True):
        reporter.play(play["name"], play["target"])
        for note in notes:
            reporter.note(note)
        for name, outcome, item, reason, administrator in play["steps"]:
            reporter.step(StepResult(play["target"], name, outcome, item, reason=reason, administrator=administrator))
        if play["closing"]:
            reporter.closing(play["closing"])
        address, lasting = url
        reporter.data("url", address)
        if lasting is not None:
            reporter.closing(f"an application reaches the database at {lasting}")
    return True


def record_of(options: Options) -> dict[str, Any] | None:
    """Return the record of these options, where all that it was made from is as it was."""
    project = _project(options.playbook)
    if project is None:
        return None
    content = Cache.of(project).read(place(options))
    if content is None:
        return None
    try:
        record: dict[str, Any] = json.loads(content)
        if record["digest"] != digest(options, record["inputs"], record["names"], record["folders"]):
            return None
        if not all(name in QUESTIONS for play in record["plays"] for name, _ in (*play["questions"], play["rows"])):
            return None
        for name in record["names"]:
            secret.register(os.environ.get(name, ""), name)
    except (ValueError, KeyError, TypeError, OSError):
        return None
    record["project"] = str(project)
    return record


def _project(playbook: str) -> Path | None:
    here = Path(playbook)
    if not here.exists() and not here.is_absolute():
        here = Path("playbooks", playbook)
    folder = Path(os.path.abspath(here)).parent
    return next((one for one in (folder, *folder.parents) if (one / "environments").is_dir()), None)


def as_it_was(
    play: Mapping[str, Any], options: Options, project: Path
) -> tuple[Sequence[str], tuple[str, str | None]] | None:
    """Ask all questions again, in one round trip or two; return notes and address, or None where an answer is another."""
    import psycopg as library

    try:
        from wgm_play import server

        environment = _environment(play["where"], options)
        target = server.target(environment, project)
        with server.connect_to(
            target.url, policy=environment.policy, application_name=READER, read_only=True
        ) as connection:
            *same, rows = _same(connection, [*play["questions"], play["rows"]])
            if not (all(same) and (rows or (play["catalog"] and _mark_now(connection) == play["catalog"]))):
                return None
    except (library.Error, WgmError, OSError, KeyError, TypeError, ValueError):
        return None
    lasting = target.server is not None and not target.server.ephemeral
    return target.notes, (server.without_password(target), target.shown if lasting else None)


def _same(connection: psycopg.Connection[Any], questions: Sequence[tuple[str, str]]) -> list[bool]:
    """Ask questions in one round trip and one snapshot; tell for each whether its answer is the one that is known."""
    with connection.pipeline():
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        version = connection.info.server_version
        cursors = [
            connection.execute(plain_templates.text(name, version).encode(), prepare=False) for name, _ in questions
        ]
        connection.execute("ROLLBACK")
    told = [answer(cursor.pgresult) if cursor.pgresult is not None else "" for cursor in cursors]
    return [one == known for one, (_, known) in zip(told, questions, strict=True)]


def _mark_now(connection: psycopg.Connection[Any]) -> str:
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return mark_of(connection)


def _environment(where: Mapping[str, Any], options: Options) -> Environment:
    from wgm_play.environment import Embedded, Environment, Policy, url_of

    return Environment(
        name=where["name"],
        path=where["path"],
        position=Position(where["path"], where["line"]),
        url=url_of(options.url if options.url is not None else where["url"]),
        service=where["service"],
        embedded=None if where["embedded"] is None else Embedded(**where["embedded"]),
        policy=Policy(**where["policy"]),
    )
