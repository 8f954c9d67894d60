"""A playbook as lint sees it: what its steps declare, in an empty database; and what its `sql` steps do to one in use.

In: a playbook. Out: findings at its lines. How declared objects are changed is the planner's: here is only what is
unwise about them in any database.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from wgm_play.document.as_read import text_of
from wgm_play.errors import Position
from wgm_play.finding import Finding
from wgm_play.importing.parts import SourcePart
from wgm_play.lint.advice import advise
from wgm_play.lint.context import RuleContext
from wgm_play.lint.files import read_statements
from wgm_play.lint.ignores import acknowledge, until_in
from wgm_play.lint.rules import HANDLERS
from wgm_play.lint.settings import Settings, settings
from wgm_play.lint.sizes import fits, hold_to, sizes
from wgm_play.lint.tree import Name
from wgm_play.sql import reveal

# The runner's own: it sets timeouts, opens transactions and chooses online forms.
_RUNNER = ("X01", "X02", "X09", "X10", "X07", "C15", "I02", "V01", "T12")


def of_playbook(
    path: Path,
    chosen: Settings,
    inventory: Path | None,
    rows: Sequence[str] = (),
    stats: str | None = None,
    *,
    scratch: bool = True,
    remarks: list[str] | None = None,
) -> list[Finding]:
    """Return what is found in a playbook and what it imports; a team's own rules are asked on a `scratch` server.

    Sizes are as `rows` and the file `stats` say, else as the environment's statistics do, where these know one of its
    tables; `remarks` gets what is odd about them.
    """
    from wgm_play.options import Options
    from wgm_play.playbook.fold import fold
    from wgm_play.run.opening import with_placeholders

    found: dict[tuple[Any, ...], Finding] = {}
    plays, _ = with_placeholders(Options(str(path), inventory=str(inventory) if inventory else None))
    for loaded in plays:
        _number, play, environment, _playbook = loaded
        folded = fold(play.steps)
        tables = [(key.name[0], key.name[1]) for key in folded.declarations if key.kind == "table"]
        hold_to(stats, tables)
        own = environment.stats
        if not stats and not fits(own, environment.name, tables, [] if remarks is None else remarks):
            own = None
        known = sizes(rows, stats or own)
        look = RuleContext(settings(environment.lint, environment.path, chosen), known, HANDLERS)
        look.known.labelled |= _masked(play.steps)
        _declared(folded, look)
        if scratch and look.settings.rules:
            look.findings += _of_rules(loaded, look.settings, str(path))
        for one in _accepted(look, play.steps):
            found.setdefault((one.code, one.object, one.attribute, one.where), one)
    return list(found.values())


def _masked(steps: Sequence[Any]) -> set[tuple[Name, str]]:
    """Return the columns of which a playbook says what a masked copy shows."""
    from wgm_play.playbook.kinds.table import key
    from wgm_play.playbook.masks import said

    tables = [step for step in steps if step.kind == "table" and step.skipped is None and not step.deferred]
    return {((key(step).name[0], key(step).name[1]), name) for step in tables for name, _ in said(step)}


def _of_rules(loaded: Any, chosen: Settings, path: str) -> list[Finding]:
    """Ask a team's rules of a play, which is made for that on a scratch server."""
    from wgm_play.lint.custom import found
    from wgm_play.options import Options
    from wgm_play.review.wanted import wanted

    with closing(wanted([loaded], Options(path))) as made:
        return found(next(made), chosen)


def _declared(folded: Any, look: RuleContext) -> None:
    look.file = 0
    look.session.begin()
    look.session.lock_timeout = look.session.statement_timeout = True
    for late in (False, True):
        for declaration in folded.declarations.values():
            if not declaration.absent:
                for one in declaration.late if late else declaration.statements:
                    _statement(one.sql, one.where, declaration.position, look)
    look.locate = None
    look.known.labelled |= {
        (key.name[1:3], key.name[3])
        for key, one in folded.declarations.items()
        if key.kind == "security_label" and key.name[0] == "column" and not one.absent
    }
    look.definers.clear()
    advise(look)
    _imperative(folded.sqls, look)


def _statement(sql: str, where: Any, position: Position, look: RuleContext) -> None:
    def locate(offset: int) -> Position:
        return where(offset) or position

    look.locate = locate
    read_statements(SourcePart(position.file, position.line, sql, "one"), look)


def _imperative(steps: Iterable[Any], look: RuleContext) -> None:
    """Read `sql` steps: the tables that the playbook declares are there, and in use."""
    look.file = 1
    for step in steps:
        look.session.end()
        if step.transaction:
            look.session.begin()
        look.session.lock_timeout = look.session.statement_timeout = True
        look.locate = lambda offset, at=step.position: at
        if step.batches is None:
            read_statements(SourcePart(step.position.file, step.position.line, reveal(step.text), "one"), look)
    look.locate = None


def _accepted(look: RuleContext, steps: Sequence[Any]) -> list[Finding]:
    """Return the findings as comments, settings and the steps' `accept` leave them."""
    made = []
    for one in look.findings:
        if one.code in _RUNNER or one.where is None:
            continue
        reason = _reason(one, steps)
        made.append(replace(one, acknowledged=reason) if reason else one)
    by_file: dict[str, list[Finding]] = {}
    for one in made:
        by_file.setdefault(one.where.file if one.where else "", []).append(one)
    return [one for file, several in by_file.items() for one in acknowledge(several, file, text_of(file) or "", look)]


def _reason(found: Finding, steps: Sequence[Any]) -> str:
    """Return why the step in which a finding lies accepts it."""
    step = _step_at(found.where, steps)
    reason = step.accept.get(found.code, "") if step is not None else ""
    day = until_in(reason)
    return "" if day is not None and day < datetime.date.today() else str(reason)


def _step_at(where: Position | None, steps: Sequence[Any]) -> Any:
    before = [one for one in steps if where and one.position.file == where.file and one.position.line <= where.line]
    return max(before, key=lambda one: one.position.line, default=None)
