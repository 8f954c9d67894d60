"""Refusals of one plan are told together, not one after the other.

In: what may be refused, each in its own block. Out: one refusal, or all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field

from wgm_play.errors import Refusals, Refused
from wgm_play.lazy_dataclass import dataclass


@dataclass(slots=True)
class Together:
    """Collects refusals; leaving its block raises them."""

    refused: list[Refused] = field(default_factory=list)

    def __enter__(self) -> Together:
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if value is None and self.refused:
            raise self.refused[0] if len(self.refused) == 1 else Refusals(self.refused)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Keep what this block refuses."""
        try:
            yield
        except Refused as refused:
            self.refused.append(refused)
