"""Every alteration of every kind, as data: `tests/cases/KIND/*.yml`, each held to the laws on a real server.

In: a case: the steps `before` (or `sql`), `rows` put in, the steps `after`, the operations to `expect` in order, stages
that `then` follow. Out: the plan is as expected; the run converges; planned again there is nothing to do, with what the
cache knows and without; rollback, run by run, gives back the catalog, the dump and the rows of before; SQL that was
written by hand, run by psql on an empty database, makes what pg_dump cannot tell from the changed one.

Keys of a stage: `rows` (SQL run before it), `after`, `hazards` (codes, in the order of the operations), `play` (keywords of the play), `options` (of the command line),
`expect`, `answers` (query -> rows after it), `refused` (a part of the message; nothing is touched),
`irreversible` (a part of rollback's refusal), `rows_lost` (rollback cannot bring the rows back: why), `moved`
(rollback puts columns in another order: why), `stays` (the extension that rollback leaves, as the trash needs it), `by_hand` (the state after it as a person writes it who knows PostgreSQL
and not this program; a comment in it says why something stays that the steps do not name), `by_hand_rows` (compare what
the tables hold as well: true).
Of a case: `versions`, `extensions` (that the server must have to offer), `files`, `environment`, `then`, `by_chance`
(columns whose values differ from run to run: see test_online_kills.py).
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, State, load_case, load_sql, state, unlike_by_hand

import fix_postgres
from fix_postgres import Postgres
from wgm_play.errors import WgmError

LONG = os.environ.get("WGM_TEST_MATRIX") == "long"
CASES = Path(__file__).parents[1] / "cases"
FILES = sorted(CASES.glob("*/*.yml"))
KEYS = {
    "before", "sql", "rows", "after", "play", "options", "expect", "answers", "refused", "irreversible", "rows_lost", "moved", "stays",
    "hazards", "versions", "files", "environment", "then", "extensions", "by_chance", "by_hand", "by_hand_rows",
}  # fmt: skip


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_case(path: Path, server: Postgres, new_database: Callable[..., str], project: Path) -> None:
    case = load_case(path.read_text())
    if "versions" in case and not fix_postgres.fits(server.major, case["versions"]):
        pytest.skip(f"needs PostgreSQL {case['versions']}")
    stages = [case, *case.get("then", [])]
    assert not {key for stage in stages for key in stage} - KEYS
    book = Project(project, new_database(), case.get("environment", ""))
    for name, text in case.get("files", {}).items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    _needs(book.url, case.get("extensions", []))
    _begin(book, case)
    done: list[tuple[dict[str, Any], State]] = []
    for stage in stages:
        if "rows" in stage:
            load_sql(book.url, stage["rows"])
        start = state(book.url)
        book.write(stage.get("after"), stage.get("play"))
        if "refused" in stage:
            _is_refused(book, stage, start)
            continue
        # The short form asks one half of the cases the one, the other half the other.
        anew = zlib.crc32(_name(path).encode()) % 2 == 0
        _moves_on(book, stage, anew=LONG or anew)
        if "by_hand" in stage and (LONG or not anew):
            by_hand = new_database()
            _is_as_by_hand(book, stage, by_hand)
            server.drop_database(by_hand.rsplit("/", 1)[1])  # a role that is named there could not be taken back
        done.append((stage, start))
    _goes_back(book, done)


def _needs(url: str, extensions: list[str]) -> None:
    with psycopg.connect(url) as connection:
        there = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
    if missing := set(extensions) - there:
        pytest.skip(f"the server lacks {', '.join(sorted(missing))}")


def _begin(book: Project, case: dict[str, Any]) -> None:
    if "sql" in case:
        load_sql(book.url, case["sql"])
    if case.get("before"):
        book.write(case["before"])
        book.apply()


def _is_refused(book: Project, stage: dict[str, Any], start: State) -> None:
    with pytest.raises(WgmError) as caught:
        book.apply(**stage.get("options", {}))
    said = str(caught.value) + "".join(map(str, getattr(caught.value, "details", ())))
    assert stage["refused"] in said
    assert start.differences(state(book.url)) == []


def _moves_on(book: Project, stage: dict[str, Any], *, anew: bool) -> None:
    options = stage.get("options", {})
    first = book.apply(**options)
    assert [operation.title for operation in first.operations] == stage["expect"]
    if "hazards" in stage:
        assert [hazard.code for operation in first.operations for hazard in operation.hazards] == stage["hazards"]
    for question, rows in stage.get("answers", {}).items():
        with psycopg.connect(book.url, autocommit=True) as connection:
            assert [list(row) for row in connection.execute(question.encode())] == rows, question
    for run in (book.apply, *([book.apply_anew] if anew else [])):
        again = run(**options)
        assert (again.changed, [operation.title for operation in again.operations]) == (0, [])


def _is_as_by_hand(book: Project, stage: dict[str, Any], empty: str) -> None:
    order, rows = "moved" not in stage, stage.get("by_hand_rows", False)
    assert unlike_by_hand(book.url, empty, stage["by_hand"], order=order, rows=rows) == []


def _goes_back(book: Project, done: list[tuple[dict[str, Any], State]]) -> None:
    later_rows = False
    for stage, start in reversed(done):
        if not stage["expect"]:
            continue  # nothing ran: there is no run to take back
        if "irreversible" in stage:
            with pytest.raises(WgmError) as caught:
                book.rollback()
            assert stage["irreversible"] in str(caught.value) + "".join(map(str, getattr(caught.value, "details", ())))
            return
        book.rollback()
        later_rows = later_rows or "rows_lost" in stage
        back = state(book.url)
        before, after = (start.without_order(), back.without_order()) if "moved" in stage else (start, back)
        found = before.differences(after, rows=not later_rows)
        if "stays" in stage:
            stays = re.compile(rf"(?i)\bextension (if not exists )?{stage['stays']}\b")
            found = [line for line in found if not stays.search(line)]
        assert found == []
        later_rows = later_rows or "rows" in stage
