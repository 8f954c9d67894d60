"""The laws that every change must meet, and what they are measured with.

In: a project folder, a database, playbook steps. Out: a plan that was run by the real pipeline; the database's state as
the catalog, as `pg_dump` writes it and as rows, without what is ours (`wgm`, `wgm_trash`, columns in the trash).
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
import yaml
from psycopg import sql

import fix_postgres
from wgm_play import pipeline
from wgm_play.cache.store import Cache
from wgm_play.catalog import introspect
from wgm_play.catalog.model import Key, Row
from wgm_play.options import Options
from wgm_play.plan import Operation, Plan
from wgm_play.reporter import Reporter, StepResult
from wgm_play.sqltext.dump import without_versions

OWN_SCHEMAS = ("wgm", "wgm_trash")
TRASHED = "wgm_trash_"

# PostgreSQL 18 keeps a name of each NOT NULL, which a playbook compares only where it gives one.
_NAMED_NOT_NULL = re.compile(r'CONSTRAINT ("([^"]|"")+"|\S+) NOT NULL')

_ROWS = """
SELECT n.nspname, c.relname, c.relkind::text FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S') OR c.relkind = 'm' AND c.relispopulated
ORDER BY 1, 2
"""


@dataclass(slots=True)
class Listener(Reporter):
    """Keeps what is said."""

    plans: list[Plan] = field(default_factory=list)
    results: list[StepResult] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def step(self, result: StepResult) -> None:
        Reporter.step(self, result)
        self.results.append(result)

    def plan(self, plan: Plan, *, diff: bool, outlook: object = None) -> None:
        self.plans.append(plan)

    def note(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)

    @property
    def operations(self) -> list[Operation]:
        """What the last plan does; nothing where none was shown."""
        return self.plans[-1].operations if self.plans else []

    @property
    def changed(self) -> int:
        """How many steps the recap calls changed."""
        return sum(counts.changed for counts in self.counts.values())


@dataclass(frozen=True, slots=True)
class State:
    """What a database holds, in the three ways in which it is compared."""

    catalog: dict[Key, Row]
    dump: list[str]
    rows: dict[str, list[str]]

    def without_order(self) -> State:
        """Return the same with the lines of the dump sorted."""
        return State(self.catalog, sorted(self.dump), self.rows)

    def differences(self, other: State, *, rows: bool = True) -> list[str]:
        """Return what `other` has otherwise, one line each."""
        found = [
            f"catalog: {key}: {self.catalog.get(key)} -> {other.catalog.get(key)}"
            for key in sorted({*self.catalog, *other.catalog})
            if self.catalog.get(key) != other.catalog.get(key)
        ]
        found += [f"pg_dump: only before: {line}" for line in self.dump if line not in other.dump]
        found += [f"pg_dump: only after: {line}" for line in other.dump if line not in self.dump]
        if not found and self.dump != other.dump:
            found.append("pg_dump: the same lines in another order or number")
        if rows:
            found += [
                f"rows of {name}: {self.rows.get(name)} -> {other.rows.get(name)}"
                for name in sorted({*self.rows, *other.rows})
                if self.rows.get(name) != other.rows.get(name)
            ]
        return found


def state(url: str) -> State:
    """Read what the database at `url` holds."""
    with psycopg.connect(url, autocommit=True, options="-c search_path=") as connection:
        rows = dict(introspect.read(connection, edges=False).rows)
        return State(rows, _dump(url), _rows(connection))


def _rows(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    found = {}
    for schema, name, kind in connection.execute(_ROWS).fetchall():
        if schema in (*OWN_SCHEMAS, "information_schema", "pg_catalog", "pg_toast"):
            continue
        relation = sql.Identifier(schema, name)
        if kind == "S":
            text = sql.SQL("SELECT (last_value, is_called)::text FROM {}").format(relation)
            found[f"{schema}.{name}"] = [row[0] for row in connection.execute(text)]
            continue
        made = []
        whole = sql.SQL("SELECT to_jsonb(t.*) FROM {} AS t").format(relation)
        for (row,) in connection.execute(whole):
            kept = {column: value for column, value in row.items() if not column.startswith(TRASHED)}
            made.append(repr(sorted(kept.items())))
        found[f"{schema}.{name}"] = sorted(made)
    return found


@cache
def pg_dump() -> str:
    """Return the newest pg_dump there is."""
    found = fix_postgres.newest("pg_dump")
    assert found, "there is no pg_dump here"
    return str(found)


def unlike_by_hand(url: str, empty: str, text: str, *, order: bool = True, rows: bool = False) -> list[str]:
    """Run SQL written by hand on an empty database with psql; return what pg_dump tells apart (law 2).

    In: the changed database, the empty one. `order` compares the order of columns, `rows` what the tables hold.
    """
    psql = fix_postgres.newest("psql")
    assert psql, "there is no psql here"
    words = [psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", empty]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours, theirs = (_statements(name, order=order, rows=rows) for name in (url, empty))
    found = [f"not by hand: {statement}" for statement in ours if statement not in theirs]
    found += [f"only by hand: {statement}" for statement in theirs if statement not in ours]
    if not found and ours != theirs:
        found.append("the same statements in another number")
    return found


def _statements(url: str, *, order: bool, rows: bool) -> list[str]:
    """Return the sorted statements of a dump: those that make the database and set its settings are among them."""
    made: list[str] = []
    lines: list[str] = []
    database = url.rsplit("/", 1)[1]
    for line in _dump(url, "--create", *(["--inserts"] if rows else ["--schema-only"])):
        lines.append(_NAMED_NOT_NULL.sub("NOT NULL", line.replace(database, "the_database")))
        if line.endswith(";"):
            lines = sorted(lines) if not order and lines[0].startswith("CREATE TABLE") else lines
            made.append("\n".join(lines))
            lines = []
    return sorted([*made, *lines])


def _dump(url: str, *options: str) -> list[str]:
    words = [pg_dump(), *(options or ["--schema-only"]), *(f"--exclude-schema={name}" for name in OWN_SCHEMAS), url]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PGTZ": "UTC", "PGCLIENTENCODING": "UTF8"},
    )
    assert done.returncode == 0, done.stderr
    return _without_trash(without_versions(done.stdout))


def _without_trash(dump: str) -> list[str]:
    """Drop comments, tokens of psql, and the lines of columns that lie in the trash."""
    lines = []
    for line in dump.splitlines():
        if not line.strip() or line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_config")):
            continue
        if re.search(
            r'^\s+"?wgm_trash_|ALTER COLUMN "?wgm_trash_|^(COMMENT|SECURITY LABEL FOR \S+) ON COLUMN .*\."?wgm_trash_',
            line,
        ):
            continue
        lines.append(line.rstrip(","))
    return lines


@dataclass(slots=True)
class Project:
    """A project folder with one environment, for one database."""

    folder: Path
    url: str
    environment: str = ""
    playbook: str = "playbook.yml"

    def write(self, steps: list[Any] | None, play: dict[str, Any] | None = None) -> None:
        """Write the playbook; templates and other files are the test's own."""
        (self.folder / "environments").mkdir(parents=True, exist_ok=True)
        (self.folder / "environments/development.yml").write_text(self.environment or "embedded: true\n")
        made = [{"name": "Case", "hosts": "development", **(play or {}), "steps": steps or []}]
        (self.folder / "playbook.yml").write_text(yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=1000))

    def apply(self, **options: Any) -> Listener:
        """Run the playbook; return what was said. Raises `WgmError`."""
        listener = Listener()
        pipeline.apply(self._options(diff=True, **options), listener)
        return listener

    def apply_anew(self, **options: Any) -> Listener:
        """Run the playbook as where nothing is known of earlier runs: a CI job has no cache."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Cache, "of", lambda *_: Cache(None))
            return self.apply(**options)

    def rollback(self, **options: Any) -> Listener:
        """Take the last run back."""
        listener = Listener()
        pipeline.rollback(self._options(**options), listener)
        return listener

    def _options(self, **options: Any) -> Options:
        return Options(str(self.folder / self.playbook), url=self.url, **{"no_backup": True, **options})


class Loader(yaml.SafeLoader):
    """Reads YAML as playbooks are read: only true and false are booleans, so that `on` stays a word."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        letter: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:bool" or letter in "tf"]
        for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load_case(text: str) -> dict[str, Any]:
    """Read a case."""
    return dict(yaml.load(text, Loader))  # noqa: S506 - a safe loader


def load_sql(url: str, text: str) -> None:
    """Run statements on the database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(text.encode())
