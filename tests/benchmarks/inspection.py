"""How long inspection takes beside pg_dump, and a whole-database diff beside psql making the same objects.

In: `python tests/benchmarks/inspection.py URL [TABLES...]`: a superuser's URL of a server, PostgreSQL's programs on the
PATH. Out: a line for each number of tables; exit 1 where a limit is broken.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from wgm_play import pipeline
from wgm_play.inspect.command import Inspection
from wgm_play.report.base import Reporter

# Inspection may take this many times as long as pg_dump --schema-only, and this much memory (MB).
TIMES, MEMORY = 1.5, 500
# A plan of as many tables with nothing cached may take this much longer than psql needs to make them (seconds).
DIFF_TABLES, DIFF_SECONDS = 1000, 5.0


def schema(tables: int) -> str:
    """Return SQL for tables with keys, references, rules, two indexes each, a view for every tenth."""
    lines = []
    for number in range(tables):
        lines.append(
            f"CREATE TABLE t{number} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, "
            f"kind varchar(20) NOT NULL DEFAULT 'a' CHECK (kind IN ('a', 'b', 'c')), price numeric(10, 2) CHECK (price >= 0), "
            f"parent_id bigint{f' REFERENCES t{number - 1}' if number else ''}, data jsonb NOT NULL DEFAULT '{{}}', "
            f"created_at timestamptz NOT NULL DEFAULT now());"
            f"CREATE INDEX t{number}_name ON t{number} (name, created_at DESC);"
            f"CREATE INDEX t{number}_open ON t{number} (lower(name)) WHERE kind <> 'c';"
        )
        if number % 10 == 0:
            lines.append(f"CREATE VIEW v{number} AS SELECT id, name FROM t{number} WHERE kind IN ('a', 'b');")
    return "\n".join(lines)


def fresh(url: str, name: str) -> str:
    """Return the URL of a new, empty database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {name}".encode())
    return url.rpartition("/")[0] + "/" + name


def seconds(words: list[str]) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def child(url: str, folder: str) -> None:
    """Inspect, and print the peak memory in MB."""
    pipeline.inspect(Inspection(url, folder), Reporter())
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def measure(url: str, tables: int) -> bool:
    """Measure one number of tables; tell whether the limits hold."""
    live = fresh(url, "bench_inspect")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "schema.sql"
        script.write_text(schema(tables))
        made = seconds(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-1", "-f", str(script), live])
        dumped = min(seconds(["pg_dump", "--schema-only", "-f", os.devnull, live]) for _ in range(3))
        taken, memory = [], 0
        for number in range(3):
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, __file__, "--child", live, f"{folder}/out{number}"],
                check=True,
                capture_output=True,
                text=True,
            )
            taken.append(time.perf_counter() - start)
            memory = int(done.stdout)
        good = min(taken) <= TIMES * dumped and memory < MEMORY
        print(
            f"{tables} tables: inspect {min(taken):.2f} s, pg_dump {dumped:.2f} s ({min(taken) / dumped:.2f} times), {memory} MB"
        )
        if tables == DIFF_TABLES:
            playbook = Path(folder) / "out0" / "playbooks" / "production.yml"
            start = time.perf_counter()
            pipeline.apply(pipeline.Options(str(playbook), url=live, check=True), Reporter())
            planned = time.perf_counter() - start
            good = good and planned - made <= DIFF_SECONDS
            print(f"{tables} tables: whole diff {planned:.2f} s, psql {made:.2f} s (limit: {DIFF_SECONDS:.0f} s more)")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP DATABASE bench_inspect WITH (FORCE)")
    return good


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        child(*sys.argv[2:4])
    else:
        results = [measure(sys.argv[1], int(one)) for one in sys.argv[2:] or ("1000", "5000")]
        sys.exit(0 if all(results) else 1)
