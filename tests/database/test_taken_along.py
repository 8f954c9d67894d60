"""What a removal takes along that is in no step needs to be said like any removal: all of it is named at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from laws import Project, load_sql, state

from wgm_play.errors import Refused

LIVE = """
CREATE TABLE b (id int PRIMARY KEY, n int, x text, s serial);
CREATE INDEX b_x_idx ON b (x);
CREATE INDEX b_n_x_idx ON b (n, x);
CREATE TABLE other (id int REFERENCES b, at timestamptz);
CREATE VIEW stranger AS SELECT n, x FROM b;
CREATE VIEW on_top AS SELECT x FROM stranger;
GRANT SELECT ON stranger TO PUBLIC;
CREATE MATERIALIZED VIEW kept AS SELECT x FROM b;
CREATE POLICY rest ON b AS RESTRICTIVE USING (x <> 'secret');
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER on_x BEFORE UPDATE OF x ON b FOR EACH ROW EXECUTE FUNCTION noted();
CREATE RULE quiet AS ON UPDATE TO b WHERE new.x = 'q' DO INSTEAD NOTHING;
CREATE FUNCTION newest() RETURNS text BEGIN ATOMIC SELECT x FROM b ORDER BY id DESC LIMIT 1; END;
CREATE STATISTICS b_stats ON n, x FROM b;
"""
COLUMNS = {
    "id": {"type": "integer", "primary_key": True},
    "n": "integer",
    "s": {"type": "integer", "not_null": True, "default": "nextval('b_s_seq')"},
}
WITHOUT_X = {"name": "B", "table": {"name": "b", "columns": {**COLUMNS, "x": {"state": "absent"}}}}
ABSENT = {"name": "B", "table": {"name": "b"}, "state": "absent"}


@pytest.fixture
def made(project: Path, new_database: Callable[..., str], server: Any) -> Project:
    if server.major < 14:
        pytest.skip("functions with bodies of the SQL standard: PostgreSQL 14")
    book = Project(project, new_database())
    load_sql(book.url, LIVE)
    return book


def _refused(book: Project, *steps: dict[str, Any]) -> list[str]:
    book.write(list(steps))
    before = state(book.url)
    with pytest.raises(Refused) as caught:
        book.apply(check=True)
    assert before.differences(state(book.url)) == []
    return [line.split(" uses ")[0] for line in caught.value.details]


def test_what_uses_a_column_is_named(made: Project) -> None:
    assert _refused(made, WITHOUT_X) == [
        "function newest()",
        "index b_n_x_idx",
        "materialized view kept",
        "policy b.rest",
        "rule b.quiet",
        "statistics b_stats",
        "trigger b.on_x",
        "view on_top",
        "view stranger",
    ]


def test_what_uses_a_table_is_named_and_its_parts_are_not(made: Project) -> None:
    assert _refused(made, ABSENT) == [
        "constraint other.other_id_fkey",
        "function newest()",
        "materialized view kept",
        "view on_top",
        "view stranger",
    ]


def test_privileges_that_go_along_are_told(made: Project) -> None:
    made.write([WITHOUT_X])
    with pytest.raises(Refused) as caught:
        made.apply(check=True)
    assert "view stranger uses column b.x, which goes; its privileges for public go as well" in caught.value.details


def test_what_is_said_to_go_or_allowed_goes(made: Project) -> None:
    gone = [
        {"name": f"No {name}", kind: {"name": name}, "state": "absent"}
        for kind, name in (
            ("view", "on_top"),
            ("view", "stranger"),
            ("materialized_view", "kept"),
            ("index", "b_n_x_idx"),
            ("statistics", "b_stats"),
        )
    ]
    gone += [
        {"name": f"No {name}", kind: {"name": name, "table": "b"}, "state": "absent"}
        for kind, name in (("policy", "rest"), ("rule", "quiet"), ("trigger", "on_x"))
    ]
    gone.append({"name": "No function", "function": {"name": "newest", "arguments": ""}, "state": "absent"})
    made.write([WITHOUT_X, *gone])
    made.apply()
    assert made.apply().changed == 0
    made.rollback()
    made.write([WITHOUT_X])
    made.apply(allow_destructive=True)
