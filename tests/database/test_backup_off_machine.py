"""Where backups lie is the environment's to say; one leaves the machine by a command of it, and `check` finds those that did not."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest
from backing_up import NOTE, Said, Shop

from wgm_play.errors import Found, StepFailed

YOUNG = "{verify: catalog, before_changes: young, max_age: 1h}"


def found(shop: Shop, url: str) -> str:
    """Return what `check` finds of the backups."""
    said = Said()
    try:
        return shop("check", url, only=("backups",)).text
    except Found as raised:
        return "\n".join([said.text, *raised.details])


def copying(to: Path, elsewhere: Path) -> str:
    return f'backup: {{directory: {elsewhere}, copy: [cp, -a, "{{path}}", "{to}/."]}}\n'


def test_a_backup_leaves_the_machine_and_comes_back_from_there(shop: Shop, database_url: str, tmp_path: Path) -> None:
    far, here = tmp_path / "far", tmp_path / "here"
    shop.write(YOUNG, environment=copying(far, here))
    shop("apply", database_url, no_backup=True)
    with pytest.raises(StepFailed, match=r"was taken and stays, but the command .* ended with 1") as caught:
        shop("backup", database_url)
    assert "cp:" in caught.value.details[0]
    assert "was not copied off the machine" in found(shop, database_url)
    far.mkdir()
    assert "was copied off the machine" in shop("backup", database_url).text
    assert "was not copied" not in found(shop, database_url)
    [copy] = far.iterdir()
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("insert into tasks (title) values ('later')")
    shutil.rmtree(here)
    here.mkdir()
    copy.rename(here / copy.name)
    shop("restore", database_url, copy.name, None, None)
    with psycopg.connect(database_url) as session:
        assert session.execute("select count(*) from tasks").fetchall() == [(0,)]


def test_a_run_is_covered_by_what_is_here_and_says_where_the_copy_failed(
    shop: Shop, database_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    shop.write("{verify: catalog}", environment=copying(tmp_path / "far", tmp_path / "here"))
    assert (
        "is here alone: the command that copies backups off the machine ended with 1"
        in shop("apply", database_url).text
    )
    shop.write(f"{{verify: catalog, directory: {outside}}}", NOTE)
    said = shop("apply", database_url).text
    assert "is outside the project, and is now written in the environment" in said
    assert "is here alone" not in said and [*outside.glob("*/manifest.json")]


def test_the_only_backup_on_the_databases_machine_and_a_better_method_are_told(shop: Shop, database_url: str) -> None:
    shop.write(YOUNG)
    shop("apply", database_url, no_backup=True)
    shop("backup", database_url)
    said = found(shop, database_url)
    assert "the backups lie on the machine of the database alone" in said
    assert "what is written after a young backup was taken is in no backup: `method: physical` would work here" in said
    shop.write("{verify: catalog}")
    assert "method: physical" not in found(shop, database_url)
