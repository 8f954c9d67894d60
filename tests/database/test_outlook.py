"""What a plan says that it will meet: times by size, who holds the tables now, why a change is not online.

In: small tables under `policy: {online: always}`, or large ones, and a session that holds a lock. Out: the words of the plan.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from wgm_play import pipeline
from wgm_play.options import Options
from wgm_play.report.json import JsonReporter
from wgm_play.report.text import TextReporter

Connection = psycopg.Connection[Any]
ENVIRONMENT = 'url: "{url}"\npolicy: {{online: always}}\n'


def shown(project: Path, url: str, steps: str, capsys: pytest.CaptureFixture[str], *, as_json: bool = False) -> str:
    """Return what `--check --diff` shows of these steps."""
    (project / "environments" / "here.yml").write_text(ENVIRONMENT.format(url=url))
    (project / "play.yml").write_text(f"- name: Play\n  hosts: here\n  steps:\n{steps}")
    options = Options(str(project / "play.yml"), check=True, diff=True, allow_destructive=True)
    reporter = JsonReporter() if as_json else TextReporter()
    reporter.begin(options.playbook)
    pipeline.apply(options, reporter)
    reporter.finish(0)
    return capsys.readouterr().out


def test_a_statement_is_shown_with_its_time_who_is_in_its_way_and_who_would_queue(
    project: Path, database_url: str, database: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    database.execute("CREATE TABLE public.t (id int PRIMARY KEY, a int)")
    database.execute("INSERT INTO public.t SELECT g, g FROM generate_series(1, 1000) g")
    database.execute("ANALYZE public.t")
    steps = "    - name: T\n      table: {name: t, columns: {id: {type: integer, primary_key: true}, a: {type: integer, not_null: true}}}\n"
    with psycopg.connect(database_url, application_name="reporting") as reader:
        reader.execute("SELECT count(*) FROM public.t")
        text = shown(project, database_url, steps, capsys)
        data = json.loads(shown(project, database_url, steps, capsys, as_json=True))
    assert "-- would wait for pid" in text
    assert "application 'reporting'" in text
    assert "-- less than 0.1 s: 1,000 rows" in text, text
    validating = text.split("VALIDATE CONSTRAINT")[1].split(";\n")[1]
    assert "would wait for" not in validating.split("ALTER TABLE")[0]
    outlook = data["results"][0]["data"]["outlook"]
    assert any("pid" in word for one in outlook for word in one["says"])
    assert any(one["seconds"] is not None for one in outlook)


@pytest.mark.parametrize(
    ("made", "column", "reason"),
    [
        (
            "CREATE TABLE public.t (id int, a int) PARTITION BY RANGE (id)",
            "a: bigint",
            "C08 the table is rewritten under a lock that stops reads and writes; not online: the table has partitions or children",
        ),
        (
            "CREATE TABLE public.t (id int, a int GENERATED ALWAYS AS (id + 1) STORED)",
            "a: {type: integer, generated: id + 1}\n            b: {type: integer, generated: id + 2}",
            "C05 the table is rewritten under a lock that stops reads and writes; not online: a column cannot become generated",
        ),
        (
            "CREATE TABLE public.t (id int, a int, EXCLUDE USING btree (a WITH =))",
            "a: bigint",
            "not online: the exclusion constraint",
        ),
        (
            "CREATE TABLE public.t (id int, a int); CREATE MATERIALIZED VIEW public.m AS SELECT a FROM public.t",
            "a: bigint",
            "not online: the materialized view",
        ),
        (
            "CREATE DOMAIN public.d AS int CHECK (value > 0); CREATE TABLE public.t (id int, a int)",
            "a: integer\n            n: d",
            "C18 the table is rewritten under a lock that stops reads and writes; not online: PostgreSQL checks the domain",
        ),
    ],
    ids=["partitions", "generated", "exclusion", "materialized view", "domain"],
)
def test_a_plan_says_why_a_change_of_a_large_table_is_not_online(
    project: Path,
    database_url: str,
    database: Connection,
    capsys: pytest.CaptureFixture[str],
    made: str,
    column: str,
    reason: str,
) -> None:
    database.execute(made)
    partitioned = "        partition_by: {range: [id]}\n" if "PARTITION" in made else ""
    excluded = '        exclude: [{method: btree, elements: [{column: a, with: "="}]}]\n' if "EXCLUDE" in made else ""
    steps = f"    - name: T\n      table:\n        name: t\n{partitioned}{excluded}        columns:\n            id: integer\n            {column}\n"
    if "DOMAIN" in made:
        steps = "    - name: D\n      domain: {name: d, type: integer, check: value > 0}\n" + steps
    if "VIEW" in made:
        steps += "    - name: M\n      materialized_view: {name: m, query: select a from public.t}\n"
    text = shown(project, database_url, steps, capsys)
    assert reason in text, text


def test_after_the_run_the_locks_and_waits_are_told_as_they_were(
    project: Path, database_url: str, database: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    database.execute("CREATE TABLE public.t (id int PRIMARY KEY)")
    (project / "environments" / "here.yml").write_text(f'url: "{database_url}"\n')
    (project / "play.yml").write_text(
        "- name: Play\n  hosts: here\n  steps:\n"
        "    - name: T\n      table: {name: t, columns: {id: {type: integer, primary_key: true}, a: integer}}\n"
    )
    reporter = TextReporter()
    with psycopg.connect(database_url, application_name="reporting") as reader:
        reader.execute("SELECT count(*) FROM public.t")
        threading.Timer(3.0, reader.rollback).start()
        pipeline.apply(Options(str(project / "play.yml"), verbosity=0), reporter)
    text = capsys.readouterr().out
    assert "held by pid" in text
    assert "application 'reporting'" in text
    row = next(line for line in text.splitlines() if "AccessExclusive on t" in line)
    number, *words = row.split()
    assert number == "1"
    assert "add column t.a" in row
    assert int(next(word for word in words if word.isdigit())) > 1
