"""The folder of received WAL: which segments there are, on which timelines, how far one can go without a gap.

In: the folder that pg_receivewal writes to. Out: `Wal`; file names are PostgreSQL's own (manual: "Write-Ahead Log
Internals"), a segment may be whole, compressed, or the last one that is still being written (`.partial`).
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from wgm_play.backup.moment import lsn_of
from wgm_play.lazy_dataclass import dataclass

SEGMENT = 16 * 1024 * 1024
# What `wgm-play wal` writes down now and then: until when and how far everything was received.
RECEIVED = "received.json"
# In the order in which a restore takes them: a whole segment is never passed over for a part of it.
_ENDINGS = ("", ".gz", ".partial", ".gz.partial")
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(|\.gz|\.partial|\.gz\.partial)\Z")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history(\.gz)?\Z")
# Where the receiver puts what a timeline holds after the server has left it.
_LEFT = re.compile(r"left-[0-9A-F]{8}\Z")
PAGE, _SHORT_HEADER, _LONG_HEADER = 8192, 24, 40
# A restore point's record (xl_restore_point): its length, its kind (XLOG_RESTORE_POINT of RM_XLOG_ID) at their places.
_POINT_BYTES, _POINT_KIND, _KIND_AT = 24 + 2 + 8 + 64, b"\x70\x00", 16
# What such a record has before the name: its header, that of its data, the time.
_BEFORE_NAME = 24 + 2 + 8


@dataclass(frozen=True, slots=True)
class TimelineStretch:
    """A stretch of one timeline, from one position to where the next begins; None at the end of the newest."""

    timeline: int
    begin: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Received:
    """Until when, and how far, everything that the server wrote had been received."""

    at: datetime
    lsn: int
    timeline: int


@dataclass(frozen=True)
class Wal:
    """One look at a folder of WAL; `segment_size` is the server's (`wal_segment_size`)."""

    folder: Path
    segment_size: int = SEGMENT
    others: tuple[Path, ...] = field(default=())

    @cached_property
    def files(self) -> dict[str, Path]:
        """The files by their names.

        Of a timeline that was left, what was put aside goes further than what is received again up to where it was left.
        """
        found: dict[str, Path] = {}
        folders = sorted(one for one in _entries(self.folder) if one.is_dir())
        left = [one for one in folders if _LEFT.match(one.name)]
        places = [*left, self.folder, *(one for one in folders if one not in left), *self.others]
        for place in reversed(places):
            found |= {one.name: one for one in _entries(place) if one.is_file()}
        return found

    @cached_property
    def segments(self) -> dict[tuple[int, int], Path]:
        """The file of each segment by its timeline and number, the whole one where there is more than one."""
        found: dict[tuple[int, int], tuple[int, Path]] = {}
        for name, path in self.files.items():
            if match := _SEGMENT.match(name):
                timeline, high, low = (int(match.group(number), 16) for number in (1, 2, 3))
                key = timeline, high * (0x1_0000_0000 // self.segment_size) + low
                rank = _ENDINGS.index(match.group(4))
                if key not in found or rank < found[key][0]:
                    found[key] = rank, path
        return {key: path for key, (_, path) in found.items()}

    @cached_property
    def histories(self) -> dict[int, list[tuple[int, int]]]:
        """The parents of each timeline, oldest first: each with the position where it was left."""
        found: dict[int, list[tuple[int, int]]] = {}
        for name, path in self.files.items():
            if match := _HISTORY.match(name):
                text = self.content(path).decode(errors="replace")
                lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
                found[int(match.group(1), 16)] = [(int(words[0]), lsn_of(words[1])) for words in lines]
        return found

    @property
    def newest_timeline(self) -> int:
        """The newest timeline of which there is something, 0 where there is none."""
        return max((*self.histories, *(timeline for timeline, _ in self.segments)), default=0)

    def path_to(self, timeline: int) -> list[TimelineStretch]:
        """Return the stretches that lead to a timeline, oldest first."""
        parts, begin = [], 0
        for parent, left in self.histories.get(timeline, []):
            parts.append(TimelineStretch(parent, begin, left))
            begin = left
        return [*parts, TimelineStretch(timeline, begin, None)]

    def leads_to(self, timeline: int, lsn: int, wanted: int) -> bool:
        """Tell whether a position of one timeline is in the past of another."""
        return any(part.timeline == timeline and (part.end is None or lsn <= part.end) for part in self.path_to(wanted))

    def number(self, lsn: int) -> int:
        """Return the number of the segment that holds a position."""
        return lsn // self.segment_size

    def name(self, timeline: int, number: int) -> str:
        """Return the name of a segment."""
        per = 0x1_0000_0000 // self.segment_size
        return f"{timeline:08X}{number // per:08X}{number % per:08X}"

    def find(self, name: str) -> Path | None:
        """Return the best file for a name that the server asks for."""
        return next((self.files[name + ending] for ending in _ENDINGS if name + ending in self.files), None)

    def beside(self, name: str, step: int) -> bytes | None:
        """Return what the segment so many after another of its timeline holds, None where it cannot be had."""
        per = 0x1_0000_0000 // self.segment_size
        number = int(name[8:16], 16) * per + int(name[16:24], 16) + step
        path = self.find(self.name(int(name[:8], 16), number)) if number >= 0 else None
        try:
            return self.content(path) if path is not None else None
        except (OSError, EOFError):
            return None

    def content(self, path: Path) -> bytes:
        """Return what a file of `files` holds. Raise `OSError`, `EOFError`."""
        return read(path)

    def lay_out(self, path: Path, out: Path) -> None:
        """Write a file of `files` as the server reads it. Raise `OSError`, `EOFError`."""
        write_out(path, out, self.segment_size)

    def wrong_size(self, path: Path) -> str:
        """Return what is wrong with the size of a segment, "" where nothing is."""
        size = path.stat().st_size
        if path.suffix not in (".gz", ".partial") and size != self.segment_size:
            return f"the segment {path.name} has {size:,} bytes instead of {self.segment_size:,}"
        return ""

    def _there(self, parts: Iterable[TimelineStretch], number: int) -> tuple[int, Path] | None:
        """Return the file of a segment on the way to a timeline, that of the newest stretch which it belongs to."""
        low, high = number * self.segment_size, (number + 1) * self.segment_size
        for part in reversed(list(parts)):
            if part.begin < high and (part.end is None or part.end >= low):
                path = self.segments.get((part.timeline, number))
                if path is not None:
                    return part.timeline, path
        return None

    def last(self, timeline: int) -> int | None:
        """Return the number of the last segment on the way to a timeline; None where there is none."""
        left = {part.timeline: part.end for part in self.path_to(timeline)}
        ends = {there: None if end is None else self.number(end) for there, end in left.items()}
        on_way = (
            number
            for there, number in self.segments
            if there in ends and ((end := ends[there]) is None or number <= end)
        )
        return max(on_way, default=None)

    def gap(self, lsn: int, timeline: int) -> str:
        """Return what is missing or broken between a position and the end of a timeline, "" where nothing is."""
        last = self.last(timeline)
        if last is None or last < self.number(lsn):
            return f"there is no WAL from {self.name(timeline, self.number(lsn))} on"
        parts = self.path_to(timeline)
        found = (self._wrong(parts, number, last) for number in range(self.number(lsn), last + 1))
        return next((why for why in found if why), "")

    def whole_until(self, lsn: int, timeline: int) -> int:
        """Return the position where the first segment begins that is missing or broken."""
        last, parts, number = self.last(timeline) or 0, self.path_to(timeline), self.number(lsn)
        while number <= last and not self._wrong(parts, number, last):
            number += 1
        return number * self.segment_size

    def _wrong(self, parts: list[TimelineStretch], number: int, last: int) -> str:
        """Return what is wrong with one segment on the way to the last, "" where nothing is."""
        found = self._there(parts, number)
        if found is None:
            return f"the segment {self.name(self._timeline_at(parts, number), number)} is missing"
        timeline, path = found
        if wrong := self.wrong_size(path):
            return wrong
        if number < last and path.suffix == ".partial" and not self._left_there(parts, timeline, number):
            return f"the segment {path.name} was never received to its end"
        return ""

    def _left_there(self, parts: Iterable[TimelineStretch], timeline: int, number: int) -> bool:
        """Tell whether a timeline was left within a segment, which is partial for ever then."""
        return any(
            part.timeline == timeline and part.end is not None and self.number(part.end) == number for part in parts
        )

    def _timeline_at(self, parts: Iterable[TimelineStretch], number: int) -> int:
        low = number * self.segment_size
        return next(part.timeline for part in reversed(list(parts)) if part.begin <= low)

    @cached_property
    def received(self) -> Received | None:
        """What the receiver wrote down last, None where it wrote nothing."""
        try:
            told: dict[str, Any] = json.loads((self.folder / RECEIVED).read_text())
            return Received(datetime.fromisoformat(told["at"]), lsn_of(told["lsn"]), int(told["timeline"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def restore_point(self, name: str, after: int = 0, until: int | None = None) -> tuple[int, int] | None:
        """Return the timeline and the position of the newest restore point of a name, None where it is in no file.

        It is looked for in what begins at `after` and before `until`; the position is that of its record.
        """
        for (timeline, number), path in sorted(self.segments.items(), reverse=True):
            begin = number * self.segment_size
            if begin + self.segment_size <= after or (until is not None and begin >= until):
                continue
            for place in _restore_points(stream(self.content(path)), name):
                position = begin + offset(place)
                if until is None or position < until:
                    return timeline, position
        return None

    def before(self, number: int) -> list[Path]:
        """Return the files of segments that no restore needs which begins with segment `number`."""
        return [path for (_, found), path in self.segments.items() if found < number]


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def stream(data: bytes) -> bytes:
    """Return the records of a segment without the headers of its pages, through which one may run."""
    first = data[_LONG_HEADER:PAGE]
    return first + b"".join(data[at + _SHORT_HEADER : at + PAGE] for at in range(PAGE, len(data), PAGE))


def _restore_points(records: bytes, name: str) -> Iterator[int]:
    """Give the places in a stream of records where a restore point of a name begins, the last one first.

    One that begins in the segment before has a negative place.
    """
    wanted = name.encode() + b"\0"
    place = records.rfind(wanted)
    while place >= 0:
        begin = place - _BEFORE_NAME
        length = int.from_bytes(records[begin : begin + 4], "little") if begin >= 0 else _POINT_BYTES
        kind = records[begin + _KIND_AT : begin + _KIND_AT + 2] if begin >= 0 else _POINT_KIND
        if (length, kind) == (_POINT_BYTES, _POINT_KIND):
            yield begin
        place = records.rfind(wanted, 0, place)


def offset(place: int) -> int:
    """Return where in the segment a place of its stream of records is."""
    first = PAGE - _LONG_HEADER
    if place < first:
        return place + _LONG_HEADER if place >= 0 else place
    page, rest = divmod(place - first, PAGE - _SHORT_HEADER)
    return (page + 1) * PAGE + _SHORT_HEADER + rest


def read(path: Path, most: int = -1) -> bytes:
    """Return the content of a file of WAL; of a compressed one that is still written, what is there of it."""
    if ".gz" not in path.name:
        with path.open("rb") as plain:
            return plain.read(most)
    found = bytearray()
    try:
        with gzip.open(path) as packed:
            while (most < 0 or len(found) < most) and (chunk := packed.read(PAGE)):
                found += chunk
    except (EOFError, OSError):
        if not path.name.endswith(".partial"):
            raise
    return bytes(found)


def write_out(path: Path, out: Path, segment_size: int) -> None:
    """Write a file of WAL as the server reads it: uncompressed, a part of a segment filled up with zeros."""
    if ".gz" not in path.name and not path.name.endswith(".partial"):
        shutil.copyfile(path, out)
        return
    data = read(path)
    whole = data.ljust(segment_size, b"\0") if _SEGMENT.match(path.name) else data
    out.write_bytes(whole)
