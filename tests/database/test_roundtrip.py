"""Round trips of schemas by chance; WGM_EXAMPLES=500 tries more than the few of the suite, WGM_SEED other ones.

In: schemas from hypothesis. Out: what inspection writes rebuilds them exactly, and leads from any one to any other.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from roundtrip import apply, catalog, difference, dump, fill, inspect, programs_with_dump, unsaid_names
from schemas import Maker

from fix_postgres import Postgres

EXAMPLES = int(os.environ.get("WGM_EXAMPLES", "10"))
SEED = os.environ.get("WGM_SEED")
SUITE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=SEED is None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),  # a failure shows its SQL: making it smaller would take many databases
    print_blob=True,
)
PAIRS = settings(SUITE, max_examples=max(EXAMPLES // 2, 1))


def seeded(test: Callable[..., None]) -> Callable[..., None]:
    """Take the seed of the environment, where it gives one."""
    return seed(int(SEED))(test) if SEED else test


@pytest.fixture(scope="module")
def programs() -> Path:
    """The folder of pg_dump."""
    found = programs_with_dump()
    if found is None:
        pytest.skip("no pg_dump here")
    return found


def version(server: Postgres) -> int:
    """Return the server's version."""
    with psycopg.connect(server.url("postgres")) as connection:
        return connection.info.server_version


def databases(server: Postgres, number: int) -> list[str]:
    """Make empty databases."""
    return [server.create_database() for _ in range(number)]


@seeded
@SUITE
@given(source=st.randoms(use_true_random=False))
def test_schema_comes_back_as_it_was(server: Postgres, programs: Path, source: random.Random) -> None:
    made = Maker(source, version(server)).schema()
    names = databases(server, 2)
    live, empty = map(server.url, names)
    folder = Path(tempfile.mkdtemp(prefix="wgm-round-"))
    try:
        fill(live, made.sql)
        playbook = inspect(live, folder)
        apply(playbook, empty)
        assert difference(catalog(live), catalog(empty)) == "", made.sql
        assert difference(dump(live, programs), dump(empty, programs)) == "", made.sql
        assert apply(playbook, empty) == 0, made.sql
        assert apply(playbook, live) == 0, made.sql
    finally:
        shutil.rmtree(folder)
        for name in names:
            server.drop_database(name)


KEPT = "CREATE TABLE kept (id integer PRIMARY KEY, words text NOT NULL{0}); "
ROWS = "INSERT INTO kept (id, words) SELECT n, 'row ' || n FROM generate_series(1, 20) n"


@seeded
@PAIRS
@given(source=st.randoms(use_true_random=False))
def test_old_becomes_new_and_new_becomes_old(server: Postgres, source: random.Random) -> None:
    old = KEPT.format("") + Maker(source, version(server)).schema().sql
    new = KEPT.format(", more integer DEFAULT 1") + Maker(source, version(server)).schema().sql
    names = databases(server, 3)
    first, second, moved = map(server.url, names)
    folder = Path(tempfile.mkdtemp(prefix="wgm-pair-"))
    allowed = {"allow_destructive": True, "assume_no_renames": True, "no_trash": True}
    try:
        for url, sql in ((first, old), (second, new), (moved, old)):
            fill(url, sql)
        fill(moved, ROWS)
        before, after = (_pruning(inspect(url, folder / name)) for url, name in ((first, "old"), (second, "new")))
        apply(after, moved, **allowed)
        wanted = catalog(second)
        assert difference(wanted, unsaid_names(wanted, catalog(moved))) == "", f"{old}\n\n{new}"
        apply(before, moved, **allowed)
        wanted = catalog(first)
        assert difference(wanted, unsaid_names(wanted, catalog(moved))) == "", f"{old}\n\n{new}"
        with psycopg.connect(moved) as connection:
            rows = connection.execute("SELECT count(*), max(words) FROM kept").fetchone()
        assert rows == (20, "row 9")
    finally:
        shutil.rmtree(folder)
        for name in names:
            server.drop_database(name)


def _pruning(playbook: Path) -> Path:
    """Let a playbook remove what it does not mention."""
    playbook.write_text(playbook.read_text().replace("  steps:", "  prune: true\n  steps:", 1))
    return playbook
