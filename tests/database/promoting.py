"""A firm with a git repository, a staging and a production database, for the tests of promotion.

In: a folder, URLs. Out: `Firm`, which commits, runs playbooks in this process, and lets time pass by moving the ledger's timestamps.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.options import Options
from wgm_play.reporter import Reporter

ENVIRONMENTS = {
    "staging": "url: {url}\nvariables: {{ages: 7}}\npolicy: {{online: always}}\n",
    "production": (
        "url: {url}\nvariables: {{ages: 90}}\npolicy: {{online: auto, allow_destructive: true}}\n"
        "promotion: {{from: staging, soak: 24h, require: [quiet_alerts, undrifted]}}\n"
    ),
}
PLAY = "- name: Shop, {name}\n  hosts: {name}\n  steps:\n    - import_steps: schema/all.yml\n"
STEPS = """\
- name: Orders
  table:
    name: orders
    columns:
      id: {type: int, primary_key: true}
      note: text
- name: Ages
  comment: {on: table orders, text: "kept {{ ages }} days"}
"""
TIMES = {
    "run": ("started_at",),
    "run_end": ("ended_at",),
    "revision": ("at",),
    "alert_check": ("at",),
    "flag": ("at",),
    "approval": ("at",),
    "decision": ("at",),
}


def signature(who: str) -> dict[str, str]:
    """Return what lets somebody commit."""
    mail = f"{who.lower()}@shop.example"
    return {
        f"GIT_{role}_{part}": one for role in ("AUTHOR", "COMMITTER") for part, one in (("NAME", who), ("EMAIL", mail))
    }


@dataclass(slots=True)
class Heard(Reporter):
    """Keeps what is said."""

    said: list[str] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    steps: list[tuple[str, str, str]] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)

    def note(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)

    def step(self, result: Any) -> None:
        Reporter.step(self, result)
        self.steps.append((result.name, result.outcome, result.reason))

    def table(self, title: str, columns: Any, rows: Any) -> None:
        self.rows += [tuple(row) for row in rows]

    def data(self, name: str, value: Any) -> None:
        self.parts[name] = value


@dataclass(slots=True)
class Firm:
    """A repository with two environments."""

    folder: Path
    urls: dict[str, str]

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start(self) -> None:
        """Make the project and commit it."""
        self.git("init", "-q", "-b", "main")
        for name in self.urls:
            self.environment(name)
            self.write(f"{name}.yml", PLAY.format(name=name))
        self.write("schema/all.yml", STEPS)
        self.commit()

    def environment(self, name: str, change: tuple[str, str] = ("", ""), more: str = "") -> None:
        """Write an environment, with `change` made to its text."""
        text = ENVIRONMENTS[name].format(url=self.urls[name])
        assert change[0] in text, change
        self.write(f"environments/{name}.yml", text.replace(*change, 1) + more)

    def git(self, *words: str, by: str = "Anna") -> str:
        """Run git in the repository."""
        environ = {**os.environ, **signature(by)}
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words], env=environ, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, by: str = "Anna") -> str:
        """Commit all that is there; return the commit."""
        self.git("add", "-A")
        self.git("commit", "-qm", "a change", "--allow-empty", by=by)
        return self.git("rev-parse", "HEAD")

    def run(self, name: str, **options: Any) -> Heard:
        """Run a playbook."""
        return self.command("apply", name, **options)

    def command(self, verb: str, name: str, given: dict[str, Any] | None = None, **options: Any) -> Heard:
        """Run a pipeline verb on a playbook."""
        heard = Heard()
        getattr(pipeline, verb)(Options(str(self.folder / f"{name}.yml"), **options), heard, **(given or {}))
        return heard

    def sql(self, name: str, text: str) -> list[tuple[Any, ...]]:
        """Run a statement on a database as superuser."""
        with psycopg.connect(self.urls[name], autocommit=True) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def pass_time(self, name: str, hours: float) -> None:
        """Let all that the ledger knows be so many hours older."""
        with psycopg.connect(self.urls[name]) as connection:
            connection.execute("SET LOCAL wgm.maintenance = on")
            for table, columns in TIMES.items():
                stamped = table in ("approval", "decision")
                if stamped:
                    connection.execute(f"ALTER TABLE wgm.{table} DISABLE TRIGGER stamped".encode())
                for column in columns:
                    moved = f"UPDATE wgm.{table} SET {column} = {column} - make_interval(mins => {round(hours * 60)})"
                    connection.execute(moved.encode())
                if stamped:
                    connection.execute(f"ALTER TABLE wgm.{table} ENABLE ALWAYS TRIGGER stamped".encode())

    def copy(self, folder: Path, urls: dict[str, str]) -> Firm:
        """Return the same firm in another folder, with other databases."""
        shutil.copytree(self.folder, folder, symlinks=True)
        for file in (folder / "environments").iterdir():
            text = file.read_text()
            for name, url in self.urls.items():
                text = text.replace(url, urls[name])
            file.write_text(text)
        return Firm(folder, urls)


@contextmanager
def founded(server: Postgres, folder: Path) -> Iterator[Firm]:
    """A firm of which both databases have run the first version."""
    names = {name: server.create_database() for name in ("staging", "production")}
    made = Firm(folder / "repo", {name: server.url(one) for name, one in names.items()})
    made.folder.mkdir()
    made.start()
    made.run("staging")
    made.run("production", override_promotion="the first run")
    yield made
    for one in names.values():
        server.drop_database(one)


@contextmanager
def soaked(server: Postgres, folder: Path) -> Iterator[Firm]:
    """A firm whose staging has one column more than both had first, committed, for longer than the soak."""
    with founded(server, folder) as made:
        made.write("schema/all.yml", STEPS.replace("note: text", "note: text\n      due: date"))
        made.commit()
        made.run("staging")
        made.pass_time("staging", 25)
        yield made


@contextmanager
def copied(model: Firm, server: Postgres, folder: Path) -> Iterator[Firm]:
    """A copy of a firm, with its repository and its databases."""
    names = {name: f"{url.rsplit('/', 1)[1]}_{folder.name[-12:]}" for name, url in model.urls.items()}
    with server.connect() as admin:
        for name, one in names.items():
            template = Identifier(model.urls[name].rsplit("/", 1)[1])
            admin.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(one), template))
    yield model.copy(folder / "repo", {name: server.url(one) for name, one in names.items()})
    for one in names.values():
        server.drop_database(one)
