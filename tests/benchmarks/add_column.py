"""How long a run takes that adds one column to one table, against a run that finds nothing to do.

In: numbers of tables. Out: a line per number: medians of both, their ratio, that of their own CPU, memory. Exits 1 where
the ratio is above two.
Run: python tests/benchmarks/add_column.py [--url URL] [--rounds N] [TABLES…]
"""

from __future__ import annotations

import statistics
import sys

import measure
import schemas

ALLOWED_RATIO = 2.0


def main() -> None:
    """Measure and print."""
    words = measure.words(__doc__, 5)
    missed = False
    with measure.server(words.url) as server:
        for tables in words.tables:
            with measure.folder() as folder, measure.database(server.url) as url:
                playbook = schemas.write(folder, tables)
                queries = measure.catalog_queries(url, folder / "queries.json")
                measure.play(playbook, url, changed=True)
                measure.analyze(url)
                measure.play(playbook, url)
                floors, quiet, added = [], [], []
                for number in range(words.rounds):
                    # Each round adds a column to another table, in the middle; nothing of it is known from before.
                    floor = [measure.PYTHON, str(measure.HERE / "floor.py"), str(queries), url]
                    floors.append(measure.took(floor, folder).wall)
                    quiet.append(measure.play(playbook, url))
                    schemas.write(folder, tables, added=tables // 2 + number)
                    added.append(measure.play(playbook, url, "--allow-destructive", "--no-trash", changed=True))
                    schemas.write(folder, tables)
                    measure.play(playbook, url, "--allow-destructive", "--no-trash", changed=True)
                    measure.play(playbook, url)
            floor_wall = statistics.median(floors)
            nothing, one = measure.median(quiet), measure.median(added)
            wall, more = nothing.wall, one.wall
            missed |= more > ALLOWED_RATIO * wall
            sys.stdout.write(
                f"{tables:5} tables: nothing to do {wall:.3f} s, one added column {more:.3f} s, "
                f"ratio {more / wall:.2f} ({more / floor_wall:.2f} times the floor of {floor_wall:.3f} s); "
                f"CPU {nothing.cpu:.2f} and {one.cpu:.2f} s, ratio {one.cpu / nothing.cpu:.2f}; {one.memory:.0f} MB\n"
            )
            sys.stdout.flush()
    sys.exit(missed)


if __name__ == "__main__":
    main()
