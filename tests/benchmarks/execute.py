"""How much longer a plan takes to execute than psql takes for the same statements in the same transactions.

In: the URL of a server on which databases may be created (default: a server of the tests'), numbers of tables. Out:
a line per number: psql's seconds, ours, their ratio: of the groups alone, and from the run lock to the end.
Run: python tests/benchmarks/execute.py
[--url URL] [--rounds N] [TABLES…]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "database")]

import psycopg  # noqa: E402
from hand_made import connector, environment, operation, plan  # noqa: E402

import fix_postgres  # noqa: E402 - found by the line above
from wgm_play.environment import Policy  # noqa: E402
from wgm_play.execute.executor import execute  # noqa: E402
from wgm_play.execute.guard import run_lock  # noqa: E402
from wgm_play.execute.session import open_session  # noqa: E402
from wgm_play.ledger import Ledger, RunInfo  # noqa: E402
from wgm_play.plan import Group, Plan  # noqa: E402
from wgm_play.reporter import Reporter  # noqa: E402

T = TypeVar("T")
SIZES = (20, 200, 1000)
BEFORE = "CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'"


def statements(tables: int) -> list[list[str]]:
    """Return the schema of the benchmarks, a list for each transaction: tables with keys, checks, indexes, trigger."""
    groups = []
    for n in range(tables):
        parent = f" REFERENCES public.t{n - 1} (id)" if n else ""
        group = [
            f"""CREATE TABLE public.t{n} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent bigint{parent},
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'open', 'done')),
    at timestamptz NOT NULL DEFAULT now()
)"""
        ]
        group += [f"CREATE INDEX t{n}_{column}_idx ON public.t{n} ({column})" for column in ("parent", "name", "at")]
        group.append(f"CREATE TRIGGER touch BEFORE UPDATE ON public.t{n} FOR EACH ROW EXECUTE FUNCTION public.touch()")
        if n % 10 == 0:
            group.append(f"CREATE VIEW public.v{n} AS SELECT id, name FROM public.t{n} WHERE state <> 'done'")
        groups.append(group)
    return groups


def as_plan(groups: list[list[str]]) -> Plan:
    return plan(*(Group((operation(*group),), 0) for group in groups))


def ours(url: str, groups: list[list[str]]) -> tuple[float, float]:
    """Return the seconds that the groups take with their ledger rows, and those from the run lock to the end."""
    made, connect, reporter = as_plan(groups), connector(url), Reporter()
    policy = Policy()
    began = time.perf_counter()
    with run_lock(connect, policy=policy) as lock, open_session(connect, policy=policy) as session:
        ledger = Ledger(session.connection)
        run = ledger.begin(RunInfo("benchmark.yml", "Benchmark", "test", "apply"))
        outcome = execute(
            made,
            session=session,
            ledger=ledger,
            run=run,
            environment=environment(policy),
            reporter=reporter,
            lock=lock,
        )
        ledger.finish(run, "done")
    return outcome.seconds, time.perf_counter() - began


def psql(url: str, groups: list[list[str]], program: str, folder: Path) -> float:
    """Return the seconds that psql takes for the same transactions."""
    file = folder / "benchmark.sql"
    file.write_text("".join("BEGIN;\n" + ";\n".join(group) + ";\nCOMMIT;\n" for group in groups))
    began = time.perf_counter()
    subprocess.run([program, "-qXf", str(file), "-v", "ON_ERROR_STOP=1", url], check=True)
    return time.perf_counter() - began


@contextmanager
def scratch(server: str) -> Iterator[str]:
    """A fresh database with what the schema needs."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS wgm_benchmark")
        admin.execute("CREATE DATABASE wgm_benchmark")
        url = psycopg.conninfo.make_conninfo(server, dbname="wgm_benchmark")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(BEFORE)
            # Neither side shall pay for the checkpoint that the other one's files need.
            connection.execute("CHECKPOINT")
        yield url
        admin.execute("DROP DATABASE wgm_benchmark WITH (FORCE)")


def measure(server: str, work: Callable[[str], T]) -> T:
    with scratch(server) as url:
        return work(url)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", nargs="*", type=int, default=SIZES)
    parser.add_argument("--url")
    parser.add_argument("--rounds", type=int, default=3)
    words = parser.parse_args()
    life = None if words.url else fix_postgres.started(fix_postgres.available()[-1])
    server = words.url or next(life).url()  # type: ignore[arg-type]
    program = shutil.which("psql") or str(next(iter(Path("/usr/lib/postgresql").glob("*/bin/psql"))))
    with tempfile.TemporaryDirectory() as folder:
        for tables in words.tables or SIZES:
            groups = statements(tables)
            pairs = []
            for _ in range(words.rounds):
                theirs = measure(server, lambda url, g=groups: psql(url, g, program, Path(folder)))
                pairs.append((*measure(server, lambda url, g=groups: ours(url, g)), theirs))
            mine, whole, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
            best, best_whole, best_theirs = (min(side) for side in zip(*pairs, strict=True))
            sys.stdout.write(
                f"{tables:5} tables: psql {theirs:.3f} s; executed in {mine:.3f} s, ratio {mine / theirs:.2f} "
                f"(of the best {best / best_theirs:.2f}); with lock, session, ledger {whole:.3f} s, "
                f"ratio {whole / theirs:.2f} (of the best {best_whole / best_theirs:.2f})\n"
            )
    if life is not None:
        next(life, None)


if __name__ == "__main__":
    main()
