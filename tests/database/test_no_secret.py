"""A thousand secrets in rows, statistics and bounds: none comes out of what people pass on.

In: a database full of them, and ill, so that there is much to find. Out: no secret in statistics without values, in a report of any
format, in evidence of findings, in metrics, in a dashboard.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
from test_stats import filled, secret

import forking

ILL = (
    "create table orphan (id int primary key, name text references owner_of (name))",
    "alter table people add constraint short check (length(name) < 3) not valid",
    "alter table people add constraint known foreign key (name) references owner_of (name) not valid",
    "create index on people (name, mail); create index on people (name)",
    "create view shown as select name from people",
)
BOOK = """
- name: Shop
  hosts: production
  backup: {method: logical, before_changes: none}
  queries:
    - {name: By name, sql: "select id from people where name = :name", values: {name: nobody}}
  steps:
    - {name: Notes, table: {name: notes, columns: {id: {type: bigint, primary_key: true}, note: text}}}
    - {name: Owners, table: {name: owner_of, columns: {name: {type: text, primary_key: true}, keep: text}}}
  alerts:
    - {import_alerts: library}
    - {name: Broken, query: "select note::int as value from notes limit 1", threshold: "> 1"}
"""
FORMATS = ("html", "json", "junit", "markdown", "sarif", "text", "nagios")
# Names of tables are told by reports, whose tables they are; a file of statistics does not tell them either.
NAMED = re.compile(r"(parts|ranges)_s3cr3t[a-z]{4}")


def test_no_secret_comes_out(database: psycopg.Connection[Any], database_url: str, tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text(f"url: {database_url}\n")
    book = tmp_path / "book.yml"
    book.write_text(BOOK)
    written: dict[str, str] = {}

    def run(*words: str) -> None:
        done = forking.run(*words, folder=tmp_path)
        assert "Traceback" not in done.stderr
        written[" ".join(words[:3])] = done.stdout + done.stderr

    with filled(database):
        run("book.yml", "--no-backup")
        assert "changed=2" in written["book.yml --no-backup"], written
        words = [secret(number) for number in range(1000)]
        database.execute("insert into owner_of select unnest(%s::text[]) on conflict do nothing", [words[:500]])
        database.execute("insert into notes select n, %s from generate_series(1, 9) n", [words[9]])
        for statement in ILL:
            database.execute(statement)  # type: ignore[call-overload]
        database.execute("set session_replication_role = replica")
        database.execute("insert into orphan select n, 's3cr3tzzzz' from generate_series(1, 20) n")
        database.execute("reset session_replication_role; analyze")
        with psycopg.connect(database_url, application_name="client") as other:
            other.execute(f"select '{words[7]}', pg_current_xact_id()".encode())
            run("stats", "book.yml", "--values", "none")
            run(
                "check",
                "book.yml",
                "--deep",
                "--record",
                *(word for one in FORMATS for word in ("--report", f"{one}:r.{one}")),
            )
            run("metrics", "book.yml", "--textfile", "m.prom")
        run("alerts", "book.yml", "render", "--output", "alerts")
        run("analyze", "book.yml", "-v", "--report", "html:a.html", "--report", "junit:a.xml")
        run("report", "book.yml", "--output", "run.html")
    assert "s3cr3t" not in written["stats book.yml --values"]
    found = [
        *(tmp_path / "alerts").iterdir(),
        *tmp_path.glob("r.*"),
        *tmp_path.glob("a.*"),
        tmp_path / "m.prom",
        tmp_path / "run.html",
    ]
    written |= {one.name: one.read_text(encoding="utf-8") for one in found}
    assert "rows break it" in written["r.json"] and "cannot be read" not in written["check book.yml --deep"]
    leaked = {
        name: sorted(set(re.findall(r".{60}s3cr3t\w*", NAMED.sub("", text))))[:3] for name, text in written.items()
    }
    assert {name: told for name, told in leaked.items() if told} == {}
