"""`purge`: the trash is emptied of what is past its retention, and no backup is kept for a rollback that is over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Listener, Project

from wgm_play import pipeline
from wgm_play.errors import Refused
from wgm_play.options import Options

ENVIRONMENT = "embedded: true\npolicy: {trash: {retention: 1h}}\n"
PLAY = {"backup": {"method": "logical", "verify": "none", "retention": 1}}
KEPT = [{"name": "T", "table": {"name": "t", "columns": {"id": "bigint", "a": "text"}}}]
GONE = [{"name": "T", "table": {"name": "t", "columns": {"id": "bigint", "a": {"state": "absent"}}}}]


@pytest.fixture
def book(project: Path, new_database: Callable[..., str]) -> Project:
    return Project(project, new_database(), ENVIRONMENT)


def run(verb: Callable[..., int], book: Project, **options: Any) -> Listener:
    listener = Listener()
    options = {"no_backup": False, **options}
    assert verb(Options(str(book.folder / "playbook.yml"), url=book.url, **options), listener) == 0
    return listener


def end_the_retention(book: Project) -> None:
    (book.folder / "environments/development.yml").write_text(ENVIRONMENT.replace("1h", "0"))


def columns(book: Project) -> list[str]:
    with psycopg.connect(book.url) as connection:
        asked = "select attname from pg_attribute where attrelid = 't'::regclass and attnum > 0 and not attisdropped"
        return [name for (name,) in connection.execute(asked).fetchall()]


def backups(book: Project) -> list[str]:
    return sorted(path.name for path in (book.folder / ".wgm/backups/development").iterdir() if path.is_dir())


def test_what_is_past_its_retention_goes_and_the_backup_that_covered_it(book: Project) -> None:
    book.write(KEPT, play=PLAY)
    run(pipeline.apply, book)
    book.write(GONE, play=PLAY)
    run(pipeline.apply, book)
    assert [name for name in columns(book) if name.startswith("wgm_trash_a_")]
    assert len(backups(book)) == 2  # both are pinned: what the runs did can be taken back
    run(pipeline.purge, book)
    assert len(columns(book)) == 2 and len(backups(book)) == 2
    end_the_retention(book)
    assert run(pipeline.purge, book, check=True).changed == 1
    assert len(columns(book)) == 2 and len(backups(book)) == 2
    run(pipeline.purge, book)
    assert columns(book) == ["id"]
    assert len(backups(book)) == 1
    assert run(pipeline.apply, book).changed == 0


def test_what_was_purged_cannot_be_rolled_back(book: Project) -> None:
    book.write(KEPT, play=PLAY)
    run(pipeline.apply, book)
    book.write(GONE, play=PLAY)
    run(pipeline.apply, book)
    end_the_retention(book)
    run(pipeline.purge, book)
    with pytest.raises(Refused, match="cannot be undone") as refused:
        run(pipeline.rollback, book)
    assert "purged" in str(refused.value.details)
    assert columns(book) == ["id"]
