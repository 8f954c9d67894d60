"""Hazards that need consent: a step says `accept: {CODE: reason}`, or the plan is refused with all that lack it.

In: the groups of a plan, the steps, what the ledger has of the runs that a rollback takes back. Out: the groups, each such
hazard with its reason; warnings of what was accepted and is no hazard of the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from wgm_play.catalog.model import Key
from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger.model import Consent
from wgm_play.plan import Group, Hazard, Operation
from wgm_play.playbook.model import Declaration, Step

_WHY = "why this may be"


@dataclass(slots=True)
class Consents:
    """What was consented to: by steps, and with the runs that a rollback takes back (`recorded`)."""

    steps: Sequence[Step]
    declarations: Mapping[Key, Declaration] = field(default_factory=dict)
    recorded: Sequence[Consent] = ()

    def settle(self, groups: Iterable[Group]) -> tuple[Group, ...]:
        """Return the groups with the reason of each hazard that needs one. Raises `Refused` with all that have none."""
        missing: list[tuple[Operation, Hazard]] = []

        def settled(operation: Operation) -> Operation:
            if not any(one.consent for one in operation.hazards):
                return operation
            made = [self._settled(operation, one) for one in operation.hazards]
            missing.extend((operation, one) for one in made if one.consent and one.accepted is None)
            return replace(operation, hazards=tuple(made))

        found = tuple(replace(group, operations=tuple(map(settled, group.operations))) for group in groups)
        if missing:
            raise self._refusal(missing)
        return found

    def _settled(self, operation: Operation, hazard: Hazard) -> Hazard:
        return replace(hazard, accepted=self._reason(operation, hazard)) if hazard.consent else hazard

    def _reason(self, operation: Operation, hazard: Hazard) -> str | None:
        """Return the reason that a step gives, or that was recorded for the same hazard of the same object."""
        for step in self._steps_of(operation):
            if hazard.code in step.accept:
                return step.accept[hazard.code]
        for one in self.recorded:
            if one.code == hazard.code and tuple(one.name[:2]) == operation.key.name[:2]:
                return f"{one.reason} (accepted with run {one.run})"
        return None

    def _steps_of(self, operation: Operation) -> list[Step]:
        """Return the steps that may consent: the operation's own; where it has none, those that declare its object.

        Where no step does, any may.
        """
        if operation.step >= 0:
            return [step for step in self.steps if step.index == operation.step]
        name = operation.key.name[:2]
        owners = {one.step for key, one in self.declarations.items() if key.name[:2] == name}
        return [step for step in self.steps if step.index in owners] or list(self.steps)

    def _refusal(self, missing: Sequence[tuple[Operation, Hazard]]) -> Refused:
        by_step: dict[int, list[tuple[Operation, Hazard]]] = {}
        for operation, one in missing:
            steps = self._steps_of(operation)
            by_step.setdefault(steps[0].index if steps else -1, []).append((operation, one))
        places = {step.index: step for step in self.steps}
        details: list[str] = []
        for number, found in by_step.items():
            step = places.get(number)
            for operation, one in found:
                details.append(f"{one.code} {operation.key}, {operation.title}: {one.what}")
                details += [f"  instead: {one.instead}"] if one.instead else []
            details.append(f"  to consent, add to {_named(step)}: {_line(step, [one.code for _, one in found])}")
        first = places.get(next(iter(by_step)))
        return Refused(
            f"{len(missing)} hazard{'s need' if len(missing) > 1 else ' needs'} consent",
            where=first.position if first else None,
            details=details,
            hint="the reason is shown in the plan and kept in the ledger; `wgm-play doc CODE` tells more",
        )

    def unused(self, groups: Iterable[Group]) -> list[str]:
        """Return what is to be said of codes that steps accept and none of their operations has."""
        if not any(step.accept for step in self.steps):
            return []
        met: dict[int, set[str]] = {}
        for group in groups:
            for operation in group.operations:
                for step in self._steps_of(operation):
                    met.setdefault(step.index, set()).update(one.code for one in operation.hazards)
        return [
            f"step {step.name!r} accepts {code}, which none of its operations has"
            for step in self.steps
            for code in step.accept
            if step.index in met and code not in met[step.index]
        ]


def _named(step: Step | None) -> str:
    return f"the step {step.name!r} ({step.position})" if step else "a step of the play"


def _line(step: Step | None, codes: Sequence[str]) -> str:
    """Return the line that consents; where the step has one already, the whole of it."""
    said = {**(step.accept if step else {}), **dict.fromkeys(codes, _WHY)}
    return "accept: {" + ", ".join(f"{code}: {_quoted(reason)}" for code, reason in said.items()) + "}"


def _quoted(reason: str) -> str:
    return f'"{reason}"' if any(character in reason for character in ",:{}[]#'") else reason


def given(groups: Iterable[Group]) -> list[Consent]:
    """Return the consents of a plan, for the ledger."""
    return [
        Consent(one.code, operation.key.kind, list(operation.key.name), one.what, one.accepted)
        for group in groups
        for operation in group.operations
        for one in operation.hazards
        if one.consent and one.accepted is not None
    ]
