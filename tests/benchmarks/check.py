"""How long `check` takes against the inspection of the same database, process against process.

In: numbers of tables. Out: a line per number: medians of both and their ratio. Exits 1 where `check` takes more than three
times as long.
Run: python tests/benchmarks/check.py [--url URL] [--rounds N] [TABLES…]
"""

from __future__ import annotations

import statistics
import sys

import measure
import schemas

ALLOWED_RATIO = 3.0
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
                checks, inspections = [], []
                for number in range(words.rounds + 1):
                    inspection = measure.took([*measure.runner(), "inspect", url], folder)
                    command = [*measure.runner(), "check", str(playbook), "--url", url]
                    check = measure.took(["/bin/sh", "-c", FOUND, "sh", *command], folder)
                    if number:  # the first of each warms up
                        checks.append(check.wall)
                        inspections.append(inspection.wall)
            check_wall, inspection_wall = statistics.median(checks), statistics.median(inspections)
            missed |= check_wall > ALLOWED_RATIO * inspection_wall
            sys.stdout.write(
                f"{tables:5} tables: inspect {inspection_wall:.3f} s, check {check_wall:.3f} s, "
                f"ratio {check_wall / inspection_wall:.2f}\n"
            )
            sys.stdout.flush()
    sys.exit(missed)


if __name__ == "__main__":
    main()
