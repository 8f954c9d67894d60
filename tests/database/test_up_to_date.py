"""A run that finds nothing to do is answered from the last one's record, and never when anything is not as it was.

In: a project with tables, SQL, a handler; one with seed rows, assertions, invariants. Out: what the second run says, and by which way.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from wgm_play import pipeline, secret
from wgm_play.cli.application import run
from wgm_play.run import up_to_date
from wgm_play.user_cache import folder_of

PLAYBOOK = """
- name: Shop
  hosts: test
  vars:
    greeting: "{{ env.SHOP_GREETING }}"
  steps:
    - import_steps: schema/tables.yml
    - name: Greetings
      table:
        name: greetings
        comment: "{{ greeting }}"
        columns: {text: text}
    - name: A note was made
      sql: {text: insert into public.notes (text) values ('made'), irreversible: true}
      notify: [Count]
  handlers:
    - name: Count
      sql: {text: insert into public.notes (text) values ('handled'), irreversible: true}
"""
# Each makes planning ask what stands in the playbook.
OWN_QUESTIONS = {
    "a seed row": """
    - name: Kinds of items
      seed:
        table: kinds
        key: [code]
        rows:
          - {code: tool, label: Tools}
""",
    "an assertion": """
    - name: No item without a name
      assert:
        query: select id from public.items where name = ''
""",
    "an invariant": """
  invariants:
    - name: No negative price
      query: select id from public.items where price < 0
""",
}
TABLES = """
- name: Kinds
  table:
    name: kinds
    columns:
      code: {type: text, primary_key: true}
      label: text
- name: Items
  table:
    name: items
    comment: What is sold
    columns:
      id: {type: bigint, identity: always, primary_key: true}
      kind: {type: text, references: kinds(code)}
      name: {type: text, not_null: true, check: length(name) < 100}
      price: {type: numeric, default: '0'}
- name: Items by name
  index: {name: items_name_idx, table: items, columns: [name]}
- name: Notes
  table:
    name: notes
    columns:
      text: text
- name: Dear items
  view: {template: views/dear.sql.j2, name: dear_items}
"""
VIEW = "CREATE VIEW public.dear_items AS SELECT id, name FROM public.items WHERE price > 100"


def _kept(project: Path) -> Path:
    folder = folder_of(project)
    assert folder is not None
    return folder


class Shop:
    """A project and its database; `play` runs the playbook and tells what it said and whether it was planned."""

    def __init__(
        self, project: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.project, self.url, self.capsys = project, url, capsys
        self.planned = 0
        self.command: list[str] = []
        self.wrong = ""
        (project / "environments" / "test.yml").write_text('url: "{{ env.SHOP_URL }}"\n')
        (project / "playbooks" / "schema").mkdir(parents=True)
        (project / "templates" / "views").mkdir(parents=True)
        self.playbook = project / "playbooks" / "shop.yml"
        self.playbook.write_text(PLAYBOOK)
        self.tables = project / "playbooks" / "schema" / "tables.yml"
        self.tables.write_text(TABLES)
        self.view = project / "templates" / "views" / "dear.sql.j2"
        self.view.write_text(VIEW)
        monkeypatch.setenv("SHOP_URL", url)
        monkeypatch.setenv("SHOP_GREETING", "Toys & games")
        monkeypatch.chdir(project)
        # A checkout may be edited while its tests run.
        monkeypatch.setattr(up_to_date, "program", lambda: ())
        full = pipeline._plays

        def counting(*given: Any) -> Any:
            self.planned += 1
            return full(*given)

        monkeypatch.setattr(pipeline, "_plays", counting)

    def play(self, *options: str, code: int = 0) -> str:
        secret.forget()
        self.planned = 0
        found = run([*self.command, "playbooks/shop.yml", *options])
        said = self.capsys.readouterr()
        assert found == code, said.out + said.err
        self.wrong = said.err
        return said.out

    def quick(self, *options: str) -> str:
        said = self.play(*options)
        assert self.planned == 0, "planned, although nothing is to do"
        return said

    def thorough(self, *options: str, code: int = 0) -> str:
        said = self.play(*options, code=code)
        assert self.planned == 1, "answered from the record, although something is not as it was"
        return said

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def rows(self, query: str) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def shop(project: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    """A project whose database is as declared, and known to be so."""
    made = Shop(project, database_url, monkeypatch, capsys)
    made.play()
    assert "changed=0 " in made.play()
    return made


def test_the_next_run_says_the_same_without_planning(shop: Shop) -> None:
    full = shop.play("--no-backup")
    quick = shop.quick("--no-backup")
    assert quick == full
    assert "test : ok=7 changed=0 unreachable=0 failed=0 skipped=0" in quick


def test_a_record_is_for_the_options_it_was_made_with(shop: Shop) -> None:
    shop.quick()
    shop.thorough("-e", "greeting=Hello", "--check")
    said = shop.thorough("-e", "greeting=Hello")
    assert "changed=1 " in said
    assert shop.rows("SELECT obj_description('greetings'::regclass)") == [("Hello",)]


def test_drift_is_looked_for_only_where_something_moved(shop: Shop) -> None:
    shop.command = ["check"]
    full = shop.thorough("--only", "drift")
    assert "no drift since the last run" in full
    assert shop.quick("--only", "drift") == full
    shop.execute("ALTER TABLE items ALTER price DROP DEFAULT")
    for _ in range(2):
        assert "column items.price: default was" in shop.thorough("--only", "drift", code=12)
    shop.execute("ALTER TABLE items ALTER price SET DEFAULT 0")
    assert shop.thorough("--only", "drift") == full
    assert shop.quick("--only", "drift") == full
    shop.tables.write_text(TABLES.replace("name: items_name_idx", f"name: {'i' * 70}"))
    assert "i" * 70 in shop.thorough("--only", "drift", code=1) + shop.wrong
    shop.tables.write_text(TABLES.replace("What is sold", "Goods"))
    shop.command = []
    shop.play()
    shop.command = ["check"]
    assert shop.thorough("--only", "drift") == full


DRIFT = {
    "an altered column": ("ALTER TABLE kinds ALTER label TYPE varchar(99)", "changed=1 "),
    "a dropped default": ("ALTER TABLE items ALTER price DROP DEFAULT", "changed=1 "),
    "a dropped index": ("DROP INDEX items_name_idx", "changed=1 "),
    "a changed comment": ("COMMENT ON TABLE items IS 'Something else'", "changed=1 "),
    "a dropped check": ("ALTER TABLE items DROP CONSTRAINT items_name_check", "changed=1 "),
    "a replaced view": (
        "CREATE OR REPLACE VIEW dear_items AS SELECT id, name FROM items WHERE price > 200",
        "changed=1 ",
    ),
    "a dropped view": ("DROP VIEW dear_items", "changed=1 "),
    "a waiting handler": (
        "INSERT INTO wgm.handler (run, event, play, name) VALUES (1, 'notified', 'Shop', 'Count')",
        "changed=1 ",
    ),
    "SQL that was taken back": (
        "INSERT INTO wgm.sql_once (run, event, play, step, item, checksum, sql)"
        " SELECT run, 'undone', play, step, item, checksum, sql FROM wgm.sql_once",
        "changed=2 ",
    ),
    "an unfinished run": (
        "INSERT INTO wgm.run SELECT (r).* FROM (SELECT jsonb_populate_record(r, '{\"id\": 99}') AS r"
        " FROM wgm.run AS r ORDER BY id LIMIT 1) AS s",
        "changed=0 ",
    ),
    "an unmanaged table": ("CREATE TABLE other (x int)", "changed=0 "),
    "the first object of its kind": ("CREATE DOMAIN public.size AS int", "changed=0 "),
}


@pytest.mark.parametrize("drift", DRIFT)
def test_drift_is_found(shop: Shop, drift: str) -> None:
    statement, recap = DRIFT[drift]
    shop.quick()
    shop.execute(statement)
    assert recap in shop.thorough()
    assert "changed=0 " in shop.play()


def test_a_temporary_table_is_no_drift(shop: Shop) -> None:
    shop.quick()
    with psycopg.connect(shop.url) as other:
        other.execute("CREATE TEMPORARY TABLE lasting_for_a_session (x int)")
        shop.quick()


OF_THE_PLAYBOOK = {
    "a seed row": ("UPDATE kinds SET label = 'Tolls' WHERE code = 'tool'", 0, "changed=1 "),
    "an assertion": ("INSERT INTO items (name) VALUES ('')", 11, ""),
    "an invariant": ("INSERT INTO items (name, price) VALUES ('ball', -1)", 11, ""),
}


@pytest.mark.parametrize("what", OWN_QUESTIONS)
def test_what_the_playbook_itself_asks_is_taken_from_the_playbook(shop: Shop, what: str) -> None:
    statement, code, said = OF_THE_PLAYBOOK[what]
    before, handlers, after = shop.playbook.read_text().partition("  handlers:\n")
    lines = OWN_QUESTIONS[what].strip("\n") + "\n"
    invariant = what == "an invariant"
    shop.playbook.write_text(before + ("" if invariant else lines) + handlers + after + (lines if invariant else ""))
    shop.play()
    assert "changed=0 " in shop.thorough()
    shop.execute(statement)
    assert said in shop.thorough(code=code)


def test_a_marker_of_another_environment_is_found(shop: Shop) -> None:
    shop.execute("INSERT INTO wgm.marker (environment) VALUES ('production')")
    shop.thorough(code=11)


def test_an_edited_file_is_read_again(shop: Shop) -> None:
    shop.quick()
    shop.tables.write_text(TABLES.replace("What is sold", "What is not sold"))
    assert "changed=1 " in shop.thorough()


def test_an_edited_template_is_read_again_even_when_its_times_lie(shop: Shop) -> None:
    before = shop.view.stat()
    shop.view.write_text(VIEW.replace("100", "200"))
    os.utime(shop.view, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "changed=1 " in shop.thorough()


def test_a_changed_environment_variable_is_read_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_GREETING", "Playthings")
    assert "changed=1 " in shop.thorough()


def test_an_edited_environment_is_read_again(shop: Shop) -> None:
    file = shop.project / "environments" / "test.yml"
    file.write_text(file.read_text() + "policy: {lock_timeout: 3s}\n")
    shop.thorough()
    shop.quick()


def test_another_database_is_looked_at_anew(
    shop: Shop, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_database()
    monkeypatch.setenv("SHOP_URL", other)
    assert "changed=8 " in shop.thorough()
    monkeypatch.setenv("SHOP_URL", shop.url)
    assert "changed=0 " in shop.play()


def test_the_same_database_made_anew_is_looked_at_anew(shop: Shop) -> None:
    with psycopg.connect(shop.url, autocommit=True, dbname="postgres") as admin:
        name = psycopg.conninfo.conninfo_to_dict(shop.url)["dbname"]
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
    assert "changed=8 " in shop.thorough()


def test_another_role_is_asked_anew(shop: Shop, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    name, password = server.create_role("LOGIN SUPERUSER")
    try:
        database = psycopg.conninfo.conninfo_to_dict(shop.url)["dbname"]
        monkeypatch.setenv("SHOP_URL", server.url(database, name, password))
        assert "changed=0 " in shop.thorough()
    finally:
        server.drop_role(name)


def test_a_record_holds_no_secret(shop: Shop) -> None:
    (record,) = _kept(shop.project).glob("unchanged-*")
    text = record.read_text()
    assert json.loads(text)["plays"]
    assert "Toys & games" not in text
    assert str(psycopg.conninfo.conninfo_to_dict(shop.url)["password"]) not in text


def test_a_record_that_does_not_read_is_as_if_it_were_not_there(shop: Shop) -> None:
    (record,) = _kept(shop.project).glob("unchanged-*")
    for content in ("", "{}", "[]", record.read_text()[:-20], json.dumps({"digest": 1})):
        record.write_text(content)
        assert "changed=0 " in shop.thorough()


@pytest.mark.parametrize("words", [["playbooks/shop.yml"], ["check", "playbooks/shop.yml", "--only", "drift"]])
def test_what_is_imported_to_find_nothing_stays_light(shop: Shop, words: list[str]) -> None:
    if words[0] == "check":
        assert run(words) == 0
    program = (
        "import sys; from wgm_play.run import up_to_date; up_to_date.program = lambda: ();"
        f"from wgm_play.cli.application import run; code = run({words!r});"
        "heavy = {'jinja2', 'yaml', 'pglast', 'jsonschema', 'rich', 'wgm_play.catalog', 'wgm_play.run.work'};"
        "heavy &= {*sys.modules};"
        "sys.exit(str(sorted(heavy)) if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("place", ["questions", "rows", "catalog", "session"])
def test_no_statement_that_is_sent_comes_from_the_record(
    shop: Shop, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (record,) = _kept(shop.project).glob("unchanged-*")
    good = record.read_text()
    assert not re.search(r"\b(select|from|values)\b", good, re.IGNORECASE)
    sent = _sent(monkeypatch)
    for text in ("SELECT 'of the record'", "DROP TABLE public.notes", "ledger/set_marker.sql.j2", "../of the record"):
        made = json.loads(good)
        (play,) = made["plays"]
        if place == "questions":
            play["questions"].append([text, ""])
        else:
            play[place] = [text, ""] if place == "rows" else text
        record.write_text(json.dumps(made))
        assert "changed=0 " in shop.play()
        record.write_text(good)
    assert len(sent) > 10
    assert not [text for text in sent if "of the record" in text or "DROP TABLE" in text or "INSERT" in text]


def _sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which each statement comes that this process sends."""
    sent: list[str] = []
    for kind in (psycopg.Cursor, psycopg.RawCursor):
        real = kind.execute

        def execute(self: Any, query: Any, *given: Any, _real: Any = real, **named: Any) -> Any:
            sent.append(query.decode() if isinstance(query, bytes) else str(query))
            return _real(self, query, *given, **named)

        monkeypatch.setattr(kind, "execute", execute)
    return sent


def test_the_catalog_is_hashed_anew_where_its_rows_are_others(shop: Shop) -> None:
    (record,) = _kept(shop.project).glob("unchanged-*")
    made = json.loads(record.read_text())
    made["plays"][0]["rows"][1] = made["plays"][0]["rows"][1][::-1]
    record.write_text(json.dumps(made))
    shop.quick()


def test_what_lies_in_the_project_is_not_believed(shop: Shop) -> None:
    kept = _kept(shop.project)
    assert list(kept.glob("last-run-*"))
    assert list(kept.glob("*.yml"))
    shutil.move(kept, shop.project / "stranger")
    for folder in (".wgm/cache", ".wgm"):
        shutil.copytree(shop.project / "stranger", shop.project / folder, dirs_exist_ok=True)
    assert "changed=0 " in shop.thorough()


def test_a_cache_that_others_may_write_to_is_not_believed(shop: Shop) -> None:
    kept = _kept(shop.project)
    kept.chmod(0o777)
    assert "changed=0 " in shop.thorough()
    kept.chmod(0o700)
    assert "changed=0 " in shop.quick()


def test_a_folder_below_one_that_others_may_write_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = _kept(tmp_path)
    for place in (kept, kept.parent, kept.parent.parent):
        place.chmod(0o770)
        assert folder_of(tmp_path) is None
        place.chmod(0o700)
    assert folder_of(tmp_path) == kept
