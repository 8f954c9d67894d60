"""Whether a run may change an environment that declares `promotion`: what holds, what is missing, who can lift it.

In: a playbook at work, the evidence of the environment that it comes from. Out: `Verdict`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import Any

from wgm_play.environment import Promotion
from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.promotion import revision
from wgm_play.promotion.compare import compare
from wgm_play.promotion.forms import Form, FormPair, beside
from wgm_play.promotion.identity import same
from wgm_play.promotion.revision import KnownRevision, short
from wgm_play.promotion.source import EnvironmentEvidence
from wgm_play.promotion.steps import StepMark
from wgm_play.quantities import format_duration

# What is missing is told in this order: the first is what has to be done first.
POINTS = (
    "release",
    "freeze",
    "revision",
    "steps",
    "soak",
    "quiet_alerts",
    "undrifted",
    "rehearsal",
    "checklist",
    "approvals",
)
# More steps than these are counted, not named.
_NAMED = 8


@dataclass(frozen=True, slots=True)
class MissingEvidence:
    """A thing that is missing: the point it belongs to, what it is, what would lift it and who can."""

    point: str
    what: str
    lift: str
    who: str


@dataclass(slots=True)
class Verdict:
    """What holds, as (point, evidence); what is missing; what is named and refuses nothing; the forms here and there."""

    held: list[tuple[str, str]] = field(default_factory=list)
    missing: list[MissingEvidence] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    forms: list[FormPair] = field(default_factory=list)

    def miss(self, point: str, what: str, lift: str, who: str) -> None:
        """Note what is missing."""
        self.missing.append(MissingEvidence(point, what, lift, who))

    def hold(self, point: str, what: str) -> None:
        """Note what holds."""
        self.held.append((point, what))

    @property
    def in_order(self) -> list[MissingEvidence]:
        """What is missing, what has to be done first in front."""
        return sorted(self.missing, key=lambda one: POINTS.index(one.point))

    def refuse(self, environment: str, playbook: str, promotion: Promotion) -> None:
        """Raise `Refused` with all that is missing, if anything is."""
        if not self.missing:
            return
        found = self.in_order
        raise Refused(
            f"{environment} runs only what {promotion.source} has tried: {found[0].what}; nothing was touched",
            where=promotion.position,
            details=[f"{one.what}: {one.lift} ({one.who})" for one in found],
            hint=f"wgm-play promote {playbook} --check; a hotfix past it: --override-promotion REASON, which is recorded",
        )


@dataclass(frozen=True, slots=True)
class PromotionCandidate:
    """What is to be run: its revision, the files it was made from, its steps rendered for here and for where it comes from, its forms."""

    environment: str
    identity: str
    promotion: Promotion
    known: KnownRevision
    files: tuple[str, ...]
    here: tuple[StepMark, ...]
    there: tuple[StepMark, ...]
    forms: tuple[Form, ...] = ()


# What answers a requirement: adds to the verdict what holds or is missing.
Requirement = Callable[[Verdict], None]


def judge(
    candidate: PromotionCandidate, evidence: EnvironmentEvidence, requirements: Iterable[Requirement] = ()
) -> Verdict:
    """Return what holds and what is missing; `requirements` judge what is neither revision nor steps nor soak."""
    verdict = Verdict()
    whoever = f"whoever may run {evidence.environment}"
    if same(candidate.identity, evidence.identity):
        verdict.miss(
            "steps",
            f"{evidence.environment} is this very database",
            f"check where environments/{evidence.environment}.yml points",
            "whoever keeps the environments",
        )
    elif evidence.why:
        verdict.miss("steps", f"{evidence.environment} {evidence.why}", evidence.lift, whoever)
    else:
        _revision(verdict, candidate, evidence, whoever)
        _steps(verdict, candidate, evidence, whoever)
        _soak(verdict, candidate.promotion, evidence)
        if "quiet_alerts" in candidate.promotion.require:
            _alerts(verdict, candidate.promotion, evidence)
        _forms(verdict, candidate, evidence)
        verdict.named += [f"{evidence.environment}: {one}" for one in evidence.past]
    for one in requirements:
        one(verdict)
    return verdict


def _revision(verdict: Verdict, candidate: PromotionCandidate, evidence: EnvironmentEvidence, whoever: str) -> None:
    known, source = candidate.known, evidence.environment
    if known.commit is None:
        verdict.miss(
            "revision",
            f"which revision this is, is not known: {known.why}",
            "give --revision COMMIT",
            "whoever runs it",
        )
        return
    if known.dirty:
        verdict.miss(
            "revision", f"edited since the last commit: {_listed(known.dirty)}", "commit them", "whoever runs it"
        )
    if evidence.commit is None:
        verdict.miss(
            "revision",
            f"{source} does not know which revision it ran (run {evidence.run})",
            f"run its playbook on {source} from a git repository, or with --revision",
            whoever,
        )
        return
    if evidence.dirty:
        verdict.miss(
            "revision",
            f"run {evidence.run} on {source} was made of edited files: {_listed(evidence.dirty)}",
            f"run the committed playbook on {source}",
            whoever,
        )
    changed = _changed(verdict, candidate, known, evidence, whoever)
    if changed:
        verdict.miss(
            "revision",
            f"changed since {short(evidence.commit)}, which {source} ran: {_listed(changed)}",
            f"run {known.shown} on {source}, with --record",
            whoever,
        )
    elif not any(one.point == "revision" for one in verdict.missing):
        since = (
            ""
            if known.commit.startswith(evidence.commit)
            else f"; no file of the playbook changed since {short(evidence.commit)}"
        )
        verdict.hold("revision", f"{known.shown}{since}")


def _changed(
    verdict: Verdict, candidate: PromotionCandidate, known: KnownRevision, evidence: EnvironmentEvidence, whoever: str
) -> list[str]:
    """Return which files differ between what was run there and what is here; note where that cannot be told."""
    commit = known.commit or ""
    other = evidence.commit or ""
    if commit == other or (
        min(len(commit), len(other)) >= 7 and (commit.startswith(other) or other.startswith(commit))
    ):
        return []
    if known.top is None:
        verdict.miss(
            "revision",
            f"{evidence.environment} ran {short(other)}, this is {known.shown}, and without a git repository nobody can tell what changed between",
            f"run {known.shown} on {evidence.environment}",
            whoever,
        )
        return []
    try:
        return revision.changed_between(known.top, other, commit, candidate.files)
    except revision.GitError:
        verdict.miss(
            "revision",
            f"{short(other)}, which {evidence.environment} ran, is not in this clone",
            f"{revision.fetch_hint(known.top, other)}; where it is gone, run {known.shown} on {evidence.environment}, with --record: "
            "its soak goes on",
            "whoever runs it",
        )
        return []


def _steps(verdict: Verdict, candidate: PromotionCandidate, evidence: EnvironmentEvidence, whoever: str) -> None:
    found = compare(evidence.environment, candidate.here, candidate.there, evidence.steps)
    verdict.named += found.named
    for one in found.missing[:_NAMED]:
        verdict.miss("steps", one, f"run the playbook of {candidate.known.shown} on {evidence.environment}", whoever)
    if len(found.missing) > _NAMED:
        verdict.miss(
            "steps",
            f"{len(found.missing) - _NAMED} further steps",
            f"run the playbook on {evidence.environment}",
            whoever,
        )
    if not found.missing:
        verdict.hold("steps", f"run {evidence.run} on {evidence.environment} holds them, by {evidence.role}")


def _soak(verdict: Verdict, promotion: Promotion, evidence: EnvironmentEvidence) -> None:
    where = evidence.environment
    if evidence.since is None or evidence.now is None:
        what = f"since when {where} holds it is not known"
        verdict.miss("soak", what, f"run it on {where} again", f"whoever may run {where}")
        return
    begun, said = evidence.since, "it has stood"
    if evidence.loud is not None and "quiet_alerts" in promotion.require:
        begun, said = max(begun, evidence.loud), "it has stood without an alert"
    age, soak = (evidence.now - begun).total_seconds(), promotion.soak
    if age < 0:
        what = f"the clock of {where} is behind its ledger: it says {evidence.now:%Y-%m-%d %H:%M}, the ledger {begun:%Y-%m-%d %H:%M}"
        verdict.miss("soak", what, "set the server's clock right", f"the administrator of {where}")
    elif age < soak:
        what = f"{said} on {where} for {format_duration(age)} of {format_duration(soak)}"
        over = begun + timedelta(seconds=soak)
        verdict.miss(
            "soak", what, f"wait {format_duration(soak - age)}, until {over:%Y-%m-%d %H:%M %Z}", "nobody sooner"
        )
    elif not any(one.point == "steps" for one in verdict.missing):
        verdict.hold("soak", f"{said} on {where} for {format_duration(age)}")


def _alerts(verdict: Verdict, promotion: Promotion, evidence: EnvironmentEvidence) -> None:
    """Judge what fired: an alert counts until a whole soak has passed without one."""
    where, said = evidence.environment, _listed(evidence.alerts)
    quiet = (evidence.now - evidence.loud).total_seconds() if evidence.loud and evidence.now else 0.0
    if not evidence.alerts:
        verdict.hold("quiet_alerts", "no alert fired since")
    elif promotion.soak and quiet >= promotion.soak:
        verdict.hold("quiet_alerts", f"no alert fired for a whole soak after {said}")
    elif evidence.loud is not None:
        lift = "the soak counts anew from the last alert" if promotion.soak else f"run it on {where} anew"
        verdict.miss(
            "quiet_alerts", f"{where} was not quiet: {said}", f"find out why; {lift}", f"whoever may run {where}"
        )
    else:
        verdict.miss("quiet_alerts", f"on {where}, {said}", "run that from cron, and wait", f"whoever may run {where}")


def _forms(verdict: Verdict, candidate: PromotionCandidate, evidence: EnvironmentEvidence) -> None:
    """Put the forms side by side, and name those that differ."""
    verdict.forms = beside(candidate.forms, evidence.forms)
    differing = [one for one in verdict.forms if one.differs]
    for one in differing[:_NAMED]:
        there = one.there.shown if one.there else ""
        verdict.named.append(
            f"{one.here.key} is changed in another form than on {evidence.environment}: here {one.here.shown}; there {there}"
        )
    if len(differing) > _NAMED:
        verdict.named.append(
            f"{len(differing) - _NAMED} more objects are changed in another form than on {evidence.environment}"
        )


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:_NAMED]) + (f" and {len(found) - _NAMED} more" if len(found) > _NAMED else "")


def files_of(inputs: Iterable[str], project: Path) -> tuple[str, ...]:
    """Return what decides what a playbook makes: the files that were read, and the folder of the project's own templates."""
    return (*dict.fromkeys([*inputs, str(project / "templates")]),)


def as_data(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as JSON data."""
    return {
        "missing": [
            {"point": one.point, "what": one.what, "lift": one.lift, "who": one.who} for one in verdict.in_order
        ],
        "holds": [{"point": point, "evidence": what} for point, what in verdict.held],
        "named": list(verdict.named),
        "forms": [
            {
                "object": str(one.here.key),
                "step": one.here.step,
                "here": list(one.here.titles),
                "there": list(one.there.titles) if one.there else None,
                "differs": one.differs,
            }
            for one in verdict.forms
        ],
    }
