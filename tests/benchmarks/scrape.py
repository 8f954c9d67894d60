"""What a scrape costs the server: python tests/benchmarks/scrape.py [TABLES]

In: a database of so many tables (1000) with rows. Out: the milliseconds that the server's processor works for all that one page of
metrics asks (of Linux' /proc, so that other work on the machine does not count); and how many series the page has.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psycopg

from fix_postgres import started
from wgm_play.commands.metrics import exposition
from wgm_play.options import Options
from wgm_play.reporter import Reporter
from wgm_play.run.opening import open_plays

# A scrape of 1,000 tables is to cost the server less than this, and to have no more series.
MOST_MS, MOST_SERIES, PAGES = 100, 2000, 20
MANY = """
do $$ begin
    for n in 1..{tables} loop
        execute format('create table t_%s (id int primary key, a int not null, b text)', n);
        execute format('insert into t_%s select g, g %% 7, repeat(''x'', 40) from generate_series(1, 50) g', n);
        if n % 200 = 0 then commit; end if;
    end loop;
end $$
"""
BOOK = """
- name: Shop
  hosts: production
  alerts:
    - {import_alerts: library, except: [BackupOld, RestoreNotProved]}
"""


def worked(pid: int) -> float:
    """Return the milliseconds that a process has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure pages after the first."""
    tables = int(sys.argv[1]) if sys.argv[1:] else 1000
    for server in started(18):
        with tempfile.TemporaryDirectory() as name, psycopg.connect(server.url(), autocommit=True) as watching:
            folder = Path(name)
            (folder / "environments").mkdir()
            (folder / "environments" / "production.yml").write_text("url: postgresql://nowhere\n")
            (folder / "book.yml").write_text(BOOK)
            watching.execute(MANY.format(tables=tables).encode())
            watching.execute("analyze")
            (work,) = open_plays(Options(str(folder / "book.yml"), url=server.url()), Reporter())
            with work:
                made = exposition(work, Reporter())
                made.interval = 0
                made.collect_due()
                pid = work.reading.info.backend_pid
                begun, before = time.perf_counter(), worked(pid)
                for _ in range(PAGES):
                    made.asked.clear()
                    made.collect_due()
                clock = 1000 * (time.perf_counter() - begun) / PAGES
                spent = (worked(pid) - before) / PAGES
                series = sum(not line.startswith("#") for line in made.page().splitlines())
                worst = sorted(made.took.items(), key=lambda one: -one[1])[:3]
        told = ", ".join(f"{name} {1000 * seconds:.1f} ms" for name, seconds in worst)
        print(f"{tables} tables: {spent:.0f} ms of server time (at most {MOST_MS}), {clock:.0f} ms by the clock")
        print(f"{series} series (at most {MOST_SERIES}); most: {told}")
        if spent > MOST_MS or series > MOST_SERIES:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
