"""Kill the real command after its n-th statement, run it again, compare with an undisturbed run.

In: the URL of an empty database, a project folder, a playbook. Out: what the second and the third run said, what is in
the database then, what was left on the server.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

import fix_postgres
import forking
from wgm_play.sqltext.dump import without_versions

ROOT = Path(__file__).resolve().parent.parent
# A uuid of version 4 and a time with microseconds were made by the server while the row was written.
RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NOW = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+(\+00(:00)?)?")
# What the audit says of a change; not which run made it, nor in which transaction.
AUDIT = """SELECT operation, table_name, row_id, old_row, new_row, changed_columns
  FROM public.audit_log ORDER BY 1, 2, 5::text"""
# pg_dump from these versions on writes a random key around its commands.
RESTRICTED = re.compile(r"^\\(un)?restrict .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """A copy of the project's environments and playbooks, and the database that they are run on."""

    folder: Path
    playbook: str
    url: str

    def run(self, *words: str, kill_after: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the playbook to its end, or to its death."""
        return forking.run(
            *(words or (self.playbook,)),
            "--format",
            "json",
            folder=self.folder,
            environ=self.environ(kill_after) | environ,
            timeout=300,
        )

    def environ(self, kill_after: str = "") -> dict[str, str]:
        """Return the environment of a run."""
        return {
            **os.environ,
            "DATABASE_URL": self.url,
            "STAGING_DATABASE_URL": self.url,
            "WGM_TEST_KILL_AFTER": kill_after,
        }

    def content(self) -> tuple[str, list[str]]:
        """Return schema and rows, without the ledger and the trash, without what the server's clock and dice made."""
        schema = self._dump("--schema-only")
        rows = self._dump("--data-only", "--column-inserts")
        with psycopg.connect(self.url, autocommit=True) as connection:
            filled = connection.execute(
                "SELECT matviewname || ' ' || ispopulated FROM pg_matviews WHERE schemaname <> 'wgm' ORDER BY 1"
            ).fetchall()
            audited = connection.execute(AUDIT).fetchall()
        lines = [line for line in rows.splitlines() if line.startswith("INSERT") and " public.audit_log " not in line]
        lines += [f"audit_log {row}" for row in audited]
        lines = [NOW.sub("NOW", RANDOM.sub("UUID", line)) for line in lines]
        return schema, [*sorted(lines), *(name for (name,) in filled)]

    def _dump(self, *words: str) -> str:
        program = fix_postgres.newest("pg_dump")
        assert program, "there is no pg_dump here"
        done = subprocess.run(
            [program, *words, "--exclude-schema=wgm", "--exclude-schema=wgm_trash", "--dbname", self.url],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return RESTRICTED.sub("", without_versions(done.stdout))

    def left_behind(self) -> list[str]:
        """Return what a run must not leave on the server: scratch databases, locks, sessions, invalid indexes."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT 'database ' || datname FROM pg_database WHERE datname ~ '^wgm_shadow_'"
                " UNION ALL SELECT 'lock of pid ' || pid FROM pg_locks WHERE locktype = 'advisory'"
                "   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " UNION ALL SELECT 'session ' || application_name FROM pg_stat_activity"
                "   WHERE application_name LIKE 'wgm-play%%' AND datname = current_database()"
                " UNION ALL SELECT 'invalid ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid"
            ).fetchall()
        return [what for (what,) in rows]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one kill. `killed` is False where the run came to its end first."""

    moment: str
    killed: bool
    problems: tuple[str, ...]


def copy_of_project(folder: Path) -> Path:
    """Copy environments and playbooks into a folder of their own; each run takes its backup, so that kills meet that too."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("environments", "playbooks"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
    production = folder / "playbooks" / "production.yml"
    text, kept = production.read_text(), re.compile(r"before_changes: young.*\n    max_age: \w+\n")
    assert kept.search(text)
    production.write_text(kept.sub("before_changes: new\n", text))
    return folder


def changed(done: subprocess.CompletedProcess[str]) -> int:
    """Return how many steps changed something in a run."""
    document: dict[str, Any] = json.loads(done.stdout)
    recaps = [recap for result in document["results"] for recap in result["recap"].values()]
    return sum(recap["changed"] for recap in recaps)


def kill_and_resume(
    place: Place, moment: str, undisturbed: tuple[str, list[str]], words: Sequence[str] = ()
) -> Verdict:
    """Kill a run at a moment (`5`, or `5:sent`), run the same command twice, compare."""
    first = place.run(*words, kill_after=moment)
    if first.returncode != -signal.SIGKILL:
        said = (
            () if first.returncode == 0 else (f"the run was not killed and exits {first.returncode}: {_last(first)}",)
        )
        return Verdict(moment, False, said)
    problems = []
    second = place.run(*words)
    if second.returncode:
        problems.append(f"the same command exits {second.returncode}: {_last(second)}")
    else:
        third = place.run(*words)
        if third.returncode or changed(third):
            problems.append(f"the run after it is not quiet: {third.returncode} {_last(third)}")
        problems += differences(undisturbed, place.content())
    problems += [f"left behind: {what}" for what in place.left_behind()]
    return Verdict(moment, True, tuple(problems))


def differences(wanted: tuple[str, list[str]], found: tuple[str, list[str]]) -> list[str]:
    """Return the first lines in which two dumps differ."""
    import difflib

    made = []
    for what, old, new in (("schema", wanted[0].splitlines(), found[0].splitlines()), ("rows", wanted[1], found[1])):
        lines = [line for line in difflib.unified_diff(old, new, lineterm="", n=0) if line[:1] in "+-"][2:12]
        made += [f"{what}: {line[:200]}" for line in lines]
    return made


def _last(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip() or done.stdout)[-600:]
