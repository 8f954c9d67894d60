"""Evidence in the ledger of the database that it is about: what a drill or a rehearsal found.

In: a play at work. Out: rows of `wgm.evidence`, written in one transaction of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wgm_play.errors import WgmError
from wgm_play.ledger import Ledger
from wgm_play.quantities import counted, format_duration
from wgm_play.secret import mask

if TYPE_CHECKING:
    from wgm_play.run.work import PlaySession


def keep(
    work: PlaySession, kind: str, content: Mapping[str, Any], *, passed: bool, run: int | None = None
) -> int | None:
    """Write evidence; return its number, None where this role may not write it, which is said."""
    import psycopg

    try:
        with work.connections.writing(f"wgm-play {kind}") as connection, connection.transaction():
            ledger = Ledger(connection)
            ledger.ensure(work.environment.readers)
            if ledger.marker() is None:
                ledger.set_marker(work.environment.marker or work.environment.name)
            return ledger.record_evidence(
                kind, work.environment.name, work.play.name, content, passed=passed, run_id=run
            )
    except (psycopg.Error, WgmError) as error:
        work.reporter.warn(f"the {kind} is not kept in the ledger: {mask(str(error)).strip()}")
        return None


def last_drill(work: PlaySession) -> str | None:
    """Return one line on the last drill of the play's backups, None where there was none."""
    last = next(iter(Ledger(work.reading).evidence("drill", work.environment.name, work.play.name)), None)
    if last is None:
        return None
    found = len(last.content["findings"])
    said = "all was there" if last.passed else counted(found, "finding")
    return (
        f"last drill: {last.at:%Y-%m-%d %H:%M} UTC, backup {last.content['backup']} came back in "
        f"{format_duration(last.content['seconds'])}: {said}"
    )
