"""A play planned: what is known, desired and live becomes a plan; in rounds, where steps wait for what others register.

In: a `PlaySession`. Out: `Planned`, with what a later run may build on. Only reads the target.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.asking.text import check_query
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import InputError, Problems, Refused, WgmError
from wgm_play.ledger import Ledger
from wgm_play.planning import planner
from wgm_play.planning.incremental import plan_part
from wgm_play.planning.model import LastRun, MadeFrom, Planned
from wgm_play.playbook.expand import load_playbook
from wgm_play.playbook.variables import parse_extra_vars
from wgm_play.run import invariants, last_run
from wgm_play.run.opening import find_playbook
from wgm_play.run.work import READ_PAUSE, READS, PlaySession
from wgm_play.untrusted import environ_of

if TYPE_CHECKING:
    from wgm_play.desired.model import DesiredState
    from wgm_play.playbook.model import Declarations


def plan(work: PlaySession, *, partial: bool = False, saved: str | None = None) -> Planned:
    """Plan the play; steps that wait for registered variables are planned in further rounds.

    `partial` lets the part alone be planned that was edited since a run that ended in order. A `saved` plan is returned in
    place of the fresh one, where the world has not moved on since.
    """
    if work.play.backup is not None:
        from wgm_play.backup import parse_policy

        parse_policy(work.play.backup)  # what the gate would refuse only after the plan was reviewed
    work.check_marker()
    planned = _planned(work, work.kept_last_run() if partial else None)
    rounds = 0
    while any(step.deferred for step in work.play.steps) and rounds <= len(work.play.steps):
        rounds += 1
        expand_again(work, work.registered | _registered(work, planned))
        planned = _planned(work, None)
    if planned.plan.groups:
        work.refuse_unwritable_backups()
        work.refuse_frozen(planned)
    if saved is not None:
        from wgm_play.planning.planfile import choose

        planned.plan = choose(planned.plan, Path(saved), Ledger(work.reading))
    return planned


def save(work: PlaySession, planned: Planned, path: Path) -> None:
    """Write the plan as data."""
    from wgm_play.planning.planfile import write
    from wgm_play.promotion.author import saved_by

    write(planned.plan, path, saved_by(work.reading, work.project))
    work.reporter.note(f"the plan is in {path}: run it with --plan {path}")


def compared(work: PlaySession) -> tuple[Catalog, DesiredState]:
    """Return the live catalog and what the play wants of it; nothing is planned."""
    folded, choices = work.folded(None), work.choices()
    live = work.read_live()
    request = work.request_for(folded, choices, work.imperative(folded, choices), live)
    return live, planner.compared(request, work.plan_target())


# One round --------------------------------------------------------------------------------------------------------


def _planned(work: PlaySession, known: LastRun | None) -> Planned:
    """Plan the steps that are known by now; again where what stops the plan is that another run or tool moved on.

    Raises `Locked` where that goes on and a run is in progress.
    """
    attempt = 0
    while True:
        work.versions = ""
        try:
            return work.patiently(lambda: _one_round(work, known))
        except (InputError, Refused) as error:
            if not work.versions or not work.moved_on():
                raise
            if attempt == READS:
                from wgm_play.execute.guard import refuse_beside_another

                refuse_beside_another(work.reading, error)
                raise
        attempt += 1
        time.sleep(READ_PAUSE)


def _one_round(work: PlaySession, known: LastRun | None) -> Planned:
    """What is desired, what is live, and the way from the one to the other."""
    desired = _desired(work, known)
    choices = work.choices()
    imperative = work.imperative(desired, choices)
    live = work.read_live(known)
    imperative.ask(desired.assertions)
    request, target = work.request_for(desired, choices, imperative, live), work.plan_target()
    made_from = MadeFrom(last_run.facts(work, desired, imperative.mark()), last_run.digests(desired), known)
    edited = (
        plan_part(request, target, known)
        if known is not None and made_from.facts == known.facts and live is known.live
        else None
    )
    planned = edited or planner.plan(request, target)
    unasked = invariants.ask(work, before=True)
    unknown = (*planned.plan.unknown, *(f"not asked: {one}" for one in unasked))
    planned.plan = replace(planned.plan, unknown=unknown)
    planned.made_from, planned.unasked = made_from, (*unasked, *imperative.unasked)
    return planned


def _desired(work: PlaySession, known: LastRun | None) -> Declarations:
    """Return what the steps declare; those that wait for a flag of the application say nothing."""
    if work.play.flags:
        work.wait_for_flags()
    folded = work.folded(known)
    _check_texts(work, folded)
    return folded


def _check_texts(work: PlaySession, folded: Declarations) -> None:
    """Refuse queries that are anything but one SELECT, before any of them is sent. Raise `InputError`."""
    play = work.play
    if not (folded.assertions or play.invariants or play.alerts or play.flags or play.queries):
        return
    problems: list[WgmError] = []
    asked = [(one.query, one.position) for one in folded.assertions]
    asked += [(one.query, one.position) for one in play.invariants]
    asked += [(text, one.position) for one in play.alerts for text in one.texts()]
    for query, position in asked:
        try:
            check_query(query, position)
        except InputError as error:
            problems.append(error)
    for one in play.queries:
        from wgm_play.playbook.queries import prepared

        try:
            prepared(one)
        except InputError as error:
            problems.append(error)
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]


# What steps register ----------------------------------------------------------------------------------------------


def _registered(work: PlaySession, planned: Planned) -> dict[str, Any]:
    """Return what is known of the steps that register something: whether they change, and their operations.

    What a run did that was cut short counts: this one finishes it.
    """
    changed = planned.plan.by_step()
    before = planned.imperative.ledger.done_before(work.play.name)
    found: dict[str, Any] = {}
    for step in work.play.steps:
        if step.register and not step.deferred:
            titles = [*before.pop(step.name, ()), *(one.title for one in changed.get(step.index, ()))]
            value = {"changed": bool(titles), "operations": titles, "skipped": step.skipped is not None}
            others = found.get(step.register) if step.item else None
            found[step.register] = _of_loop(others, value) if others else value
    return found | planned.imperative.registered


def _of_loop(others: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all items of a loop registered together."""
    titles = [*others["operations"], *value["operations"]]
    return {"changed": bool(titles), "operations": titles, "skipped": others["skipped"] and value["skipped"]}


def expand_again(work: PlaySession, registered: dict[str, Any]) -> None:
    """Expand the playbook anew with what steps registered."""
    work.registered = registered
    work.playbook = load_playbook(
        find_playbook(work.options.playbook),
        work.environment,
        parse_extra_vars(work.options.extra_vars),
        registered,
        environ=environ_of(work.options, work.environment.provided),
        number=work.number,
    )
    work.play = work.playbook.plays[0]


# For the next run -------------------------------------------------------------------------------------------------


def keep(work: PlaySession, planned: Planned, live: Catalog, mark: str, snapshot: str | None = None) -> None:
    """Keep what is known of a database that is as the play says, for the next run.

    `mark` and `snapshot` are the digest of the live catalog that was read last and that of what the ledger keeps of it.
    """
    made_from = planned.made_from
    if work.sizes is not None or made_from is None:
        return
    if work.play.prune or planned.choices_selected is not None or any(step.deferred for step in work.play.steps):
        last_run.drop(work)
        return
    found = LastRun(
        work.identity,
        work.versions,
        made_from.facts,
        made_from.said,
        live,
        planned.wanted.managed,
        tuple(planned.wanted.outside),
        _skipped(planned),
        mark,
        snapshot,
    )
    known = made_from.known
    if known is None or (known.versions, known.facts, known.said) != (found.versions, found.facts, found.said):
        last_run.save(work, found)


def _skipped(planned: Planned) -> tuple[tuple[Key, str, str], ...]:
    return tuple((key, reason, text) for _, reason, text, key in planned.skips.entries)
