"""Sets of partitions that pg_partman keeps: declared, changed, let go and taken on again; their partitions are its own.

In: a server that has the extension. Out: tests that are skipped where it is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql
from roundtrip import apply, catalog, inspect

import fix_postgres
from fix_postgres import Postgres
from wgm_play.catalog.partition_set import kept_by_partman
from wgm_play.errors import WgmError

PARTMAN = [
    {"name": "S", "schema": {"name": "partman"}},
    {"name": "E", "extension": {"name": "pg_partman", "schema": "partman"}},
]
COLUMNS = {"id": {"type": "bigint", "not_null": True}, "at": {"type": "timestamptz", "not_null": True}}
TABLE = {"name": "T", "table": {"name": "events", "columns": COLUMNS, "partition_by": {"range": ["at"]}}}
CONFIG = "SELECT parent_table, control, partition_interval, premake, retention, retention_keep_table FROM partman.part_config"


def kept(interval: str = "1 week", table: str = "events", control: str = "at", **more: Any) -> dict[str, Any]:
    return {"name": "P", "partition_set": {"table": table, "control": control, "interval": interval, **more}}


@pytest.fixture(scope="module")
def partman() -> Iterator[Postgres]:
    """A server that has pg_partman."""
    major = next((one for one in (15, 16, 17) if fix_postgres.programs(one)), 0)
    if not Path(f"/usr/share/postgresql/{major}/extension/pg_partman.control").exists():
        pytest.skip("pg_partman is not installed (apt install postgresql-15-partman)")
    life = fix_postgres.started(major)
    yield next(life)
    next(life, None)


@pytest.fixture
def book(partman: Postgres, project: Path) -> Project:
    """A project for a database of its own, which goes with the server."""
    return Project(project, partman.url(partman.create_database()))


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def partitions(url: str) -> list[str]:
    return [
        name for (name,) in rows(url, "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1")
    ]


def test_a_set_is_made_changed_let_go_and_taken_on_again_with_its_rows(book: Project) -> None:
    book.write([*PARTMAN, TABLE, kept(premake=2, retention="3 months")])
    assert [one.title for one in book.apply().operations][-1] == "make partition set events"
    assert rows(book.url, CONFIG) == [("public.events", "at", "7 days", 2, "3 mons", True)]
    made = partitions(book.url)
    assert len(made) == 6, "as many before now, and the default one"
    load_sql(book.url, "INSERT INTO events SELECT 1, now() FROM generate_series(1, 9)")
    assert book.apply().changed == 0
    book.write([*PARTMAN, TABLE, kept("7 days", premake=6, retention="1 year", retention_keep_table=False)])
    assert [one.title for one in book.apply().operations] == [
        "change premake, retention, retention_keep_table of partition set events"
    ]
    book.write([*PARTMAN, TABLE, {"name": "P", "partition_set": {"table": "events"}, "state": "absent"}])
    book.apply(allow_destructive=True)
    assert rows(book.url, CONFIG) == [] and partitions(book.url) == made
    book.rollback()
    assert rows(book.url, CONFIG) == [("public.events", "at", "7 days", 6, "1 year", False)]
    load_sql(book.url, "SELECT partman.run_maintenance()")
    assert len(partitions(book.url)) > len(made), "it goes on where it was"
    book.rollback()
    assert rows(book.url, CONFIG) == [("public.events", "at", "7 days", 2, "3 mons", True)]
    assert rows(book.url, "SELECT count(*) FROM events") == [(9,)]


def test_what_pg_partman_makes_and_drops_is_its_own(book: Project, project: Path) -> None:
    steps = [*PARTMAN, TABLE, kept(premake=1, retention="1 week", retention_keep_table=False)]
    book.write(steps, {"prune": True})
    book.apply(allow_destructive=True)
    load_sql(
        book.url,
        "UPDATE partman.part_config SET infinite_time_partitions = true; SELECT partman.run_maintenance()",
    )
    book.write([*steps[:-1], kept(premake=3, retention="1 week", retention_keep_table=False)], {"prune": True})
    heard = book.apply(allow_destructive=True)
    assert [one.title for one in heard.operations] == [
        "change premake, infinite_time_partitions of partition set events"
    ], "what somebody changed goes back; no partition goes"
    found = catalog(book.url)
    own = kept_by_partman(found)
    assert {key.name[1] for key in own} == {*partitions(book.url), "template_public_events"}
    column = {"name": "C", "table": {"name": "events", "columns": {"body": "text"}}}
    index = {"name": "I", "index": {"name": "events_at", "table": "events", "columns": ["at"]}}
    book.write([*steps[:-1], column, index, kept(premake=3, retention="1 week", retention_keep_table=False)])
    assert book.apply().changed == 2
    assert book.apply().changed == 0
    (project / "read").mkdir()
    playbook = inspect(book.url, project / "read", one_file=True)
    text = playbook.read_text()
    assert [word in text for word in ("partition_set:", 'interval: "1 week"', 'retention: "1 week"', "premake: 3")] == [
        True
    ] * 4
    assert "events_p" not in text and "template_public" not in text


def test_a_playbook_that_was_read_makes_the_set_elsewhere_and_all_of_it_goes(
    book: Project, project: Path, partman: Postgres
) -> None:
    number = {
        "name": "N",
        "table": {
            "name": "ids",
            "columns": {"id": {"type": "bigint", "not_null": True}},
            "partition_by": {"range": ["id"]},
        },
    }
    book.write(
        [
            *PARTMAN,
            TABLE,
            number,
            kept("1 hour"),
            kept("1000", "ids", "id", retention="5000", automatic_maintenance=False),
        ]
    )
    book.apply()
    (project / "read").mkdir()
    playbook, empty = inspect(book.url, project / "read", one_file=True), partman.url(partman.create_database())
    assert apply(playbook, empty) > 0
    assert rows(empty, CONFIG) == rows(book.url, CONFIG) and apply(playbook, empty) == 0
    gone = {"name": "T", "table": {"name": "events"}, "state": "absent"}
    book.write([*PARTMAN, gone, number, kept("1000", "ids", "id", retention="5000", automatic_maintenance=False)])
    book.apply(allow_destructive=True)
    assert [row[0] for row in rows(book.url, CONFIG)] == ["public.ids"], "no set without its table"
    book.rollback()
    assert len(rows(book.url, CONFIG)) == 2
    book.rollback()
    assert rows(book.url, "SELECT to_regclass('public.events'), to_regclass('public.ids')") == [(None, None)]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([TABLE, kept()], "needs the extension 'pg_partman'"),
        ([*PARTMAN, TABLE, kept(control="id")], "is no table that is partitioned by range of 'id'"),
        ([*PARTMAN, TABLE, kept("1000")], "is no interval for a column of type timestamp with time zone"),
        ([*PARTMAN, TABLE, kept("weekly")], "1 week or 3 months"),
        ([*PARTMAN, TABLE, {"name": "P", "partition_set": {"table": "events", "control": "at"}}], "has no 'interval'"),
        (
            [
                *PARTMAN,
                TABLE,
                {
                    "name": "H",
                    "table": {
                        "name": "e1",
                        "partition_of": "events",
                        "bound": {"from": "2025-01-01", "to": "2025-02-01"},
                    },
                },
            ],
            "not named as pg_partman names them",
        ),
    ],
)
def test_a_set_that_cannot_be_is_refused_at_its_line(book: Project, steps: list[Any], said: str) -> None:
    if "not named" in said:
        book.write(steps)
        book.apply()
        steps = [*steps, kept()]
    book.write(steps)
    with pytest.raises(WgmError) as caught:
        book.apply()
    told = [caught.value, *getattr(caught.value, "errors", ())]
    assert any(said in str(one) + str(one.hint) for one in told), [str(one) + str(one.hint) for one in told]


def test_the_interval_of_a_set_with_partitions_stays(book: Project) -> None:
    book.write([*PARTMAN, TABLE, kept()])
    book.apply()
    book.write([*PARTMAN, TABLE, kept("1 month")])
    with pytest.raises(WgmError, match="for no set that has partitions"):
        book.apply()
