"""What goes with a table, of many: each is asked about its own alone, so that work grows with their number and no faster."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from wgm_play.catalog.graph import parts_of_table
from wgm_play.catalog.model import CLASSES, Catalog, Key, Row, with_fields
from wgm_play.operations.base import PlanContext
from wgm_play.operations.trash import _leans_on_gone


def _row(kind: str, **values: Any) -> Row:
    return with_fields(kind, (None,) * len(CLASSES[kind].__slots__), **values)


def _catalog(tables: int) -> Catalog:
    rows: dict[Key, Row] = {}
    edges = set()
    for number in range(tables):
        table = f"t{number:05}"
        column, index = Key("column", ("public", table, "id")), Key("index", ("public", f"{table}_i"))
        rows[Key("table", ("public", table))] = _row("table")
        rows[column] = _row("column")
        rows[index] = _row("index", table=table)
        rows[Key("sequence", ("public", f"{table}_s"))] = _row("sequence", owned_by=["public", table, "id"])
        edges.add((index, column))
    return Catalog(rows, edges=frozenset(edges))


def _look(catalog: Catalog) -> list[list[Key]]:
    situation = cast(PlanContext, SimpleNamespace(current=catalog, wanted=Catalog()))
    found = [parts_of_table(catalog, key) for key in catalog.of("table")]
    assert not any(_leans_on_gone(situation, key) for one in found for key in one)
    return found


def _calls(work: Callable[[], object]) -> int:
    """Return how many functions a piece of work calls, and how often generators go on."""
    calls = 0

    def count(_frame: Any, event: str, _given: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def test_a_table_goes_with_its_own() -> None:
    parts = _look(_catalog(3))[1]
    assert [f"{one.kind} {one.name[-1]}" for one in parts] == ["column id", "index t00001_i", "sequence t00001_s"]


def test_ten_times_the_tables_take_ten_times_the_work() -> None:
    few, many = (_catalog(number) for number in (40, 400))
    assert _calls(lambda: _look(many)) < 15 * _calls(lambda: _look(few))
