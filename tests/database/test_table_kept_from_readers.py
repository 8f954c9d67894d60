"""A table that somebody keeps for himself: who reads it waits, then says who does, since when, and ends with 13.

In: a lock that is held while commands run, for ever or until the first of them has waited. Out: each command ends the
same way, or is done when the lock is gone.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from wgm_play.cli.application import run

ENVIRONMENT = "url: {url}\npolicy: {{lock_timeout: 100ms, lock_budget: {budget}}}\n"
PLAYBOOK = """
- name: Kept
  hosts: development
  steps:
    - {name: T, table: {name: t, columns: {id: {type: bigint, primary_key: true}, a: {type: text}}}}
    - {name: I, index: {name: t_a, table: t, columns: [{expression: lower(a)}]}}
"""


@pytest.fixture
def playbook(tmp_path: Path, database_url: str) -> str:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments/development.yml").write_text(ENVIRONMENT.format(url=database_url, budget="200ms"))
    (tmp_path / "playbook.yml").write_text(PLAYBOOK)
    return str(tmp_path / "playbook.yml")


def test_who_is_in_the_way_is_told(playbook: str, database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([playbook, "--no-backup"]) == 0
    with psycopg.connect(database_url, application_name="somebody") as holder:
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        for words in ([playbook, "--check"], ["check", playbook], ["inspect", database_url]):
            capsys.readouterr()
            code = run(words)
            told = "".join(capsys.readouterr())
            assert (code, f"t: pid {holder.info.backend_pid}, application 'somebody'" in told) == (13, True), told
            assert "since 20" in told
            assert "the connection was lost" not in told
    assert run([playbook, "--check"]) == 0


@pytest.mark.parametrize("words", [[], ["--check"], ["rollback"], ["check", "--only", "drift"]])
def test_a_read_is_tried_again_until_the_lock_is_gone(
    words: list[str], playbook: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run([playbook, "--no-backup"]) == 0
    (tmp_path / "environments/development.yml").write_text(ENVIRONMENT.format(url=database_url, budget="60s"))
    (tmp_path / "playbook.yml").write_text(PLAYBOOK.replace("a: {type: text}", "a: {type: text, comment: said}"))
    with psycopg.connect(database_url, application_name="somebody") as holder:
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        told: list[str] = []
        pid = holder.info.backend_pid

        def waited(_: object, text: str) -> None:
            told.append(text)
            holder.rollback()

        monkeypatch.setattr("wgm_play.report.text.TextReporter.retry", waited)
        code = run([*words, playbook, *([] if "check" in words else ["--no-backup"])])
    assert len(told) == 1
    assert f"a table is kept: t: pid {pid}, application 'somebody'" in told[0]
    assert code == 0


def test_alerts_and_health_are_looked_at_meanwhile(
    playbook: str, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = "change: {SessionsBlocked: {threshold: '> 0.1'}}"
    alerts = f"  alerts:\n    - import_alerts: library/SessionsBlocked\n      {changed}\n"
    (tmp_path / "playbook.yml").write_text(PLAYBOOK + alerts)
    assert run([playbook, "--no-backup"]) == 0
    with (
        psycopg.connect(database_url) as holder,
        psycopg.connect(database_url) as waiter,
        ThreadPoolExecutor(1) as beside,
    ):
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        waiting = beside.submit(waiter.execute, "SELECT FROM t")
        time.sleep(0.2)
        capsys.readouterr()
        codes = [run(["check", playbook, "--only", part]) for part in ("alerts", "health")]
        told = "".join(capsys.readouterr())
        holder.rollback()
        waiting.result()
    assert codes[0] == 12, told
    assert "[alert] SessionsBlocked: A session has waited" in told
    assert codes[1] in (0, 12), told
