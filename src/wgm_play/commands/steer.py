"""Orders to a backfill in progress: recorded in the ledger, where the run that fills rows looks for them.

In: a play's work. Out: a row in `wgm.steering`.
"""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

from wgm_play.errors import Refused
from wgm_play.execute.guard import holder
from wgm_play.execute.steering import give_order, last_order
from wgm_play.ledger import Ledger

if TYPE_CHECKING:
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession


def order(work: PlaySession, reporter: Reporter, *, paused: bool, batch_ms: int | None) -> int:
    """Record that backfills rest or go on; raise Refused where the database has no ledger yet."""
    work.check_marker()
    if Ledger(work.reading).access() == "absent":
        raise Refused("this database has no ledger yet, so no run is in progress", hint="run the playbook first")
    with work.connections.writing("wgm-play/steer") as connection:
        with connection.transaction():
            Ledger(connection).ensure()
        before = last_order(connection)
        kept = before.batch_ms if before and batch_ms is None else batch_ms
        give_order(connection, paused=paused, batch_ms=kept, os_user=getpass.getuser())
    pace = f", batches of {kept} ms" if kept else ""
    reporter.note("backfills rest after their present batch" if paused else f"backfills go on{pace}")
    if paused and holder(work.reading) is None:
        resume = f"wgm-play resume {work.options.playbook}"
        reporter.note(f"no run is in progress: the next one waits before its first batch, until {resume}")
    return 0
