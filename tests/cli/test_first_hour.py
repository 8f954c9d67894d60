"""The first hour: what a newcomer types beside the run itself, and what a run says at its end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from real_command import Command

TABLE = "    - name: {0}\n      table: {{name: {0}, columns: {{a: int, b: text}}}}\n"


@pytest.fixture
def shop(wgm: Command, tmp_path: Path, database_url: str) -> Command:
    """Make a project of two plays, both for the same database; one environment is embedded and never started."""
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "shop.yml").write_text(f"url: {database_url}\n")
    (tmp_path / "environments" / "fresh.yml").write_text("embedded: true\n")
    (tmp_path / "shop.yml").write_text("- name: Shop\n  hosts: shop\n  steps:\n" + TABLE.format("goods"))
    (tmp_path / "fresh.yml").write_text("- name: Fresh\n  hosts: fresh\n  steps:\n" + TABLE.format("goods"))
    (tmp_path / "both.yml").write_text((tmp_path / "shop.yml").read_text() + (tmp_path / "fresh.yml").read_text())
    return wgm


def test_the_end_of_a_run_names_what_no_step_mentions_and_what_went(
    shop: Command, database_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table old_one (); create table old_two ()")
    told = "2 objects are in no step and left alone: table old_one, table old_two (wgm-play check shop.yml names all)"
    for _ in range(3):  # the run that changes, the first with nothing to do, and the one that answers from the record
        assert told in shop("shop.yml").stdout
    (tmp_path / "shop.yml").write_text(
        "- name: Shop\n  hosts: shop\n  steps:\n" + TABLE.format("goods").replace(", b: text", "")
    )
    done = shop("shop.yml", "--allow-destructive")
    assert "removed, and in the trash for 30d: column goods.b (wgm-play trash shop.yml)" in done.stdout
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop table old_one; drop table old_two")
    assert "in no step" not in shop("shop.yml").stdout
    assert "in no step" not in shop("rollback", "shop.yml").stdout


def test_status_and_url_start_nothing_and_cover_all_plays(shop: Command, tmp_path: Path) -> None:
    looked = shop("status", "both.yml")
    assert looked.returncode == 0, looked.stderr
    assert "PLAY [Shop]" in looked.stdout
    assert "embedded server: not running (wgm-play both.yml starts it)" in looked.stdout
    assert not (tmp_path / ".wgm" / "postgres").exists()
    assert (shop("url", "fresh.yml").returncode, shop("url", "shop.yml").returncode) == (4, 0)


def test_a_url_is_masked_unless_its_password_is_asked_for(shop: Command, tmp_path: Path, database_url: str) -> None:
    (tmp_path / "environments" / "shop.yml").write_text("url: postgresql://me:pa55word@127.0.0.1:1/shop\n")
    assert shop("url", "shop.yml").stdout == "postgresql://me:***@127.0.0.1:1/shop\n"
    document = shop("url", "shop.yml", "--format", "json").stdout
    assert json.loads(document)["results"][0]["data"]["url"] == ["postgresql://me:***@127.0.0.1:1/shop"]
    assert shop("url", "shop.yml", "--password").stdout == "postgresql://me:pa55word@127.0.0.1:1/shop\n"


def test_a_limit_may_say_all_or_only_what_not(shop: Command) -> None:
    for limit, hosts in (
        ("all", ["shop", "fresh"]),
        ("!fresh", ["shop"]),
        ("shop:!fresh", ["shop"]),
        ("fr*", ["fresh"]),
    ):
        shown = shop("both.yml", "--list-hosts", "-l", limit).stdout
        assert [host for host in ("shop", "fresh") if f"\n{host}\n" in shown] == hosts, limit


def test_another_version_of_the_embedded_server_says_where_the_data_are(shop: Command, tmp_path: Path) -> None:
    data = tmp_path / ".wgm" / "postgres" / "16" / "data"
    data.mkdir(parents=True)
    (tmp_path / "environments" / "fresh.yml").write_text("embedded: {version: 18}\n")
    done = shop("fresh.yml", "--check")
    assert done.returncode in (1, 11), done.stdout  # 1: as root the folder is not the server's
    assert ("--upgrade carries them over" in done.stderr) or ("chown -R" in done.stderr)


@pytest.mark.parametrize(("words", "code"), [(["help"], 0), ([], 1), (["help", "rollback"], 0)])
def test_help_is_there_for_who_types_it(wgm: Command, words: list[str], code: int) -> None:
    done = wgm(*words)
    assert done.returncode == code
    shown = done.stdout or done.stderr
    assert shown.startswith("Usage: wgm-play rollback" if len(words) == 2 else "Usage: wgm-play PLAYBOOK")


def test_colour_is_forced_in_a_pipe_and_forbidden_by_no_color(wgm: Command) -> None:
    assert "\x1b[" in wgm("--help", env={"FORCE_COLOR": "1"}).stdout
    for environ in ({}, {"FORCE_COLOR": "0"}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}):
        assert "\x1b[" not in wgm("--help", env=environ).stdout


def test_watching_says_only_what_changed(shop: Command, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wgm_play", "shop.yml", "--watch"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as watching:
        assert watching.stdout is not None

        def pass_() -> str:
            said = ""
            while "waiting for changes" not in said:
                line = watching.stdout.readline() if watching.stdout else ""
                assert line, said
                said += line
            return said

        assert "RECAP" in pass_()
        time.sleep(0.05)  # the next change has another time stamp
        (tmp_path / "shop.yml").write_text((tmp_path / "shop.yml").read_text() + TABLE.format("more"))
        second = pass_()
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=20)
    assert "STEP [more]" in second and "shop : ok=2 changed=1" in second
    assert "goods" not in second and "RECAP" not in second


def test_a_changed_view_and_function_are_shown_as_a_text_diff(shop: Command, tmp_path: Path) -> None:
    steps = (
        "    - name: V\n      view: {{name: v, query: \"select a from goods where b = '{0}'\"}}\n"
        "    - name: F\n      function: {{name: f, returns: text, language: sql, body: \"select '{0}'::text\"}}\n"
    )
    playbook = tmp_path / "shop.yml"
    head = playbook.read_text()
    playbook.write_text(head + steps.format("old"))
    assert shop("shop.yml").returncode == 0
    playbook.write_text(head + steps.format("new"))
    lines = [line.strip() for line in shop("shop.yml", "--check", "--diff").stdout.splitlines()]
    for sign, word in (("-", "old"), ("+", "new")):
        assert any(line.startswith(sign) and f"(b = '{word}'::text)" in line for line in lines), lines
        assert any(line.startswith(sign) and f"select '{word}'::text" in line for line in lines), lines
