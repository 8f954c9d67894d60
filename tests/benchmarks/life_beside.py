"""Every case of tests/cases with life beside it, in the automatic and in the online form: what differs, what failed.

Run: .venv/bin/python tests/benchmarks/life_beside.py [--pg 15,18] [--forms always,auto] [NAME …]   (NAME: a part of KIND/CASE)
A case whose plan in the first form is that of the plain form is run in that form alone.
Prints a line for each case that is wrong, and totals: cases, runs, transactions, errors. Exit 1 where one is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "database")]

import beside  # noqa: E402
from laws import load_case  # noqa: E402

import fix_postgres  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pg", default="18")
    parser.add_argument("--forms", default="always,auto")
    parser.add_argument("--verbose", action="store_true", help="a line for the right and the skipped ones too")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    wrong = 0
    for major in map(int, asked.pg.split(",")):
        life = fix_postgres.started(major)
        server = next(life)
        try:
            wrong += _all(server, asked.forms.split(","), asked.names, asked.verbose)
        finally:
            next(life, None)
    return 1 if wrong else 0


def _all(server: fix_postgres.Postgres, forms: list[str], names: list[str], verbose: bool) -> int:
    counts: Counter[str] = Counter()
    begun = time.monotonic()
    for path in sorted((TESTS / "cases").glob("*/*.yml")):
        name = f"{path.parent.name}/{path.stem}"
        if names and not any(part in name for part in names):
            continue
        case = load_case(path.read_text())
        if ("versions" in case and not fix_postgres.fits(server.major, case["versions"])) or "refused" in case:
            continue
        counts["cases"] += 1
        for form in forms:
            found = _one(case, name, form, server, counts, verbose=verbose)
            if found.same or found.skipped:
                break
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"PostgreSQL {server.major}, {', '.join(forms)}: {told}; {time.monotonic() - begun:.0f} s", flush=True)
    return counts["wrong"]


def _one(
    case: dict[str, Any], name: str, form: str, server: fix_postgres.Postgres, counts: Counter[str], *, verbose: bool
) -> beside.Outcome:
    """Run a case in one form and count what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        try:
            found = beside.run(case, server, Path(folder), online=form)
        except Exception as error:  # the program goes on with the next case
            found = beside.Outcome(wrong=[f"{type(error).__name__}: {error}"])
    counts["runs"] += not found.skipped
    counts["skipped"] += bool(found.skipped)
    counts["of one form only"] += found.same
    counts["as owner"] += found.owner and not found.skipped
    counts["wrong"] += bool(found.wrong)
    counts["rolled back"] += found.rollback == "back"
    counts["with a subscriber"] += found.subscriber
    for what in ("writes", "during", "reads", "failures"):
        counts[what] += getattr(found, what)
    if verbose and not found.wrong:
        how = found.skipped or f"{found.rollback}, {found.during} writes during{', one form' if found.same else ''}"
        print(f"ok    {name} ({form}) {how}", flush=True)
    for text in found.wrong:
        print(f"WRONG {name} ({form}, {server.major}): {text}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
