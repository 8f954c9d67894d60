"""A provider's own backups, driven by commands of the environment: a small program in the place of a hosting provider."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from backing_up import NOTE, Shop

import fix_postgres
from fix_postgres import Postgres
from wgm_play.backup import command
from wgm_play.errors import InputError, Refused, StepFailed, WgmError
from wgm_play.ledger import Ledger

FAKE = Path(__file__).parent / "fake_provider.py"
POLICY = "{method: provider, before_changes: young, max_age: 24h, drill: {restored: [select count(*) > 0 from tasks]}}"


class Hosted:
    """A database at the provider, and a project that asks for its backups."""

    def __init__(self, server: Postgres, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # As there: no superuser, no replication, no restore points.
        self.role, password = server.create_role("LOGIN CREATEDB")
        self.server, self.folder = server, folder
        self.name = server.create_database(self.role)
        self.url = server.url(self.name, self.role, password)
        programs = fix_postgres.programs(server.major)
        for key, value in {"URL": self.url, "STATE": folder / "state", "PROGRAMS": programs}.items():
            monkeypatch.setenv(f"FAKE_{key}", str(value))
        self.shop = Shop(folder)
        self.write()

    def write(self, backup: str = POLICY, steps: str = "", **commands: Any) -> None:
        """Write the playbook and the environment; `commands` stand in the place of the fake's."""
        fake = [sys.executable, str(FAKE)]
        given: dict[str, Any] = {
            "list": [*fake, "list"],
            "take": [*fake, "take", "{name}"],
            "wait": "2s",
            "restore": [*fake, "restore", "{id}", "{name}", "{at}"],
            "drop": [*fake, "drop", "{name}"],
            **commands,
        }
        provider = json.dumps({"provider": {key: value for key, value in given.items() if value}})
        more = {"steps": steps} if steps else {}
        self.shop.write(backup, environment=f"backup: {provider}\n", **more)

    def fake(self, *words: str) -> str:
        return subprocess.run([sys.executable, FAKE, *words], check=True, capture_output=True, text=True).stdout

    def rows(self, name: str) -> Any:
        with self.server.connect(name) as connection:
            return connection.execute("select title from tasks order by id").fetchall()


@pytest.fixture
def hosted(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosted]:
    made = Hosted(server, tmp_path, monkeypatch)
    yield made
    with server.connect() as admin:
        names = admin.execute("select datname from pg_database where datdba = %s::regrole", [made.role]).fetchall()
    for (name,) in names:
        server.drop_database(name)
    server.drop_role(made.role)


def test_a_run_is_covered_by_the_history_and_the_state_before_it_comes_back(hosted: Hosted) -> None:
    shop, url = hosted.shop, hosted.url
    with pytest.raises(Refused, match="there is no backup of this database"):
        shop("apply", url)
    hosted.fake("tick")
    assert "cover this run" in shop("apply", url).text
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) values ('kept')")
    hosted.fake("tick")
    hosted.write(steps=NOTE)
    said = shop("apply", url).text
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) values ('after')")
        run = Ledger(connection).last_runs(1)[0].id
    hosted.fake("tick")
    assert f"--at run:{run} --into" in said
    shop("restore", url, None, f"run:{run}", "before_it")
    assert hosted.rows("before_it") == [("kept",)]
    with hosted.server.connect("before_it") as connection:
        assert "-restored-" in (Ledger(connection).marker() or "")
    with psycopg.connect(url) as connection:
        assert Ledger(connection).marker() == "production"
    assert "brought back in" in shop("drill", url, None).text
    with hosted.server.connect() as admin:
        assert not admin.execute("select from pg_database where datname like 'wgm-drill%'").fetchall()
    assert "history | " in shop("backups", url).text


def test_a_snapshot_is_taken_for_a_run_and_comes_back_by_its_id(hosted: Hosted) -> None:
    hosted.write(POLICY.replace("young, max_age: 24h", "new").replace("drill:", "verify: restore, drill:"))
    said = hosted.shop("apply", hosted.url)
    taken = next(line for line in said.text.splitlines() if line.startswith("backup snap_"))
    with psycopg.connect(hosted.url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) values ('later')")
    hosted.shop("restore", hosted.url, taken.split()[1], None, "snapshot")
    with hosted.server.connect("snapshot") as connection:
        assert connection.execute("select to_regclass('tasks')").fetchone() == (None,)


def test_what_the_provider_does_not_give_is_an_error_that_says_so(hosted: Hosted) -> None:
    shop, url = hosted.shop, hosted.url
    hosted.fake("tick")
    (hosted.folder / "state/until").write_text("2026-01-01T00:00:00+00:00")
    with pytest.raises(Refused, match="old, allowed are"):
        shop("apply", url)
    (hosted.folder / "state/until").unlink()
    for commands, words in {
        ("list", ("false",)): "command to list ended with 1",
        ("list", ("echo", "nothing")): "list is not what it should be",
        ("list", ("/no/such",)): "cannot be run: /no/such: No such file",
        ("list", ()): "gives no command to list",
    }.items():
        hosted.write(**{commands[0]: list(commands[1])})
        with pytest.raises((Refused, InputError), match=words):
            shop("backups", url)
    shown = hosted.url
    for restore, problem in {
        ("echo", shown): "gave the database itself",
        ("echo", "done"): "wrote no connection string",
    }.items():
        hosted.write(restore=list(restore))
        with pytest.raises(StepFailed, match=problem):
            shop("restore", url, None, "latest", "elsewhere")
    hosted.write(drop=[])
    with pytest.raises(InputError, match="gives no command to drop"):
        shop("drill", url, None)
    hosted.write()
    for at, words in {
        "2020-01-01T00:00:00Z": "is before the provider's history",
        "lsn:0/1": "does not come back as of",
    }.items():
        with pytest.raises((Refused, InputError), match=words):
            shop("restore", url, None, at, "elsewhere")
    with pytest.raises(InputError, match="it is given a name"):
        shop("restore", url, None, None, "dir:x")
    with psycopg.connect(url) as connection:
        assert connection.execute("select to_regclass('tasks'), to_regnamespace('wgm')").fetchone() == (None, None)


def test_a_command_that_hangs_is_ended_and_one_that_is_killed_is_told(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "COMMAND_SECONDS", 0.2)
    for words, why in {
        ("sleep", "60"): r"command to list takes longer than 0.2 s",
        ("sh", "-c", "kill -9 $$"): r"command to list was ended by signal 9",
    }.items():
        hosted.write(list=list(words))
        for verb in ("backups", "apply"):
            with pytest.raises(Refused, match=why):
                hosted.shop(verb, hosted.url)
    with psycopg.connect(hosted.url) as connection:
        assert connection.execute("select to_regclass('tasks'), to_regnamespace('wgm')").fetchone() == (None, None)


def test_no_command_of_the_environment_runs_at_check_nor_for_a_strangers_playbook(
    hosted: Hosted, tmp_path: Path
) -> None:
    shop, url = hosted.shop, hosted.url
    hosted.fake("tick")
    shop("apply", url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) values ('one')")
    hosted.fake("tick")
    shop("drill", url, None)
    called = tmp_path / "called"
    trap = tmp_path / "trap"
    trap.write_text(f'#!/bin/sh\necho "$@" >> {called}\nexit 1\n')
    trap.chmod(0o755)
    hosted.write(steps=NOTE, **{verb: [str(trap), verb] for verb in ("list", "take", "restore", "drop")})
    shop("apply", url, check=True)
    assert not called.exists()
    for verb, more in {
        "apply": [],
        "backup": [],
        "backups": [],
        "drill": [None],
        "rehearse": [None],
        "status": [],
        "check": [],
        "restore": [None, "latest", "elsewhere"],
    }.items():
        for options in ({}, {"check": True}) if verb == "apply" else ({},):
            with suppress(WgmError):
                shop(verb, url, *more, untrusted=True, **options)
            assert not called.exists(), verb
    with pytest.raises(Refused, match="command to list ended with 1"):
        shop("backups", url)
    assert called.read_text() == "list\n"
