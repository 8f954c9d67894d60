"""How long the gate of a run takes where a receiver is at work: a young base, the WAL without a gap, a restore point that was received.

In: numbers of writers. Out: a line per number: median and p99 of the gates. Exits 1 where a median is above 0.3 s or a p99 above 1 s.
Run: python tests/benchmarks/gate.py [--rounds GATES] [WRITERS…]
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from pathlib import Path

import measure

sys.path[:0] = [str(measure.HERE.parent / "database")]

import psycopg  # noqa: E402
from clusters import Cluster, cluster_of  # noqa: E402 - found by the line above

from wgm_play import backup as engines  # noqa: E402

WRITERS = (0, 2, 8)
MEDIAN, P99 = 0.3, 1.0
MAJOR = 15
# A base is not read again for each gate: it is only looked at, as in a run.
POLICY = {"before_changes": "young", "max_age": 86400.0, "verify": "none"}


def gate(cluster: Cluster, engine: engines.Engine, number: int) -> float:
    """Pass the gate once as a run does; return the seconds."""
    began = time.perf_counter()
    engines.young(engine.source.policy, engine)
    point = cluster.point(f"gate {number}")
    if why := engine.received(point):
        raise SystemExit(f"gate {number}: {why}")
    return time.perf_counter() - began


def write(cluster: Cluster, over: threading.Event) -> None:
    """Write rows, each in a transaction of its own, until it is over."""
    with psycopg.connect(cluster.server.url(), autocommit=True) as session:
        while not over.is_set():
            session.execute("insert into notes (note) select repeat('x', 200) from generate_series(1, 20)")


def measured(cluster: Cluster, engine: engines.Engine, writers: int, rounds: int) -> bool:
    """Print how long gates take beside writers; return whether that is too long."""
    over = threading.Event()
    writing = [threading.Thread(target=write, args=(cluster, over)) for _ in range(writers)]
    for one in writing:
        one.start()
    try:
        took = sorted(gate(cluster, engine, number) for number in range(rounds))
    finally:
        over.set()
        for one in writing:
            one.join()
    median, p99 = statistics.median(took), took[min(len(took) - 1, round(0.99 * len(took)))]
    sys.stdout.write(
        f"{writers:3} writers, {rounds} gates: median {median:.3f} s, p99 {p99:.3f} s, longest {took[-1]:.3f} s\n"
    )
    sys.stdout.flush()
    return median > MEDIAN or p99 > P99


def main() -> None:
    """Measure and print."""
    words = measure.words(__doc__, 100)
    numbers = WRITERS if words.tables == list(measure.SIZES) else words.tables
    slow = False
    with measure.folder() as folder:
        for cluster in cluster_of(MAJOR, Path(folder)):
            engine = cluster.engine(**POLICY)
            engine.make("for the gate")
            for writers in numbers:
                slow |= measured(cluster, engine, writers, words.rounds)
    sys.exit(slow)


if __name__ == "__main__":
    main()
