"""What an environment demands of alerts before a run: tables are watched, queries are cheap, nothing fires."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wgm_play import pipeline
from wgm_play.errors import InputError, Refusals, Refused
from wgm_play.options import Options
from wgm_play.reporter import Reporter

BOOK = """
- name: Shop
  hosts: production
  steps:
    - {name: Orders, table: {name: orders, columns: {id: {type: int, primary_key: true}, state: text}}}
    - name: Events
      table: {name: events, columns: {at: {type: date, not_null: true}}, partition_by: {range: [at]}}
"""
ALERT = "    - {name: Many, query: 'select count(*) as value from orders', threshold: '> 2', severity: critical}\n"
EVENTS = "    - {name: Late, query: 'select count(*) as value from events', threshold: '> 2'}\n"
MORE = "    - {name: More, table: {name: more, columns: {id: int}}}\n"


class Shop:
    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        (folder / "environments").mkdir()

    def run(self, policy: str, alerts: str = "", steps: str = "", *, check: bool = False) -> int:
        (self.folder / "environments" / "production.yml").write_text(f"url: postgresql://nowhere\npolicy: {policy}\n")
        (self.folder / "book.yml").write_text(BOOK + steps + (f"  alerts:\n{alerts}" if alerts else ""))
        return pipeline.apply(Options(str(self.folder / "book.yml"), url=self.url, check=check), Reporter())


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Shop:
    return Shop(tmp_path, database_url)


@pytest.mark.parametrize("check", [True, False])
def test_a_partitioned_table_that_no_alert_reads_is_refused(shop: Shop, database: Any, check: bool) -> None:
    with pytest.raises(Refused, match="demands an alert on tables") as raised:
        shop.run("{watch: {partitioned: true}}", ALERT, check=check)
    assert raised.value.details == ("events: it is partitioned",)
    assert raised.value.where is not None and raised.value.where.file.endswith("production.yml")
    assert database.execute("select to_regclass('orders')").fetchone() == (None,)
    assert shop.run("{watch: {partitioned: true}}", ALERT + EVENTS) == 0


def test_a_table_above_a_size_that_no_alert_reads_is_refused(shop: Shop, database: Any) -> None:
    shop.run("{}")
    database.execute("insert into orders select n, repeat('x', 100) from generate_series(1, 20000) n; analyze orders")
    with pytest.raises(Refused) as raised:
        shop.run("{watch: {tables_above: 1MB}}", "    - import_alerts: library/tables\n", MORE)
    assert [one.partition(":")[0] for one in raised.value.details] == ["orders"]
    shop.run("{watch: {tables_above: 1GB}}", "    - import_alerts: library/tables\n", MORE)
    assert shop.run("{watch: {tables_above: 1MB}}", ALERT.replace("> 2", "> 1000000")) == 0


def test_a_query_that_costs_too_much_is_refused(shop: Shop, database: Any) -> None:
    shop.run("{}")
    database.execute("insert into orders select n, repeat('x', 100) from generate_series(1, 20000) n; analyze orders")
    with pytest.raises(Refused, match="the query of the alert 'Many' is too dear") as raised:
        shop.run("{alert_cost: 100}", ALERT, MORE)
    assert "allowed are 100" in raised.value.details[0] and raised.value.where is not None
    assert shop.run("{}", ALERT, MORE) == 0


@pytest.mark.parametrize(
    ("alert", "told"),
    [
        (ALERT, "Many (critical): 3 > 2"),
        (ALERT.replace("count(*)", "max(nullif(id, id))"), "unknown: the value is NULL"),
    ],
)
def test_a_run_is_refused_while_an_alert_fires_or_cannot_see(shop: Shop, database: Any, alert: str, told: str) -> None:
    assert shop.run("{alerts: {refuse: critical}}", alert) == 0  # what it reads is made by this very run
    database.execute("insert into orders values (1), (2), (3)")
    for check in (True, False):
        with pytest.raises(Refused, match="critical or above fire") as raised:
            shop.run("{alerts: {refuse: critical}}", alert, MORE, check=check)
        assert told in raised.value.details[0]
    assert shop.run("{alerts: {refuse: critical}}", alert.replace("critical", "warning"), MORE) == 0


def test_all_reasons_are_told_at_once(shop: Shop, database: Any) -> None:
    shop.run("{}")
    database.execute("insert into orders select n from generate_series(1, 20000) n; analyze orders")
    with pytest.raises(Refusals) as raised:
        shop.run("{alerts: {refuse: critical}, watch: {partitioned: true}, alert_cost: 10}", ALERT, MORE)
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize(
    ("steps", "places"),
    [
        (("state: text}", "other: text}"), ["book.yml:5:7: orders is declared, without it"]),
        (("state: text}", "state: {state: absent}}"), ["the column state of orders goes"]),
        (("state: text}", "status: {type: text, renamed_from: state}}"), ["is renamed to status"]),
    ],
)
def test_a_query_that_does_not_plan_any_more_is_told_with_both_places(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, steps: tuple[str, str], places: list[str]
) -> None:
    reads = ALERT.replace("from orders", "from orders where state = chr(1)")
    shop.run("{allow_destructive: true}", reads)
    monkeypatch.setattr(f"{__name__}.BOOK", BOOK.replace(*steps))
    with pytest.raises(InputError, match="alert 'Many': column \"state\" does not exist") as raised:
        shop.run("{allow_destructive: true}", reads)
    assert raised.value.where is not None and raised.value.where.line == 9
    assert [any(place in one for one in raised.value.details) for place in places] == [True]
