"""How long inspection takes beside pg_dump, and a whole-database diff beside psql making the same objects.

In: `python tests/benchmarks/inspection.py URL [TABLES...]`: a superuser's URL of a server, PostgreSQL's programs on the
PATH, fsync and synchronous_commit off. Out: a line for each number of tables; exit 1 where a limit is broken.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg

from wgm_play import pipeline
from wgm_play.inspect.options import Inspection
from wgm_play.reporter import Reporter

# Inspection may take this many times as long as pg_dump --schema-only, and this much memory (MB).
TIMES, MEMORY = 1.5, 500
# A plan of as many tables with nothing cached may take this much longer than psql needs to make them (seconds).
DIFF_TABLES, DIFF_SECONDS = 1000, 5.0
# Tables made in one transaction: more would need more locks than a default server has room for.
TOGETHER = 200


def schema(tables: int) -> str:
    """Return SQL for tables with keys, references, rules, two indexes each, a view for every tenth."""
    lines = []
    for number in range(tables):
        if number % TOGETHER == 0:
            lines.append("COMMIT; BEGIN;" if number else "BEGIN;")
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
    return "\n".join([*lines, "COMMIT;"])


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


def compare(url: str, live: str, project: Path, made: float) -> bool:
    """Measure the diff of a whole database with its playbook, and of an empty one; tell whether the limits hold.

    The plan for the empty one is proved besides: the objects are made a second time in the shadow.
    """
    good = True
    for name, target in (("has them", live), ("lacks them", fresh(url, "bench_empty"))):
        taken = []
        for _ in range(2):
            shutil.rmtree(project / ".wgm", ignore_errors=True)
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "wgm_play", "production.yml", "--check"],
                check=True,
                cwd=project,
                env=os.environ | {"DATABASE_URL": target},
                stdout=subprocess.DEVNULL,
            )
            taken.append(time.perf_counter() - start)
        over = min(taken) - made
        good = good and over <= DIFF_SECONDS
        print(
            f"whole diff, the database {name}: {min(taken):.2f} s, psql {made:.2f} s: "
            f"{over:.2f} s more (limit: {DIFF_SECONDS:.0f})"
        )
    return good


def measure(url: str, tables: int) -> bool:
    """Measure one number of tables; tell whether the limits hold."""
    live = fresh(url, "bench_inspect")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "schema.sql"
        script.write_text(schema(tables))
        made = seconds(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(script), live])
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
            good = compare(url, live, Path(folder) / "out0", made) and good
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("bench_inspect", "bench_empty"):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
    return good


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        child(*sys.argv[2:4])
    else:
        results = [measure(sys.argv[1], int(one)) for one in sys.argv[2:] or ("1000", "5000")]
        sys.exit(0 if all(results) else 1)
