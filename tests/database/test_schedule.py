"""A play's schedule: written for systemd, cron and pg_cron as they read it, done, and told when it is overdue."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from orders import FLAG, Orders, with_orders

from wgm_play.errors import Position
from wgm_play.playbook.model import Job, Times
from wgm_play.run.schedules import due_by

JOBS: list[dict[str, Any]] = [
    {"name": "states of the alerts", "run": "check --record", "every": "15m"},
    {"name": "100% of $HOME", "sql": "update orders set note = 'done' where id = 1", "every": "1h"},
    {"name": "nightly backup", "run": "backup", "at": "02:00", "timezone": "Europe/Berlin"},
    {"name": "sunday's drill", "run": "drill", "rule": "FREQ=WEEKLY;BYDAY=SU;BYHOUR=4;BYMINUTE=30"},
    {"name": "trash", "run": "purge", "rule": "FREQ=MONTHLY;BYMONTHDAY=1,15"},
]


@pytest.fixture
def orders(project: Path, database_url: str) -> Orders:
    return with_orders(project, database_url).write(
        FLAG, schedule=JOBS, backup={"method": "logical", "directory": "dumps", "before_changes": "none"}
    )


def test_units_are_what_systemd_reads(orders: Orders) -> None:
    done = orders.play("schedule", "prod.yml", "--systemd", "units")
    assert done.returncode == 0, done.stdout
    folder = orders.folder / "units"
    assert len(list(folder.iterdir())) == 10
    timer = (folder / "wgm-play-prod-nightly-backup.timer").read_text()
    assert "OnCalendar=*-*-* 02:00:00 Europe/Berlin\nPersistent=true" in timer
    assert "OnCalendar=Sun *-*-* 04:30:00 UTC" in (folder / "wgm-play-prod-sunday-s-drill.timer").read_text()
    assert "OnCalendar=*-*-01,15 00:00:00 UTC" in (folder / "wgm-play-prod-trash.timer").read_text()
    service = (folder / "wgm-play-prod-100-of-home.service").read_text()
    assert '--run "100%% of $$HOME" --limit prod' in service and "password" not in service
    if verify := shutil.which("systemd-analyze"):
        told = subprocess.run(
            [verify, "verify", *map(str, folder.iterdir())], capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stderr


def test_lines_are_what_cron_reads(orders: Orders) -> None:
    done = orders.play("schedule", "prod.yml", "--cron", "jobs")
    assert done.returncode == 0, done.stdout
    lines = [line for line in (orders.folder / "jobs").read_text().splitlines() if line and line[0] in "0123456789*"]
    assert [line.split(" root ")[0] if " root " in line else " ".join(line.split()[:5]) for line in lines] == [
        "*/15 * * * *",
        "0 * * * *",
        "0 2 * * *",
        "30 4 * * 0",
        "0 0 1,15 * *",
    ]
    text = (orders.folder / "jobs").read_text()
    assert "100\\% of $HOME'" in text and "CRON_TZ=Europe/Berlin" in text
    command = lines[1].split(" && exec ")[1].replace("\\%", "%")
    assert (
        subprocess.run(
            ["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        and "100% of $HOME"
    )


def test_jobs_that_are_sql_go_to_pg_cron(orders: Orders) -> None:
    done = orders.play("schedule", "prod.yml", "--pg-cron")
    assert done.returncode == 0 and "these need --systemd or --cron: states of the alerts" in done.stdout, done.stdout
    assert "cron.schedule_in_database('wgm-play: prod: 100% of $HOME', '0 * * * *'" in done.stdout


def test_a_job_is_done_recorded_and_overdue_when_it_is_not(orders: Orders) -> None:
    assert orders.play("prod.yml").returncode == 0
    done = orders.play("schedule", "prod.yml", "--run", "100% of $HOME")
    assert done.returncode == 0, done.stdout
    with psycopg.connect(orders.url, autocommit=True) as connection:
        row = connection.execute("SELECT note FROM orders WHERE id = 1").fetchone()
        assert row == ("done",)
        assert "[overdue]" not in orders.play("check", "prod.yml").stdout
        connection.execute("SET wgm.maintenance = on")
        connection.execute("UPDATE wgm.evidence SET at = at - interval '3 hours'")
        said = orders.play("check", "prod.yml").stdout
        assert "warning [overdue] 100% of $HOME: it was done last 3h" in said and "is due every 1h" in said, said
        connection.execute("UPDATE wgm.run SET started_at = started_at - interval '40 days'")
    said = orders.play("check", "prod.yml").stdout
    assert (
        "sunday's drill: it was never done, and is due Sun 04:30 UTC" in said
        and "nightly backup: it was never done" in said
    ), said
    listed = orders.play("schedule", "prod.yml").stdout
    assert "states of the alerts" in listed and "daily 02:00 Europe/Berlin" in listed


def test_a_job_that_fails_says_so_and_is_not_done(orders: Orders) -> None:
    orders.write(FLAG, schedule=[{"name": "broken", "sql": "select 1/0", "every": "5m"}])
    assert orders.play("prod.yml").returncode == 0
    done = orders.play("schedule", "prod.yml", "--run", "broken")
    assert done.returncode == 2 and "broken: division by zero" in done.stdout and "prod.yml:" in done.stdout, (
        done.stdout
    )
    assert orders.play("schedule", "prod.yml", "--run", "brokn").returncode == 1


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"run": "backup"}, "one of every, at, rule is missing"),
        ({"run": "rm -rf /", "every": "1h"}, "run"),
        ({"run": "backup", "sql": "select 1", "every": "1h"}, "exclude each other: run, sql"),
        ({"run": "backup", "rule": "FREQ=WEEKLY;BYHOUR=3"}, "BYDAY is missing"),
        ({"run": "backup", "rule": "FREQ=HOURLY"}, "FREQ is another"),
        ({"run": "backup", "at": "25:00"}, "a time of the day"),
        ({"run": "backup", "at": "02:00", "timezone": "Europe/Berlln"}, "no time zone"),
        ({"run": "backup", "every": "10s"}, "every whole minute"),
    ],
)
def test_what_no_scheduler_keeps_is_an_error_at_its_place(orders: Orders, entry: dict[str, Any], told: str) -> None:
    done = orders.write(schedule=[{"name": "job", **entry}]).play("prod.yml", "--syntax-check")
    assert done.returncode == 1 and told in done.stdout and "prod.yml:" in done.stdout, done.stdout


def test_cron_refuses_what_it_would_do_at_other_times(orders: Orders) -> None:
    orders.write(schedule=[{"name": "often", "run": "check", "every": "7m"}])
    assert orders.play("schedule", "prod.yml", "--systemd", "units").returncode == 0
    done = orders.play("schedule", "prod.yml", "--cron", "jobs")
    assert done.returncode == 1 and "divides neither the hour nor the day" in done.stdout


def test_a_time_of_the_day_is_one_of_its_zone_also_when_clocks_change() -> None:
    job = Job("nightly", "backup", None, None, Times("DAILY", (), (), 2, 0), "Europe/Berlin", Position("x"))
    before = datetime(2026, 10, 24, 0, 0, tzinfo=UTC)  # 02:00 there
    assert due_by(job, before + timedelta(minutes=1)) == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    assert due_by(job, datetime(2026, 10, 25, 12, 0, tzinfo=UTC)) == datetime(2026, 10, 26, 2, 0, tzinfo=UTC)
