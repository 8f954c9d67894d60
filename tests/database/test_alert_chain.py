"""The whole way of an alert: our page of metrics, Prometheus with the rendered rules, Alertmanager, a webhook."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest
import yaml

LONGEST = 60.0
BOOK = """
- name: Shop
  hosts: production
  steps:
    - {name: Orders, table: {name: orders, columns: {id: {type: int, primary_key: true}}}}
  alerts:
    - import_alerts: library
      except: [BackupOld, RestoreNotProved]
      change:
        InvalidIndex: {for: 1s}
        LongTransaction: {threshold: "> 1", for: 1s}
    - name: TooManyOrders
      query: select count(*) as value from orders
      threshold: "> 2"
      severity: critical
      summary: "More than two orders {{ '{{' }} $value }}"
"""


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait(what: str, done: Callable[[], Any]) -> Any:
    begun = time.monotonic()
    while not (found := done()):
        assert time.monotonic() - begun < LONGEST, what
        time.sleep(0.2)
    return found


def answers(url: str) -> str | None:
    with suppress(OSError), urlopen(url, timeout=5) as answer:  # noqa: S310 - of our own
        return str(answer.read().decode())
    return None


class Heard:
    """What came to the webhook: the last status of each alert."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.alerts: dict[str, Any] = {}
        heard = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for one in body["alerts"]:
                    heard.status[one["labels"]["alertname"]] = one["status"]
                    heard.alerts[one["labels"]["alertname"]] = one
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *values: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def started(stack: ExitStack, *words: str, **more: Any) -> None:
    """Start a program as somebody who is not root; it ends with the test."""
    user: dict[str, Any] = {}
    if os.geteuid() == 0 and more.pop("plain", False):
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user, **more)
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)


def test_alerts_come_to_a_webhook_and_end(
    stack: ExitStack, tmp_path_factory: pytest.TempPathFactory, database_url: str, database: psycopg.Connection[Any]
) -> None:
    for program in ("prometheus", "prometheus-alertmanager", "promtool", "amtool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = Path(shutil.os.path.join("/tmp", f"wgm-chain-{os.getpid()}"))  # noqa: S108 - an account of another has to reach it
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    (folder / "environments").mkdir()
    (folder / "environments" / "production.yml").write_text('url: "{{ env.DATABASE_URL }}"\n')
    (folder / "book.yml").write_text(BOOK)
    command = [sys.executable, "-m", "wgm_play"]
    environ = {**os.environ, "DATABASE_URL": database_url}

    def play(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *words], cwd=folder, env=environ, capture_output=True, text=True, check=True)

    play("book.yml")
    play("alerts", "book.yml", "render", "--output", "rendered")
    tested = subprocess.run(
        ["promtool", "test", "rules", folder / "rendered/rules_test.yml"], capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr

    heard, ports = Heard(), [free_port() for _ in range(3)]
    stack.callback(heard.server.server_close)
    stack.callback(heard.server.shutdown)
    page, prometheus, manager = (f"127.0.0.1:{port}" for port in ports)
    routes = yaml.safe_load((folder / "rendered/alertmanager.yml").read_text())
    for one in routes["receivers"]:
        one["webhook_configs"] = [{"url": heard.url}]
    routes["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(routes))
    subprocess.run(["amtool", "check-config", folder / "alertmanager.yml"], check=True, capture_output=True)
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["rendered/rules.yml"],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
                "scrape_configs": [{"job_name": "wgm", "static_configs": [{"targets": [page]}]}],
            }
        )
    )
    started(
        stack, "prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/am",
        f"--web.listen-address={manager}", "--cluster.listen-address=", plain=True, cwd=folder,
    )  # fmt: skip
    started(
        stack, "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address={prometheus}", plain=True, cwd=folder,
    )  # fmt: skip
    started(stack, *command, "metrics", "book.yml", "--listen", page, "--interval", "1", cwd=folder, env=environ)

    wait("our page answers", lambda: answers(f"http://{page}/metrics"))
    told = play("alerts", "book.yml", "lint", "--against", f"http://{page}/metrics")
    assert "all that the rules name is there" in told.stdout
    wait("Prometheus has the rules", lambda: "InvalidIndex" in (answers(f"http://{prometheus}/api/v1/rules") or ""))
    groups = json.loads(answers(f"http://{prometheus}/api/v1/rules") or "{}")["data"]["groups"]
    assert [rule["lastError"] for group in groups for rule in group["rules"] if rule.get("lastError")] == []

    database.execute("insert into orders values (1), (2), (3)")
    database.execute("create table twice as select 1 as a from generate_series(1, 2)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute("create unique index concurrently twice_a on twice (a)")
    with psycopg.connect(database_url) as idle:
        idle.execute("select pg_current_xact_id()")
        names = ("InvalidIndex", "LongTransaction", "TooManyOrders")
        wait("all three fire", lambda: all(heard.status.get(name) == "firing" for name in names))
    database.execute("drop index concurrently twice_a")
    database.execute("delete from orders")
    wait("all three end", lambda: all(heard.status.get(name) == "resolved" for name in names))
    assert heard.alerts["InvalidIndex"]["labels"]["index"] == "public.twice_a"
    assert heard.alerts["TooManyOrders"]["labels"]["severity"] == "critical"
    assert heard.alerts["TooManyOrders"]["annotations"]["summary"] == "More than two orders {{ $value }}"
    assert "DROP INDEX CONCURRENTLY" in heard.alerts["InvalidIndex"]["annotations"]["runbook"]
