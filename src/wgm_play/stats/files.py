"""Files as long as production's, without rows: what the planner reads of a relation beside the catalogs.

In: files of an empty database that nobody has opened yet. Out: longer files; trees of indexes as high as production's, with an empty
leaf, because the planner counts the levels, and looks for the ends of a column there.
"""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path

_SEGMENT = 1 << 30
BLOCK = 8192
# A B-tree's pages (source: nbtree.h, bufpage.h): the head, the part at the end, where the metapage's numbers begin.
_HEAD = struct.Struct("<QHHHHHHI")
_OPAQUE = struct.Struct("<IIIHH")
_ROOT = struct.Struct("<IIII")
_META_AT = 24 + 8
_LEAF, _IS_ROOT = 1, 2
# An entry that leads to another page: block in two halves, no columns, its size and the mark of such entries.
_DOWNLINK = struct.Struct("<HHHH")
_ALTERED = 0x2000
# Inner pages are filled so far when an index is built; an entry has this beside its value.
_INNER_FILLED, _INNER_ENTRY = 0.7, 12


def lengthen(path: Path, pages: int) -> None:
    """Make a relation's file as long as so many pages, in segments as PostgreSQL has them; no room is used."""
    owner = path.stat()
    whole = pages * BLOCK
    for number in range((whole + _SEGMENT - 1) // _SEGMENT):
        length = min(_SEGMENT, whole - number * _SEGMENT)
        segment = path if number == 0 else path.with_name(f"{path.name}.{number}")
        with os.fdopen(os.open(segment, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as file:
            if os.fstat(file.fileno()).st_size < length:
                file.truncate(length)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)


def height(pages: int, width: int) -> int:
    """Return how many levels a B-tree of so many pages has above its leaves; `width` is that of a key in bytes."""
    leaves = pages - 1
    fan_out = max(2, int(BLOCK * _INNER_FILLED / (_INNER_ENTRY + 8 * math.ceil(width / 8))))
    levels = 0
    while leaves > 1:
        leaves = math.ceil(leaves / fan_out)
        levels += 1
    return levels


def raise_tree(path: Path, levels: int) -> None:
    """Give an empty B-tree so many levels: a page with one entry on each, and an empty leaf."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW), "r+b") as file:
        meta = bytearray(file.read(BLOCK))
        if len(meta) < BLOCK or os.fstat(file.fileno()).st_size < (levels + 2) * BLOCK:
            return
        version = struct.unpack_from("<H", meta, 18)[0]
        _ROOT.pack_into(meta, _META_AT, 1, levels, 1, levels)
        file.seek(0)
        file.write(meta)
        for number in range(levels + 1):
            file.write(_page(number + 1, levels - number, version & 0xFF, root=number == 0))


def _page(number: int, level: int, version: int, *, root: bool) -> bytes:
    """Return the page at block `number`: it leads to the next one, the lowest level to nothing."""
    page = bytearray(BLOCK)
    special = BLOCK - _OPAQUE.size
    lower, upper = 24, special
    if level:
        upper = special - _DOWNLINK.size
        struct.pack_into("<I", page, lower, upper | 1 << 15 | _DOWNLINK.size << 17)
        lower += 4
        child = number + 1
        _DOWNLINK.pack_into(page, upper, child >> 16, child & 0xFFFF, 0, _DOWNLINK.size | _ALTERED)
    _HEAD.pack_into(page, 0, 1, 0, 0, lower, upper, special, BLOCK | version, 0)
    _OPAQUE.pack_into(page, special, 0, 0, level, (_LEAF if level == 0 else 0) | (_IS_ROOT if root else 0), 0)
    return bytes(page)
