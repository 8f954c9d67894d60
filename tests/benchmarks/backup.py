"""What a logical backup and its restore take against pg_dump and pg_restore alone, on a database of some hundred megabytes.

In: megabytes. Out: a line for each: ours, the engine's own command, the ratio. Exits 1 where one is above 1.05.
Run: python tests/benchmarks/backup.py [--url URL] [--rounds ROUNDS] [MEGABYTES]
"""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path

import measure
import psycopg
from rehearsal import Shop

from wgm_play.embedded import programs

MEGABYTES = 500
ALLOWED_RATIO = 1.05
# As many rows as a megabyte of a heap holds.
ROWS = 7800
PARTS = 4
FILL = "insert into part%s select n, md5(n::text) || md5((n + %s)::text) from generate_series(1, {rows}) n"
POLICY = "{verify: none, before_changes: none, retention: 1}"


def main() -> None:
    """Measure in turns and print; what the command itself needs to start is in ours."""
    words = measure.words(__doc__, 3)
    size = MEGABYTES if words.tables == list(measure.SIZES) else words.tables[0]
    slow = False
    with measure.server(words.url) as server, measure.folder() as folder, measure.database(server.url) as url:
        shop = filled(folder, url, size)
        with psycopg.connect(url) as session:
            tools = programs.tools(session.info.server_version // 10000)
        into = psycopg.conninfo.make_conninfo(server.url, dbname="wgm_benchmark_restored")
        ours: dict[str, list[float]] = {"backup": [], "restore": []}
        theirs: dict[str, list[float]] = {"backup": [], "restore": []}
        for _ in range(words.rounds):
            dump = folder / "dump"
            shutil.rmtree(dump, ignore_errors=True)
            theirs["backup"].append(took(tools / "pg_dump", "-Fd", "-j2", "-f", str(dump), "-d", url))
            ours["backup"].append(shop.command("backup", "production.yml").wall)
            fresh(server.url)
            theirs["restore"].append(took(tools / "pg_restore", "-j2", "-d", into, str(dump)))
            fresh(server.url, make=False)
            ours["restore"].append(shop.command("restore", "production.yml", "--into", into).wall)
        fresh(server.url, make=False)
    for what, seconds in ours.items():
        mine, other = statistics.median(seconds), statistics.median(theirs[what])
        slow |= mine / other > ALLOWED_RATIO
        sys.stdout.write(f"{size} MB, {what:8}: {mine:.2f} s, alone {other:.2f} s, ratio {mine / other:.2f}\n")
    sys.exit(slow)


def filled(folder: Path, url: str, size: int) -> Shop:
    """Return a project with a database of so many megabytes."""
    shop = Shop(folder, url)
    tables = "\n".join(
        f"    - {{name: P{n}, table: {{name: part{n}, columns: {{id: {{type: bigint, primary_key: true}}, title: text}}}}}}"
        for n in range(PARTS)
    )
    (folder / "production.yml").write_text(
        f"- name: Big\n  hosts: production\n  backup: {POLICY}\n  steps:\n{tables}\n"
    )
    shop.command("production.yml")
    with psycopg.connect(url, autocommit=True) as session:
        for n in range(PARTS):
            session.execute((FILL.format(rows=size * ROWS // PARTS) % (n, n)).encode())
        session.execute("vacuum analyze")
        row = session.execute("select pg_size_pretty(pg_database_size(current_database()))").fetchone()
    sys.stdout.write(f"the database has {row[0] if row else '?'}\n")
    return shop


def fresh(server: str, *, make: bool = True) -> None:
    """Drop the database that rows come back into; make it anew."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("drop database if exists wgm_benchmark_restored with (force)")
        if make:
            admin.execute("create database wgm_benchmark_restored template template0")


def took(program: Path, *words: str) -> float:
    """Return how long a program of the server takes."""
    return measure.took([str(program), *words], Path("/")).wall


if __name__ == "__main__":
    main()
