"""Whose a backup is: each database sees its own; others are shown, and never chosen unless they are named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from backing_up import NOTE, Shop, engine

import fix_postgres
from fix_postgres import Postgres
from wgm_play.backup import folder
from wgm_play.backup.base import Backup
from wgm_play.errors import InputError, Refused

NewDatabase = Callable[..., str]
YOUNG = "{before_changes: young, max_age: 24h, verify: catalog}"


def row(url: str, word: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) values (%s)", [word])


def rows(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [title for (title,) in connection.execute("select title from tasks order by id")]


def aged(path: Path) -> None:
    """Make a backup one of before it was recorded whose it is."""
    told = json.loads((path / "manifest.json").read_text())
    told["format"] = 1
    for key in ("system", "marker"):
        del told["backup"][key]
    (path / "manifest.json").write_text(json.dumps(told))


@pytest.mark.every_server
def test_a_backup_says_of_which_server_and_database_it_is(
    filled: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    logical = engine(filled, tmp_path, "none")
    made = logical.make("x")
    with psycopg.connect(filled) as connection:
        system = connection.execute("select system_identifier::text from pg_control_system()").fetchone()
        assert (made.system, made.database) == (*(system or ()), connection.info.dbname)
    assert logical.list() == [made]
    assert logical.own() == [made]
    other = engine(new_database(), tmp_path, "none")
    assert (other.list(), other.own(), other.stranger(made)) == ([made], [], "another database")


def test_the_same_name_on_another_server_is_another_database(
    servers: fix_postgres.Postgres, filled: str, tmp_path: Path, server: Postgres
) -> None:
    here = engine(filled, tmp_path, "none")
    made = here.make("x")
    elsewhere = servers.get(next(one for one in fix_postgres.available() if one != server.major))  # type: ignore[attr-defined]
    with elsewhere.connect() as admin:
        admin.execute(f'create database "{made.database}"')
    try:
        there = engine(elsewhere.url(made.database), tmp_path, "none", retention={"full": 1})
        assert there.stranger(made) == "another server's"
        others = [there.make(str(number)) for number in range(2)]
        assert [one.id for one in there.expire()] == [others[0].id]
        assert [one.id for one in here.own()] == [made.id]
        assert there.find(None) == others[1]
    finally:
        elsewhere.drop_database(made.database)


def test_the_system_is_its_address_where_its_identifier_is_not_told(
    server: Postgres, role_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(role_url) as connection:
        name = connection.info.dbname
    with server.connect(name) as admin:
        admin.execute("revoke execute on function pg_control_system() from public")
    made = engine(role_url, tmp_path, "none").make("x")
    assert made.system == f"127.0.0.1:{server.port}"
    assert engine(role_url, tmp_path, "none").own() == [made]


def test_restore_brings_back_this_databases_newest_and_says_whose_it_was(shop: Shop, new_database: NewDatabase) -> None:
    first, second, back = new_database(), new_database(), new_database()
    for url, word in ((first, "of the first"), (second, "of the second")):
        shop("apply", url)
        row(url, word)
        shop("backup", url)
    listed = shop("backups", first).said
    mine, other = (psycopg.conninfo.conninfo_to_dict(url)["dbname"] for url in (first, second))
    assert {line.split(" | ")[1] for line in listed} == {mine, f"{other} (another database)"}
    said = shop("restore", first, None, None, back)
    assert rows(back) == ["of the first"]
    assert f"of '{mine}', as it was at" in said.text
    assert f"is back as the database '{psycopg.conninfo.conninfo_to_dict(back)['dbname']}'" in said.text


def test_a_gate_by_age_is_not_passed_by_the_backup_of_another(shop: Shop, new_database: NewDatabase) -> None:
    first, second = new_database(), new_database()
    shop.write(YOUNG)
    shop("backup", first)
    shop("apply", first)
    with pytest.raises(Refused, match="there is no backup of this database") as refused:
        shop("apply", second)
    assert "not of it: " in refused.value.details[0]
    with psycopg.connect(second) as connection:
        assert connection.execute("select to_regclass('tasks')").fetchone() == (None,)
    with pytest.raises(InputError, match="there is no backup of this database yet, only others"):
        shop("restore", second, None, None, "nowhere")


def test_backups_of_before_are_shown_and_kept_and_pass_no_gate(shop: Shop, database_url: str, fresh_url: str) -> None:
    shop.write(YOUNG)
    shop("backup", database_url)
    [old] = shop.taken()
    aged(old)
    assert "taken before backups said of which server they are" in shop("backups", database_url).text
    with pytest.raises(Refused, match="there is no backup of this database"):
        shop("apply", database_url)
    with pytest.raises(InputError, match="only others"):
        shop("restore", database_url, None, None, fresh_url)
    for _ in range(4):
        shop("backup", database_url)
    assert old in shop.taken()
    shop("restore", database_url, old.name, None, fresh_url)
    psycopg.connect(fresh_url).close()


def test_a_restored_database_is_marked_as_such_and_is_not_taken_for_the_original(
    shop: Shop, database_url: str, new_database: NewDatabase
) -> None:
    back = new_database()
    shop.write()
    shop("apply", database_url)
    shop("backup", database_url)
    said = shop("restore", database_url, None, None, back)
    newest = shop.taken()[-1].name
    assert f"it is marked as 'production-restored-{newest}'" in said.text
    for verb, more in (("apply", ()), ("backup", ()), ("backups", ())):
        with pytest.raises(Refused, match="this database is marked as 'production-restored-"):
            shop(verb, back, *more)
    shop.write(environment=f"marker: production-restored-{newest}\n", steps=NOTE)
    shop("apply", back)
    assert [one.marker for one in _all(shop, back)][-1] == f"production-restored-{newest}"


def test_a_backup_of_another_environment_is_refused(shop: Shop, database_url: str, fresh_url: str) -> None:
    shop.write(environment="marker: staging\n")
    shop("apply", database_url)
    shop("backup", database_url)
    newest = shop.taken()[-1].name
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("insert into wgm.marker (environment) values ('production')")
    shop.write()
    assert "(marked 'staging')" in shop("backups", database_url).text
    with pytest.raises(Refused, match="was marked as 'staging', the playbook is for 'production'") as refused:
        shop("restore", database_url, newest, None, fresh_url)
    assert refused.value.where is not None


def test_a_database_that_is_gone_is_brought_back_by_its_name(
    shop: Shop, new_database: NewDatabase, server: Postgres
) -> None:
    url = new_database()
    shop("apply", url)
    row(url, "kept")
    shop("backup", url)
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    server.drop_database(name)
    shop("restore", url, None, None, name)
    assert rows(url) == ["kept"]


def test_where_the_server_is_gone_a_backup_is_named(shop: Shop, database_url: str, fresh_url: str) -> None:
    shop("backup", database_url)
    gone = "postgresql://postgres@127.0.0.1:9/none"
    with pytest.raises(InputError, match="cannot be told: ") as caught:
        shop("restore", gone, None, None, fresh_url)
    assert caught.value.hint == "name it: --backup ID"
    assert "cannot be told" in shop("backups", gone).text
    shop("restore", gone, shop.taken()[0].name, None, fresh_url)


def test_without_any_backup_it_is_said_plainly(shop: Shop, database_url: str) -> None:
    with pytest.raises(InputError) as caught:
        shop("restore", database_url, None, None, "anywhere")
    assert caught.value.message == "there is no backup yet"


def test_a_folder_copied_over_another_is_not_its_backup(filled: str, new_database: NewDatabase, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path, "none")
    made = logical.make("x")
    other = engine(new_database(), tmp_path, "none").make("y")
    shutil.rmtree(made.path)
    shutil.copytree(other.path, made.path)
    assert logical.damage(made)[0].endswith(f"cannot be read: it is that of the backup {other.id!r}")
    assert logical.list() == [other]


def _all(shop: Shop, url: str) -> list[Backup]:
    return [folder.read(path).backup for path in shop.taken()]
