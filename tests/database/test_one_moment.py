"""One change is one moment: an application that names nothing of what changes never sees an error in between.

In: a database, steps, the statements of a client. Out: they succeed before, after each transaction of the plan, and after
it; so they do for the plan of the rollback. One client writes all the while, as applications do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Project, load_case, load_sql, state

from wgm_play.plan import Plan

CASES = load_case((Path(__file__).parents[1] / "cases_one_moment.yml").read_text())


def _walk(url: str, plan: Plan, statements: str) -> int:
    """Run a plan transaction by transaction, and the client's statements after each; return how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        for group in plan.groups:
            commands = [command.sql for operation in group.operations for command in operation.commands]
            if group.transactional:
                with connection.transaction():
                    for command in commands:
                        connection.execute(command.encode())
            else:
                for command in commands:
                    connection.execute(command.encode())
            with connection.transaction(force_rollback=True):
                try:
                    connection.execute(statements.encode())
                except psycopg.Error as error:
                    titles = [operation.title for operation in group.operations]
                    pytest.fail(f"after {titles}: {error}")
    return len(plan.groups)


@pytest.mark.share(2)
@pytest.mark.parametrize("name", CASES)
def test_a_client_sees_no_gap(name: str, new_database: Callable[..., str], project: Path) -> None:
    case: dict[str, Any] = CASES[name]
    url, copy = new_database(), new_database()
    for one in (url, copy):
        load_sql(one, case["sql"])
        load_sql(one, case["client"])
    options = {"allow_destructive": True}
    book = Project(project, url, case.get("environment", ""))
    book.write(case["after"])
    start = state(url)
    plan = book.apply(check=True, **options).plans[-1]
    assert _walk(copy, plan, case["client"])
    book.apply(**options)
    assert (again := book.apply(**options)).changed == 0, again.operations
    back = book.rollback(check=True, diff=True).plans[-1]
    assert _walk(copy, back, case["client"])
    book.rollback()
    assert start.without_order().differences(state(url).without_order(), rows="moved" not in case) == []


def test_a_client_that_writes_all_the_while_sees_no_error(new_database: Callable[..., str], project: Path) -> None:
    case = CASES["a column and the trigger function that names it"]
    book = Project(project, new_database())
    load_sql(book.url, case["sql"])
    book.write(case["after"])
    errors: list[str] = []
    written, over = 0, threading.Event()

    def write() -> None:
        nonlocal written
        with psycopg.connect(book.url, autocommit=True) as connection:
            while not over.is_set():
                try:
                    connection.execute("insert into link default values")
                    written += 1
                except psycopg.Error as error:
                    errors.append(str(error))
                over.wait(0.001)

    client = threading.Thread(target=write)
    client.start()
    try:
        book.apply()
        book.rollback()
    finally:
        over.set()
        client.join()
    assert errors == [] and written
    with psycopg.connect(book.url) as connection:
        assert connection.execute("select count(*) from link where per = org_id").fetchone() == (written,)
