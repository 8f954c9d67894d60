"""What is declared and not so: edits that wait, steps that were skipped, settings that another one overrides.

In: a play's work and its plan. Out: findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Refused
from wgm_play.finding import INFO, WARNING, Finding
from wgm_play.quantities import counted
from wgm_play.run.plans import plan
from wgm_play.sql import ident

if TYPE_CHECKING:
    from wgm_play.planning.model import Planned
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

SOURCE = "playbook"


def planned_or_refused(work: PlaySession, reporter: Reporter) -> tuple[Planned | None, list[Finding]]:
    """Plan the play; return the plan, or that it is refused, as advice: edits of a playbook are no ill of the database."""
    try:
        planned = plan(work)
    except Refused as refused:
        reporter.warn("\n  ".join([f"the playbook cannot be applied now: {refused.message}", *refused.details]))
        told = f"the playbook cannot be applied now: {refused.message}"
        remedy = refused.hint or f"wgm-play {work.options.playbook} --check"
        return None, [Finding("refused", INFO, told, "", "", remedy, tuple(refused.details), source=SOURCE)]
    _tell_rest(planned, reporter)
    return planned, []


def _tell_rest(planned: Planned, reporter: Reporter) -> None:
    """Say which objects no step mentions."""
    for key in planned.wanted.unmanaged:
        reporter.note(f"unmanaged: {key}")
    for key in planned.wanted.outside:
        reporter.note(f"left alone (outside of `manage:`): {key}")
    reporter.data("unmanaged", [str(key) for key in planned.wanted.unmanaged])
    reporter.data("outside", [str(key) for key in planned.wanted.outside])


def without_effect(work: PlaySession, planned: Planned, live: Catalog) -> Iterator[Finding]:
    """Find what the playbook says and the database does not do."""
    book = work.options.playbook
    pending = planned.plan.operations
    if pending:
        yield Finding(
            "pending",
            INFO,
            f"{counted(len(pending), 'operation')} declared and not yet applied",
            book,
            remedy=f"wgm-play {book} --check --diff",
            evidence=tuple(one.title for one in pending[:10]),
            source=SOURCE,
        )
    names = {step.index: step.name for step in work.play.steps}
    for step, reason, statement, key in planned.skips.entries:
        yield Finding(
            "skipped",
            INFO,
            f"the step {names.get(step, '')!r} is skipped: {reason}",
            str(key),
            remedy=statement,
            source=SOURCE,
        )
    yield from _overridden(set(planned.wanted.managed), live)


def _overridden(managed: set[Key], live: Catalog) -> Iterator[Finding]:
    """Find settings of the database, or of a role, that a narrower one of nobody's playbook overrides.

    A role's setting in this database goes before the role's, that before the database's (manual: "ALTER ROLE").
    """
    settings = [key for key in live.rows if key.kind == "setting"]
    for declared in sorted(key for key in managed if key.kind == "setting" and key in live.rows):
        database, role, name = declared.name
        for other in settings:
            narrower = (
                other.name[2] == name
                and other not in managed
                and other.name[1]
                and (not role or (other.name[1] == role and not database and other.name[0]))
            )
            if narrower:
                where = " IN DATABASE …" if other.name[0] else ""
                yield Finding(
                    "setting_overridden",
                    WARNING,
                    f"the setting {name} has no effect for the role {other.name[1]}, which has one of its own",
                    name,
                    other.name[1],
                    f"ALTER ROLE {ident(other.name[1])}{where} RESET {name};",
                    source=SOURCE,
                )
