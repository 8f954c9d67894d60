"""Reviews and lint take sizes, times and the server's version from a file of production's statistics."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from reviewing import Repository

from wgm_play.errors import InputError
from wgm_play.lint.command import LintOptions, lint
from wgm_play.lint.sizes import remarks
from wgm_play.report.findings import Heading
from wgm_play.report.review import written
from wgm_play.report.review.data import document, read
from wgm_play.review.model import PlayReview
from wgm_play.stats.read import read as read_statistics
from wgm_play.stats.writing import written as statistics_written

TABLES = """
- name: People
  table: {name: users, columns: {id: {type: bigint, primary_key: true}, age: integer}}
- name: Tasks
  table: {name: tasks, columns: {id: {type: bigint, primary_key: true}, title: text}}
- name: New there
  table: {name: fresh, columns: {id: {type: bigint, primary_key: true}, title: text}}
"""
CHANGED = TABLES.replace("age: integer", "age: bigint").replace("title: text", "title: varchar(80)")
HEADING = Heading("diff", "play.yml", None, file="play.yml")


def table(name: str, rows: float, size: int, **more: Any) -> dict[str, Any]:
    return {
        "schema": "public",
        "name": name,
        "kind": "table",
        "rows": rows,
        "pages": size // 8192,
        "bytes": size,
        "columns": [],
        "indexes": [],
        "extended": [],
        **more,
    }


def statistics(**more: Any) -> str:
    made = {
        "format": "wgm-play stats",
        "version": 1,
        "taken": datetime.now(UTC).isoformat(),
        "environment": "production",
        "database": "shop",
        "values": "none",
        "salt": "0",
        "server": {"version": 150004},
        "settings": {},
        "counted_since": (datetime.now(UTC) - timedelta(seconds=1000)).isoformat(),
        "tables": [
            table("tasks", 50_000_000, 12_000_000_000, traffic={"scans": 200_000, "inserted": 30_000}),
            table("users", 20, 8192),
        ],
        "unseen": [],
        **more,
    }
    return json.dumps(made)


@pytest.fixture
def repository(project: Path) -> Repository:
    made = Repository(project)
    made.play(TABLES)
    made.branch()
    made.play(CHANGED)
    return made


def verbs(play: PlayReview, table: str) -> list[str]:
    return [one.title for one in play.plan.operations if table in one.title]


def test_a_review_takes_sizes_from_the_file_beside_the_environment(repository: Repository) -> None:
    before = repository.only()
    assert any("batches" in one for one in verbs(before, "users")) and before.sizes == "" and not before.times
    repository.write("environments/production.stats.json", statistics())
    play = repository.only()
    assert not any("batches" in one for one in verbs(play, "users")), "twenty rows need no online form"
    assert any("batches" in one for one in verbs(play, "tasks"))
    assert any("batches" in one for one in verbs(play, "fresh")), "what the file does not know is taken for large"
    assert (play.wanted_version, play.said_by) == (15, "stats")
    text = written("text", repository.review(), HEADING)
    assert "50,000,000 rows, 11.2 GB" in text
    assert "sizes and times are those of the statistics of production (shop), " in text
    assert "would queue behind it: what makes 200 scans and 30 rows written a second" in text
    said = [line for lines in play.times.values() for line in lines if "50,000,000 rows" in line]
    assert said and all(" to " in line.partition(":")[0] for line in said), "a range: the machine is another one"
    assert [one.object for one in play.findings["blocks"] if one.severity != "info"] == [], "twenty rows are a moment"
    assert "50,000,000 rows" in written("markdown", repository.review(), HEADING)


def test_what_a_review_says_of_times_is_read_back(repository: Repository, tmp_path: Path) -> None:
    repository.write("environments/production.stats.json", statistics())
    review = repository.review()
    path = tmp_path / "review.json"
    path.write_text(written("json", review, HEADING))
    again = read(path)
    assert document(again)["environments"][0]["times"] == document(review)["environments"][0]["times"] != []
    assert written("markdown", again, HEADING) == written("markdown", review, HEADING)


def test_a_file_that_is_old_or_of_another_environment_is_told(repository: Repository) -> None:
    repository.write(
        "environments/production.stats.json", statistics(taken="2020-01-01T00:00:00+00:00", environment="staging")
    )
    notes = repository.review().notes
    name = "environments/production.stats.json"
    assert any("is of the environment 'staging', not of 'production'" in one for one in notes)
    assert any(name in one and "old: wgm-play stats PLAYBOOK --output" in one for one in notes)


def test_a_named_file_wins_and_a_wrong_one_is_refused(repository: Repository, tmp_path: Path) -> None:
    repository.write("environments/production.stats.json", statistics())
    path = tmp_path / "other.json"
    path.write_text(statistics(tables=[table("users", 9e7, 10**10)]))
    (play,) = repository.review(stats=str(path)).plays
    assert any("batches" in one for one in verbs(play, "users"))
    path.write_text("{}")
    review = repository.review(stats=str(path))
    assert [one.message for one in review.broken] == [f"{str(path)!r} holds no statistics"]


def test_statistics_of_another_database_are_refused_where_they_are_named_and_left_out_where_not(
    repository: Repository, tmp_path: Path
) -> None:
    path = tmp_path / "other.json"
    path.write_text(statistics(tables=[table("invoices", 9e7, 10**10)]))
    review = repository.review(stats=str(path))
    told = f"{path} is of another database: 'shop' (production) has none of the 3 tables here"
    assert [one.message for one in review.broken] == [told]
    repository.write("environments/production.stats.json", path.read_text())
    review = repository.review()
    assert any("of another database" in one and "they are not used" in one for one in review.notes)
    assert review.plays[0].sizes == "" and any("batches" in one for one in verbs(review.plays[0], "users"))
    sql = tmp_path / "one.sql"
    sql.write_text("ALTER TABLE tasks ADD COLUMN a int;\nCREATE TABLE made (id int PRIMARY KEY);\n")
    with pytest.raises(InputError, match="none of the 1 table here"):
        lint(LintOptions((str(sql),), stats=str(path)))
    for linted, environment in ((sql, "production"), (repository.folder / "play.yml", None)):
        said: list[str] = []
        inventory = repository.folder / "environments"
        lint(LintOptions((str(linted),), environment=environment, inventory=inventory), None, said)
        assert [one.rpartition(": ")[2] for one in said] == ["they are not used"]
    with pytest.raises(InputError, match="none of the 3 tables here"):
        lint(LintOptions((str(repository.folder / "play.yml"),), stats=str(path)))
    sql.write_text("CREATE TABLE made (id int PRIMARY KEY);\n")
    lint(LintOptions((str(sql),), stats=str(path)))  # what is new is in no statistics


QUERIES = """
- name: Shop
  hosts: production
  queries:
    - {name: tasks of one, sql: "select title from tasks where owner = $1"}
    - {name: newest, sql: "select title from tasks where id > $1 order by id limit 3"}
  steps:
    - {name: Tasks, table: {name: tasks, columns: {id: {type: bigint, primary_key: true}, owner: int, title: text}}}
    - {name: By owner, index: {name: tasks_owner, table: tasks, columns: [owner]}}
"""


def test_a_review_says_which_queries_get_slower_and_how_many_plans_are_certain(project: Path, database: Any) -> None:
    """By production's statistics, without a connection to it."""
    database.execute("create table tasks (id bigint primary key, owner int, title text)")
    database.execute("create index tasks_owner on tasks (owner)")
    database.execute("insert into tasks select i, i % 5000, 'task ' || i from generate_series(1, 50000) i")
    database.execute("vacuum analyze tasks")
    repository = Repository(project)
    repository.write("play.yml", QUERIES)
    repository.write(
        "environments/production.stats.json", statistics_written(read_statistics(database, "production", "none"))
    )
    repository.branch()
    repository.write("play.yml", QUERIES.replace("index: {name", "state: absent, index: {name"))
    review = repository.review()
    found = [one for one in review.all_findings() if one.code == "slower_plan"]
    assert [one.object for one in found] == ["tasks of one"]
    assert "Seq Scan on public.tasks, was" in found[0].message and "drop index tasks_owner" in str(found[0].evidence)
    assert found[0].where is not None and found[0].where.line == 5
    text = written("text", review, HEADING)
    assert "production: plans judged by statistics of production" in text and "2 of 2 plans certain" in text
    assert "1 to remove; 1 slower query; can be taken back" in text and "Queries that get slower" in text


def test_lint_takes_the_same_file(tmp_path: Path) -> None:
    sql = tmp_path / "one.sql"
    sql.write_text(
        "SET lock_timeout = '1s';\nALTER TABLE tasks ALTER COLUMN id TYPE numeric;\nALTER TABLE users ALTER COLUMN id TYPE numeric;\n"
    )
    stats = tmp_path / "stats.json"
    stats.write_text(statistics())
    codes = {(one.code, one.object) for one in lint(LintOptions((str(sql),), stats=str(stats)))[0]}
    plain = {(one.code, one.object) for one in lint(LintOptions((str(sql),)))[0]}
    assert any("users" in about for _, about in plain - codes) and any("tasks" in about for _, about in codes)
    assert remarks(str(stats), "staging") == [f"{stats} is of the environment 'production', not of 'staging'"]
    stats.write_text(statistics(version=7))
    with pytest.raises(InputError, match="has version 7 of the format"):
        lint(LintOptions((str(sql),), stats=str(stats)))
