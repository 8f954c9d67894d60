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
        stack,
        "prometheus-alertmanager",
        f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/am",
        f"--web.listen-address={manager}",
        "--cluster.listen-address=",
        plain=True,
        cwd=folder,
    )
    started(
        stack,
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address={prometheus}",
        plain=True,
        cwd=folder,
    )
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


EXPORTERS = {
    "postgres_exporter": (
        "prometheus-postgres-exporter",
        ["--web.listen-address={page}", "--extend.query-path={file}"],
    ),
    "justwatch_sql_exporter": ("prometheus-sql-exporter", ["-web.listen-address", "{page}", "-config.file", "{file}"]),
}
OF_OTHERS = """
- name: Shop
  hosts: production
  steps: []
  alerts:
    - {import_alerts: library}
    - name: ByUser
      query: select 'a''"b' as "user", 7 as value
      threshold: "> 2"
    - {name: SeesNothing, query: select null::int as value, threshold: "> 2"}
"""


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_exporters_of_others_export_what_the_rules_name(
    stack: ExitStack, tmp_path: Path, server: Any, database: psycopg.Connection[Any], database_url: str, exporter: str
) -> None:
    """Each series of a query that has a value is there, for a role with pg_monitor; NULL is no series."""
    program, words = EXPORTERS[exporter]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text('url: "{{ env.DATABASE_URL }}"\n')
    (tmp_path / "book.yml").write_text(OF_OTHERS)
    environ = {**os.environ, "DATABASE_URL": database_url}

    def alerts(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wgm_play", "alerts", "book.yml", *more, "--exporter", exporter]
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)

    done = alerts("render", "--output", "rendered", "--server-version", str(server.major))
    assert done.returncode == 0, done.stdout + done.stderr
    page, file = f"127.0.0.1:{free_port()}", tmp_path / "rendered" / f"{exporter}.yml"
    role = f"exporter_{os.getpid()}"
    if server.major >= 16:
        database.execute(
            "set scram_iterations = 4096"
        )  # the test server's own passwords have fewer than a Go program takes
    database.execute(f"create role {role} login password 'secret' in role pg_monitor".encode())
    stack.callback(drop_role, server.url("postgres"), role)
    url = f"postgres://{role}:secret@127.0.0.1:{server.port}/{database.info.dbname}?sslmode=disable"
    file.write_text(file.read_text().replace("postgres://USER@HOST:5432/DATABASE", url))
    started(
        stack, program, *(one.format(page=page, file=file) for one in words), env={**environ, "DATA_SOURCE_NAME": url}
    )
    name = "wgm_alert_" if exporter == "postgres_exporter" else "sql_wgm_alert_"

    def told(alert: str) -> list[str]:
        return [one for one in (answers(f"http://{page}/metrics") or "").splitlines() if one.startswith(name + alert)]

    [line] = wait("it exports", lambda: told("ByUser"))
    assert line.endswith("} 7") and """a'\\"b""" in line, line
    wait("it has asked all", lambda: told("TransactionIdsRunOut"))
    done = alerts("lint", "--against", f"http://{page}/metrics")
    lacking = [line for line in (done.stdout + done.stderr).splitlines() if "no metric" in line]
    # What no row of a fresh database has, and NULL, which is no number.
    assert not told("SeesNothing") and any("SeesNothing" in line for line in lacking)
    assert not {
        one
        for one in ("ConnectionsNearLimit", "Deadlocks", "UnvalidatedConstraint", "DatabaseLarge")
        if any(one in line for line in lacking)
    }


def drop_role(url: str, role: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"drop role {role}".encode())
