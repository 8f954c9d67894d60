"""Tablespaces that WAL makes: replayed as they were made, they would lie where production's lie, and be written there.

In: files of WAL, as they are handed to a recovering server. Out: the same, with the place of each new tablespace left empty:
the server makes it within its own data directory then (`allow_in_place_tablespaces` is what PostgreSQL calls such a one).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from wgm_play.backup.wal import PAGE, offset, stream

# A record of RM_TBLSPC_ID, XLOG_TBLSPC_CREATE (xl_tblspc_create_rec), at its place in the record's header.
_KIND, _KIND_AT = b"\x00\x05\x00\x00", 16
_HEADER, _CRC_AT = 24, 20
# How the header of a record's main data begins: short (a byte for its length) or long (four).
_SHORT, _LONG = 0xFF, 0xFE
_OID = 4
# Such a record is never longer: its path is no longer than MAXPGPATH.
_MOST = _HEADER + 5 + _OID + 1024
_ALIGNED = 8
_CASTAGNOLI = 0x82F63B78
_CONTINUED, _INFO_AT = 0x0001, 2
_NAME = re.compile(r"[0-9A-F]{24}\Z")

# Gives the segment beside one (-1 before it, 1 after it), None where it cannot be had.
Neighbour = Callable[[int], bytes | None]


def without_places(data: bytes, neighbour: Neighbour) -> bytes:
    """Return a segment in which no new tablespace says where it is; the same object where none does."""
    records = stream(data)
    before, after = _before(data, neighbour), _after(records, neighbour)
    changed: bytearray | None = None
    for place, byte in _changes(before + records + after):
        inside = place - len(before)
        if 0 <= inside < len(records):
            changed = bytearray(data) if changed is None else changed
            changed[offset(inside)] = byte
    return data if changed is None else bytes(changed)


def keep_at_home(folder: Path) -> None:
    """Change the segments of a data directory's own WAL so that no new tablespace says where it is."""
    paths = sorted(path for path in folder.iterdir() if _NAME.match(path.name) and path.is_file())
    found = {path: path.read_bytes() for path in paths}
    for number, path in enumerate(paths):

        def _beside(step: int, number: int = number) -> bytes | None:
            return found[paths[number + step]] if 0 <= number + step < len(paths) else None

        changed = without_places(found[path], _beside)
        if changed is not found[path]:
            path.write_bytes(changed)


def _before(data: bytes, neighbour: Neighbour) -> bytes:
    """Return the end of the segment before, where a record goes on from it."""
    if not int.from_bytes(data[_INFO_AT : _INFO_AT + 2], "little") & _CONTINUED:
        return b""
    return stream(neighbour(-1) or b"")[-_MOST:]


def _after(records: bytes, neighbour: Neighbour) -> bytes:
    """Return the beginning of the segment after, where a record that makes a tablespace may go on there."""
    first = max(0, len(records) - _MOST) // _ALIGNED * _ALIGNED
    for begin in range(first, len(records), _ALIGNED):
        length = int.from_bytes(records[begin : begin + 4], "little")
        kind = records[begin + _KIND_AT : begin + _HEADER - 4]
        if begin + length > len(records) and _HEADER < length <= _MOST and _KIND.startswith(kind):
            return stream((neighbour(1) or b"")[: PAGE + _MOST])[:_MOST]
    return b""


def _changes(records: bytes) -> Iterator[tuple[int, int]]:
    """Give each place in a stream of records whose byte is to be another, with that byte."""
    at = records.find(_KIND)
    while at >= 0:
        begin = at - _KIND_AT
        if begin >= 0 and (path := _path_at(records, begin)):
            length = int.from_bytes(records[begin : begin + 4], "little")
            record = bytearray(records[begin : begin + length])
            record[path] = 0
            yield begin + path, 0
            for number, byte in enumerate(struct.pack("<I", _checksum(record))):
                yield begin + _CRC_AT + number, byte
        at = records.find(_KIND, at + 1)


def _path_at(records: bytes, begin: int) -> int:
    """Return where in a record the path of a new tablespace begins, 0 where it is no such record."""
    length = int.from_bytes(records[begin : begin + 4], "little")
    record = records[begin : begin + length]
    if not _HEADER + 2 + _OID < length <= _MOST or len(record) < length:
        return 0
    head = {_SHORT: 2, _LONG: 5}.get(record[_HEADER], 0)
    told = int.from_bytes(record[_HEADER + 1 : _HEADER + head], "little") if head else -1
    path = _HEADER + head + _OID
    whole = told == length - _HEADER - head and record.endswith(b"\0") and record[path : path + 1] == b"/"
    stored = struct.unpack_from("<I", record, _CRC_AT)[0]
    return path if whole and stored == _checksum(record) else 0


def _checksum(record: bytes | bytearray) -> int:
    """Return the checksum of a record: CRC-32C of its data, then of its header up to where the checksum is."""
    crc, table = 0xFFFFFFFF, _table()
    for byte in (*record[_HEADER:], *record[:_CRC_AT]):
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    return tuple(map(_shifted, range(256)))


def _shifted(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (_CASTAGNOLI if value & 1 else 0)
    return value
