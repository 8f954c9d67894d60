"""Online forms from the command line: planned, applied, applied again, rolled back, killed and resumed, abandoned.

In: the playbook and tables of tests/benchmarks/online_faults.py, at which every online form works.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

PLACE = Path(__file__).parent.parent / "benchmarks" / "online_faults.py"


@pytest.fixture(scope="session")
def faults() -> ModuleType:
    """The fault program, as a module."""
    spec = importlib.util.spec_from_file_location("online_faults", PLACE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["online_faults"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def shop(faults: ModuleType, database_url: str, tmp_path: Path) -> Path:
    """The project; the database is filled."""
    faults.project(tmp_path)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(faults.TABLES)
        connection.execute(faults.FILLED)
    return tmp_path


def test_online_forms_converge_are_idempotent_and_go_back(faults: ModuleType, shop: Path, database_url: str) -> None:
    before = faults.structure(database_url), faults.rows(database_url)
    with faults.Writers(database_url) as writers:
        done = faults.run(shop, database_url, "shop.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert faults.left(database_url) == []
    again = faults.run(shop, database_url, "shop.yml")
    assert "changed=0" in again.stdout, again.stdout + again.stderr
    back = faults.run(shop, database_url, "rollback", "shop.yml")
    assert back.returncode == 0, back.stdout + back.stderr
    assert (faults.structure(database_url), faults.rows(database_url)) == before
    assert faults.left(database_url) == []
    assert writers.failed == []


def test_a_change_that_was_killed_and_given_up_leaves_nothing(
    faults: ModuleType, shop: Path, database_url: str
) -> None:
    before = faults.structure(database_url)
    choose = random.Random(5)  # noqa: S311
    for _ in range(3):
        killed = faults.run(shop, database_url, "shop.yml", kill=str(choose.randrange(45, 70)))
        assert killed.returncode == -9, killed.stdout + killed.stderr
    assert faults.left(database_url)
    back = faults.run(shop, database_url, "rollback", "shop.yml")
    assert back.returncode == 0, back.stdout + back.stderr
    assert faults.structure(database_url) == before
    assert faults.left(database_url) == []


def test_killed_runs_are_finished_by_the_same_command(faults: ModuleType, shop: Path, database_url: str) -> None:
    choose = random.Random(11)  # noqa: S311
    kills, wrong = faults.until_done(shop, database_url, ("shop.yml",), choose, 4)
    assert (kills > 0, wrong) == (True, "")
    assert faults.left(database_url) == []
    again = faults.run(shop, database_url, "shop.yml")
    assert "changed=0" in again.stdout, again.stdout + again.stderr
