"""Hazards that need consent: refused with all of them and the line to add, run with a reason that is shown and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_sql

from wgm_play.errors import InputError, Refused

PUBLICATION = {"name": "P", "publication": {"name": "p", "tables": ["orders", "items"]}}
WHY = "subscribers are stopped"


def _table(name: str, *, key: bool, **step: Any) -> dict[str, Any]:
    columns = {"id": {"type": "bigint", "not_null": True}}
    key_or_not = {"primary_key": ["id"]} if key else {"constraints": {f"{name}_pkey": {"state": "absent"}}}
    made = {"name": name, "columns": columns, **key_or_not}
    return {"name": name.title(), "table": made, **step}


@pytest.fixture
def published(project: Path, new_database: Callable[..., str]) -> Project:
    book = Project(project, new_database())
    book.write([_table("orders", key=True), _table("items", key=True), PUBLICATION])
    book.apply()
    load_sql(book.url, "INSERT INTO orders VALUES (1); INSERT INTO items VALUES (2)")
    return book


def test_all_that_lack_consent_are_refused_at_once_with_the_line_to_add(published: Project) -> None:
    published.write([_table("orders", key=False), _table("items", key=False, accept={"X05": "small"}), PUBLICATION])
    with pytest.raises(Refused) as caught:
        published.apply(check=True)
    said = "\n".join(caught.value.details)
    assert caught.value.message == "2 hazards need consent"
    assert "UPDATE and DELETE of orders fail from then on: p publishes them" in said
    assert "UPDATE and DELETE of items fail" in said
    assert "to the step 'Orders' (playbook.yml:4:5): accept: {R01: why this may be}" in said.replace(
        f"{published.folder}/", ""
    )
    assert "accept: {X05: small, R01: why this may be}" in said


def test_a_reason_is_shown_in_the_plan_and_kept_in_the_ledger(published: Project) -> None:
    published.write(
        [_table("orders", key=False, accept={"R01": "{{ why }}"}), _table("items", key=True), PUBLICATION],
        {"vars": {"why": WHY}},
    )
    hazards = [one for made in published.apply().operations for one in made.hazards if one.consent]
    assert [(one.code, one.accepted) for one in hazards] == [("R01", WHY)]
    with psycopg.connect(published.url) as connection:
        assert connection.execute("SELECT run, code, kind, reason FROM wgm.consent").fetchall() == [
            (2, "R01", "constraint", WHY)
        ]


def test_a_code_that_no_operation_has_is_told(published: Project) -> None:
    changed = _table("orders", key=True, accept={"R04": WHY})
    changed["table"]["comment"] = "Orders"
    published.write([changed, _table("items", key=True), PUBLICATION])
    (plan,) = published.apply(check=True).plans
    assert plan.warnings == ("step 'Orders' accepts R04, which none of its operations has",)


def test_a_saved_plan_keeps_the_reason(published: Project) -> None:
    published.write([_table("orders", key=False, accept={"R01": WHY}), _table("items", key=True), PUBLICATION])
    file = str(published.folder / "plan.json")
    published.apply(check=True, save_plan=file)
    assert published.apply(plan=file).changed == 1
    with psycopg.connect(published.url) as connection:
        assert connection.execute("SELECT reason FROM wgm.consent").fetchall() == [(WHY,)]


def test_the_consent_of_a_run_holds_for_the_same_hazard_on_its_way_back(published: Project) -> None:
    published.write([_table("orders", key=True), _table("items", key=True)], {"prune": True})
    published.apply(allow_destructive=True)  # not published any more: no consent is needed
    published.write([_table("orders", key=False), _table("items", key=True)])
    published.apply()
    published.write([_table("orders", key=False), _table("items", key=True), PUBLICATION])
    with pytest.raises(Refused, match="1 hazard needs consent"):
        published.apply()
    published.write([_table("orders", key=False), _table("items", key=True), {**PUBLICATION, "accept": {"R02": WHY}}])
    published.apply()
    published.write([_table("orders", key=True), _table("items", key=True), PUBLICATION])
    published.apply()
    with pytest.raises(Refused, match="1 hazard needs consent"):  # the way back loses the key again
        published.rollback(check=True)
    published.write([_table("orders", key=True, accept={"R01": WHY}), _table("items", key=True), PUBLICATION])
    assert published.rollback().changed == 1


def test_a_rollback_remembers_what_was_accepted(published: Project) -> None:
    published.write([_table("orders", key=False, accept={"R01": WHY}), _table("items", key=True), PUBLICATION])
    published.apply()
    published.rollback()
    published.write([_table("orders", key=True), _table("items", key=True), PUBLICATION])
    published.rollback(to_run=1)
    with psycopg.connect(published.url) as connection:
        assert connection.execute("SELECT count(*) FROM wgm.consent").fetchone() == (1,)


def test_a_replica_identity_that_goes_needs_consent_too(published: Project) -> None:
    load_sql(
        published.url, "CREATE UNIQUE INDEX other ON orders (id); ALTER TABLE orders REPLICA IDENTITY USING INDEX other"
    )
    index = {"name": "I", "index": {"name": "other", "table": "orders", "columns": ["id"], "unique": True}}
    with_identity = _table("orders", key=True)
    with_identity["table"]["replica_identity"] = "other"
    published.write([with_identity, index, _table("items", key=True), PUBLICATION])
    assert published.apply().changed == 0
    with_identity["table"]["replica_identity"] = "nothing"
    published.write([with_identity, index, _table("items", key=True), PUBLICATION])
    with pytest.raises(Refused) as caught:
        published.apply()
    assert any(line.startswith("R01 table orders") for line in caught.value.details)


@pytest.mark.parametrize(
    ("accept", "message", "hint"),
    [
        ({"R4": "x"}, "unknown hazard code 'R4'", "did you mean 'R04'?"),
        ({"r04": "x"}, "unknown hazard code 'r04'", "did you mean 'R04'?"),
        ({"R04": ""}, "'R04' is empty", "write its text, or take the line out"),
        ({"R04": None}, "'R04' is nothing, expected a text", None),
        (["R04"], "'accept' is a list, expected a mapping", None),
    ],
)
def test_what_is_no_consent_is_told_at_its_place(
    published: Project, accept: object, message: str, hint: str | None
) -> None:
    published.write([_table("orders", key=True, accept=accept)])
    with pytest.raises(InputError) as caught:
        published.apply()
    problem = caught.value
    assert (problem.message, problem.where is not None) == (message, True)
    assert hint is None or problem.hint == hint
