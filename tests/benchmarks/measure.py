"""What the benchmarks share: a server, fresh databases on it, processes that are timed.

In: words of the command line. Out: `Server`, `Took`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

import psycopg  # noqa: E402

import fix_postgres  # noqa: E402 - found by the line above

SIZES = (20, 200, 1000)
PYTHON = sys.executable


@dataclass(frozen=True, slots=True)
class Server:
    """A server; `log` is the file of one that is ours."""

    url: str
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Took:
    """How long a process took: seconds of wall clock, seconds of its own CPU, its memory at most (MB), what it printed."""

    wall: float
    cpu: float
    memory: float
    output: str


def words(description: str, rounds: int) -> argparse.Namespace:
    """Read the command line that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("tables", nargs="*", type=int)
    parser.add_argument("--url", help="of a server on which databases may be created (default: one of the tests')")
    parser.add_argument("--rounds", type=int, default=rounds)
    read = parser.parse_args()
    read.tables = read.tables or list(SIZES)
    return read


@contextmanager
def server(url: str | None) -> Iterator[Server]:
    """Give a server for a `with` block."""
    if url is not None:
        yield Server(url)
        return
    life = fix_postgres.started(fix_postgres.available()[-1])
    try:
        made = next(life)
        yield Server(made.url(), made.log)
    finally:
        next(life, None)


def statements(server: Server, work: Callable[[], object]) -> int | None:
    """Return how many statements a call sends to a server with nobody else there; None where it has no log of ours."""
    if server.log is None:
        return None
    with psycopg.connect(server.url, autocommit=True) as session:
        # For the server, not for the database: a setting of the database would be drift.
        session.execute("ALTER SYSTEM SET log_statement = 'all'")
        session.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)
        before = server.log.stat().st_size
        work()
        after = server.log.stat().st_size
        session.execute("ALTER SYSTEM RESET log_statement")
        session.execute("SELECT pg_reload_conf()")
    with server.log.open(encoding="utf-8", errors="replace") as log:
        log.seek(before)
        lines = log.read(after - before).splitlines()
        return sum("LOG:  statement: " in line or "LOG:  execute " in line for line in lines)


@contextmanager
def database(url: str, name: str = "wgm_benchmark") -> Iterator[str]:
    """Give the URL of a fresh database for a `with` block."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        # Nobody shall pay for the checkpoint that another one's files need.
        admin.execute("CHECKPOINT")
        yield psycopg.conninfo.make_conninfo(url, dbname=name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def folder() -> Iterator[Path]:
    """Give an empty folder for a `with` block."""
    with tempfile.TemporaryDirectory(prefix="wgm-benchmark-") as name:
        yield Path(name)


def runner() -> list[str]:
    """Return how people start the program here."""
    installed = Path(sys.executable).with_name("wgm-play")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "wgm_play"]


def took(command: Sequence[str], cwd: Path, **environ: str) -> Took:
    """Run a process to its end; raise when it fails."""
    # A program that is installed has its bytecode, whatever this shell says.
    known = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | environ
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as wrong:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=wrong, cwd=cwd, env=known)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        wrong.seek(0)
        output = said.read()
        if process.returncode:
            told = output[-2000:] + wrong.read()[-4000:]
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{told}")
    return Took(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)


def median(found: Sequence[Took]) -> Took:
    """Return the medians of what was measured."""
    middle = [
        statistics.median(column) for column in zip(*((one.wall, one.cpu, one.memory) for one in found), strict=True)
    ]
    return Took(*middle, "")


def transactions(url: str) -> int:
    """Return how many transactions a database has seen, of sessions that have ended."""
    with psycopg.connect(url) as session:
        row = session.execute(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        return int(row[0]) if row else 0


def play(playbook: Path, url: str, *options: str, changed: bool = False) -> Took:
    """Run a playbook; check that it changed something, or that it did not."""
    project = playbook.parent.parent
    made = took([*runner(), str(playbook), *options], project, WGM_BENCHMARK_URL=url)
    nothing = "changed=0 " in made.output
    if nothing == changed:
        kind = "changes" if changed else "finds nothing to do"
        raise SystemExit(f"expected a run that {kind}:\n{made.output[-3000:]}")
    return made


def analyze(url: str) -> None:
    """Bring the statistics up to date, as autovacuum does soon after a schema was made."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("VACUUM ANALYZE")


def catalog_queries(url: str, place: Path) -> Path:
    """Write the texts of our catalog queries into a file, for the floor."""
    from wgm_play.catalog import introspect

    with psycopg.connect(url, options="-c search_path=") as session:
        texts = introspect.asked(session)
    place.write_text(json.dumps(list(texts.values())))
    return place
