"""How long a run takes that finds nothing to do, drift checked, against the floor (floor.py), process against process.

In: numbers of tables. Out: a line per number: medians of both, their ratio, the run's own CPU seconds, the number of
statements that it sent. Exits 1 where a target of the design is missed.
Run: python tests/benchmarks/noop.py [--url URL] [--rounds N] [TABLES…]
"""

from __future__ import annotations

import statistics
import sys

import measure
import schemas

ALLOWED_RATIO = 1.5
# Seconds of our own CPU at 200 tables.
ALLOWED_CPU = {200: 0.2}


def main() -> None:
    """Measure and print."""
    words = measure.words(__doc__, 9)
    missed = False
    sent = []
    with measure.server(words.url) as server:
        for tables in words.tables:
            with measure.folder() as folder, measure.database(server.url) as url:
                playbook = schemas.write(folder, tables)
                queries = measure.catalog_queries(url, folder / "queries.json")
                measure.play(playbook, url, changed=True)
                measure.analyze(url)
                floors, runs = [], []
                for number in range(words.rounds + 1):
                    floor = measure.took([measure.PYTHON, str(measure.HERE / "floor.py"), str(queries), url], folder)
                    run = measure.play(playbook, url)
                    if number:  # the first of each warms up
                        floors.append(floor)
                        runs.append(run)
                sent.append(measure.statements(server, lambda p=playbook, u=url: measure.play(p, u)))
            floor_wall = statistics.median(one.wall for one in floors)
            wall = statistics.median(one.wall for one in runs)
            cpu = statistics.median(one.cpu for one in runs)
            floor_cpu = statistics.median(one.cpu for one in floors)
            missed |= wall > ALLOWED_RATIO * floor_wall or cpu > ALLOWED_CPU.get(tables, float("inf"))
            sys.stdout.write(
                f"{tables:5} tables: floor {floor_wall:.3f} s (CPU {floor_cpu:.3f} s), nothing to do {wall:.3f} s "
                f"(CPU {cpu:.3f} s), ratio {wall / floor_wall:.2f}; {sent[-1]} statements\n"
            )
            sys.stdout.flush()
    sys.exit(missed or len(set(sent)) > 1)


if __name__ == "__main__":
    main()
