"""Snapshots: a catalog as bytes, and back without loss.

In: a `Catalog`. Out: gzipped JSON. A tuple is a JSON array; a list is {"list": […]}, a dict {"dict": [[k, v], …]}, so
that what comes back is equal, and its digest too. Oids are left out: they mean nothing at another time.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

from wgm_play.catalog.model import Catalog, Extra, Key
from wgm_play.catalog.row_format import Reader, fields
from wgm_play.lazy_dataclass import dataclass

FORMAT = 1
# The fastest level: snapshots are written while an application waits for its release, and are small anyway.
_LEVEL = 1
_PLAIN = frozenset({str, int, bool, float, type(None)})


@dataclass(frozen=True, slots=True)
class Packed:
    """A snapshot as it is stored. `digest` covers owners, privileges and positions too."""

    digest: str
    objects: int
    content: bytes


def pack(catalog: Catalog) -> Packed:
    """Return the catalog as bytes and their digest."""
    keys = sorted({*catalog.rows, *(key for edge in catalog.edges for key in edge)})
    numbers = {key: number for number, key in enumerate(keys)}
    names = [_json((key.kind, key.name)) for key in keys]
    edges = sorted((numbers[a], numbers[b]) for a, b in catalog.edges)
    head = {
        "version": catalog.version,
        "unmodelled": list(catalog.unmodelled),
        "fields": fields(key.kind for key in catalog.rows),
        "objects": [
            (key.kind, key.name, _row(catalog.rows[key]), _extra(catalog.extras.get(key)))
            for key in keys
            if key in catalog.rows
        ],
    }
    # The names of keys are written once, for all edges that they stand in.
    pairs = ",".join(f"[{names[a]},{names[b]}]" for a, b in edges)
    text = f'{_json(head)[:-1]},"edges":[{pairs}]}}'.encode("utf-8", "surrogatepass")
    return Packed(hashlib.sha256(text).hexdigest(), len(catalog.rows), gzip.compress(text, _LEVEL, mtime=0))


# One for all names: `json.dumps` would make one for each.
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def unpack(content: bytes) -> Catalog:
    """Return the catalog that `pack` made into these bytes."""
    read = json.loads(gzip.decompress(content).decode("utf-8", "surrogatepass"))
    catalog = Catalog(unmodelled=tuple(read["unmodelled"]), version=read["version"])
    reader = Reader(read.get("fields", {}))
    for kind, name, row, extra in read["objects"]:
        key = Key(kind, tuple(name))
        catalog.rows[key] = reader.row(kind, [_decoded(value) for value in row])
        if extra is not None:
            owner, acl, number = extra
            catalog.extras[key] = Extra(owner=owner, acl=None if acl is None else tuple(acl), number=number)
    catalog.edges = frozenset((_key(a), _key(b)) for a, b in read["edges"])
    return catalog


def _key(parts: list[Any]) -> Key:
    return Key(parts[0], tuple(parts[1]))


def _extra(extra: Extra | None) -> Any:
    return None if extra is None else (extra.owner, extra.acl, extra.number)


def _row(row: tuple[Any, ...]) -> list[Any]:
    return [value if type(value) in _PLAIN else _encoded(value) for value in row]


def _encoded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_encoded(part) for part in value]
    if isinstance(value, list):
        return {"list": [_encoded(part) for part in value]}
    if isinstance(value, dict):
        return {"dict": [[_encoded(key), _encoded(part)] for key, part in value.items()]}
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"a catalog row holds {type(value).__name__} {value!r}, which a snapshot cannot keep")


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decoded(part) for part in value)
    if isinstance(value, dict):
        if "list" in value:
            return [_decoded(part) for part in value["list"]]
        return {_decoded(key): _decoded(part) for key, part in value["dict"]}
    return value
