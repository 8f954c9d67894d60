"""What alerts said is kept, so that "no alert fired since" can be answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from wgm_play import pipeline
from wgm_play.errors import Unreachable, WgmError
from wgm_play.ledger import Ledger, install
from wgm_play.ledger.alert_history import fired_since, watched_since
from wgm_play.options import Options
from wgm_play.reporter import Reporter

BOOK = """
- name: Shop
  hosts: production
  steps:
    - {name: Orders, table: {name: orders, columns: {id: {type: int, primary_key: true}}}}
  alerts:
    - {name: TooMany, query: select count(*) as value from orders, threshold: "> 0", severity: critical}
    - {name: Silent, query: select max(id) as value from orders where id < 0, threshold: "> 0"}
    - {name: Well, query: select 1 as value, threshold: "> 1"}
"""


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Options:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text("url: postgresql://nowhere\n")
    (tmp_path / "book.yml").write_text(BOOK)
    return Options(str(tmp_path / "book.yml"), url=database_url)


class Quiet(Reporter):
    """Says nothing."""


def moment(database: psycopg.Connection[Any]) -> datetime:
    (now,) = database.execute("select clock_timestamp()").fetchone() or ()
    return now


def recorded(shop: Options) -> None:
    """Check and record; the alerts of the book that are not well make it a finding."""
    with pytest.raises(WgmError, match="finding"):
        pipeline.check(Options(shop.playbook, url=shop.url, record=True), Quiet())


def test_what_fired_since_a_moment_is_told_and_what_was_well_is_not(shop: Options, database: Any) -> None:
    pipeline.apply(shop, Quiet())
    start = moment(database)
    assert fired_since(database, start) == [] and watched_since(database, start).checks == 0
    recorded(shop)
    assert [(one.alert, one.state) for one in fired_since(database, start)] == [("Silent", "unknown")]
    database.execute("insert into orders values (1)")
    between = moment(database)
    recorded(shop)
    told = [(one.alert, one.severity, one.state, one.times) for one in fired_since(database, start)]
    assert told == [("Silent", "warning", "unknown", 2), ("TooMany", "critical", "firing", 1)]
    assert [one.times for one in fired_since(database, between)] == [1, 1]
    watched = watched_since(database, between)
    assert (watched.checks, watched.first) == (1, watched.last)
    assert timedelta() < watched.longest_gap < timedelta(minutes=5)
    assert fired_since(database, moment(database)) == []


def test_a_reader_of_the_ledger_is_told_that_it_may_not_record(shop: Options, server: Any, database: Any) -> None:
    name, password = server.create_role()
    pipeline.apply(shop, Quiet())
    environment = Path(shop.playbook).parent / "environments/production.yml"
    environment.write_text(environment.read_text() + f"readers: [{name}]\n")
    pipeline.apply(shop, Quiet())  # has nothing to do, but to let it read
    assert Ledger(database).unread_by([name]) == []
    reader = server.url(database.info.dbname, name, password)
    with pytest.raises(Unreachable, match="may not write the ledger") as caught:
        pipeline.check(Options(shop.playbook, url=reader, record=True, only=("alerts",)), Quiet())
    assert "permission denied for table alert_check" in caught.value.details[0]


def test_a_ledger_of_an_earlier_version_tells_nothing_and_is_upgraded_by_the_record(
    shop: Options, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("create table orders (id int primary key)")
    monkeypatch.setattr(install, "NEWEST", 3)
    with database.transaction():
        Ledger(database).ensure()
    monkeypatch.undo()
    start = moment(database)
    assert fired_since(database, start) == [] and watched_since(database, start).checks == 0
    recorded(shop)
    assert install.installed(database) == install.NEWEST
    assert [one.alert for one in fired_since(database, start)] == ["Silent"]


def test_without_a_ledger_nothing_fired_and_nobody_watched(database: Any) -> None:
    assert not Ledger(database).exists()
    assert fired_since(database, moment(database)) == []
    assert watched_since(database, moment(database)).checks == 0


def test_a_counter_that_stands_high_is_known_from_its_second_record_on(
    shop: Options, database: Any, tmp_path: Path
) -> None:
    counter = "    - {name: Grown, query: 'select coalesce(max(id), 0) + 100 as value from orders', threshold: '> 5', over: 1h}\n"
    (tmp_path / "book.yml").write_text(BOOK + counter)
    pipeline.apply(shop, Quiet())
    for added, state in (((), "unknown"), ((1, 2), None), ((9,), "firing")):
        for number in added:
            database.execute("insert into orders values (%s)", [number])
        between = moment(database)
        recorded(shop)
        assert {one.alert: one.state for one in fired_since(database, between)}.get("Grown") == state


def test_a_counter_that_nobody_has_recorded_is_advice_and_old_records_go(project: Path, database_url: str) -> None:
    from orders import with_orders

    counter = {
        "name": "Errors",
        "query": "select 900 as value",
        "over": "1h",
        "threshold": "> 5",
        "severity": "critical",
    }
    orders = with_orders(project, database_url).write(policy="policy: {alerts: {keep: 1h}}\n", alerts=[counter])
    first = orders.play("check", "prod.yml")
    assert first.returncode == 0 and "info [alert] Errors: unknown: it is a counter" in first.stdout, first.stdout
    assert orders.play("check", "prod.yml", "--record").returncode == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET wgm.maintenance = on")
        connection.execute("UPDATE wgm.alert_check SET at = at - interval '2 hours'")
        later = orders.play("check", "prod.yml", "--record")
        assert later.returncode == 12 and "error [alert] Errors: unknown" in later.stdout, later.stdout
        row = connection.execute("SELECT count(*), min(at) > now() - interval '1 hour' FROM wgm.alert_check").fetchone()
    assert row == (1, True)


def test_values_that_are_no_number_are_kept_too(shop: Options, database: Any) -> None:
    """JSON has no infinite number; a backup that was never taken is infinitely old."""
    book = BOOK.replace("  steps:", "  backup: {before_changes: none}\n  steps:", 1) + (
        "    - {import_alerts: library/BackupOld}\n"
        "    - {name: Endless, query: \"select 'Infinity'::float8 as value\", threshold: '> 1'}\n"
        "    - {name: Counted, query: \"select 'NaN'::float8 as value\", threshold: '> 1', over: 1h}\n"
    )
    Path(shop.playbook).write_text(book)
    pipeline.apply(shop, Quiet())
    start = moment(database)
    recorded(shop)
    fired = {one.alert: one.state for one in fired_since(database, start)}
    assert {name: fired.get(name) for name in ("BackupOld", "Endless")} == {"BackupOld": "firing", "Endless": "firing"}
