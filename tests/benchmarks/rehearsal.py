"""What a rehearsal takes against restore and three runs, and how good its forecasts are.

In: numbers of rows. Out: a line per size and change: forecast, fact, ratio; per size the rehearsal against the sum of a restore, the
run, its rollback and the run again as commands. Exits 1 where that is above 1.2, or fewer than 90 % of the forecasts are within 1.5.
Run: python tests/benchmarks/rehearsal.py [--url URL] [--rounds CHANGES] [ROWS…]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import measure
import psycopg

ROWS = (20_000, 50_000, 100_000, 200_000, 400_000)
ALLOWED_RATIO, WITHIN, SHARE = 1.2, 1.5, 0.9
# What is shorter, in seconds, says more of the machine's other work than of the forecast.
LEAST = 0.3
ENVIRONMENT = 'url: "postgresql://nowhere.invalid/none"\n'
TABLE = (
    "{id: {type: bigint, primary_key: true}, owner: {type: int, not_null: true}, title: {type: %s, not_null: true}%s}"
)
# Each is written below the table as it was before; they are applied one after another.
CHANGES = (
    ("index", "text", "", "- {name: I, index: {name: big_owner_idx, table: big, columns: [owner]}}"),
    ("column", "text", ", more: {type: text, not_null: true, default: \"'x'\"}", ""),
    ("conversion", "varchar(60)", "", ""),
    ("check", "varchar(60)", "", "- {name: C, table: {name: big, constraints: {c: {check: owner >= 0}}}}"),
    (
        "expression",
        "varchar(60)",
        "",
        "- {name: E, index: {name: big_lower_idx, table: big, columns: [{expression: lower(title)}]}}",
    ),
    (
        "unique",
        "varchar(60)",
        "",
        "- {name: U, index: {name: big_title_idx, table: big, columns: [title], unique: true}}",
    ),
)


class Shop:
    """A project for one database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.said: list[str] = []
        self.columns = ""
        self.type = "text"
        (folder / "environments").mkdir()
        (folder / "environments/production.yml").write_text(ENVIRONMENT)

    def write(self) -> None:
        """Write the playbook of what was said so far."""
        table = TABLE % (self.type, self.columns)
        lines = "\n".join(
            f"    {line}" for line in [f"- {{name: T, table: {{name: big, columns: {table}}}}}", *self.said]
        )
        play = "- name: Big\n  hosts: production\n  backup: {verify: none, before_changes: none}\n  steps:\n"
        (self.folder / "production.yml").write_text(f"{play}{lines}\n")

    def command(self, *words: str, url: str | None = None) -> measure.Took:
        """Run one command."""
        return measure.took(
            [measure.PYTHON, "-m", "wgm_play", *words, "--url", url or self.url, "--format", "json"], self.folder
        )

    def change(self, change: tuple[str, str, str, str]) -> None:
        """Write the playbook with one more change."""
        _, self.type, columns, step = change
        self.columns += columns
        self.said += [step] if step else []
        self.write()


def main() -> None:
    """Measure and print."""
    words = measure.words(__doc__, len(CHANGES))
    sizes = ROWS if words.tables == list(measure.SIZES) else words.tables
    ratios: list[float] = []
    slow = False
    with measure.server(words.url) as server:
        for rows in sizes:
            with measure.folder() as folder, measure.database(server.url) as url:
                shop = Shop(folder, url)
                shop.write()
                shop.command("production.yml")
                with psycopg.connect(url, autocommit=True) as session:
                    session.execute(
                        "insert into big select n, n %% 1000, 'title ' || md5(n::text) from generate_series(1, %s) n",
                        [rows],
                    )
                    session.execute("analyze")
                for number, change in enumerate(CHANGES[: words.rounds]):
                    shop.change(change)
                    shop.command("backup", "production.yml")
                    rehearsal = shop.command("rehearse", "production.yml")
                    if not number:
                        slow |= compared(shop, server.url, rows, rehearsal.wall)
                    shop.command("production.yml")
                    likely, fact = told(url, rows, change[0])
                    if max(likely, fact) >= LEAST:
                        ratios.append(fact / likely)
    within = sum(1 / WITHIN <= one <= WITHIN for one in ratios) / max(len(ratios), 1)
    sys.stdout.write(f"{len(ratios)} forecasts, {within:.0%} within a factor of {WITHIN}\n")
    sys.exit(slow or within < SHARE)


def compared(shop: Shop, server: str, rows: int, rehearsal: float) -> bool:
    """Restore, run, take back and run again as commands; print, and return whether the rehearsal took too long."""
    restored = psycopg.conninfo.make_conninfo(server, dbname="wgm_benchmark_restored")
    parts = [shop.command("restore", "production.yml", "--into", restored).wall]
    with psycopg.connect(restored, autocommit=True) as session:
        (marker,) = session.execute("select environment from wgm.marker order by id desc limit 1").fetchone() or ("",)
    environment = shop.folder / "environments/production.yml"
    environment.write_text(f"{ENVIRONMENT}marker: {marker}\n")
    for words in (["production.yml"], ["rollback", "production.yml", "--allow-destructive"], ["production.yml"]):
        parts.append(shop.command(*words, url=restored).wall)
    environment.write_text(ENVIRONMENT)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("drop database wgm_benchmark_restored with (force)")
    ratio = rehearsal / sum(parts)
    sys.stdout.write(
        f"{rows:8} rows: rehearsal {rehearsal:.2f} s, restore and three runs {sum(parts):.2f} s, ratio {ratio:.2f}\n"
    )
    sys.stdout.flush()
    return ratio > ALLOWED_RATIO


def told(url: str, rows: int, name: str) -> tuple[float, float]:
    """Print a forecast beside its fact, and return both."""
    with psycopg.connect(url, autocommit=True) as session:
        row = session.execute(
            "select content::text from wgm.evidence where kind = 'forecast' order by id desc limit 1"
        ).fetchone()
    content = json.loads(row[0]) if row else {}
    likely, fact = content["forecast"]["total"]["likely"], content["fact"]["total"]
    sys.stdout.write(
        f"{rows:8} rows, {name:10}: forecast {likely:.3f} s, fact {fact:.3f} s, ratio {fact / likely:.2f}\n"
    )
    sys.stdout.flush()
    return likely, fact


if __name__ == "__main__":
    main()
