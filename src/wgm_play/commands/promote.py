"""`promote`: run what another environment has tried, with its evidence; tell what is missing; release what a rollback holds.

In: a play's work. Out: the exit code.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.commands.freeze import write
from wgm_play.errors import InputError, Refused
from wgm_play.ledger.model import Decision
from wgm_play.promotion import steps
from wgm_play.promotion.gate import as_data
from wgm_play.quantities import counted
from wgm_play.run import evidence
from wgm_play.run.opening import PINNED
from wgm_play.run.permission import held_by, judged, obstacles, restored_over, resumed

if TYPE_CHECKING:
    from wgm_play.environment import Promotion
    from wgm_play.options import Options
    from wgm_play.planning.model import Planned
    from wgm_play.playbook.model import Pin
    from wgm_play.promotion.forms import FormPair
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

# More forms than fit on a screen are shown with -v.
FORMS_SHOWN = 20


def show(work: PlaySession, planned: Planned, reporter: Reporter) -> list[tuple[str, ...]]:
    """Show what holds and what is missing for a run; return the rows of what is missing, the first to be done first."""
    promotion = _declared(work)
    if not planned.plan.groups:
        reporter.note(f"{work.environment.name} holds it already: there is nothing to promote")
        return []
    mark = steps.mark_of(evidence.own_marks(work, planned))
    begun = resumed(work, mark)
    if begun is not None:
        reporter.note(f"run {begun.id} has begun and is only finished: nothing but a freeze holds that")
    verdict = obstacles(work, planned)
    rows = [("missing", one.point, one.what, one.lift, one.who) for one in verdict.in_order]
    rows += [("holds", point, what, "", "") for point, what in verdict.held]
    rows += [("named", "steps", one, "", "") for one in verdict.named]
    reporter.table(f"promotion from {promotion.source}", ("state", "point", "what", "what lifts it", "who can"), rows)
    _show_forms(verdict.forms, promotion.source, work, reporter)
    reporter.data("promotion", as_data(verdict))
    return [row for row in rows if row[0] == "missing"]


def _show_forms(found: list[FormPair], source: str, work: PlaySession, reporter: Reporter) -> None:
    """Show the form of each object's change there beside its form here; of many, those that differ and a few."""
    shown = found if work.options.verbosity else sorted(found, key=lambda one: not one.differs)[:FORMS_SHOWN]
    if shown:
        rows = [
            (
                str(one.here.key),
                "nothing of its own" if one.there is None else "the same" if not one.differs else one.there.shown,
                one.here.shown,
            )
            for one in shown
        ]
        reporter.table("forms", ("object", f"on {source}", "here"), rows)
    if len(shown) < len(found):
        reporter.note(f"and {counted(len(found) - len(shown), 'more object')} (-v shows all)")


def refuse_missing(missing: list[tuple[str, ...]], work: PlaySession) -> None:
    """Raise `Refused` where `--check` found something missing."""
    if missing:
        *_, lift, who = missing[0]
        are = "is" if len(missing) == 1 else "are"
        raise Refused(
            f"{len(missing)} of what {work.environment.name} asks for {are} missing", hint=f"first: {lift} ({who})"
        )


def release(work: PlaySession, planned: Planned, options: Options, reporter: Reporter) -> int:
    """Let what a rollback took back be run again, by name and with a reason."""
    if not options.reason:
        raise InputError("--release needs a reason", hint="--reason TEXT: it is kept in the ledger")
    mark = steps.mark_of(evidence.own_marks(work, planned))
    held = held_by(work, planned, mark)
    if held is None and (over := restored_over(work, planned, mark)) is not None:
        write(work, Decision("release", options.reason, over.details, subject=mark))
        reporter.note(f"released: {', '.join(over.details)}, which a restore took back, may be run again")
        return 0
    if held is None:
        reporter.note("nothing that this playbook wants is held")
        return 0
    taken, back = held
    decision = Decision("release", options.reason, [f"run {taken.id}"], subject=mark, run=back.id)
    write(work, decision)
    reporter.note(f"released: what run {taken.id} made and the rollback {back.id} took back may be run again")
    return 0


def _declared(work: PlaySession) -> Promotion:
    promotion = work.environment.promotion
    if promotion is None:
        raise InputError(
            f"the environment {work.environment.name!r} declares no promotion",
            where=work.environment.position,
            hint="add promotion: {from: staging, soak: 24h} to " + work.environment.path,
        )
    return promotion


def move_pins(work: PlaySession, planned: Planned, reporter: Reporter) -> int:
    """Move the pins of step files to what lies here, where that is what stands in the environment it is promoted from."""
    promotion, pins = _declared(work), [one for one in work.playbook.pins if not one.fits]
    if not pins:
        reporter.note(f"the files are what {work.environment.name} pins")
        return 0
    missing = [one for one in judged(work, planned, promotion).in_order if one.point in ("revision", "steps")]
    if missing:
        raise Refused(
            f"{promotion.source} does not hold what the pins would be moved to: {missing[0].what}; nothing was changed",
            where=pins[0].where,
            details=[f"{one.what}: {one.lift} ({one.who})" for one in missing],
        )
    for one in pins:
        if not work.options.check:
            _write_pin(one)
        reporter.note(f"{one.where}: {one.file}: {one.pinned} -> {one.digest[:PINNED]}")
    reporter.note(
        "nothing was written (--check)"
        if work.options.check
        else f"commit it, and let {promotion.source} run that commit (--record)"
    )
    return 0


def _write_pin(pin: Pin) -> None:
    """Write what a file is now over what is pinned."""
    path = Path(pin.where.file)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    line, start = lines[pin.where.line - 1], pin.where.column - 1
    quoted = re.compile(rf"(['\"]?){re.escape(pin.pinned)}\1")
    lines[pin.where.line - 1] = line[:start] + quoted.sub(f'"{pin.digest[:PINNED]}"', line[start:], count=1)
    path.write_text("".join(lines), encoding="utf-8")
