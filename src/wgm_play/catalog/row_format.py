"""Rows that an older version wrote: which of today's fields their values are.

In: the names of the fields a row was written with. Out: the row with today's fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wgm_play.catalog.model import CLASSES, Row
from wgm_play.catalog.normal_form import normal_row


def fields(kinds: Iterable[str]) -> dict[str, list[str]]:
    """Return the names of the fields of these kinds, to be written beside their rows."""
    return {kind: list(CLASSES[kind].__slots__) for kind in sorted(set(kinds))}


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Turns written rows into rows with today's fields; one for each text that holds rows."""

    written: Mapping[str, Sequence[str]]

    def row(self, kind: str, values: Sequence[Any]) -> Row:
        """Return a row. A field that was not written has the value that it has where nothing is said."""
        names = self.written.get(kind)
        if names is None or len(names) != len(values) or list(names) == list(CLASSES[kind].__slots__):
            return normal_row(kind, tuple(values))
        known = dict(zip(names, values, strict=True))
        made = tuple(known.get(field.name, _default(field)) for field in dataclasses.fields(CLASSES[kind]))
        return normal_row(kind, made)


def _default(field: dataclasses.Field[Any]) -> Any:
    return None if field.default is dataclasses.MISSING else field.default
