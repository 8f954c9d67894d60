"""What a run was made from, for the ledger: the revision, and a digest for each step as rendered.

In: a planned play. Out: a `Revision`; for a play with nothing to do a run of its own, where somebody may ask for it as evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from wgm_play.catalog.kinds import CLUSTER
from wgm_play.catalog.model import Catalog, Rows
from wgm_play.document.load import load_file
from wgm_play.errors import WgmError
from wgm_play.ledger import Ledger, RunInfo, decided
from wgm_play.ledger.decided import revisions
from wgm_play.ledger.history import stood
from wgm_play.ledger.model import Revision
from wgm_play.playbook.variables import parse_extra_vars
from wgm_play.promotion import revision, steps
from wgm_play.promotion.gate import files_of
from wgm_play.promotion.revision import KnownRevision
from wgm_play.promotion.steps import StepMark
from wgm_play.run.opening import find_playbook

if TYPE_CHECKING:
    from wgm_play.environment import Environment
    from wgm_play.planning.model import Planned
    from wgm_play.run.work import PlaySession


def known(work: PlaySession) -> KnownRevision:
    """Return the revision of the playbook's files."""
    return revision.known(files(work), work.project, work.options.revision)


def files(work: PlaySession) -> tuple[str, ...]:
    """Return the files that decide what the playbook makes."""
    return files_of(work.playbook.inputs, work.project)


def own_marks(work: PlaySession, planned: Planned) -> list[StepMark]:
    """Return the steps of the play as they are here: what they say by their digests, how they stand."""
    skipped = {step for step, *_ in planned.plan.skipped}
    real = steps.marks(
        work.play,
        chosen=planned.choices_selected,
        skipped=skipped,
        waiting=work.waiting,
        masked=bool(work.playbook.environment_read),
    )
    if not work.playbook.environment_read:
        return real
    try:
        named = marks_for(work, work.environment)
    except (
        WgmError
    ):  # a value of the process environment decides what is rendered: the digests are of the values, masked
        return real
    return steps.with_states_of(named, real)


def marks_for(work: PlaySession, environment: Environment) -> list[StepMark]:
    """Return the steps of the play as rendered with the variables of an environment. Raise `WgmError` where they cannot be had."""
    extra = parse_extra_vars(work.options.extra_vars)
    path = find_playbook(work.options.playbook)
    registered = work.registered if environment is work.environment else {}
    return steps.marks(steps.with_names(path, environment, extra, work.number, registered).plays[0])


def made_from(work: PlaySession, planned: Planned) -> Revision:
    """Return what a run is made from."""
    found, made = known(work), own_marks(work, planned)
    return Revision(
        found.commit,
        found.source,
        list(found.dirty),
        planned.choices_selected is None,
        steps.mark_of(made),
        steps.as_rows(made),
    )


def named_roles(catalog: Catalog, planned: Planned) -> Catalog:
    """Return the catalog with those roles alone that this play is about: the others are other databases' too."""
    named = planned.wanted.managed | planned.wanted.known
    rows = Rows({key: row for key, row in catalog.rows.items() if key.kind not in CLUSTER or key in named})
    return replace(catalog, rows=rows)


# A run that finds nothing to do -----------------------------------------------------------------------------------


def witness(work: PlaySession, planned: Planned) -> bool:
    """Record a run that found nothing to do, where it says something new that a promotion may ask for.

    That is so with `--record`, and where an environment of the project is promoted from this one. Nothing new is said
    where the last run that stands was made from the same steps and no file changed since. Return whether the next run
    has to ask again: where the revision does not come from a repository, no file tells that it is another.
    """
    if not (work.options.record or is_source(work)) or planned.choices_selected is not None:
        return False
    found = made_from(work, planned)
    if _said_already(work, found):
        return found.source != "git"
    try:
        _record(work, planned, found)
    except (WgmError, psycopg.Error) as error:
        said = error.message if isinstance(error, WgmError) else str(error).strip().partition("\n")[0]
        work.reporter.warn(f"this run is not recorded as evidence: {said}")
    return found.source != "git"


def let_read(work: PlaySession) -> None:
    """Let the environment's readers read the ledger that is there: a run that changes something does that by itself."""
    ledger = Ledger(work.reading)
    if not work.environment.readers or ledger.access() != "readable":
        return
    names = ledger.unread_by(work.environment.readers)
    if not names:
        return
    try:
        with work.connections.writing("wgm-play/record") as connection, connection.transaction():
            Ledger(connection).ensure(work.environment.readers)
    except (WgmError, psycopg.Error) as error:
        said = error.message if isinstance(error, WgmError) else str(error).strip().partition("\n")[0]
        work.reporter.warn(f"{', '.join(names)} may not read the ledger yet: {said}")
        return
    work.reporter.note(f"may read the ledger from now on: {', '.join(names)}")


def is_source(work: PlaySession) -> bool:
    """Tell whether an environment of the project is promoted from this one, or this one is promoted itself."""
    if work.environment.promotion is not None:
        return True
    folder, own = Path(work.environment.path).parent, Path(work.environment.path).name
    return any(
        work.environment.name in _sources(file)
        for file in sorted(folder.glob("*.y*ml"))
        if file.name != own and not file.name.startswith(".")
    )


def _sources(file: Path) -> Sequence[str]:
    """Return from where an environment is promoted; nothing where its file does not say so."""
    try:
        if "promotion" not in file.read_text(encoding="utf-8", errors="replace"):
            return ()
        raw = load_file(file, str(file))
        return (str(raw["promotion"]["from"]),)
    except (OSError, WgmError, KeyError, TypeError):
        return ()


def _said_already(work: PlaySession, found: Revision) -> bool:
    ledger = Ledger(work.reading)
    stands = stood(ledger.last_runs(), work.play.name)
    if not stands.changes or stands.broken is not None:
        return False
    last = revisions(work.reading, [stands.changes[0].last.id]).get(stands.changes[0].last.id)
    if last is None or not last.whole or (last.mark, last.steps) != (found.mark, found.steps):
        return False
    if last.commit == found.commit:
        return last.dirty == found.dirty
    top = known(work).top
    if top is None or last.commit is None or found.commit is None or last.dirty or found.dirty:
        return False
    try:
        # Also another playbook of the project counts: it is the one that is promoted from here.
        return not revision.changed_below(top, last.commit, found.commit, work.project)
    except revision.GitError:
        return False


def _record(work: PlaySession, planned: Planned, found: Revision) -> None:
    from wgm_play.execute import guard

    plan, environment = planned.plan, work.environment
    info = RunInfo(
        plan.playbook,
        plan.play,
        plan.environment,
        "apply",
        from_digest=plan.from_digest,
        to_digest=plan.to_digest,
        playbook_digest=plan.playbook_digest,
        revision=found,
    )
    connect = work.connections.writing
    with (
        guard.run_lock(connect, policy=environment.policy, reporter=work.reporter),
        connect("wgm-play/record") as connection,
    ):
        connection.autocommit = True
        ledger = Ledger(connection)
        run = ledger.begin(
            info, readers=environment.readers, marker=environment.marker or environment.name, restore_point=False
        )
        ledger.finish(run, "done", after=named_roles(planned.live, planned), after_digest=plan.from_digest)
    work.reporter.note(f"recorded as run {run}: {environment.name} holds {revision.short(found.commit)}")


def record_flags(work: PlaySession) -> None:
    """Keep how flags are seen that do not say since when they are on: `for` counts from the first time."""
    seen = decided.flags_seen(work.reading)
    fresh = [
        one for one in work.flags.values() if one.seen and not one.unknown and seen.get(one.name, (False,))[0] != one.on
    ]
    if not fresh:
        return
    try:
        with work.connections.writing("wgm-play/flags") as connection, connection.transaction():
            Ledger(connection).ensure(work.environment.readers)
            for one in fresh:
                decided.insert_flag(connection, one.name, one.on)
    except (WgmError, psycopg.Error) as error:
        said = error.message if isinstance(error, WgmError) else str(error).strip().partition("\n")[0]
        work.reporter.warn(f"how the flags are now is not recorded: {said}")
