"""A plan that fails where it is tried is refused, with the place of the step whose statement failed.

In: a step that can be declared and not be carried out. Out: the error, and a database that is as it was.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from laws import Project, state

from wgm_play.errors import Refused
from wgm_play.planning import target

STEP = {
    "name": "Numbers",
    "materialized_view": {"name": "numbers", "query": "select 1 / n as n from generate_series(0, 1) as n"},
}


@pytest.mark.parametrize("hidden", [False, True])
def test_a_statement_that_fails_is_told_with_its_step(project: Path, database_url: str, hidden: bool) -> None:
    book = Project(project, database_url)
    book.write([{"name": "Before", "schema": {"name": "s"}}, {**STEP, "no_log": hidden}])
    before = state(book.url)
    with pytest.raises(
        Refused, match="create materialized view numbers: division by zero; nothing was touched"
    ) as caught:
        book.apply()
    place = caught.value.where
    assert (place and Path(place.file).name, place and place.line) == ((None, None) if hidden else ("playbook.yml", 7))
    assert caught.value.step == (None if hidden else "Numbers")
    assert before.differences(state(book.url)) == []


TABLE = {
    "name": "Things",
    "table": {"name": "things", "columns": {"id": "bigint", "name": {"type": "text", "check": "name <> ''"}}},
}
INDEX = {"name": "Things by name", "index": {"name": "things_name_idx", "table": "things", "columns": ["name"]}}
BESIDE = {
    "nothing else": ([], 0),
    "SQL": ([{"name": "By hand", "sql": {"text": "select 1", "irreversible": True}}], 1),
    "what is filled as it is made": (
        [{"name": "Names", "materialized_view": {"name": "names", "query": "select name from things"}}],
        1,
    ),
}


@pytest.mark.parametrize("beside", BESIDE)
def test_a_plan_that_only_makes_new_things_in_an_empty_database_is_not_made_twice(
    project: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, beside: str
) -> None:
    tried = []
    prove = target.prove
    monkeypatch.setattr(target, "prove", lambda *given: (tried.append(1), prove(*given)))
    book = Project(project, database_url)
    steps, times = BESIDE[beside]
    book.write([TABLE, *steps])
    book.apply()
    assert len(tried) == times
    book.write([TABLE, INDEX, *steps])
    book.apply()
    assert len(tried) == times + 1
