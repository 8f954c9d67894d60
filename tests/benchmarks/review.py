"""How long `diff --against` takes for one added column, against planning the same change on a live database.

In: numbers of tables. Out: a line per number: medians of both, their ratio. Exits 1 where 200 tables take more than 1.5 times the
planning, or 1,000 tables more than 5 seconds.
Run: python tests/benchmarks/review.py [--url URL] [--rounds N] [TABLES…]
"""

from __future__ import annotations

import os
import subprocess
import sys

import measure
import schemas

ALLOWED_RATIO = {200: 1.5}
ALLOWED_SECONDS = {1000: 5.0}


def main() -> None:
    """Measure and print."""
    words = measure.words(__doc__, 3)
    missed = False
    with measure.server(words.url) as server:
        for tables in words.tables:
            with measure.folder() as folder, measure.database(server.url) as url:
                playbook = schemas.write(folder, tables)
                _git(folder, "init", "-q", "-b", "main")
                _git(folder, "add", "-A")
                _git(folder, "commit", "-q", "-m", "base")
                measure.play(playbook, url, changed=True)
                measure.play(playbook, url)
                planned, reviewed = [], []
                for number in range(words.rounds + 1):
                    schemas.write(folder, tables, added=tables // 2 + number)
                    planned.append(
                        measure.took(
                            [measure.PYTHON, "-m", "wgm_play", str(playbook), "--check", "--diff"],
                            folder,
                            WGM_BENCHMARK_URL=url,
                        )
                    )
                    reviewed.append(
                        measure.took(
                            [measure.PYTHON, "-m", "wgm_play", "diff", str(playbook), "--against", "main"], folder
                        )
                    )
            plan, found = measure.median(planned[1:]), measure.median(reviewed[1:])
            wall, review = plan.wall, found.wall
            missed |= review > ALLOWED_RATIO.get(tables, float("inf")) * wall
            missed |= review > ALLOWED_SECONDS.get(tables, float("inf"))
            sys.stdout.write(
                f"{tables:5} tables: planned {wall:.3f} s, reviewed {review:.3f} s (the first time {reviewed[0].wall:.3f} s), ratio {review / wall:.2f}; "
                f"CPU {plan.cpu:.2f} and {found.cpu:.2f} s; {found.memory:.0f} MB\n"
            )
            sys.stdout.flush()
    sys.exit(missed)


def _git(folder: os.PathLike[str], *words: str) -> None:
    names = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *names, *words], cwd=folder, check=True)


if __name__ == "__main__":
    main()
