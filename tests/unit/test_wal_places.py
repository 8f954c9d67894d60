"""Records that make a tablespace, wherever they lie in a segment: their place is left empty, all else as it was."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from wgm_play.backup import wal_places
from wgm_play.backup.wal import PAGE, stream

SEGMENT = 8 * PAGE
# How many bytes of records the pages of a segment hold.
ROOM = SEGMENT - 40 - 7 * 24


def record(path: str, kind: bytes = b"\x00\x05") -> bytes:
    """Return a record of the kind, of a tablespace at a path."""
    main = struct.pack("<I", 16400) + path.encode() + b"\0"
    head = bytes([0xFF, len(main)]) if len(main) < 256 else b"\xfe" + struct.pack("<I", len(main))
    whole = bytearray(struct.pack("<IIQ", 24 + len(head) + len(main), 7, 99) + kind + b"\0\0" + b"\0" * 4 + head + main)
    whole[20:24] = struct.pack("<I", wal_places._checksum(whole))
    return bytes(whole)


def segments(records: bytes) -> list[bytes]:
    """Return the segments that a stream of records makes, with the headers of their pages."""
    found = []
    for begin in range(0, len(records), ROOM):
        part, pages = records[begin : begin + ROOM].ljust(ROOM, b"\0"), bytearray()
        for page in range(SEGMENT // PAGE):
            header = 40 if page == 0 else 24
            info = 1 if page == 0 and begin else 0
            pages += b"\x10\xd1" + struct.pack("<H", info) + b"\xaa" * (header - 4)
            pages += part[: PAGE - header]
            part = part[PAGE - header :]
        found.append(bytes(pages))
    return found


def beside(all_: list[bytes], number: int) -> Callable[[int], bytes | None]:
    return lambda step: all_[number + step] if 0 <= number + step < len(all_) else None


@pytest.mark.parametrize("path", ["/a", "/srv/" + "x" * 400], ids=["short", "long"])
@pytest.mark.parametrize("end", [ROOM, PAGE - 40, 3000])
@pytest.mark.parametrize("over", [0, 8, 16, 24, 32, 48])
def test_a_record_at_any_place_loses_its_path_alone(path: str, end: int, over: int) -> None:
    """Some begin before the end of a page or a segment and go on after it."""
    made = record(path)
    begin = end - over
    whole = bytearray(b"\x01" * (2 * ROOM))
    whole[begin : begin + len(made)] = made
    before = segments(bytes(whole))
    after = b"".join(
        stream(wal_places.without_places(one, beside(before, number))) for number, one in enumerate(before)
    )
    found = after[begin : begin + len(made)]
    at = made.index(b"/")
    assert found[at] == 0 and struct.unpack("<I", found[20:24])[0] == wal_places._checksum(found)
    assert found[:20] + found[24:at] + found[at + 1 :] == made[:20] + made[24:at] + made[at + 1 :]
    assert after[:begin] + after[begin + len(made) :] == bytes(whole[:begin] + whole[begin + len(made) :])


def test_what_is_no_such_record_is_left_as_it_is() -> None:
    for made in (record("/a", b"\x10\x05"), record("/a", b"\x00\x04"), record("relative"), record("/a")[:-1] + b"x"):
        whole = bytearray(b"\x01" * ROOM)
        whole[800 : 800 + len(made)] = made
        (one,) = segments(bytes(whole))
        assert wal_places.without_places(one, lambda step: None) is one
