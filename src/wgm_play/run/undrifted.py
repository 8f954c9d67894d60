"""Answer `check --only drift` from what the last one found, where nothing has moved since.

In: the options of a check, the record that the last one left. Out: that there is no drift, or None: then all is compared.

The record is like that of a run with nothing to do (`up_to_date.py`), and is believed as little: the versions of all rows of
the catalog and the state of the ledger are asked for again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.cache.questions import LEDGER
from wgm_play.report.findings.heading import Heading
from wgm_play.run.up_to_date import UpToDateRecord, as_it_was, record_of
from wgm_play.user_folder import left_behind

if TYPE_CHECKING:
    from wgm_play.catalog.model import Catalog
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

PART = "drift"
NO_DRIFT = "no drift since the last run"


def _eligible(options: Options) -> bool:
    return options.only == (PART,) and not (options.record or options.untrusted or left_behind())


def answered(options: Options, reporter: Reporter) -> Heading | None:
    """Say that there is no drift where that is proved, and return what the report is about; else say nothing."""
    record = record_of(options) if _eligible(options) else None
    if record is None:
        return None
    (play,) = record["plays"]
    found = as_it_was(play, options, Path(record["project"]))
    if found is None:
        return None
    for note in (*found[0], NO_DRIFT, *play["notes"]):
        reporter.note(note)
    return heading_of(play["target"], options, play["file"])


def heading_of(target: str, options: Options, file: str) -> Heading:
    """Return what the report of a check is about."""
    return Heading("check", target, fail_on=options.fail_on, file=file)


def remember(work: PlaySession, live: Catalog) -> None:
    """Keep for the next check that there is no drift."""
    asked, embedded = work.questions, work.environment.embedded
    lasting = embedded is None or not embedded.ephemeral
    if not (_eligible(work.options) and lasting and asked.identity and asked.rows and asked.ledger):
        return
    if asked.ledger[0] != LEDGER:
        return
    record = UpToDateRecord(work.options, usable=True)
    record.read_by(work)
    notes = [said_unmodelled(name) for name in live.unmodelled]
    file = str(work.playbook.path)
    record.plays.append({**record.play_of(work), "catalog": None, "file": file, "notes": notes})
    record.keep()


def said_unmodelled(name: str) -> str:
    """Say that an object is not compared."""
    return f"not modelled: {name}"
