"""The law that a case is planned again to nothing is awake: a program that errs only the second time is found out.

In: the program with a mistake that shows when a rename is done already, and cases that rename. Out: the run after a
first one passes, because it is known that nothing changed; the run where nothing is known does not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from laws import Project, load_case

from wgm_play.errors import Refused
from wgm_play.planning import rename

CASES = Path(__file__).parents[1] / "cases"


@pytest.mark.parametrize("name", ["enum/rename", "sequence/rename", "table/rename", "index/rename", "schema/rename"])
def test_a_rename_that_is_refused_when_it_is_done_is_found(
    name: str, new_database: Callable[..., str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = load_case((CASES / f"{name}.yml").read_text())
    book = Project(project, new_database(), case.get("environment", ""))
    book.write(case["before"])
    book.apply()
    find = rename.find

    def mistaken(live: Any, declarations: Any, situation: Any) -> Any:
        for key, declaration in declarations.items():
            if declaration.renamed_from and declaration.renamed_from not in live.rows and key in live.rows:
                raise Refused("this rename is done")
        return find(live, declarations, situation)

    monkeypatch.setattr(rename, "find", mistaken)
    book.write(case["after"])
    book.apply()
    assert book.apply().changed == 0
    with pytest.raises(Refused, match="this rename is done"):
        book.apply_anew()
