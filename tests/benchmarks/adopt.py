"""The application's present database becomes what `playbooks/production.yml` says, while clients read and write it.

In: `--url` of a server on which databases may be made, `--sessions` (40,000 give about 1.2 million rows). Out: the longest
stall, p99, failed transactions by their SQLSTATE, the duration; exit code 1 where a client failed for another reason than
a type or name that is no longer there, where a row is lost, or where a second run would change anything.

Clients use the old names and types until the swap, and the new ones after it: they learn of it as applications do, from
an error that names what is no longer there.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).parents[2]
CLIENTS, RATE = 4, 25
# What may fail, once for each statement that a connection prepared: a result or an operand changed its type (0A000, 42883,
# 42804), a column has another name (42703).
EXPECTED = {"0A000", "42883", "42804", "42703"}
COUNTED = ("users", "sessions", "nodes", "connections", "timeline_events", "scenarios", "regions", "scenario_sessions",
           "scenario_npcs", "scenario_quests", "environmental_conditions", "player_characters", "session_players")  # fmt: skip


@dataclass(slots=True)
class Client:
    """One connection of the application: it walks through its statements at fixed times."""

    url: str
    number: int
    sessions: list[str]
    end: threading.Event
    waits: list[tuple[float, float]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    inserted: Counter[str] = field(default_factory=Counter)
    renamed: bool = False

    def run(self) -> None:
        """Send transactions until the end."""
        choose = random.Random(self.number)
        connection = psycopg.connect(self.url, autocommit=True, application_name="application")
        due = time.perf_counter()
        while not self.end.is_set():
            time.sleep(max(due - time.perf_counter(), 0))
            try:
                with connection.transaction():
                    self._work(connection, choose)
            except psycopg.errors.UndefinedColumn as error:
                self._failed(error)
                self.renamed = True
            except psycopg.Error as error:
                self._failed(error)
                if connection.closed:
                    connection = psycopg.connect(self.url, autocommit=True, application_name="application")
            ended = time.perf_counter()
            self.waits.append((due, ended - due))
            due = max(due + 1 / RATE, ended - 0.5) if ended - due > 1 else due + 1 / RATE
        connection.close()

    def _failed(self, error: psycopg.Error) -> None:
        self.failed.append(f"{error.sqlstate}: {str(error).splitlines()[0]}")

    def _work(self, connection: psycopg.Connection[Any], choose: random.Random) -> None:
        session = choose.choice(self.sessions)
        kind = choose.randrange(5)
        if kind == 0:
            connection.execute("UPDATE sessions SET current_phase = (current_phase + 1) %% 5 WHERE id = %s", (session,))
            connection.execute("SELECT name, current_phase FROM sessions WHERE id = %s", (session,)).fetchone()
        elif kind == 1:
            connection.execute("SELECT count(*) FROM nodes WHERE session_id = %s", (session,)).fetchone()
        elif kind == 2:
            connection.execute(
                "INSERT INTO nodes (id, session_id, type, name) VALUES (%s, %s, 'npc', 'Somebody')",
                (str(uuid.UUID(int=choose.getrandbits(128), version=4)), session),
            )
            self.inserted["nodes"] += 1
        elif kind == 3:
            done, value = ("completion", "completed") if self.renamed else ("is_completed", "true")
            connection.execute(
                f"UPDATE timeline_events SET {done} = %s WHERE session_id = %s AND order_index = 1", (value, session)
            )
        else:
            connection.execute("UPDATE player_characters SET level = level WHERE session_id = %s", (session,))


def load(url: str, sessions: int) -> None:
    """Make the database as it is today, with an index that the application's reads need."""
    database = ROOT / "tests" / "database"
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute((database / "today_production.sql").read_bytes())
        connection.execute((database / "fill_today_production.sql").read_bytes(), {"n": sessions})
        for table in ("nodes", "timeline_events", "player_characters"):
            connection.execute(f"CREATE INDEX {table}_load ON {table} (session_id)")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def counts(url: str) -> dict[str, tuple[int, str]]:
    """Return the rows of each table, and a digest of their keys."""
    found = {}
    with psycopg.connect(url) as connection:
        for table in COUNTED:
            row = connection.execute(
                f"SELECT count(*), md5(string_agg(id::text, ',' ORDER BY id::text COLLATE \"C\")) FROM {table}"
                # without what clients insert meanwhile, and what the playbook itself seeds
                + " WHERE id::text NOT LIKE '550e8400%'"
                + (" AND name <> 'Somebody'" if table == "nodes" else "")
            ).fetchone()
            assert row is not None
            found[table] = (row[0], row[1])
    return found


def play(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run wgm-play."""
    command = [sys.executable, "-m", "wgm_play", "production.yml", *words]
    environment = {**os.environ, "DATABASE_URL": url}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def main(words: Iterable[str] | None = None) -> int:
    """Load, run under load, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--sessions", type=int, default=40_000)
    parser.add_argument("--backup", action="store_true", help="take the backup that the playbook asks for")
    parser.add_argument("--keep", action="store_true", help="leave the database")
    given = parser.parse_args(list(words) if words is not None else None)
    base, _, _ = given.url.rpartition("/")
    name = f"wgm_adopt_{os.getpid()}"
    with psycopg.connect(given.url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")
        url = f"{base}/{name}"
        load(url, given.sessions)
        before = counts(url)
        print(f"{sum(rows for rows, _ in before.values()):,} rows in {len(before)} tables", flush=True)
        bad = measure(url, given.backup, before)
        if not given.keep:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    return bad


def measure(url: str, backup: bool, before: dict[str, tuple[int, str]]) -> int:
    """Run the playbook under load; print what was seen, and return whether anything was wrong."""
    with psycopg.connect(url) as connection:
        sessions = [row[0] for row in connection.execute("SELECT id FROM sessions LIMIT 5000").fetchall()]
    end = threading.Event()
    clients = [Client(url, number, sessions, end) for number in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    time.sleep(2.0)
    began = time.perf_counter()
    done = play(url, *([] if backup else ["--no-backup"]))
    ended = time.perf_counter()
    time.sleep(1.0)
    end.set()
    for thread in threads:
        thread.join(30)
    waits = [(due - began, wait) for client in clients for due, wait in client.waits if began <= due <= ended]
    longest = sorted(waits, key=lambda one: -one[1])[:5]
    p99 = statistics.quantiles([wait for _, wait in waits], n=100)[-1]
    failed = Counter(text[:90] for client in clients for text in client.failed)
    print(
        f"{ended - began:.1f} s, {len(waits)} transactions, p99 {p99 * 1000:.0f} ms, longest stalls: "
        + ", ".join(f"{wait * 1000:.0f} ms at {at:.1f} s" for at, wait in longest)
    )
    for text, number in failed.most_common():
        print(f"  failed {number} times: {text}")
    wrong = [text for text in failed if text[:5] not in EXPECTED]
    wrong += [done.stdout[-1500:] + done.stderr[-2500:]] if done.returncode else []
    after = counts(url)
    wrong += [f"rows of {table} are not what they were" for table in before if before[table] != after[table]]
    again = play(url)
    if "changed=0" not in again.stdout:
        wrong.append(f"the second run changes something: {again.stdout[-500:]} {again.stderr[-500:]}")
    for text in wrong:
        print(f"WRONG: {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
