"""Online forms, killed and taken up again: each case of `tests/cases/` that says `online: always` is one.

In: a case file, a server, a folder. Out: what is wrong, in words; nothing where each run ended as an undisturbed one does.
A form is killed at its changes of the database: a COMMIT of the plan, or a statement that stands alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

import fix_postgres
from fix_postgres import Postgres
from forking import Command
from killing import NOW, RANDOM

TESTS = Path(__file__).resolve().parent
sys.path.append(str(TESTS / "database"))

from laws import Project, State, load_case, load_sql, state  # noqa: E402 - a module of the folder above

ALWAYS = "online: always"
# More changes than any case makes: a run that is killed so often does not move on.
MOST = 80
# What an online form makes on its way, and must take away: by name; and what a cut statement may leave.
LEFT = """
SELECT 'column ' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid AND relkind IN ('r', 'p')
WHERE attname ~ '^wgm_(new|old)_' AND NOT attisdropped UNION ALL
SELECT 'relation ' || relname FROM pg_class WHERE relname ~ '^wgm_(new|old)_' UNION ALL
SELECT 'constraint ' || conname FROM pg_constraint WHERE conname ~ '^wgm_(n|bound)' UNION ALL
SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgname LIKE 'wgm\\_sync\\_%' UNION ALL
SELECT 'function ' || proname FROM pg_proc WHERE proname LIKE 'wgm\\_sync\\_%' UNION ALL
SELECT 'type ' || typname FROM pg_type WHERE typname ~ '^wgm_(new|old|olds)_' AND typelem = 0 UNION ALL
SELECT 'invalid index ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid UNION ALL
SELECT 'lock of pid ' || pid FROM pg_locks WHERE locktype = 'advisory'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def files() -> list[Path]:
    """Return the cases that are online forms."""
    return [path for path in sorted((TESTS / "cases").glob("*/*.yml")) if ALWAYS in path.read_text()]


def name_of(path: Path) -> str:
    """Return a case's name, as `constraint/check_online`."""
    return f"{path.parent.name}/{path.stem}"


@dataclass(slots=True)
class Form:
    """One case on one server. The databases that it makes are dropped by `forms`."""

    path: Path
    server: Postgres
    folder: Path
    command: Command
    case: dict[str, Any] = field(init=False)
    made: list[str] = field(default_factory=list)
    number: int = 0
    before: State | None = None
    after: State | None = None

    def __post_init__(self) -> None:
        self.case = load_case(self.path.read_text())

    @property
    def misfit(self) -> str:
        """Why the case cannot be tried here; empty where it can."""
        if "refused" in self.case:
            return "it is refused"
        versions = self.case.get("versions", ">=13")
        return "" if fix_postgres.fits(self.server.major, versions) else f"needs PostgreSQL {versions}"

    def begin(self) -> None:
        """Make the database as it is before, and the one that an undisturbed run leaves."""
        name = self.server.create_database()
        self.made.append(name)
        book = self._book(self.server.url(name))
        for file, text in self.case.get("files", {}).items():
            (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / file).write_text(text)
        if "sql" in self.case:
            load_sql(book.url, self.case["sql"])
        if self.case.get("before"):
            book.write(self.case["before"])
            book.apply()
        if "rows" in self.case:
            load_sql(book.url, self.case["rows"])
        book.write(self.case.get("after"), self.case.get("play"))
        self.before = self._like(book.url)
        calm = self.fresh()
        done = self.run(calm)
        assert done.returncode == 0, said(done)
        self.after = self._like(calm)
        assert self.before.differences(self.after), "the case changes nothing"

    def fresh(self) -> str:
        """Return the URL of a new database as it is before."""
        self.number += 1
        name = f"{self.made[0]}_{self.number}"
        with self.server.connect() as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(self.made[0]))
            )
        self.made.append(name)
        return self.server.url(name)

    def run(self, url: str, kill: str = "", verb: str = "") -> Any:
        """Run the playbook, or another command with it."""
        options = self.case.get("options", {}) if not verb else {}
        flags = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is True]
        words = [*([verb] if verb else []), "playbook.yml", "--url", url, *([] if verb else ["--no-backup"]), *flags]
        return self.command.run(self.folder, *words, WGM_TEST_KILL_AFTER=kill)

    def resumed(self, kill: str, later: str = "", verb: str = "") -> str:
        """Kill a run at `kill`, and the next ones at `later` (or `kill`) until one comes through; say what is wrong then."""
        url = self.fresh()
        if verb:
            done = self.run(url)
            assert done.returncode == 0, said(done)
        kills, done = 0, self.run(url, kill, verb)
        while done.returncode == -9 and kills < MOST:
            kills += 1
            done = self.run(url, later or kill, verb)
        if done.returncode or not kills:
            return f"after {kills} kills: exit {done.returncode}: {said(done)}"
        wanted = self.before if verb else self.after
        return self._verdict(
            url, wanted, f"after {kills} kills", moved=bool(verb) and "moved" in self.case, quiet=not verb
        )

    def finished(self, kill: str, verb: str = "") -> tuple[bool, str]:
        """Kill one run, then finish it (or with `rollback` take it back); return whether it was killed, what is wrong."""
        url = self.fresh()
        killed = self.run(url, kill).returncode == -9
        done = self.run(url, verb=verb)
        when = f"killed at {kill}"
        if done.returncode:
            return killed, f"{when}: exit {done.returncode}: {said(done)}"
        wanted = self.before if verb else self.after
        return killed, self._verdict(url, wanted, when, moved=bool(verb) and "moved" in self.case, quiet=False)

    def changes(self) -> int:
        """Return how many times an undisturbed run changes the database."""
        number = 0
        while self.run(self.fresh(), f"{number + 1}:change").returncode == -9:
            number += 1
        return number

    def forget(self) -> None:
        """Drop all databases but the one that is as it is before."""
        while len(self.made) > 1:
            self.server.drop_database(self.made.pop())

    def close(self) -> None:
        """Drop the databases."""
        for name in self.made:
            self.server.drop_database(name)

    def _book(self, url: str) -> Project:
        return Project(self.folder, url, self.case.get("environment", ""))

    def _verdict(self, url: str, wanted: State | None, when: str, *, moved: bool, quiet: bool) -> str:
        assert wanted is not None
        found = self._like(url)
        pair = (wanted.without_order(), found.without_order()) if moved else (wanted, found)
        wrong = pair[0].differences(pair[1], rows="rows_lost" not in self.case) + left(url)
        if quiet and not wrong:
            again = self.run(url)
            wrong += [] if "changed=0" in again.stdout else [f"the run after it is not quiet: {said(again)}"]
        return f"{when}: " + "\n".join(wrong[:8]) if wrong else ""

    def _like(self, url: str) -> State:
        """Return the state without what the clock, the dice or the order of writing made."""
        found, chance = state(url), set(self.case.get("by_chance", []))
        rows = {}
        for table, lines in found.rows.items():
            made = []
            for line in lines:
                if line.startswith("("):  # a sequence: a killed run leaves a gap
                    continue
                pairs = [(name, value is not None if name in chance else value) for name, value in eval(line)]  # noqa: S307 - our repr
                made.append(NOW.sub("NOW", RANDOM.sub("UUID", repr(pairs))))
            rows[table] = sorted(made)
        return State(found.catalog, found.dump, rows)


def left(url: str) -> list[str]:
    """Return what a change must not leave behind."""
    with psycopg.connect(url, autocommit=True) as connection:
        return [f"left behind: {name}" for (name,) in connection.execute(LEFT.encode()).fetchall()]


def said(done: Any) -> str:
    """Return the end of what a command said."""
    return (done.stderr.strip() or done.stdout)[-1500:]


@contextmanager
def form(path: Path, server: Postgres, folder: Path, command: Command) -> Iterator[Form]:
    """Return a form whose databases are dropped at the end."""
    one = Form(path, server, folder, command)
    try:
        yield one
    finally:
        one.close()
