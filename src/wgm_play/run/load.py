"""What goes on in the database beside a run: transactions, sessions at work, sessions that wait for a lock; for its report.

In: a run that was begun. Out: evidence of kind `load` in the ledger. A run of a moment is not looked at, and nothing fails by it.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wgm_play.errors import WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render

if TYPE_CHECKING:
    import psycopg

    from wgm_play.ledger import Ledger
    from wgm_play.run.work import PlaySession

KIND = "load"
# What is over before this many seconds is not looked at; what takes longer, so often. Of many looks every other one is left
# out, and then it is looked half as often: a picture has no room for more.
FIRST, EVERY, MOST = 0.5, 1.0, 240
# Whoever ends a run waits so long for the last look.
PATIENCE = 2.0


@dataclass(slots=True)
class LoadWatch:
    """Looks at the load while it is entered; on leaving, the ledger has what was seen."""

    work: PlaySession
    run: int
    ledger: Ledger
    looks: list[tuple[float, int, int, int, int]] = field(default_factory=list)
    _every: float = field(default_factory=lambda: EVERY)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __enter__(self) -> LoadWatch:
        if self.work.on_group is None:  # a rehearsal measures by itself
            self._thread = threading.Thread(target=self._watch, name="load", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)
            self._keep()

    def _watch(self) -> None:
        import psycopg

        if self._stop.wait(FIRST):
            return
        text = render("execute/load.sql.j2").sql.encode()
        began = time.monotonic() - FIRST
        with suppress(psycopg.Error, WgmError, OSError), self.work.connections.writing("wgm-play/load") as session:
            over = False
            while True:
                row = session.execute(text).fetchone()
                if row is not None:
                    self._note(time.monotonic() - began, row)
                if over:
                    return
                over = self._stop.wait(self._every)  # then once more, so that the picture goes on to the end

    def _note(self, at: float, row: Any) -> None:
        transactions, active, waiting, hidden = row
        self.looks.append((round(at, 2), transactions, active, waiting, hidden))
        if len(self.looks) >= MOST:
            self.looks = self.looks[::2]
            self._every *= 2

    def _keep(self) -> None:
        """Write what was seen by the run's own session, where that can still write."""
        import psycopg

        session: psycopg.Connection[Any] = self.ledger.connection
        if len(self.looks) < 2 or session.closed or session.info.transaction_status.name != "IDLE":
            return
        content = {"began": self._began.isoformat(), "looks": list(self.looks)}
        with suppress(psycopg.Error):
            self.ledger.record_evidence(
                KIND, self.work.environment.name, self.work.play.name, content, passed=True, run_id=self.run
            )
