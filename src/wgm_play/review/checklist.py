"""The checklist of a deployment, as far as files tell: what is known without the database, and what is told where it is.

In: a change of a play whose environment is promoted. Out: a line for each of the seven points, with its evidence or what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wgm_play.commands import checklist
from wgm_play.quantities import format_duration

if TYPE_CHECKING:
    from wgm_play.environment import Promotion
    from wgm_play.review.compare import ComparedPlay
    from wgm_play.review.model import Rollback


def look(one: ComparedPlay, back: Rollback) -> Iterator[str]:
    """Yield the points of a change that is to be promoted; nothing where nothing changes, or nobody asks for it."""
    promotion = one.environment.promotion
    if promotion is None or not one.planned.plan.groups:
        return
    plan, play = one.planned.plan, one.play
    later = f"told by wgm-play checklist {one.environment.name}.yml"
    yield f"{checklist.STAGING}: {_staging(promotion)}; {later}"
    yield _said(checklist.reviewed(plan))
    yield (
        f"{checklist.BACKUP}: {_backup(play.backup)}; {later}"
        if play.backup
        else f"missing: {checklist.BACKUP}: the play has no backup policy: add `backup: {{method: logical}}`"
    )
    lost = [f"{title}: {why}" for title, why in back.irreversible]
    yield f"{checklist.ROLLBACK}: {'not reversible: ' + '; '.join(lost) if lost else 'everything can be taken back'}; that it was rehearsed is {later}"
    yield _said(checklist.alerts(plan, play))
    sent = len(play.queries) + len(play.exercise)
    yield (
        f"{checklist.APPLICATION}: {sent} of its statements are declared; {later}"
        if sent
        else f"missing: {checklist.APPLICATION}: nothing says what the application sends: add `queries:` to the play"
    )
    yield f"{checklist.POOL}: {later}"


def _staging(promotion: Promotion) -> str:
    soak = f", for {format_duration(promotion.soak)}" if promotion.soak else ""
    return f"{promotion.source} has to hold it first{soak}"


def _backup(policy: object) -> str:
    method = policy.get("method", "logical") if isinstance(policy, dict) else "logical"
    return f"{method} backups are declared"


def _said(point: checklist.Point) -> str:
    if point.holds:
        return f"{point.title}: {point.evidence}"
    return f"missing: {point.title}: {point.evidence}: {point.remedy}"
