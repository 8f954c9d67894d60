"""`inspect --update` changes the lines of a playbook that the database is no longer like; every other byte stays.

In: cases_update.yml, playbooks as people edit them. Out: the bytes of their files afterwards, and a plan without operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from roundtrip import Heard, apply, fill

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.errors import Found, InputError
from wgm_play.options import Options

CASES: list[dict[str, Any]] = [
    one for one in yaml.safe_load((Path(__file__).parents[1] / "cases_update.yml").read_text()) if "skip" not in one
]
PLACED = [one for one in CASES if "by_hand" not in one]
BY_HAND = [one for one in CASES if "by_hand" in one]


def written(case: dict[str, Any], text: str) -> bytes:
    """Return a text in the form that a case asks for."""
    form = case.get("form")
    if form == "crlf":
        return text.replace("\n", "\r\n").encode()
    if form == "bom":
        return text.encode("utf-8-sig")
    return text.removesuffix("\n").encode() if form == "cut" else text.encode()


def after(case: dict[str, Any], text: str) -> str:
    """Return a text with the lines of a case changed."""
    for old, new in case.get("lines", ()):
        if old in text:
            assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
            text = text.replace(old, new)
    return text


@dataclass
class Updated:
    """A project of many files after an update."""

    folder: Path
    url: str
    left: str


def project(folder: Path, cases: list[dict[str, Any]]) -> Path:
    """Write the files of cases as one playbook that imports them."""
    (folder / "environments").mkdir(parents=True)
    (folder / "environments" / "production.yml").write_text("embedded: true\n")
    variables: dict[str, Any] = {}
    imports = []
    for number, case in enumerate(cases):
        variables |= case.get("vars", {})
        for name, text in case["files"].items():
            (folder / str(number)).mkdir(exist_ok=True)
            (folder / str(number) / name).write_bytes(written(case, text))
            imports += [{"import_steps": f"{number}/{name}", "vars": one} for one in case.get("twice", [{}])]
    playbook = folder / "production.yml"
    play = {"name": "edited", "hosts": "production", "vars": variables, "steps": imports}
    playbook.write_text(yaml.safe_dump([play], allow_unicode=True))
    return playbook


def update(playbook: Path, url: str | None, **more: Any) -> tuple[str, Heard]:
    """Update a playbook; return what is left to be written by hand."""
    heard = Heard()
    try:
        assert pipeline.update(Options(str(playbook), url=url, **more), heard) == 0
    except Found as error:
        return "\n".join(error.details), heard
    return "", heard


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, server: Postgres) -> Iterator[dict[str, Updated]]:
    """All cases, brought up to date at once: those that can be placed, and those that cannot."""
    made, names = {}, []
    for name, cases in (("placed", PLACED), ("by hand", BY_HAND)):
        folder = tmp_path_factory.mktemp("edited")
        names.append(server.create_database())
        url = server.url(names[-1])
        playbook = project(folder, cases)
        assert apply(playbook, url) > 0
        fill(url, "DROP SCHEMA wgm CASCADE")  # as if it had never been run: a playbook of another database
        fill(url, ";\n".join(case["drift"] for case in cases))
        made[name] = Updated(folder, url, update(playbook, url)[0])
    yield made
    for one in names:
        server.drop_database(one)


@pytest.mark.parametrize("case", PLACED, ids=lambda one: one["case"])
def test_only_the_lines_concerned_change(case: dict[str, Any], run: dict[str, Updated]) -> None:
    made = run["placed"]
    for name, text in case["files"].items():
        found = (made.folder / str(PLACED.index(case)) / name).read_bytes()
        assert found.decode() == written(case, after(case, text)).decode()


def test_after_it_nothing_is_pending(run: dict[str, Updated]) -> None:
    made = run["placed"]
    assert made.left == ""
    assert apply(made.folder / "production.yml", made.url, check=True) == 0
    assert update(made.folder / "production.yml", made.url)[1].said == ["nothing to bring in"]


@pytest.mark.parametrize("case", BY_HAND, ids=lambda one: one["case"])
def test_what_cannot_be_placed_is_named_with_its_lines(case: dict[str, Any], run: dict[str, Updated]) -> None:
    made = run["by hand"]
    for name, text in case["files"].items():
        found = (made.folder / str(BY_HAND.index(case)) / name).read_bytes()
        assert found.decode() == written(case, after(case, text)).decode()
    for part in case["by_hand"]:
        assert part in made.left


def single(folder: Path, steps: str) -> Path:
    """Write a playbook of one file, with no project around it."""
    playbook = folder / "shop.yml"
    playbook.write_text(f"- name: shop\n  hosts: production\n  steps:\n{steps}")
    return playbook


TABLE = "    - name: Things\n      table:\n        name: things\n        columns:\n          id: int\n          note: text\n"


def test_edits_that_no_run_applied_yet_stay(tmp_path: Path, database_url: str) -> None:
    playbook = single(tmp_path, TABLE)
    assert apply(playbook, database_url) == 1
    fill(database_url, "CREATE TABLE others ()")  # beside the playbook, and known to the run that follows
    playbook.write_text(playbook.read_text().replace("note: text", "note: text\n          more: text"))
    assert apply(playbook, database_url) == 1
    playbook.write_text(
        playbook.read_text().replace("note: text", "note: {type: text, check: note <> ''}\n          wish: text")
    )
    fill(database_url, "ALTER TABLE things ADD drifted int; CREATE INDEX fresh ON things (id); CREATE TABLE later ()")
    edited = playbook.read_text()
    left, heard = update(playbook, database_url)
    assert left == ""
    assert playbook.read_text() == edited.replace("more: text", "more: text\n          drifted: {type: integer}") + (
        "\n    - name: Index fresh\n      index: {name: fresh, table: things, columns: [id]}\n"
        "\n    - name: Table later\n      table:\n        name: later\n        columns: {}\n"
    )
    assert "table things: the playbook says it and no run applied it yet: left as it is" in heard.said
    assert apply(playbook, database_url) == 1, "the edits are made now"


def test_what_both_changed_since_the_last_run_is_left_to_people(tmp_path: Path, database_url: str) -> None:
    playbook = single(tmp_path, TABLE)
    apply(playbook, database_url)
    fill(database_url, "ALTER TABLE things ALTER note TYPE varchar(5)")
    playbook.write_text(playbook.read_text().replace("note: text", "note: varchar(9)"))
    edited = playbook.read_text()
    left, _ = update(playbook, database_url)
    assert "the playbook and the database both changed it since the last run" in left
    assert "columns.note.type: 'character varying(5)'" in left or "varchar(5)" in left
    assert playbook.read_text() == edited


class Pages(Heard):
    """Keeps pages too."""

    def page(self, name: str, text: str) -> None:
        self.said.append(text)


def test_check_shows_the_lines_and_writes_nothing(tmp_path: Path, database_url: str) -> None:
    playbook = single(tmp_path, TABLE)
    fill(database_url, "CREATE TABLE things (id int, note text NOT NULL)")
    before = playbook.read_bytes()
    heard = Pages()
    assert pipeline.update(Options(str(playbook), url=database_url, check=True), heard) == 0
    assert "-          note: text\n+          note: {type: text, not_null: true}\n" in heard.said[1]
    assert playbook.read_bytes() == before
    assert not list(tmp_path.glob("environments")), "a single file needs no project"


def test_a_url_is_one_database(tmp_path: Path, database_url: str) -> None:
    playbook = single(tmp_path, TABLE)
    playbook.write_text(playbook.read_text() + playbook.read_text())
    with pytest.raises(InputError, match="has 2 plays; DSN is one database"):
        update(playbook, database_url)


def test_objects_outside_of_manage_stay_outside(tmp_path: Path, database_url: str) -> None:
    playbook = single(tmp_path, TABLE)
    playbook.write_text(playbook.read_text().replace("  steps:", "  manage: {schemas: [public]}\n  steps:"))
    fill(database_url, "CREATE TABLE things (id int, note text); CREATE SCHEMA apart; CREATE TABLE apart.t ()")
    assert update(playbook, database_url)[1].said == ["nothing to bring in"]


def test_a_second_round_changes_the_step_that_is_meant(tmp_path: Path, database_url: str) -> None:
    """The first round makes steps longer; what it has to leave brings another round, in which lines are others."""
    steps = (
        "    - name: Gone\n      table: {name: gone, columns: {id: int}}\n      register: made\n"
        "    - name: Parts\n      table:\n        name: parts\n        columns: {id: int, at: date}\n        partition_by: {range: [at]}\n"
        "    - name: After\n      table: {name: after_it, columns: {id: int}}\n      when: made is changed or true\n"
        "    - name: Last\n      table: {name: last, columns: {id: int, n: text}}\n"
    )
    playbook = single(tmp_path, steps)
    fill(
        database_url,
        "CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at); CREATE TABLE after_it (id int); CREATE TABLE fresh (id int);"
        "CREATE TABLE part PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); CREATE TABLE last (id int, n text NOT NULL)",
    )
    left, _ = update(playbook, database_url)
    assert "table gone: without it the playbook could not be read" in left or left == ""
    text = playbook.read_text()
    assert "table: {name: after_it, columns: {id: int}}\n      when: made" in text
    assert "table: {name: last, columns: {id: int, n: {type: text, not_null: true}}}" in text
    assert text.count("after_it") == 1
