"""The moment that a restore goes to: `--at TIME | run:ID | lsn:X/Y | name:NAME | latest`, with `@N` on timeline N.

In: the text of the command line. Out: `Moment`; what a text must look like that is none.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass

LATEST, TIME, LSN, NAME, RUN = KINDS = ("latest", "time", "lsn", "name", "run")
FORMS = "write 2026-01-31T12:00:00+00:00, run:17, lsn:0/3000148, name:RESTORE_POINT, or latest"
_LSN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})\Z")
_TIMELINE = re.compile(r"(?!name:)(.+)@([1-9][0-9]{0,8})\Z")
# A restore point's name is shorter than MAXFNAMELEN.
_NAME_BYTES = 63


def lsn_of(text: str) -> int:
    """Return a position in the WAL as a number, of its text X/Y. Raise `ValueError`."""
    found = _LSN.match(text)
    if found is None:
        raise ValueError(text)
    return int(found.group(1), 16) << 32 | int(found.group(2), 16)


def lsn_text(lsn: int) -> str:
    """Return the text of a position in the WAL, as PostgreSQL writes it."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


@dataclass(frozen=True, slots=True)
class Moment:
    """`kind` is one of `KINDS`; with it goes a time, an LSN, the name of a restore point or the number of a run.

    `timeline` is the one to go along, 0 for the newest.
    """

    kind: str
    time: datetime | None = None
    lsn: int = 0
    name: str = ""
    run: int = 0
    timeline: int = 0

    def __str__(self) -> str:
        if self.time is not None:
            return f"{self.time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f UTC}"
        words = {
            LSN: f"LSN {lsn_text(self.lsn)}",
            NAME: f"the restore point {self.name!r}",
            RUN: f"before run {self.run}",
        }
        return words.get(self.kind, "the latest that there is")


def parse(text: str) -> Moment:
    """Return the moment that `--at` names; a time without a zone is of this machine's. Raise `InputError`."""
    if found := _TIMELINE.match(text):
        return replace(parse(found.group(1)), timeline=int(found.group(2)))
    word, colon, rest = text.partition(":")
    try:
        if text == LATEST:
            return Moment(LATEST)
        if colon and word == LSN:
            return Moment(LSN, lsn=lsn_of(rest))
        if colon and word == RUN:
            return Moment(RUN, run=int(rest))
        if colon and word == NAME and 0 < len(rest.encode()) <= _NAME_BYTES and "\0" not in rest:
            return Moment(NAME, name=rest)
        return Moment(TIME, time=datetime.fromisoformat(text).astimezone())
    except (ValueError, OverflowError) as error:
        kind = (
            "position in the WAL" if word == LSN and colon else "number of a run" if word == RUN and colon else "time"
        )
        raise InputError(f"{text!r} is no {kind}", hint=FORMS) from error
