"""Thirty rehearsals over five sizes of a table: the forecast of each beside what the run then took. It can be ended and begun again.

In: numbers of rows. Out: a table, a line for each rehearsal, and how many forecasts are within a factor of 1.5; what was measured is kept
in FILE, and what is there already is not measured again. Exits 1 where fewer than 90 % are within.
Run: python tests/benchmarks/rehearsal_forecast.py --keep FILE [--url URL] [--rounds CHANGES] [ROWS…]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import measure
import psycopg
from rehearsal import CHANGES, LEAST, ROWS, SHARE, WITHIN, Shop, told

FILL = "insert into big select n, n %% 1000, 'title ' || md5(n::text) from generate_series(1, %s) n"


def main() -> None:
    """Measure what is missing; print all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=int)
    parser.add_argument("--url")
    parser.add_argument("--rounds", type=int, default=len(CHANGES))
    parser.add_argument("--keep", type=Path, required=True)
    words = parser.parse_args()
    kept: dict[str, list[float]] = json.loads(words.keep.read_text()) if words.keep.exists() else {}
    with measure.server(words.url) as server:
        for rows in words.rows or ROWS:
            wanted = [f"{rows} {change[0]}" for change in CHANGES[: words.rounds]]
            if set(wanted) - kept.keys():
                _measure(server.url, rows, words.rounds, kept, words.keep)
    sys.exit(_shown(kept))


def _measure(server: str, rows: int, rounds: int, kept: dict[str, list[float]], file: Path) -> None:
    """Rehearse and run each change of one size, one after another; keep each as it is done."""
    with measure.folder() as folder, measure.database(server) as url:
        shop = Shop(folder, url)
        shop.write()
        shop.command("production.yml")
        with psycopg.connect(url, autocommit=True) as session:
            session.execute(FILL, [rows])
            session.execute("analyze")
        for change in CHANGES[:rounds]:
            shop.change(change)
            if f"{rows} {change[0]}" in kept:
                shop.command("production.yml")
                continue
            shop.command("backup", "production.yml")
            shop.command("rehearse", "production.yml")
            shop.command("production.yml")
            kept[f"{rows} {change[0]}"] = list(told(url, rows, change[0]))
            file.write_text(json.dumps(kept, indent=1) + "\n")


def _shown(kept: dict[str, list[float]]) -> bool:
    """Print the table; return whether too few forecasts are good."""
    sys.stdout.write(f"\n{'rows':>8}  {'change':10}  {'forecast':>9}  {'fact':>9}  ratio\n")
    ratios = []
    for name, (likely, fact) in kept.items():
        rows, _, change = name.partition(" ")
        counts = max(likely, fact) >= LEAST
        ratios += [fact / likely] if counts else []
        short = "" if counts else f"  (below {LEAST} s: not counted)"
        sys.stdout.write(f"{rows:>8}  {change:10}  {likely:8.3f}s  {fact:8.3f}s  {fact / likely:5.2f}{short}\n")
    within = sum(1 / WITHIN <= one <= WITHIN for one in ratios) / max(len(ratios), 1)
    sys.stdout.write(f"{len(kept)} rehearsals, {len(ratios)} counted, {within:.0%} within a factor of {WITHIN}\n")
    return within < SHARE


if __name__ == "__main__":
    main()
