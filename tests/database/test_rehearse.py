"""A rehearsal runs, takes back and runs again on a copy: what goes wrong there is named, what goes well is certified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from backing_up import NOTE, Said, Shop

import fix_postgres
from wgm_play.errors import Found, InputError, Refused
from wgm_play.ledger import Ledger
from wgm_play.rehearsal.certificate import SYNTHETIC

REQUIRED = "policy: {require: [rehearsal]}\n"
AS_PRODUCTION = "select 'on' = all (array[current_setting('fsync'), current_setting('full_page_writes')])"
NONE = "{verify: none, before_changes: none}"


def sql(url: str, *statements: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements[:-1]:
            connection.execute(statement.encode())
        cursor = connection.execute(statements[-1].encode())
        return cursor.fetchall() if cursor.description else []


def evidence(url: str, kind: str = "rehearsal") -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        return Ledger(connection).evidence(kind, "production", "Shop", 10)


def rehearse(shop: Shop, url: str, **more: Any) -> tuple[Said, list[str]]:
    """Rehearse; return what was said, and the findings."""
    try:
        return shop("rehearse", url, **more), []
    except Found as found:
        return Said(), list(found.details)


@pytest.fixture
def ready(shop: Shop, database_url: str) -> Shop:
    """A shop whose table has rows, and of which there is a backup."""
    shop.write(NONE)
    shop("apply", database_url)
    sql(database_url, "insert into tasks (title) select 'task ' || n from generate_series(1, 300) n", "analyze tasks")
    shop("backup", database_url)
    return shop


def test_a_rehearsal_certifies_exactly_what_it_tried(ready: Shop, database_url: str) -> None:
    with pytest.raises(InputError, match="untrusted"):
        ready("rehearse", database_url, untrusted=True, inventory=str(ready.folder))
    assert "there is nothing to rehearse" in ready("rehearse", database_url).text
    assert evidence(database_url) == []
    # What is measured waits for a disk and writes WAL as production does.
    ready.write(f'{NONE}\n  exercise: [{{sql: select 1, holds: "{AS_PRODUCTION}"}}]', NOTE, REQUIRED)
    with pytest.raises(Refused, match="this plan was never rehearsed"):
        ready("apply", database_url)
    assert "this plan was never rehearsed" in ready("apply", database_url, check=True).text
    before = sql(database_url, "select count(*)::int, max(title) from tasks")
    said = ready("rehearse", database_url)
    assert "add column tasks.note" in said.text and "on production:" in said.text
    [kept] = evidence(database_url)
    [file] = ready.folder.glob(".wgm/rehearsals/production/*.json")
    written = json.loads(file.read_text())
    assert kept.passed and written == kept.content
    assert written["measured"][0]["locks"] == [
        {"level": "AccessExclusive", "relation": "tasks", "seconds": written["measured"][0]["locks"][0]["seconds"]}
    ]
    assert sql(database_url, "select count(*)::int, max(title) from tasks") == before
    assert sql(database_url, "select 1 from pg_attribute where attname = 'note' and attrelid = 'tasks'::regclass") == []
    sql(database_url, "alter table tasks set (fillfactor = 90)")  # drift: another catalog than the rehearsed one
    with pytest.raises(Refused, match="was of something else") as caught:
        ready("apply", database_url)
    assert any(one.startswith("the live catalog: rehearsed ") and ", now " in one for one in caught.value.details)
    sql(database_url, "alter table tasks reset (fillfactor)")
    assert "it took" in ready("apply", database_url).text
    [fact] = evidence(database_url, "forecast")
    assert len(fact.content["fact"]["groups"]) == len(fact.content["forecast"]["groups"]) == 1
    assert "rehearsal" not in ready("apply", database_url).text  # nothing pending: nothing to certify


def test_a_certificate_expires_and_a_backup_of_another_catalog_is_refused(ready: Shop, database_url: str) -> None:
    ready.write(NONE, NOTE, "policy: {require: [rehearsal], rehearsal_max_age: 1ms}\n")
    assert rehearse(ready, database_url)[1] == []
    with pytest.raises(Refused, match="its certificate expired"):
        ready("apply", database_url)
    sql(database_url, "create table later ()")
    with pytest.raises(Refused, match="is of another catalog than the live one") as caught:
        ready("rehearse", database_url)
    assert list(caught.value.details) == ["table later"] and "wgm-play backup" in str(caught.value.hint)


def test_made_up_rows_certify_nothing_and_are_for_strangers_too(
    shop: Shop, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    columns = """
    - name: Kinds
      table:
        name: kinds
        columns:
          id: {type: uuid, default: gen_random_uuid(), primary_key: true}
          kind: {type: text, not_null: true, one_of: [event, npc]}
    - name: Notes
      table:
        name: notes
        columns:
          id: {type: bigint, identity: always, primary_key: true}
          kind_id: {type: uuid, not_null: true, references: kinds(id)}
          said: {type: varchar(5)}
          at: {type: timestamptz, not_null: true, default: now()}
          more: {type: jsonb, not_null: true, default: "'{}'"}
"""
    shop.write("{verify: none, before_changes: none}", columns)
    shop("apply", database_url)
    sql(
        database_url,
        "insert into kinds (kind) select (array['event', 'npc'])[1 + n % 2] from generate_series(1, 50) n",
        "insert into notes (kind_id, said) select id, 'x' from kinds",
        "analyze",
    )
    later = "    - {name: Index, index: {name: notes_said_idx, table: notes, columns: [said]}}\n"
    later += "    - {name: Marks, table: {name: marks, columns: {id: {type: bigint, references: notes(id)}}}}\n"
    shop.write("{verify: none}", columns + later, REQUIRED)
    outside = tmp_path_factory.mktemp("environments")
    (outside / "production.yml").write_text((shop.folder / "environments/production.yml").read_text())
    out = outside / "rehearsal.json"
    shop("rehearse", database_url, None, str(out), untrusted=True, inventory=str(outside), synthetic=True)
    measured = json.loads(out.read_text())
    assert evidence(database_url, SYNTHETIC) == [] and measured["passed"]
    # Nobody waits for a table that is made.
    assert {lock["relation"] for one in measured["measured"] for lock in one["locks"]} == {"notes"}
    said = shop("rehearse", database_url, synthetic=True)
    assert "no rows could be made" not in said.text and "create index notes_said_idx" in said.text
    assert [one.passed for one in evidence(database_url, SYNTHETIC)] == [True]
    with pytest.raises(Refused, match="was never rehearsed"):
        shop("apply", database_url, no_backup=True)


def test_an_online_conversion_passes_on_few_rows_as_on_many(ready: Shop, database_url: str) -> None:
    """Its form is that of the live sizes; taken back, the columns are in another order, which is told and no fault."""
    steps = NOTE.replace("title: text", "title: {type: varchar(50)}").replace(
        "note: text", "note: {type: text, default: \"'x'\"}"
    )
    ready.write(NONE, NOTE.replace("note: text", "note: {type: text, default: \"'x'\"}"))
    ready("apply", database_url)
    ready("backup", database_url)
    sql(
        database_url,
        "update pg_class set reltuples = 1e7, relpages = 1e5 where relname = 'tasks'",
        "select pg_stat_reset()",
    )
    ready.write(NONE, steps)
    said = ready("rehearse", database_url)
    assert "fill the new title of tasks in batches" in said.text
    assert "after the rollback tasks has its columns in another order: id, note, title" in said.text
    assert [one.passed for one in evidence(database_url)] == [True]


WRONG = """
create table nodes (id int primary key, stats text not null, level int default 1, updated_at timestamptz);
insert into nodes select n, '9,9,9,9', 1, '2026-01-01' from generate_series(1, 300) n;
create function touch() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
create trigger touch before update on nodes for each row execute function touch();
create function enrich_node_properties() returns trigger language plpgsql as $$ begin new.stats := '5,5,5,5'; return new; end $$;
create table npcs (id int primary key, stats text);
insert into npcs values (1, '9,9,9,9');
create trigger enrich before update on npcs for each row execute function enrich_node_properties();
create function collect_database_stats() returns bigint language plpgsql as
  $$ begin return (select count(tablename) from pg_stat_user_tables); end $$;
create function cleanup_audit_log() returns void language plpgsql as $$ begin delete from audit_log; end $$;
create table defaults (id int default 7);
"""
STEPS = """
    - name: Tasks
      table: {name: tasks, columns: {id: {type: bigint, identity: always, primary_key: true}, title: {type: varchar(40)}}}
    - name: Nodes
      table:
        name: nodes
        columns:
          id: {type: int, primary_key: true}
          stats: {type: text, not_null: true}
          level: {type: int, default: 1}
          updated_at: timestamptz
    - name: Defaults
      table: {name: defaults, columns: {id: {type: int, default: 7}}}
    - name: Levels
      sql: {text: "update nodes set level = level + 1", down: "update nodes set level = level - 1"}
    - name: Default
      sql: {text: "update defaults set id = 7", down: "do $$ begin execute 'alter table defaults alter id drop default'; end $$"}
"""
PLAY = """
  budget: {lock: 1ms, rewrite: 0, wal: 1kB, disk: 1kB, time: 1ms}
  exercise:
    - select collect_database_stats()
    - select cleanup_audit_log()
    - {sql: "update npcs set id = 1", holds: "select stats = '9,9,9,9' from npcs"}
    - {sql: "insert into defaults values (1)", holds: "select count(*) = 1 from defaults"}
"""


def test_what_goes_wrong_is_named(ready: Shop, database_url: str) -> None:
    sql(database_url, WRONG)
    ready("backup", database_url)
    ready.write(NONE, STEPS, "policy: {online: never}\n")
    playbook = ready.folder / "playbooks/production.yml"
    playbook.write_text(playbook.read_text().replace("  steps:", PLAY.strip("\n") + "\n  steps:", 1))
    _, found = rehearse(ready, database_url)
    told = "\n".join(found)
    for one in (
        'collect_database_stats(): it fails: column "tablename" does not exist',
        'cleanup_audit_log(): it fails: relation "audit_log" does not exist',
        "update npcs set id = 1: what must hold after it does not",
        "after the rollback column defaults.id: default was '7', is None",
        "nodes.updated_at has other values after the run, which no step declares",
        "nodes.updated_at has other values after the rollback",
        "AccessExclusive on tasks is held for",
        "tasks is rewritten,",
        "allowed are 1 kB:",
        "the run takes",
    ):
        assert one in told, f"{one}\n\n{told}"
    assert "insert into defaults" not in told and "[" in told
    assert [one.passed for one in evidence(database_url)] == [False]


SCRIPT = """\\set id random(1, 100 * :scale + 200)
-- what the application does
update tasks set title = title || '.' where id = :id;
select title
from tasks where id = :id;
"""
REWRITTEN = NOTE.replace("title: text", "title: {type: varchar(200)}").replace("note: text", "")


def test_a_load_beside_the_run_is_measured_and_what_fails_there_is_named(ready: Shop, database_url: str) -> None:
    load = ready.folder / "load.sql"
    load.write_text(SCRIPT)
    ready.write(NONE, NOTE)
    said = ready("rehearse", database_url, replay=str(load))
    told = [line for line in said.said if line.startswith("under load: ")]
    assert len(told) == 1 and "0 failed" in told[0], said.text
    content = evidence(database_url)[0].content["replayed"]
    assert content["transactions"] > 0 and content["failed"] == 0
    # A run that takes away what the load reads: each failure is said, and the wait is held against the budget.
    playbook = ready.folder / "playbooks/production.yml"
    ready.write(NONE, NOTE.replace("title: text, note: text", "body: {type: text, renamed_from: title}"))
    playbook.write_text(playbook.read_text().replace("  steps:", "  budget: {stall: 0.01ms}\n  steps:", 1))
    _, found = rehearse(ready, database_url, replay=str(load))
    told = "\n".join(found)
    assert 'of the load failed: column "title" does not exist: load.sql' in told
    assert "a transaction of the load waits" in told
    for text, words in {
        "": "holds no statement",
        "\\if true\nselect 1;": r"\\if is not replayed",
        "\\set a open('x')\nselect 1;": "is not understood",
    }.items():
        load.write_text(text)
        with pytest.raises(InputError, match=words):
            ready("rehearse", database_url, replay=str(load))
    load.write_text("select * from nothing;")
    with pytest.raises(Refused, match="nothing of the load works before the run"):
        ready("rehearse", database_url, replay=str(load))


@pytest.mark.long  # a script has the same
def test_the_statements_that_production_runs_most_are_a_load(ready: Shop, database_url: str) -> None:
    ready.write(NONE, NOTE)
    with pytest.raises(Refused, match="cannot be asked for") as caught:
        ready("rehearse", database_url, replay="top")
    assert "pg_stat_statements" in (caught.value.hint or "")
    life = fix_postgres.started(15, shared_preload_libraries="pg_stat_statements")
    server = next(life)
    try:
        url = server.url()
        ready.write(NONE)
        ready("apply", url)
        sql(url, "create extension pg_stat_statements", "insert into tasks (title) values ('one')")
        with psycopg.connect(url, autocommit=True) as connection:
            for text in ("select title from tasks where id = 1", "update tasks set title = 'two' where id = 1"):
                connection.execute(text.encode())
            with pytest.raises(psycopg.errors.NotNullViolation):
                connection.execute("insert into tasks (id) overriding system value values (null)")
        ready.write(NONE, NOTE)
        ready("backup", url)
        said = ready("rehearse", url, replay="top").text
        assert "under load: " in said and ", 0 failed" in said
    finally:
        life.close()  # type: ignore[attr-defined]


def test_a_copy_of_a_whole_cluster_is_drilled_and_rehearsed_on_as_well(
    shop: Shop, database_url: str, tmp_path: Path
) -> None:
    """What belongs to a superuser there is changed by nobody who is one; event triggers fire as they do there."""
    physical = f"{{method: physical, verify: none, before_changes: none, directory: '{tmp_path}/backups'}}"
    shop.write(physical)
    shop("apply", database_url)
    sql(
        database_url,
        "insert into tasks (title) select 'task ' || n from generate_series(1, 300) n",
        "create table seen (who text, super bool)",
        "create function watch() returns event_trigger language plpgsql as $$ begin"
        " insert into public.seen select current_user, rolsuper from pg_roles where rolname = current_user; end $$",
        "create event trigger watch on ddl_command_end execute function watch()",
        "delete from seen",
    )
    try:
        shop("backup", database_url)
        assert "300 rows on PostgreSQL" in shop("drill", database_url).text
        exercise = '\n  exercise: [{sql: select 1, holds: "select not bool_or(super) and count(*) > 0 from seen"}, '
        exercise += f'{{sql: select 1, holds: "{AS_PRODUCTION}"}}]'
        shop.write(physical + exercise + "\n  audits: [seen]", NOTE)
        assert rehearse(shop, database_url)[1] == []
    finally:
        sql(database_url, "drop event trigger watch")
