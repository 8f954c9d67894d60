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
