"""`freeze`: nobody may change an environment until a time, or until it is lifted; recorded with the reason.

In: a play's work. Out: a row in the ledger.
"""

from __future__ import annotations

import getpass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from wgm_play.errors import InputError
from wgm_play.ledger import Ledger, decided
from wgm_play.ledger.install import written
from wgm_play.ledger.model import Decision
from wgm_play.promotion.freeze import by_hand
from wgm_play.quantities import parse_duration
from wgm_play.windows import moment

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession


def freeze(work: PlaySession, options: Options, reporter: Reporter, until: str | None) -> int:
    """Order a freeze."""
    work.check_marker()
    now = decided.now(work.reading)
    end = _end(until, now)
    if end is not None and end <= now:
        raise InputError(f"--until {until} is over: it is {now:%Y-%m-%d %H:%M %Z} there", hint="name a time to come")
    write(work, Decision("freeze", str(options.reason), [], until=end))
    shown = f"until {end.astimezone():%Y-%m-%d %H:%M %Z}" if end else "until it is lifted"
    reporter.note(f"{work.environment.name} is frozen {shown}; wgm-play freeze {options.playbook} --lift ends it")
    return 0


def lift(work: PlaySession, options: Options, reporter: Reporter) -> int:
    """End a freeze that was ordered; windows of the environment are not lifted so."""
    work.check_marker()
    found = by_hand(work.reading, decided.now(work.reading))
    if found is None:
        reporter.note(f"nobody froze {work.environment.name}")
        return 0
    write(work, Decision("lift", options.reason or "lifted", [f"freeze {found.id}"]))
    reporter.note(f"{work.environment.name} is not frozen any more")
    return 0


def write(work: PlaySession, decision: Decision) -> None:
    """Write a decision that belongs to no run; the ledger is made where it is missing."""
    with work.connections.writing("wgm-play/decision") as connection, connection.transaction():
        Ledger(connection).ensure(work.environment.readers)
        with written():
            decided.insert_decision(connection, decision, None, getpass.getuser())


def _end(until: str | None, now: datetime) -> datetime | None:
    if until is None:
        return None
    if until[:1].isdigit() and until[-1:].isalpha():
        return now + timedelta(seconds=parse_duration(until))
    here = datetime.now().astimezone().tzinfo
    assert here is not None  # noqa: S101 - astimezone() gives one
    return moment(until, here)
