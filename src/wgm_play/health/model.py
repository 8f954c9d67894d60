"""What a check of a database's health is.

In: nothing. Out: `Check`, which the files of this package list by theme, and `Row`, what its query returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from wgm_play.finding import ERROR, INFO, WARNING
from wgm_play.lazy_dataclass import dataclass

__all__ = ["ERROR", "INFO", "WARNING", "Check", "Row"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `templates/health/NAME.sql`, and what to say of each row, by the row's columns.

    A row has an `object`, as people write it, and perhaps the `attribute` of it that is meant (a column, a constraint).
    `about` says in the documentation what is found. `urgent` is the `percent` of a row below which it is only advice; a row
    may say its `severity` itself. `evidence` are further lines. `judge` leaves the rows that are findings. `deep` checks read
    tables, and are made with `--deep` only. `grant` lets the role `{role}` make a check that it may not make.
    """

    name: str
    about: str
    severity: str
    message: str
    remedy: str
    evidence: tuple[str, ...] = ()
    urgent: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    judge: Callable[[list[Row]], Iterable[Row]] | None = None
    deep: bool = False
    grant: str = "GRANT pg_monitor TO {role};"
