"""What was committed, read from the WAL that was received: to find the statement that did harm, and the moment before it.

In: a folder of WAL, the server's own pg_waldump, the names of a database's files. Out: `Commit`s, oldest first: each with the position
before which everything is as it was.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from wgm_play.backup.wal import Wal, write_out
from wgm_play.errors import Refused, StepFailed
from wgm_play.lazy_dataclass import dataclass

_RECORD = re.compile(r"rmgr: (\w+) .* tx: +(\d+), lsn: ([0-9A-F]+/[0-9A-F]+), .*desc: (.*)")
_ROWS = re.compile(r"(HOT_UPDATE|UPDATE|INSERT|DELETE|MULTI_INSERT)\b")
_FILE = re.compile(r"rel \d+/(\d+)/(\d+)")
_TUPLES = re.compile(r"ntuples: (\d+)|(\d+) tuples")
_COMMIT = re.compile(r"COMMIT(?:_PREPARED (\d+):)? (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC(.*)")
_DROPPED = re.compile(r"(?:base|pg_tblspc/\d+/\w+)/(\d+)/\d+")
_WORDS = {
    "HOT_UPDATE": "updated",
    "UPDATE": "updated",
    "INSERT": "inserted",
    "MULTI_INSERT": "inserted",
    "DELETE": "deleted",
}
# The catalog, and our own ledger.
_INNER = ("pg_catalog.", "wgm.")
# As many tables of one commit as fit on a line.
MOST = 3


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction: what it did by relation and word, how many files it dropped; `lsn` is where its commit begins."""

    lsn: str
    at: datetime
    number: int
    rows: Mapping[tuple[str, str], int]
    dropped: int

    @property
    def told(self) -> str:
        """What it did, in one line."""
        rows = self.rows.items()
        said = [f"{name}: {count:,} {word}" for (name, word), count in rows if not name.startswith(_INNER)]
        more = [f"and {len(said) - MOST} more"] if len(said) > MOST else []
        if self.dropped:
            said.insert(0, f"{self.dropped} file{'s' if self.dropped > 1 else ''} dropped (DROP, TRUNCATE)")
        return ", ".join([*said[: MOST + bool(self.dropped)], *more]) or "the catalog"


def commits(wal: Wal, programs: Path, database: int, names: Mapping[int, str], since: datetime) -> list[Commit]:
    """Return what was committed to a database since a time, as far as it was received. Raise `Refused`, `StepFailed`."""
    with tempfile.TemporaryDirectory(prefix="wgm-wal-") as folder:
        first, last = _laid_out(wal, Path(folder), since)
        found = list(_read(_lines(programs, Path(folder), first, last), database, names))
    return [one for one in found if one.at >= since]


def _laid_out(wal: Wal, folder: Path, since: datetime) -> tuple[str, str]:
    """Lay out the segments that were written since a time under the names of the newest timeline; return the first and the last."""
    timeline = wal.newest_timeline
    parts, last = list(reversed(wal.path_to(timeline))), wal.last(timeline)
    if last is None:
        raise Refused("no WAL was received yet: nothing can be found in it", hint="`wgm-play wal PLAYBOOK` receives it")
    number = last
    while number >= 0:
        found = (
            wal.find(wal.name(part.timeline, number)) for part in parts if part.begin < (number + 1) * wal.segment_size
        )
        path = next((one for one in found if one is not None), None)
        if path is None:
            break
        place = folder / wal.name(timeline, number)
        if path.suffix == ".gz" or path.name.endswith(".gz.partial"):
            write_out(path, place, wal.segment_size)
        else:
            place.symlink_to(path.absolute())
        number -= 1
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < since:
            break
    return wal.name(timeline, number + 1), wal.name(timeline, last)


def _lines(programs: Path, folder: Path, first: str, last: str) -> Iterator[str]:
    program = programs / "pg_waldump"
    if not program.exists():
        raise Refused(
            f"there is no pg_waldump in {str(programs)!r}: it reads WAL", hint="install the server's own package"
        )
    reading = subprocess.Popen(
        [program, f"--path={folder}", first, last],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
    )
    seen = False
    with reading:
        assert reading.stdout is not None and reading.stderr is not None  # noqa: S101 - pipes were asked for
        for line in reading.stdout:
            seen = True
            yield line
        said = reading.stderr.read().strip()
    # What is received last ends in the middle of a segment: that is no error.
    if not seen and reading.returncode:
        raise StepFailed(f"the WAL cannot be read: {said.splitlines()[-1] if said else 'pg_waldump failed'}")


def _read(lines: Iterable[str], database: int, names: Mapping[int, str]) -> Iterator[Commit]:
    """Give the commits of what pg_waldump says; what was rolled back is left out."""
    open_: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for line in lines:
        record = _RECORD.match(line)
        if record is None:
            continue
        kind, number, lsn, what = record[1], int(record[2]), record[3], record[4]
        if kind in ("Heap", "Heap2"):
            rows, file = _ROWS.match(what), _FILE.search(what)
            if rows and file and int(file[1]) == database:
                tuples = _TUPLES.search(what) if rows[1] == "MULTI_INSERT" else None
                count = int(tuples[1] or tuples[2]) if tuples else 1
                name = names.get(int(file[2]), f"a table that is gone (file {file[2]})")
                open_[number][name, _WORDS[rows[1]]] += count
        elif kind == "Transaction" and (ended := _COMMIT.match(what)):
            whole = int(ended[1] or number)
            rows_of = open_.pop(whole, Counter())
            for part in re.findall(r"\d+", _after(ended[3], "subxacts:")):
                rows_of += open_.pop(int(part), Counter())
            dropped = sum(int(one) == database for one in _DROPPED.findall(_after(ended[3], "rels:")))
            if dropped or any(not name.startswith("wgm.") for name, _ in rows_of):
                at = datetime.fromisoformat(ended[2]).replace(tzinfo=UTC)
                yield Commit(lsn, at, whole, dict(rows_of), dropped)


def _after(text: str, word: str) -> str:
    """Return the part of a commit's record that follows a word."""
    return text.partition(word)[2].partition(";")[0]
