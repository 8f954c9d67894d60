"""An edit is planned without what it does not touch, and the plan is the one that the whole playbook leads to.

In: the edits of test_edits.py, and schemas made for this. Out: both plans are equal, and which edits go the short way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from both_ways import plan_both_ways
from laws import Project
from test_edits import (
    EDITS,
    Edit,
    change,
    prepared,  # noqa: F401 - a fixture
)
from test_edits import book as book_of_development  # noqa: F401 - a fixture

from wgm_play.errors import WgmError

# These say something else of rows too, or of a table that most others lean on.
WHOLE = {
    "rename a column",
    "drop a column",
    "forbid NULL",
    "change a seed row",
    "change a setting",
    "add an allowed value",
    "change what happens to rows that refer",
}


@pytest.mark.share(3)
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_an_edit_planned_in_part_is_planned_as_in_whole(
    edit: Edit,
    book_of_development: Project,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    book = book_of_development
    book.apply()
    made = plan_both_ways(monkeypatch)
    for file, old, new in ((edit.file, edit.old, edit.new), *edit.more):
        change(book, file, old, new)
    book.apply(check=True)
    assert any(one is not None for one in made) == (edit.name not in WHOLE)


def table(name: str, *more: str, parent: str | None = None, **columns: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "name": name,
        "columns": {
            "id": {"type": "bigint", "identity": "always", "primary_key": True},
            "note": {"type": "text", "check": "length(note) < 100"},
            **({"parent": {"type": "bigint", "references": f"{parent}(id)"}} if parent else {}),
            **columns,
        },
    }
    return {"name": f"Table {name}", "table": spec}


def schema() -> list[dict[str, Any]]:
    """A chain of tables, with routines, views and triggers over them."""
    tables = [table(f"t{n}", parent=f"t{n - 1}" if n else None) for n in range(30)]
    return [
        *tables,
        {"name": "State", "enum": {"name": "state", "values": ["new", "done"]}},
        {
            "name": "F",
            "function": {"name": "f", "returns": "trigger", "body": "begin new.note := g(new.note); return new; end"},
        },
        {
            "name": "G",
            "function": {
                "name": "g",
                "arguments": [{"name": "value", "type": "text"}],
                "returns": "text",
                "body": "begin return (select max(note) from v3) || value; end",
            },
        },
        {"name": "V3", "view": {"name": "v3", "query": "select id, note from t3"}},
        {"name": "V4", "view": {"name": "v4", "query": "select v3.id, t4.note from v3 join t4 using (id)"}},
        {
            "name": "T5",
            "trigger": {"table": "t5", "name": "f", "timing": "before", "events": ["update"], "function": "f"},
        },
        {"name": "R6", "grant": {"on": "table t6", "to": "public", "privileges": ["select"]}},
        {"name": "RS", "grant": {"on": "schema public", "to": "public", "privileges": ["usage"]}},
        {"name": "I5", "index": {"name": "i5", "table": "t5", "columns": ["note"]}},
    ]


def columns(steps: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found = next(step["table"] for step in steps if "table" in step and step["table"]["name"] == name)
    return found["columns"]  # type: ignore[no-any-return]


def kind(steps: list[dict[str, Any]], word: str) -> dict[str, Any]:
    return next(step for step in steps if step["name"] == word)


def add(steps: list[dict[str, Any]]) -> None:
    columns(steps, "t7")["remark"] = {"type": "state", "default": "'new'"}


def widen(steps: list[dict[str, Any]]) -> None:
    columns(steps, "t4")["note"] = {"type": "varchar(50)"}


def new_table(steps: list[dict[str, Any]]) -> None:
    steps.insert(30, table("t30", parent="t12"))


def new_unique(steps: list[dict[str, Any]]) -> None:
    columns(steps, "t9")["note"]["unique"] = True


def drop_index(steps: list[dict[str, Any]]) -> None:
    kind(steps, "I5")["state"] = "absent"


def body(steps: list[dict[str, Any]]) -> None:
    kind(steps, "G")["function"]["body"] = "begin return (select min(note) from t8) || value; end"


def view(steps: list[dict[str, Any]]) -> None:
    kind(steps, "V3")["view"]["query"] = "select id, note, parent from t3"


def trigger(steps: list[dict[str, Any]]) -> None:
    kind(steps, "T5")["trigger"]["timing"] = "after"


def overload(steps: list[dict[str, Any]]) -> None:
    steps.append(
        {
            "name": "G2",
            "function": {
                "name": "g",
                "arguments": [{"name": "value", "type": "varchar"}],
                "returns": "varchar",
                "body": "begin return value; end",
            },
        }
    )


def grant_more(steps: list[dict[str, Any]]) -> None:
    kind(steps, "R6")["grant"]["privileges"] = ["select", "insert"]


def grant_less(steps: list[dict[str, Any]]) -> None:
    kind(steps, "R6")["grant"]["privileges"] = []


def grant_a_new_one(steps: list[dict[str, Any]]) -> None:
    steps.append({"name": "R8", "grant": {"on": "table t8", "to": "public", "privileges": ["select", "update (note)"]}})
    steps.append({"name": "RD", "grant": {"on": "database", "to": "public", "privileges": ["connect"]}})
    steps.append({"name": "RG", "grant": {"on": "function g(text)", "to": "public", "privileges": []}})


def granted_column(steps: list[dict[str, Any]]) -> None:
    columns(steps, "t6")["extra"] = "text"
    kind(steps, "R6")["grant"]["privileges"] = ["select", "update (extra)"]


def add_to_granted(steps: list[dict[str, Any]]) -> None:
    columns(steps, "t6")["remark"] = {"type": "state", "default": "'new'"}


@pytest.mark.share(2)
@pytest.mark.parametrize(
    "edit",
    [
        add,
        widen,
        new_table,
        new_unique,
        drop_index,
        body,
        view,
        trigger,
        overload,
        grant_more,
        grant_less,
        grant_a_new_one,
        granted_column,
        add_to_granted,
    ],
)
def test_an_edit_of_a_large_schema_goes_the_short_way(
    edit: Any, project: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Project(project, database_url)
    steps = schema()
    book.write(steps)
    book.apply()
    made = plan_both_ways(monkeypatch)
    edit(steps)
    book.write(steps)
    assert book.apply(allow_destructive=True).changed
    assert made[0] is not None, "this edit was planned as a whole"
    assert book.apply().changed == 0
    book.write(schema())
    book.apply(allow_destructive=True)
    assert book.apply().changed == 0


def test_a_body_that_an_edit_breaks_is_found(project: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Project(project, database_url)
    steps = schema()
    kind(steps, "G")["function"]["body"] = "begin return (select max(note) from t8) || value; end"
    book.write(steps)
    book.apply()
    plan_both_ways(monkeypatch)
    columns(steps, "t8")["note"] = {"state": "absent"}
    book.write(steps)
    with pytest.raises(WgmError, match="note"):
        book.apply()


def test_a_name_that_is_taken_elsewhere_is_refused(
    project: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Project(project, database_url)
    steps = schema()
    book.write(steps)
    book.apply()
    plan_both_ways(monkeypatch)
    steps.append({"name": "Taken", "index": {"name": "t2", "table": "t20", "columns": ["note"]}})
    book.write(steps)
    with pytest.raises(WgmError, match="t2"):
        book.apply()


def test_what_was_changed_by_hand_is_not_taken_for_known(project: Path, database_url: str) -> None:
    book = Project(project, database_url)
    steps = schema()
    book.write(steps)
    book.apply()
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("ALTER TABLE t20 ALTER note SET DEFAULT 'x'")
    add(steps)
    book.write(steps)
    said = book.apply()
    assert {operation.title for operation in said.operations} == {
        "add column t7.remark",
        "drop the default of column t20.note",
    }


def test_a_password_that_was_changed_by_hand_is_set_again(project: Path, database_url: str) -> None:
    name = f"role_{project.parent.name.split()[-1]}".lower()
    book = Project(project, database_url)
    steps = [*schema(), {"name": "Role", "role": {"name": name, "login": True, "password": "one and only"}}]
    book.write(steps)
    book.apply()
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute(psycopg.sql.SQL("ALTER ROLE {} PASSWORD 'another'").format(psycopg.sql.Identifier(name)))
        try:
            add(steps)
            book.write(steps)
            assert {operation.key.kind for operation in book.apply().operations} == {"column", "role"}
        finally:
            session.execute(psycopg.sql.SQL("DROP ROLE {}").format(psycopg.sql.Identifier(name)))
