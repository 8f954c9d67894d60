"""`why`: the lines, variables, commits and runs behind an object, with a database and without one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from real_command import Command

STEPS = """\
- name: Goods and parts
  table:
    name: "{{ item }}"
    columns:
      id: {type: bigint, primary_key: true}
      price: {type: "numeric({{ digits }}, 2)", default: "{{ start }}"}
  loop: [goods, parts]

- name: A secret default
  table:
    name: keys
    columns:
      word: {type: text, default: "'{{ env.WORD }}'"}

- name: Dear goods
  view: {name: dear, template: dear.sql.j2}

- name: Who reads
  index: {name: goods_price_idx, table: goods, columns: [price]}
"""
PLAY = """\
- name: {name}
  hosts: {name}
  vars: {{digits: "{{{{ wide }}}}", start: "0", limit: 100}}
  steps:
    - import_steps: steps.yml
"""
SECRET = {"WORD": "open sesame 7731"}


@pytest.fixture
def shop(wgm: Command, tmp_path: Path, database_url: str) -> Command:
    (tmp_path / "environments").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "environments" / "shop.yml").write_text(f"url: {database_url}\nvariables: {{wide: 10}}\n")
    (tmp_path / "environments" / "far.yml").write_text('url: "{{ env.FAR_URL }}"\nvariables: {wide: 12}\n')
    (tmp_path / "templates" / "dear.sql.j2").write_text("SELECT id FROM goods WHERE price > {{ limit | literal }}\n")
    (tmp_path / "steps.yml").write_text(STEPS)
    for name in ("shop", "far"):
        (tmp_path / f"{name}.yml").write_text(PLAY.format(name=name))
    return wgm


def _git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def _why(shop: Command, *words: str) -> list[dict[str, Any]]:
    done = shop("why", *words, "--format", "json", env=SECRET)
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)["results"][0]["data"]["why"]
    return answers


def test_a_column_is_traced_to_its_line_its_variables_its_commit_and_its_runs(shop: Command, tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q", "-b", "main", ".")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "goods and parts")
    assert shop("shop.yml", env=SECRET).returncode == 0
    steps = tmp_path / "steps.yml"
    steps.write_text(steps.read_text().replace("{{ start }}", "1"))
    assert shop("shop.yml", env=SECRET).returncode == 0
    here, far = sorted(_why(shop, "goods.price"), key=lambda one: one["environment"] != "shop")
    (place,) = here["places"]
    assert place["where"] == "steps.yml:6:7"
    assert (place["step"], place["item"], place["imported_from"]) == ("Goods and parts", "goods", ["shop.yml:5:21"])
    told = {one["name"]: (one["value"], one["source"], one["where"]) for one in place["variables"]}
    assert told["wide"] == ("10", "variables of the environment", "environments/shop.yml:2:19")
    assert told["digits"] == ("10", "vars of the play", "shop.yml:3:18")
    assert place["author"] is None or place["commit"] == ""  # the line was edited since
    first, second = here["runs"]
    assert first["title"] == "create table goods"
    assert "SET DEFAULT 1" in second["statements"][0]
    assert (first["dirty"], second["dirty"]) == (False, True)
    assert len(first["commit"]) == 40 and first["status"] == "done" and first["user"]
    assert far["unasked"] == "FAR_URL is not set" and not far["runs"]
    assert {one["name"]: one["value"] for one in far["places"][0]["variables"]}["wide"] == "12"


def test_what_was_taken_back_and_what_is_declared_no_more_is_told(shop: Command, tmp_path: Path) -> None:
    shop("shop.yml", env=SECRET)
    steps = tmp_path / "steps.yml"
    steps.write_text(steps.read_text().replace("columns: [price]}", "columns: [price, id]}"))
    assert shop("shop.yml", env=SECRET).returncode == 0
    assert shop("rollback", "shop.yml", env=SECRET).returncode == 0
    runs = _why(shop, "goods_price_idx", "--playbook", "shop.yml")[0]["runs"]
    assert [one["taken_back_by"] for one in runs if one["run"] == 2] == [3] * sum(one["run"] == 2 for one in runs)
    assert {one["command"] for one in runs} == {"apply", "rollback"}
    steps.write_text(steps.read_text().split("- name: Who reads")[0])
    done = shop("why", "goods_price_idx", "--playbook", "shop.yml", env=SECRET)
    assert "no playbook says anything of it any more" in done.stdout
    assert "create index goods_price_idx" in done.stdout


def test_an_object_is_followed_past_its_old_names_and_an_old_name_to_the_new(shop: Command, tmp_path: Path) -> None:
    steps = tmp_path / "steps.yml"
    for was, now in (
        ("", ""),
        ("word: {type: text,", "term: {type: text, renamed_from: word,"),
        ("term: {type: text, renamed_from: word,", "term: {type: text,"),
        ("    name: keys\n", "    name: secrets\n    renamed_from: keys\n"),
        ("term: {type: text,", "phrase: {type: text, renamed_from: term,"),
        ("renamed_from: term, ", ""),
        ("    renamed_from: keys\n", ""),
    ):
        steps.write_text(steps.read_text().replace(was, now))
        done = shop("shop.yml", env=SECRET)
        assert done.returncode == 0, done.stderr
    (one,) = _why(shop, "secrets.phrase", "--playbook", "shop.yml")
    assert [run["title"] for run in one["runs"]] == [
        "create table keys",
        "rename column keys.word to term",
        "rename table keys to secrets",
        "rename column secrets.term to phrase",
    ]
    (table,) = _why(shop, "secrets", "--playbook", "shop.yml")
    assert {"create table keys", "rename table keys to secrets"} <= {run["title"] for run in table["runs"]}
    (old,) = _why(shop, "keys", "--playbook", "shop.yml")
    assert old["runs"][-1]["title"] == "rename table keys to secrets" and not old["places"]


def test_no_secret_is_shown(shop: Command) -> None:
    shop("shop.yml", env=SECRET)
    for words in (("keys",), ("keys.word",), ("keys", "--format", "json")):
        done = shop("why", *words, env=SECRET)
        assert done.returncode == 0
        assert "sesame" not in done.stdout + done.stderr
        assert "env.WORD" in done.stdout


def test_a_view_names_its_template_and_the_variables_in_it(shop: Command) -> None:
    done = shop("why", "dear", "--playbook", "far.yml", env=SECRET)
    assert "template: templates/dear.sql.j2" in done.stdout
    assert "limit = 100, vars of the play (far.yml:3:" in done.stdout
    assert "far: the ledger was not asked: FAR_URL is not set" in done.stdout


@pytest.mark.parametrize(
    ("name", "hint"),
    [("good.price", "did you mean 'goods.price'?"), ("partz", "did you mean 'parts'?"), ("GOODS.PRICE", None)],
)
def test_a_misspelt_name_is_answered_with_the_nearest(shop: Command, name: str, hint: str | None) -> None:
    done = shop("why", name, env=SECRET)
    assert (done.returncode, hint or "") == (1 if hint else 0, hint or "")
    assert (hint or "column goods.price") in done.stdout + done.stderr


def test_a_playbook_that_is_wrong_hides_none_of_the_others(shop: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("- name: x\n  hosts: nowhere\n  steps: [\n")
    (tmp_path / "list.yml").write_text("- just\n- words\n")
    done = shop("why", "parts", env=SECRET)
    assert done.returncode == 0
    assert "note: broken.yml is left out: YAML syntax" in done.stdout
    assert "list.yml" not in done.stdout
    assert shop("why", "parts", "--playbook", "broken.yml", env=SECRET).returncode == 1


def test_an_untrusted_playbook_reaches_no_ledger(shop: Command, tmp_path: Path) -> None:
    mine = tmp_path.parent / f"{tmp_path.name}-mine"
    mine.mkdir()
    for file in (tmp_path / "environments").iterdir():
        (mine / file.name).write_text(file.read_text())
    done = shop("why", "parts", "--untrusted", "-i", str(mine), "--env", "WORD", "--playbook", "shop.yml", env=SECRET)
    assert done.returncode == 0, done.stderr
    assert "the ledger was not asked: the playbook is not trusted" in done.stdout
