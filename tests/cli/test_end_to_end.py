"""A new project from its first run to its end.

In: `wgm-play init`, an embedded server. Out: what people and programs read.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from real_command import Command

from wgm_play.report.json import schema

PLAYBOOK = "development.yml"
TARGET = "development"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Command]:
    """A new project; its server is stopped at the end."""
    assert Command(tmp_path)("init", "shop").returncode == 0
    command = Command(tmp_path / "shop")
    yield command
    command("stop", PLAYBOOK)


def counts(output: str) -> dict[str, int]:
    """Return the counts of the last recap line."""
    line = next(line for line in reversed(output.splitlines()) if line.startswith(f"{TARGET} : "))
    return {name: int(number) for name, _, number in (word.partition("=") for word in line.split(" : ")[1].split())}


def document(command: Command, *words: str) -> dict[str, Any]:
    """Run with JSON; return the document, which must meet its schema."""
    done = command(*words, "--format", "json")
    made: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(made, schema())
    assert made["exit_code"] == done.returncode, done.stderr
    return made


def test_a_new_project_converges_shows_its_plans_and_goes_back(shop: Command) -> None:
    first = shop(PLAYBOOK)
    assert first.returncode == 0, first.stderr
    assert counts(first.stdout)["changed"] > 0
    assert "PLAY [Application, development] ***" in first.stdout
    assert "\033[" not in first.stdout + first.stderr

    again = shop(PLAYBOOK)
    assert (again.returncode, counts(again.stdout)["changed"]) == (0, 0), again.stderr
    assert shop(PLAYBOOK, "--check", "--detailed-exitcode").returncode == 0

    tables = shop.folder / "playbooks" / "schema" / "001_tables.yml"
    tables.write_text(tables.read_text().replace("      due:     date", "      notes:   text\n      due:     date"))
    planned = shop(PLAYBOOK, "--check", "--diff", "--detailed-exitcode")
    assert planned.returncode == 10, planned.stderr
    assert "ADD COLUMN notes text" in " ".join(planned.stdout.split())
    assert "stops reads and writes" in planned.stdout
    assert "Plan: 1 to create, 0 to alter, 0 to remove, in 1 transaction" in planned.stdout

    plan = document(shop, PLAYBOOK, "--check")["results"][0]["plays"][0]["plan"]
    assert plan["counts"] == {"create": 1, "alter": 0, "remove": 0, "run": 0}
    applied = document(shop, PLAYBOOK)
    assert applied["results"][0]["recap"][TARGET]["changed"] == 1
    assert shop("rollback", PLAYBOOK).returncode == 0
    assert document(shop, PLAYBOOK, "--check")["results"][0]["plays"][0]["plan"]["counts"]["create"] == 1
    assert document(shop, "status", PLAYBOOK)["results"][0]["tables"]
    assert document(shop, "check", PLAYBOOK)["exit_code"] == 0
    assert "stopped (pid " in shop("stop", PLAYBOOK).stdout
    assert "no server was running" in shop("stop", PLAYBOOK).stdout


def test_listings_need_no_server(shop: Command) -> None:
    steps = shop(PLAYBOOK, "--list-steps")
    assert (steps.returncode, "People who can sign in" in steps.stdout) == (0, True)
    assert "seed" in shop(PLAYBOOK, "--list-tags").stdout
    assert TARGET in shop(PLAYBOOK, "--list-hosts").stdout
    assert shop(PLAYBOOK, "--syntax-check").returncode == 0
    assert not (shop.folder / ".wgm" / "postgres").exists()


def test_an_error_in_a_step_points_at_its_line(shop: Command) -> None:
    tables = shop.folder / "playbooks" / "schema" / "001_tables.yml"
    tables.write_text(tables.read_text().replace("columns:", "colums:", 1))
    done = shop(PLAYBOOK)
    assert done.returncode == 1
    assert "playbooks/schema/001_tables.yml:" in done.stderr
    assert "colums:" in done.stderr and "^" in done.stderr
    assert "columns" in done.stderr


def test_ctrl_c_ends_the_statement_on_the_server_and_the_same_command_resumes(shop: Command) -> None:
    indexes = shop.folder / "playbooks" / "schema" / "002_indexes.yml"
    slow = (
        "- name: Slow\n  sql:\n    irreversible: true\n"
        "    text: select pg_sleep(case when exists (select from users) then 0 else 20 end)\n"
    )
    indexes.write_text(indexes.read_text() + slow)
    process = shop.start(PLAYBOOK)
    assert process.stdout is not None
    for line in process.stdout:
        if "Slow" in line or "soonest first" in line:
            break
    time.sleep(1)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == 130, err
    assert err.startswith("ERROR: ") and "Traceback" not in err
    indexes.write_text(indexes.read_text().replace("else 20", "else 0"))
    again = shop(PLAYBOOK)
    assert again.returncode == 0, again.stderr
    assert counts(shop(PLAYBOOK).stdout)["changed"] == 0


def test_the_schema_for_editors_is_a_schema(wgm: Command) -> None:
    made = json.loads(wgm("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(made)
    assert made["$defs"]
