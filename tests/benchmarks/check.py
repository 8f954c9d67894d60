"""How long `check` takes against the inspection of the same database, and its drift against the floor (floor.py).

In: numbers of tables. Out: a line per number: medians, their ratios, those of their own CPU, memory. Exits 1 where `check` takes
more than three times as long as the inspection, or drift more than 1.2 times the floor.
Run: python tests/benchmarks/check.py [--url URL] [--rounds N] [TABLES…]
"""

from __future__ import annotations

import sys

import measure
import schemas

ALLOWED_RATIO = 3.0
ALLOWED_DRIFT = 1.2
# The server of a benchmark may be made to be fast, which is a finding (12).
FOUND = '"$@"; code=$?; [ $code -eq 12 ] || exit $code'


def main() -> None:
    """Measure and print."""
    words = measure.words(__doc__, 5)
    missed = False
    with measure.server(words.url) as server:
        for tables in words.tables:
            with measure.folder() as folder, measure.database(server.url) as url:
                playbook = schemas.write(folder, tables)
                measure.play(playbook, url, changed=True)
                measure.analyze(url)
                queries = measure.catalog_queries(url, folder / "queries.json")
                checks, inspections, drifts, floors = [], [], [], []
                for number in range(words.rounds + 1):
                    inspection = measure.took([*measure.runner(), "inspect", url], folder)
                    command = [*measure.runner(), "check", str(playbook), "--url", url]
                    check = measure.took(["/bin/sh", "-c", FOUND, "sh", *command], folder)
                    drift = measure.took([*command, "--only", "drift"], folder)
                    floor = measure.took([measure.PYTHON, str(measure.HERE / "floor.py"), str(queries), url], folder)
                    if number:  # the first of each warms up
                        checks.append(check)
                        inspections.append(inspection)
                        drifts.append(drift)
                        floors.append(floor)
            whole, read, part, least = map(measure.median, (checks, inspections, drifts, floors))
            missed |= whole.wall > ALLOWED_RATIO * read.wall or part.wall > ALLOWED_DRIFT * least.wall
            sys.stdout.write(
                f"{tables:5} tables: inspect {read.wall:.3f} s, check {whole.wall:.3f} s, "
                f"ratio {whole.wall / read.wall:.2f} (CPU {whole.cpu / read.cpu:.2f}), {whole.memory:.0f} MB; "
                f"drift {part.wall:.3f} s, floor {least.wall:.3f} s, ratio {part.wall / least.wall:.2f} "
                f"(CPU {part.cpu / least.cpu:.2f}), {part.memory:.0f} MB\n"
            )
            sys.stdout.flush()
    sys.exit(missed)


if __name__ == "__main__":
    main()
