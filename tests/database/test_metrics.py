"""The page of metrics: its ceiling, what never is in it, and what it says while the database cannot be asked."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from wgm_play.alerts.exposition import CEILING, ROWS_OF_ALERT, Exposition
from wgm_play.commands.metrics import exposition
from wgm_play.options import Options
from wgm_play.reporter import Reporter
from wgm_play.run.opening import open_plays
from wgm_play.run.work import PlaySession

BOOK = """
- name: Shop
  hosts: production
  steps: []
  alerts:
    - {import_alerts: library, except: [BackupOld, RestoreNotProved]}
    - {name: PerPart, query: "select part, n as value from parts", threshold: "> 10", absent: ok}
    - {name: Slow, query: "select count(*) as value from generate_series(1, 1000000000)", threshold: "> 10"}
    - {name: Broken, query: select secret::int as value from parts limit 1, threshold: "> 10"}
"""


class Heard(Reporter):
    """Keeps warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def work(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("wgm_play.commands.metrics.TIMEOUT", 0.5)
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text("url: postgresql://nowhere\n")
    (tmp_path / "book.yml").write_text(BOOK)
    (made,) = open_plays(Options(str(tmp_path / "book.yml"), url=database_url), Heard())
    with made:
        yield made


def collected(work: PlaySession) -> tuple[Exposition, str]:
    made = exposition(work, work.reporter)
    made.collect_due()
    return made, made.page()


def series(page: str) -> list[str]:
    return [line for line in page.splitlines() if not line.startswith("#")]


def value(page: str, start: str) -> str:
    return next(line for line in series(page) if line.startswith(start)).rpartition(" ")[2]


def test_a_thousand_tables_are_under_the_ceiling_and_the_worst_are_named(work: PlaySession, database: Any) -> None:
    database.execute(
        "do $$ begin for n in 1..1000 loop execute format('create table %I (id int)', 'tables_' || n); end loop; end $$"
    )
    database.execute(
        "create table parts as select 'part ' || n as part, n, 'word' as secret from generate_series(1, 900) n"
    )
    database.execute("create table large as select n from generate_series(1, 20000) n")
    database.execute("analyze large")
    _, page = collected(work)
    assert len(series(page)) <= CEILING
    assert 'wgm_table_bytes{table="public.large"' in page
    assert int(value(page, 'wgm_left_out{of="tables"')) > 800
    assert int(value(page, 'wgm_left_out{of="alert PerPart"')) == 900 - ROWS_OF_ALERT
    assert 'wgm_alert_value{part="part 900",alert="PerPart"' in page and 'part="part 1",' not in page
    warned: list[str] = work.reporter.warnings  # type: ignore[attr-defined]
    assert [one.partition(":")[0] for one in warned if "left out" in one][:2] == ["tables", "alert PerPart"]
    assert any(one.startswith("Slow: not evaluated: canceling") for one in warned)
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_row_no_text_of_a_query_and_no_name_of_a_client_is_in_the_page(
    work: PlaySession, database: Any, database_url: str
) -> None:
    import psycopg

    database.execute(
        "create table parts as select 'p' as part, 20 as n, 'sekret-' || n as secret from generate_series(1, 1000) n"
    )
    database.execute("analyze parts")
    with psycopg.connect(database_url, application_name="sekret-application") as other:
        other.execute("select 'sekret-literal', pg_current_xact_id()")
        made, page = collected(work)
    assert "sekret" not in page
    broken, _ = made.states["Broken"]
    assert broken.state == "unknown"


def test_a_slow_query_is_ended_and_the_others_are_told(work: PlaySession, database: Any) -> None:
    database.execute("create table parts (part text, n int, secret text)")
    made, page = collected(work)
    assert made.states["Slow"][0].error == "canceling statement due to statement timeout"
    assert value(page, 'wgm_alert_up{alert="Slow"') == "0"
    assert value(page, 'wgm_alert_up{alert="PerPart"') == "1"


def test_while_the_database_cannot_be_asked_each_alert_says_so(work: PlaySession, database: Any, server: Any) -> None:
    made = exposition(work, work.reporter)
    made.interval = 0
    made.collect_due()
    name = database.info.dbname
    with server.connect() as admin:
        admin.execute(f'alter database "{name}" allow_connections false')
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        made.collect_due()
        told = made.page()
        admin.execute(f'alter database "{name}" allow_connections true')
    assert set(re.findall(r"wgm_alert_up{.*} (\d)", told)) == {"0"}
    made.collect_due()
    assert value(made.page(), 'wgm_alert_up{alert="InvalidIndex"') == "1"
