"""What the alerts become is put where the environment says: when it differs, and a failure spoils no run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from wgm_play import pipeline
from wgm_play.errors import Found, InputError
from wgm_play.options import Options
from wgm_play.reporter import Reporter

BOOK = """
- name: Shop
  hosts: production
  steps:
    - {name: Orders, table: {name: orders, columns: {id: {type: int, primary_key: true}}}}
  alerts:
    - {name: TooMany, query: select count(*) as value from orders, threshold: "> 5", for: 10m, summary: "Many {{ '{{' }}"}
"""


class Heard(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class Prometheus:
    """Answers as Prometheus does: it reads its rule file when it is told to, where it is told where that is."""

    def __init__(self) -> None:
        self.file: Path | None = None
        self.reloads, self.status = 0, 200
        self.groups: list[Any] = []
        self.headers: list[str | None] = []
        own = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                own.reloads += 1
                own.headers.append(self.headers.get("Authorization"))
                if own.status == 200 and own.file is not None:
                    own.groups = yaml.safe_load(own.file.read_text())["groups"]
                self.answer(b"" if own.status == 200 else b"Lifecycle API is not enabled.", own.status)

            def do_GET(self) -> None:
                if "/query?" in self.path:
                    found = [{"metric": {"__name__": "up", "job": "node", "a": "b"}, "value": [1, "7"]}]
                    data: Any = {"resultType": "vector", "result": found}
                else:
                    made = [
                        {
                            "name": one["alert"],
                            "duration": int(one.get("for", "0s")[:-1]),
                            "labels": one["labels"],
                            "annotations": one["annotations"],
                        }
                        for group in own.groups
                        for one in group["rules"]
                    ]
                    data = {"groups": [{"name": group["name"], "rules": made} for group in own.groups]}
                self.answer(json.dumps({"status": "success", "data": data}).encode(), 200)

            def answer(self, body: bytes, status: int) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *values: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://ops:sekret-word@127.0.0.1:{self.server.server_address[1]}/-/reload"


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    made = Prometheus()
    made.file = tmp_path / "rules.yml"
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def shop(tmp_path: Path, database_url: str, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setattr("wgm_play.commands.deliver._SECONDS", 0.3)
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text(
        f"url: {database_url}\ndeliver: {{rules: rules.yml, dashboard: dashboard.json, reload: '{prometheus.url}'}}\n"
    )
    (tmp_path / "book.yml").write_text(BOOK)
    return Options(str(tmp_path / "book.yml"), url=database_url)


def run(shop: Options, **more: Any) -> list[str]:
    heard = Heard()
    pipeline.apply(Options(shop.playbook, url=shop.url, **more), heard)
    return [one for one in heard.notes if "deliver" in one or "Prometheus" in one]


def test_a_run_delivers_what_differs_and_prometheus_has_it(
    shop: Options, tmp_path: Path, prometheus: Prometheus
) -> None:
    assert all("the run writes it" in one for one in run(shop, check=True)) and not (tmp_path / "rules.yml").exists()
    told = run(shop)
    assert "delivered:" in told[0] and told[1] == "Prometheus has the 2 rules"
    assert prometheus.headers == ["Basic b3BzOnNla3JldC13b3Jk"]
    assert json.loads((tmp_path / "dashboard.json").read_text())["panels"]
    before = (tmp_path / "rules.yml").stat()
    assert run(shop) == run(shop, check=True) == []
    assert (tmp_path / "rules.yml").stat() == before and prometheus.reloads == 1
    (tmp_path / "book.yml").write_text(BOOK.replace("> 5", "> 6"))
    assert "rules.yml" in run(shop)[0] and prometheus.reloads == 2


def test_a_reload_that_failed_is_a_finding_and_is_tried_again(
    shop: Options, database: Any, prometheus: Prometheus
) -> None:
    prometheus.status = 403
    with pytest.raises(Found, match="all is done, but the alerts were not delivered") as raised:
        run(shop)
    assert "403 Forbidden: Lifecycle API is not enabled." in raised.value.details[0]
    assert "--web.enable-lifecycle" in (raised.value.hint or "") and "sekret" not in str(raised.value.details)
    assert database.execute("select count(*) from orders").fetchone() == (0,)  # the run itself is done
    prometheus.status = 200
    assert run(shop) == ["Prometheus has the 2 rules"]


def test_a_prometheus_that_does_not_read_the_file_is_told(shop: Options, prometheus: Prometheus) -> None:
    prometheus.file = None
    with pytest.raises(Found) as raised:
        run(shop)
    assert "has not 2 rules: TooMany, TooManyNotEvaluated" in raised.value.details[0]
    assert "rule_files:" in (raised.value.hint or "")


def test_a_file_that_cannot_be_written_is_a_finding(shop: Options, tmp_path: Path) -> None:
    (tmp_path / "dashboard.json").mkdir()
    with pytest.raises(Found) as raised:
        run(shop)
    assert "dashboard.json" in raised.value.details[0]


def test_the_rules_of_another_database_are_not_delivered(
    shop: Options, tmp_path: Path, new_database: Callable[..., str]
) -> None:
    heard = Heard()
    pipeline.apply(Options(shop.playbook, url=new_database()), heard)
    assert any("production.yml names: its `deliver` is for that one" in one for one in heard.notes)
    assert not (tmp_path / "rules.yml").exists()


def test_a_playbook_names_no_place_to_deliver_to(shop: Options, tmp_path: Path) -> None:
    (tmp_path / "book.yml").write_text(BOOK + "  deliver: {rules: /etc/passwd}\n")
    with pytest.raises(InputError, match="unknown key 'deliver'"):
        run(shop)


def test_prometheus_is_asked_for_what_an_exporter_has(shop: Options, tmp_path: Path) -> None:
    (tmp_path / "book.yml").write_text(BOOK + "    - {name: Up, promql: up, threshold: '> 5'}\n")
    heard = Heard()
    rows: list[Any] = []
    heard.table = lambda title, columns, found: rows.extend(found)  # type: ignore[method-assign,assignment]
    pipeline.apply(shop, Heard())
    with pytest.raises(Found, match="1 finding"):
        pipeline.check(Options(shop.playbook, url=shop.url), heard)
    assert [(row[0], row[1], row[3]) for row in rows if row[0] == "Up"] == [("Up", "firing", 7)]
