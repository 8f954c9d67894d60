"""Every case of tests/cases with life beside it, in the automatic and in the online form: what differs, what failed.

Run: .venv/bin/python tests/benchmarks/life_beside.py [--pg 15,18] [--forms auto,always] [NAME …]   (NAME: a part of KIND/CASE)
Prints a line for each case that is wrong, and totals: cases, forms, transactions, errors. Exit 1 where one is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "database")]

import beside  # noqa: E402
from laws import load_case  # noqa: E402

import fix_postgres  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pg", default="18")
    parser.add_argument("--forms", default="auto,always")
    parser.add_argument("--verbose", action="store_true", help="a line for the right and the skipped ones too")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    wrong = 0
    for major in map(int, asked.pg.split(",")):
        life = fix_postgres.started(major)
        server = next(life)
        try:
            for form in asked.forms.split(","):
                wrong += _all(server, form, asked.names, asked.verbose)
        finally:
            next(life, None)
    return 1 if wrong else 0


def _all(server: fix_postgres.Postgres, form: str, names: list[str], verbose: bool) -> int:
    counts: Counter[str] = Counter()
    begun = time.monotonic()
    for path in sorted((TESTS / "cases").glob("*/*.yml")):
        name = f"{path.parent.name}/{path.stem}"
        if names and not any(part in name for part in names):
            continue
        case = load_case(path.read_text())
        if ("versions" in case and not fix_postgres.fits(server.major, case["versions"])) or "refused" in case:
            continue
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            found = beside.run(case, server, Path(folder), online=form)
        counts["cases"] += 1
        counts["skipped"] += bool(found.skipped)
        counts["as owner"] += found.owner and not found.skipped
        counts["wrong"] += bool(found.wrong)
        counts["rolled back"] += found.rollback == "back"
        for what in ("writes", "reads", "failures"):
            counts[what] += getattr(found, what)
        if verbose and not found.wrong:
            print(f"ok    {name} {found.skipped or found.rollback} {found.writes}", flush=True)
        for text in found.wrong:
            print(f"WRONG {name} ({form}, {server.major}): {text}", flush=True)
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"PostgreSQL {server.major}, {form}: {told}; {time.monotonic() - begun:.0f} s", flush=True)
    return counts["wrong"]


if __name__ == "__main__":
    sys.exit(main())
