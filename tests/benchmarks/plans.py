"""How many plans of a database are certain on a scratch server that has its statistics and none of its rows.

In: major versions, how many rows. Out: a line for each version and each `--values`: queries whose plan is certain, those that are unknown
though the plan was the same, those called certain that are otherwise in truth; with -v each query that is not certain. Exits 1 where
one is called certain and is not so.
Run: python tests/benchmarks/plans.py [--rows N] [-v] [VERSION…]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1] / "database"))

from planned import QUERIES, catalog_of, fill

from wgm_play.embedded import apart
from wgm_play.stats.file import StatisticsFile
from wgm_play.stats.judge import explain, judge
from wgm_play.stats.read import read
from wgm_play.stats.scratch import planning_server
from wgm_play.stats.values import LEVELS
from wgm_play.stats.writing import written


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="*", type=int, default=[15, 18])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("-v", "--verbose", action="store_true")
    words = parser.parse_args()
    wrong = sum(_measured(version, words.rows, verbose=words.verbose) for version in words.versions)
    sys.exit(1 if wrong else 0)


def _measured(version: int, rows: int, *, verbose: bool) -> int:
    """Measure on one version; return how many plans are called certain and are otherwise."""
    wrong = 0
    with apart(version, {"fsync": "off", "autovacuum": "off"}) as production:
        with psycopg.connect(production.url, autocommit=True) as database:
            fill(database, rows)
            real = {query: explain(database, query).shape for query in QUERIES}
            taken = {
                level: StatisticsFile(json.loads(written(read(database, "production", level))), level)
                for level in LEVELS
            }
        catalog = catalog_of(production.url)
        with planning_server(taken["none"]) as server:
            for level in LEVELS:
                there = server.lay(catalog, level, taken[level])
                judged = [judge(there, query) for query in QUERIES]
                same = [one.plan is not None and one.plan.shape == real[one.query] for one in judged]
                pairs = list(zip(judged, same, strict=True))
                certain = sum(one.certain for one in judged)
                false = [one.query for one, equal in pairs if one.certain and not equal]
                unknown = sum(equal and not one.certain for one, equal in pairs)
                print(
                    f"PostgreSQL {version}, --values {level}: {certain} of {len(QUERIES)} certain, "
                    f"{len(QUERIES) - certain} unknown ({unknown} of them the same), {len(false)} wrong"
                )
                for query in false:
                    print(f"  WRONG {query}")
                for one in judged if verbose else ():
                    if not one.certain:
                        print(f"  unknown {one.query}: {', '.join(one.depends_on) or one.error}")
                wrong += len(false)
    return wrong


if __name__ == "__main__":
    main()
