"""A plan that fails where it is tried is refused, with the place of the step whose statement failed.

In: a step that can be declared and not be carried out. Out: the error, and a database that is as it was.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from laws import Project, state

from wgm_play.errors import Refused

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
