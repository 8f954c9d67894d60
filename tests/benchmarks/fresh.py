"""How long a fresh apply takes, against psql with the same DDL in the same transactions.

In: numbers of tables. Out: a line per number: psql's seconds, those from the first to the last statement of the plan's
execution, those of the whole run (realise, prove, apply, prove), their ratios, the run's own CPU, memory and transactions.
Exits 1 where a target is missed.
Run: python tests/benchmarks/fresh.py [--url URL] [--rounds N] [TABLES…]
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from pathlib import Path

import measure
import psycopg
import schemas

from wgm_play.user_cache import folder_of

ALLOWED_EXECUTION = 1.15
ALLOWED_WHOLE = 3.0


def as_script(plan: Path) -> str:
    """Return a saved plan as a script for psql: the same statements in the same transactions."""
    lines = []
    for group in json.loads(plan.read_text())["groups"]:
        commands = [command["sql"] for operation in group["operations"] for command in operation["commands"]]
        inside = group["transactional"]
        lines += ["BEGIN;"] * inside + [f"{sql.rstrip().rstrip(';')};" for sql in commands] + ["COMMIT;"] * inside
    return "\n".join(lines) + "\n"


def executed(url: str) -> float:
    """Return the seconds of the last run's execution, as the ledger has them."""
    with psycopg.connect(url) as session:
        row = session.execute(
            "SELECT extract(epoch FROM max(ended_at) - min(started_at)) FROM wgm.statement"
            " WHERE run = (SELECT max(id) FROM wgm.run)"
        ).fetchone()
        return float(row[0]) if row else 0.0


def main() -> None:
    """Measure and print."""
    words = measure.words(__doc__, 3)
    missed = False
    program = shutil.which("psql") or str(next(iter(Path("/usr/lib/postgresql").glob("*/bin/psql"))))
    with measure.server(words.url) as server:
        for tables in words.tables:
            theirs, inner, whole = [], [], []
            for _ in range(words.rounds):
                with measure.folder() as folder:
                    playbook = schemas.write(folder, tables)
                    with measure.database(server.url) as url:
                        saved = folder / "plan.json"
                        measure.play(playbook, url, "--check", "--save-plan", str(saved), changed=True)
                        (folder / "plan.sql").write_text(as_script(saved))
                        call = [program, "-qX", "-v", "ON_ERROR_STOP=1", "-f", "plan.sql", url]
                        theirs.append(measure.took(call, folder).wall)
                    shutil.rmtree(
                        folder_of(folder) or folder / ".wgm", ignore_errors=True
                    )  # the run realises by itself
                    with measure.database(server.url) as url:
                        whole.append(measure.play(playbook, url, changed=True))
                        inner.append(executed(url))
                        sent = measure.transactions(url)
            psql, ours, made = statistics.median(theirs), statistics.median(inner), measure.median(whole)
            run = made.wall
            missed |= ours > ALLOWED_EXECUTION * psql or run > ALLOWED_WHOLE * psql
            sys.stdout.write(
                f"{tables:5} tables: psql {psql:.3f} s; executed in {ours:.3f} s, ratio {ours / psql:.2f}; "
                f"whole run {run:.3f} s, ratio {run / psql:.2f}; "
                f"CPU {made.cpu:.2f} s, {made.memory:.0f} MB, {sent} transactions\n"
            )
            sys.stdout.flush()
    sys.exit(missed)


if __name__ == "__main__":
    main()
