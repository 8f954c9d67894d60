"""`lsp`: a real editor's process, a real project, JSON-RPC between them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

pytest.importorskip("pygls")

from editing import Editor
from real_command import Command

PLAY = """\
- name: Shop
  hosts: shop
  vars: {limit: 100, word: "{{ env.SHOP_WORD | default('sesame') }}"}
  steps:
    - import_steps: schema/tables.yml
"""
TABLES = """\
- name: Käufer, who pay
  table:
    name: people
    columns:
      id: {type: bigint, primary_key: true}
      email: {type: text, not_null: true}

- name: What they buy
  table:
    name: orders
    columns:
      id: {type: bigint, primary_key: true}
      person: {type: bigint, references: people(id)}
      total: numeric

- name: Orders of a person
  index:
    name: orders_person_idx
    table: orders
    columns: [person]
    where: total > {{ limit }}
"""
FILE = "playbooks/schema/tables.yml"


def _git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def _project(folder: Path, url: str) -> None:
    (folder / "environments").mkdir()
    (folder / "playbooks" / "schema").mkdir(parents=True)
    (folder / "environments" / "shop.yml").write_text(f"url: {url}\n")
    (folder / "playbooks" / "shop.yml").write_text(PLAY)
    (folder / FILE).write_text(TABLES)
    _git(folder, "init", "-q", "-b", "main", ".")
    _git(folder, "add", "-A")
    _git(folder, "commit", "-qm", "first")


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("shop")
    _project(folder, '"{{ env.NOWHERE_URL }}"')
    made = Editor(folder, "--no-scratch")
    made.open(FILE)
    yield made
    assert made.end() == 0


@pytest.fixture
def fresh(editor: Editor) -> Iterator[Editor]:
    yield editor
    editor.type(FILE, TABLES)


def _codes(found: list[dict[str, Any]]) -> set[str]:
    return {one.get("code") or "" for one in found}


def test_the_last_of_many_quick_edits_is_told(fresh: Editor) -> None:
    for number in range(12):
        fresh.type(FILE, TABLES.replace("not_null: true", f"not_nul{number}: true"))
        time.sleep(0.16)  # as long as the server waits for the next one: it is in the middle of reading
    assert fresh.problems(FILE, lambda found: any("not_nul11" in one["message"] for one in found))


def test_errors_and_hazards_are_told_at_their_places_while_one_types(fresh: Editor) -> None:
    fresh.type(FILE, TABLES.replace("not_null: true", "not_nul: true"))
    (one,) = fresh.problems(FILE, lambda found: any("not_nul" in one["message"] for one in found))
    assert one["message"] == "unknown key 'not_nul'\n→ did you mean 'not_null'?"
    assert (one["severity"], one["source"]) == (1, "wgm-play")
    assert one["range"] == {"start": {"line": 5, "character": 26}, "end": {"line": 5, "character": 33}}
    fresh.type(FILE, TABLES.replace("name: email", "").replace("columns: [person]", "columns: [persn]"))
    (one,) = fresh.problems(FILE, lambda found: any("persn" in one["message"] for one in found))
    assert "the table 'orders' has no column 'persn'" in one["message"]
    fresh.type(FILE, TABLES.replace("type: text", "type: varchar(20)").replace("numeric", "money"))
    found = fresh.problems(FILE, lambda found: "Q05" in _codes(found))
    assert {"Q03", "Q05"} <= _codes(found)
    assert {one["severity"] for one in found if one.get("code") == "Q05"} == {2}
    fresh.type(FILE, TABLES)
    fresh.problems(FILE, lambda found: not any(one["severity"] == 1 for one in found))


def test_a_text_that_is_no_yaml_just_now_keeps_what_was_known(fresh: Editor) -> None:
    broken = TABLES + "\n- name: More\n  index: {name: x, table: orders, columns: [per"
    fresh.type(FILE, broken)
    fresh.problems(FILE, lambda found: any("YAML" in one["message"] for one in found))
    assert fresh.labels(FILE, "columns: [per") == ["id", "person", "total"]
    for more in (
        "index: {name: x, table: people, columns: [",
        "index:\n    name: x\n    table: people\n    columns:\n      - ",
    ):
        fresh.type(FILE, f"{TABLES}\n- name: More\n  {more}")
        assert fresh.labels(FILE, f"- name: More\n  {more}")[:2] == ["id", "email"]
    fresh.type(FILE, broken)
    where = fresh.ask("textDocument/definition", fresh.at(FILE, "{name: x, table: ord"))
    assert where[0]["range"]["start"] == {"line": 9, "character": 10}


def test_keys_values_tables_columns_types_and_variables_are_completed(fresh: Editor) -> None:
    fresh.type(FILE, TABLES + "\n- ")
    labels = fresh.labels(FILE, "{{ limit }}\n\n- ")
    assert {"name", "table", "index", "when", "import_steps"} <= set(labels)
    fresh.type(FILE, TABLES.replace("email: {", "email: {check: x, ").replace("numeric", ""))
    assert {"default", "unique", "references"} <= set(fresh.labels(FILE, "email: {"))
    items = fresh.ask("textDocument/completion", fresh.at(FILE, "email: {check: x, type"))["items"]
    kind = next(one for one in items if one["label"] == "default")
    assert "DEFAULT, an SQL expression" in kind["documentation"]["value"]
    assert kind["textEdit"]["newText"] == "default: "
    assert {"bigint", "text", "timestamptz"} <= set(fresh.labels(FILE, "total: "))
    assert fresh.labels(FILE, "not_null: ")[:2] == ["true", "false"]
    references = fresh.ask("textDocument/completion", fresh.at(FILE, "references: "))["items"]
    assert "people(id)" in [one["textEdit"]["newText"] for one in references]
    assert {"orders", "people"} == set(fresh.labels(FILE, "    table: "))
    assert {"limit", "word", "environment"} <= set(fresh.labels(FILE, "total > {{ "))
    fresh.open("playbooks/shop.yml")
    assert fresh.labels("playbooks/shop.yml", "hosts: ") == ["shop"]
    assert fresh.labels("playbooks/shop.yml", "import_steps: ") == ["schema/tables.yml"]


def test_one_goes_to_the_step_of_a_table_a_column_a_variable_and_a_file(fresh: Editor) -> None:
    def goes(file: str, mark: str) -> tuple[str, int]:
        (one,) = fresh.ask("textDocument/definition", fresh.at(file, mark))
        return one["uri"].rpartition("/")[2], one["range"]["start"]["line"] + 1

    fresh.open("playbooks/shop.yml")
    assert goes(FILE, "references: peo") == ("tables.yml", 3)
    assert goes(FILE, "references: people(i") == ("tables.yml", 5)
    assert goes(FILE, "columns: [per") == ("tables.yml", 13)
    assert goes(FILE, "where: to") == ("tables.yml", 14)
    assert goes(FILE, "{{ lim") == ("shop.yml", 3)
    assert goes("playbooks/shop.yml", "import_steps: sch") == ("tables.yml", 1)
    assert goes("playbooks/shop.yml", "hosts: sh") == ("shop.yml", 1)


def test_hover_tells_keys_variables_and_objects_without_a_secret(fresh: Editor) -> None:
    def told(file: str, mark: str) -> str:
        found = fresh.ask("textDocument/hover", fresh.at(file, mark))
        return found["contents"]["value"] if found else ""

    assert "FOREIGN KEY" in told(FILE, "refer")
    assert "`limit` = `100`, vars of the play (shop)" in told(FILE, "{{ lim")
    assert "**table people**" in told(FILE, "references: peo")
    assert "step *Käufer, who pay*" in told(FILE, "      ema")
    fresh.type(FILE, TABLES.replace("{{ limit }}", "{{ word }}"))
    hidden = told(FILE, "{{ wor")
    assert "sesame" not in hidden and "***" in hidden
    span = fresh.ask("textDocument/hover", fresh.at(FILE, "references: peo"))["range"]
    assert (span["start"]["character"], span["end"]["character"]) == (41, 47)


def test_the_outline_has_steps_and_columns(fresh: Editor) -> None:
    found = fresh.ask("textDocument/documentSymbol", {"textDocument": {"uri": fresh.uri(FILE)}})
    assert [one["name"] for one in found] == ["Käufer, who pay", "What they buy", "Orders of a person"]
    assert [one["name"] for one in found[1]["children"]] == ["id", "person", "total"]
    assert found[1]["children"][2]["detail"] == "numeric"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("total: numeric", "amount: numeric", "      amount: {type: numeric, renamed_from: total}\n"),
        ("email: {", "mail: {", "      mail: {type: text, not_null: true, renamed_from: email}\n"),
    ],
)
def test_a_column_with_another_name_is_made_a_rename(fresh: Editor, old: str, new: str, line: str) -> None:
    text = TABLES.replace(old, new).replace("total >", "id >")
    fresh.type(FILE, text)
    found = fresh.problems(FILE, lambda found: "renamed" in _codes(found))
    one = next(one for one in found if one.get("code") == "renamed")
    given = {"textDocument": {"uri": fresh.uri(FILE)}, "range": one["range"], "context": {"diagnostics": [one]}}
    (action,) = fresh.ask("textDocument/codeAction", given)
    made = fresh.applied(FILE, action)
    assert line in made
    assert len(made.splitlines()) == len(text.splitlines())
    fresh.type(FILE, made)
    fresh.problems(FILE, lambda found: "renamed" not in _codes(found))


def test_the_safe_form_of_a_migration_is_a_quick_fix(editor: Editor) -> None:
    (editor.folder / "change.sql").write_text("-- nothing yet\n")
    editor.open("change.sql", "CREATE INDEX orders_total_idx ON orders (total);\n")
    (one,) = [
        one for one in editor.problems("change.sql", lambda found: "I01" in _codes(found)) if one["code"] == "I01"
    ]
    given = {
        "textDocument": {"uri": editor.uri("change.sql")},
        "range": one["range"],
        "context": {"diagnostics": [one]},
    }
    (action,) = [a for a in editor.ask("textDocument/codeAction", given) if a["title"].startswith("I01")]
    assert editor.applied("change.sql", action) == "CREATE INDEX CONCURRENTLY orders_total_idx ON orders (total);\n"
    assert (editor.folder / "change.sql").read_text() == "-- nothing yet\n"


def test_a_scratch_server_tells_what_only_postgresql_knows_and_hover_shows_both_states(
    tmp_path: Path, database_url: str
) -> None:
    _project(tmp_path, database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create table orders (id bigint primary key, total integer default 7)")
    made = Editor(tmp_path, "--live", "shop")
    made.open(FILE, TABLES.replace("total: numeric", "total: {type: numeric, default: nov()}"))
    (one,) = [
        one
        for one in made.problems(FILE, lambda found: any("nov()" in one["message"] for one in found))
        if one["severity"] == 1
    ]
    assert "function nov() does not exist" in one["message"]
    assert one["range"]["start"]["line"] == 13
    made.type(FILE, TABLES)
    made.problems(FILE, lambda found: not any("nov()" in one["message"] for one in found))
    told, until = "", time.monotonic() + 60
    while "wanted" not in told and time.monotonic() < until:
        time.sleep(0.2)
        told = made.ask("textDocument/hover", made.at(FILE, "      tot"))["contents"]["value"]
    assert "live (shop): `integer DEFAULT 7`" in told
    assert "wanted (shop): `numeric`" in told
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert connection.execute("select to_regclass('wgm.run')").fetchone() == (None,)
    assert made.end() == 0


def test_nobody_reaches_a_database_that_was_not_named(tmp_path: Path, database_url: str) -> None:
    _project(tmp_path, database_url)
    made = Editor(tmp_path, "--no-scratch")
    made.open(FILE)
    made.problems(FILE, lambda found: True)
    assert "live" not in made.ask("textDocument/hover", made.at(FILE, "      tot"))["contents"]["value"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        names = connection.execute("select application_name from pg_stat_activity where datname = current_database()")
        assert all("lsp" not in name for (name,) in names)
    assert made.end() == 0


def test_live_and_untrusted_exclude_each_other(wgm: Command) -> None:
    done = wgm("lsp", "--live", "shop", env={"WGM_UNTRUSTED": "1"})
    assert (done.returncode, done.stdout) == (1, "")
    assert "WGM_UNTRUSTED says that nothing may" in done.stderr
