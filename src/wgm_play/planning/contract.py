"""The plan as it is shown, saved and run.

In: what was asked for, a draft, its transactions. Out: `Plan`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from wgm_play.catalog.model import digest
from wgm_play.execute.pausing import ASKED
from wgm_play.plan import Group, Operation, Plan
from wgm_play.planning.draft import Draft
from wgm_play.planning.request import PlanRequest
from wgm_play.secret import mask


def contract(
    request: PlanRequest,
    server_version: int,
    draft: Draft,
    made: tuple[Group, ...],
    unknown: Iterable[str],
    warnings: Iterable[str],
) -> Plan:
    """Return the plan of a draft."""
    play, names = request.play, request.step_names
    items = {step.index: step.item for step in (*play.steps, *play.handlers)}
    return Plan(
        playbook=request.playbook.path,
        play=play.name,
        environment=request.environment.name,
        server_version=server_version,
        from_digest=digest(draft.live.rows),
        to_digest=digest(draft.wanted.catalog.rows),
        playbook_digest=request.playbook.digest,
        groups=_with_pool(request, made),
        skipped=tuple(draft.skips.listed()),
        unknown=tuple(dict.fromkeys(unknown)),
        step_names=names,
        step_items=tuple(mask(items.get(number, "")) for number in range(len(names))),
        warnings=tuple(warnings),
    )


def _with_pool(request: PlanRequest, made: tuple[Group, ...]) -> tuple[Group, ...]:
    """Return the groups; those of steps with `pause_pool` ask for it, where the environment has a pool; so does what takes
    them back."""
    steps = {step.index for step in request.play.steps if step.pause_pool}
    if request.environment.pool is None or not steps:
        return made

    def asks(one: Operation) -> bool:
        return one.step in steps or (one.key.relation or one.key) in request.paused

    return tuple(
        replace(
            group,
            operations=tuple(
                replace(one, payload={**one.payload, ASKED: True}) if asks(one) else one for one in group.operations
            ),
        )
        for group in made
    )
