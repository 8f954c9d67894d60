"""What a restore in place takes back is held, as by a rollback: else the next run of CI would do it again.

In: the ledger of before, that of what was restored. Out: decisions in it, notes.
"""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger, decided
from wgm_play.ledger.history import standing
from wgm_play.ledger.model import Decision
from wgm_play.promotion.freeze import by_hand

if TYPE_CHECKING:
    from wgm_play.run.work import PlaySession


@dataclass(frozen=True, slots=True)
class Applied:
    """A run whose changes stood: `wanted` is the mark of its steps, or the digest of what it made."""

    run: int
    at: datetime
    wanted: str


def applied(connection: Any) -> list[Applied]:
    """Return the runs of a ledger whose changes stand, newest first; none where it cannot be read."""
    runs = [change.last for change in standing(Ledger(connection).last_runs()) if change.last.command == "apply"]
    made = decided.revisions(connection, [run.id for run in runs])
    marked = [(run, made[run.id].mark if run.id in made else run.to_digest) for run in runs]
    return [Applied(run.id, run.started_at, mark) for run, mark in marked if mark]


def frozen(connection: Any) -> Decision | None:
    """Return the freeze that somebody ordered, None where nobody did."""
    return by_hand(connection, decided.now(connection))


def freeze_again(work: PlaySession, before: Decision | None) -> list[str]:
    """Order a freeze anew that went back with the ledger; return notes."""
    with work.connections.writing("wgm-play/decision") as connection, connection.transaction():
        if before is None or frozen(connection) is not None:
            return []
        Ledger(connection).ensure(work.environment.readers)
        said = Decision("freeze", before.reason, [f"ordered by {before.role} ({before.os_user})"], until=before.until)
        decided.insert_decision(connection, said, None, getpass.getuser())
    return [f"the freeze stands: {before.reason}"]


def hold(work: PlaySession, before: list[Applied], what: str) -> list[str]:
    """Hold what stood `before` and is not in the database as it is now; return notes."""
    with work.connections.writing("wgm-play/decision") as connection:
        there = {(one.run, one.at) for one in applied(connection)}
        gone = [one for one in before if (one.run, one.at) not in there]
        if not gone:
            return []
        are = "is" if len(gone) == 1 else "are"
        named = f"{'run' if len(gone) == 1 else 'runs'} {', '.join(str(one.run) for one in reversed(gone))}"
        if not work.environment.policy.hold_rolled_back:
            return [
                f"{named} went back: the next run of the playbook does them again (policy: {{hold_rolled_back: true}} holds them)"
            ]
        with connection.transaction():
            Ledger(connection).ensure(work.environment.readers)
            for wanted in dict.fromkeys(one.wanted for one in gone):
                runs = [f"run {one.run}" for one in gone if one.wanted == wanted]
                decision = Decision("rollback", what, runs, subject=wanted)
                decided.insert_decision(connection, decision, None, getpass.getuser())
    return [
        f"{named} went back and {are} held: change the playbook, or let somebody release it, "
        f"wgm-play promote {work.options.playbook} --release --reason REASON"
    ]
