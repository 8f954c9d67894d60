"""Whether what is to be run here was tried in the environment that it is promoted from.

In: a planned play, what else is required. Out: a `Verdict`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play import server
from wgm_play.environment import load_environment
from wgm_play.errors import InputError, Problems, WgmError
from wgm_play.ledger import decided
from wgm_play.promotion import forms, signing, source
from wgm_play.promotion.gate import PromotionCandidate, Requirement, Verdict, judge
from wgm_play.promotion.identity import identity_of
from wgm_play.promotion.source import EnvironmentEvidence
from wgm_play.quantities import format_duration
from wgm_play.run import evidence

if TYPE_CHECKING:
    from wgm_play.environment import Environment, Promotion
    from wgm_play.planning.model import Planned
    from wgm_play.run.work import PlaySession


def judged(
    work: PlaySession, planned: Planned, promotion: Promotion, requirements: Iterable[Requirement] = ()
) -> Verdict:
    """Return what holds and what is missing for a run of this plan; `requirements` are judged besides."""
    here = tuple(evidence.own_marks(work, planned))
    there_environment = _environment(work, promotion)
    try:
        there = tuple(evidence.marks_for(work, there_environment))
    except WgmError as error:
        there, found = (), _not_rendered(promotion.source, error)
    else:
        found = _evidence(work, promotion, {one.digest for one in there})
    candidate = PromotionCandidate(
        work.environment.name,
        identity_of(work.reading),
        promotion,
        evidence.known(work),
        evidence.files(work),
        here,
        there,
        forms.of_plan(planned.plan),
    )
    return judge(candidate, found, requirements)


def _not_rendered(name: str, error: WgmError) -> EnvironmentEvidence:
    """Return that nothing can be compared: what this playbook would be there is not known."""
    first = error.problems[0] if isinstance(error, Problems) else error
    where = f"{first.where}: " if first.where else ""
    lift = f"let what it reads be there too: variables of environments/{name}.yml"
    return EnvironmentEvidence(
        name,
        "",
        "::",
        why=f"cannot be compared: with its variables this playbook has an error: {where}{first.message}",
        lift=lift,
    )


def _environment(work: PlaySession, promotion: Promotion) -> Environment:
    """Return the environment that is promoted from, as far as its variables go: where it is may not be known here."""
    inventory = work.inventory
    try:
        return load_environment(promotion.source, work.project, inventory, url="postgresql://", commands=False)
    except WgmError as error:
        if error.where is None or not error.where.line:
            error.where = promotion.position
        raise


def _evidence(work: PlaySession, promotion: Promotion, wanted: set[str]) -> EnvironmentEvidence:
    """Ask the environment that is promoted from."""
    name = promotion.source
    if work.options.evidence:
        return _of_file(work, promotion, Path(work.options.evidence))
    try:
        asked = load_environment(name, work.project, work.inventory)
        with server.connect(
            asked, application_name="wgm-play read", project=work.project, read_only=True
        ) as connection:
            connection.autocommit = True
            return source.read(connection, name, asked.marker or name, wanted, len(work.play.alerts))
    except WgmError as error:
        lift = error.hint or "look at the environment's url"
        return EnvironmentEvidence(
            name,
            "",
            "::",
            why=f"cannot be asked: {error.message}",
            lift=f"{lift}; or bring its evidence: --evidence FILE",
        )


def _of_file(work: PlaySession, promotion: Promotion, file: Path) -> EnvironmentEvidence:
    """Return the evidence of a file that is signed, young, and about the right environment."""
    now = decided.now(work.reading)
    signed = signing.read(file, work.project / promotion.allowed_signers, now)
    name = promotion.source

    def not_good(why: str, lift: str = "") -> EnvironmentEvidence:
        lift = lift or f"wgm-play promote {name}.yml --export {file.name} --sign KEY"
        return EnvironmentEvidence(name, "", "::", why=f"has no evidence in {file.name}: it {why}", lift=lift)

    if signed.signer is None:
        return not_good(f"is {signed.why}", signed.lift)
    try:
        found = source.from_data(signed.data)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{str(file)!r} is no evidence", hint=f"wgm-play promote {name}.yml --export FILE") from error
    if found.environment != name:
        return not_good(f"is of {found.environment!r}")
    age = (now - found.now).total_seconds() if found.now else -1.0
    if not -300 <= age <= promotion.evidence_lasts:
        return not_good(f"is {format_duration(age)} old" if age > 0 else "is of a time to come")
    return found
