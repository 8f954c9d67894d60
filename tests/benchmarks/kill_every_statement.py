"""Kill a run of a playbook after each of its statements in turn: does the same command always finish the work?

In: a playbook of the project (default: production.yml), a major version of a server of the tests'. Out: a line for each
kill that was not survived, and a summary; exit code 1 where there was one. `--sent` kills between a statement and its
answer too.
Run: python tests/benchmarks/kill_every_statement.py [--pg 18] [--step N] [--sent] [--jobs N] [PLAYBOOK]
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

import fix_postgres  # noqa: E402 - found by the line above
from killing import Place, Verdict, copy_of_project, kill_and_resume  # noqa: E402

# More statements than any playbook of this project sends: a program that never gets to its end is told of.
MOST = 5000


def moments(step: int, sent: bool) -> Iterator[str]:
    """Yield when to kill: after statement 1, 1+step, …; with `sent` also before its answer."""
    for number in range(1, MOST, step):
        yield str(number)
        if sent:
            yield f"{number}:sent"


def main() -> int:
    """Kill, resume, compare, sum up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("playbook", nargs="?", default="production.yml")
    parser.add_argument("--pg", type=int, default=18)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--start", type=int, default=1, help="the first statement to kill after")
    parser.add_argument("--sent", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    began = time.monotonic()
    # A server for each worker: what one leaves behind for a moment is not another's.
    lives = [fix_postgres.started(asked.pg) for _ in range(asked.jobs)]
    servers = [next(life) for life in lives]
    with tempfile.TemporaryDirectory(prefix="wgm-kill-") as home:
        found = sorted(_all(asked, servers, Path(home)), key=lambda verdict: int(verdict.moment.split(":")[0]))
    for life in lives:
        next(life, None)
    return summary(found, time.monotonic() - began)


def _all(asked: argparse.Namespace, servers: list[fix_postgres.Postgres], home: Path) -> list[Verdict]:
    server = servers[0]
    reference = Place(copy_of_project(home / "undisturbed"), asked.playbook, server.url(server.create_database()))
    done = reference.run()
    assert done.returncode == 0, done.stderr
    undisturbed = reference.content()
    places = threading.local()
    numbers = itertools.count()
    over = threading.Event()

    def one(moment: str) -> Verdict | None:
        if over.is_set():
            return None
        if not hasattr(places, "folder"):
            number = next(numbers)
            places.folder = copy_of_project(home / f"worker{number}")
            places.server = servers[number]
        server = places.server
        database = server.create_database()
        verdict = kill_and_resume(Place(places.folder, asked.playbook, server.url(database)), moment, undisturbed)
        server.drop_database(database)
        if not verdict.killed:
            over.set()
        for problem in verdict.problems:
            print(f"killed at {moment}: {problem}", flush=True)
        return verdict

    wanted = [moment for moment in moments(asked.step, asked.sent) if int(moment.split(":")[0]) >= asked.start]
    with ThreadPoolExecutor(asked.jobs) as pool:
        return [verdict for verdict in pool.map(one, wanted) if verdict is not None]


def summary(found: list[Verdict], seconds: float) -> int:
    """Print what came of all kills; return the exit code."""
    kills = [verdict for verdict in found if verdict.killed]
    bad = [verdict for verdict in found if verdict.problems]
    last = next((verdict.moment for verdict in found if not verdict.killed), "none")
    print(
        f"{len(kills)} kills, {len(kills) - len([v for v in bad if v.killed])} finished by the same command; "
        f"first moment after the end: {last}; {seconds:.0f} s"
    )
    return 1 if bad or not kills else 0


if __name__ == "__main__":
    sys.exit(main())
