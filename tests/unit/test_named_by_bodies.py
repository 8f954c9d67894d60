"""Which changes a body speaks of is found by its words: the same as each body looked through for each change.

In: small catalogs made at random, with names that are words and names that are not. Out: nothing; a pair that is missed fails.
"""

from __future__ import annotations

import random

import pytest

from wgm_play.catalog.column import Column
from wgm_play.catalog.function import Function
from wgm_play.catalog.model import Catalog, Key, Row, row_of
from wgm_play.catalog.table import Table
from wgm_play.catalog.trigger import Trigger
from wgm_play.catalog.types import Enum
from wgm_play.environment import Policy
from wgm_play.operations.base import Change, Facts, PlanContext
from wgm_play.plan import Operation
from wgm_play.planning import bodies
from wgm_play.planning.rename import Renamed

NAMES = ("a", "b", "Big", "big", "odd name", "ünder_1", "x$1", "käse-brot", "updated_at", "ha-ha")


def table(parents: list[list[str]] | None = None) -> Row:
    fields = dict.fromkeys(Table.__slots__)
    return row_of(Table(**(fields | {"parents": parents})))  # type: ignore[arg-type]


def column(kind: str) -> Row:
    fields = dict.fromkeys(Column.__slots__)
    return row_of(Column(**(fields | {"type": kind})))  # type: ignore[arg-type]


def catalog(chance: random.Random) -> Catalog:
    rows: dict[Key, Row] = {}
    edges: set[tuple[Key, Key]] = set()
    function = [Key("function", ("public", name, "")) for name in ("f", "g")]
    for one in function:
        text = " ".join(chance.choices((*NAMES, "begin", "NEW.x", "end"), k=chance.randint(0, 5)))
        rows[one] = row_of(Function("", "trigger", "sql", text, None))
    for name in chance.sample(NAMES, 5):
        key = Key("table", ("public", name))
        parents = [list(one.name) for one in rows if one.kind == "table"][:1]
        rows[key] = table(parents if chance.random() < 0.3 else None)
        for other in chance.sample(NAMES, 4):
            rows[Key("column", (*key.name, other))] = column(chance.choice(("text", "integer")))
        if chance.random() < 0.5:
            trigger = Key("trigger", (*key.name, "t"))
            rows[trigger] = row_of(Trigger(*[None] * len(Trigger.__slots__)))
            edges.add((trigger, chance.choice(function)))
        if chance.random() < 0.3:
            edges.add((chance.choice(function), key))
    for name in chance.sample(NAMES, 2):
        rows[Key("enum", ("public", name))] = row_of(Enum(chance.sample(NAMES, 3), None))
    return Catalog(rows, edges=frozenset(edges))


def changes(chance: random.Random, before: Catalog, after: Catalog) -> list[Change]:
    keys = sorted({*before.rows, *after.rows})
    made = []
    for key in keys:
        old, new = key in before.rows, key in after.rows
        if old and new and before.rows[key] == after.rows[key] and key.kind != "trigger":
            continue
        beside = frozenset(chance.sample(keys, 2)) if chance.random() < 0.3 else frozenset[Key]()
        operation = Operation("alter", key, f"change {key}", (), 0)
        made.append(Change(operation, frozenset([key] if new else []) | beside, frozenset([key] if old else [])))
    return made


@pytest.mark.parametrize("seed", range(5))
def test_each_pair_is_found_by_words(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = 0
    for number in range(40):
        chance = random.Random(seed * 1000 + number)  # noqa: S311 - no secret
        before, after = catalog(chance), catalog(chance)
        made = changes(chance, before, after)
        situation = PlanContext(before, after, Facts(Policy(), 150000))
        quick = bodies.together(Renamed(), made, situation)
        whole = set(range(len(made)))
        with monkeypatch.context() as patch:
            patch.setattr(bodies._Named, "by", lambda *_, whole=whole: whole)
            full = bodies.together(Renamed(), made, situation)
        ours, theirs = (
            [[(made.index(one), made.index(other)) for one, other in pairs] for pairs in (this.joined, this.ordered)]
            for this in (quick, full)
        )
        assert ours == theirs
        found += sum(map(len, ours))
    assert found > 100
