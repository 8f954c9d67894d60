"""A backup is judged when it is used: what is damaged passes no gate and is not restored."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from backing_up import NOTE, Shop, engine

from fix_postgres import Postgres
from wgm_play import server_tools
from wgm_play.backup import folder
from wgm_play.errors import InputError, Refused
from wgm_play.reporter import Reporter

YOUNG = "{before_changes: young, max_age: 24h, verify: restore}"


def flip(dump: Path) -> None:
    data = bytearray((dump / "toc.dat").read_bytes())
    data[len(data) // 2] ^= 1
    (dump / "toc.dat").write_bytes(data)


def truncate(dump: Path) -> None:
    largest = max(dump.iterdir(), key=lambda file: file.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1])


def lose(dump: Path) -> None:
    next(file for file in dump.iterdir() if file.name != "toc.dat").unlink()


def empty(dump: Path) -> None:
    shutil.rmtree(dump)
    dump.mkdir()


def remove(dump: Path) -> None:
    shutil.rmtree(dump)


def exchange_dump(dump: Path) -> None:
    """Put the dump of another backup in its place."""
    other = next(path for path in dump.parents[1].iterdir() if path.is_dir() and path != dump.parent)
    shutil.rmtree(dump)
    shutil.copytree(other / "dump", dump)
    shutil.rmtree(other)


def blind(dump: Path) -> None:
    """Let the manifest name no file at all."""
    manifest = folder.read(dump.parent)
    folder.write(replace(manifest, files={}))


def test_a_backup_is_taken_where_it_is_due(shop: Shop, database_url: str) -> None:
    shop("apply", database_url, no_backup=True)
    with pytest.raises(InputError, match="when a backup is due is not said") as unsaid:
        shop("backup", database_url, True)
    assert unsaid.value.where is not None
    assert unsaid.value.hint == "add `max_age: 24h` to `backup:`"
    shop.write(YOUNG, NOTE)
    shop("backup", database_url, True)
    (first,) = shop.taken()
    assert f"not due: backup {first.name}" in shop("backup", database_url, True).text
    assert shop.taken() == [first]
    flip(first / "dump")
    assert "is damaged" in (said := shop("backup", database_url, True).text), said
    assert shop.taken()[-1] != first
    shop("backup", database_url)  # asked for: however young the last one is
    assert len(shop.taken()) == 3 - (not first.exists())


DAMAGE = (flip, truncate, lose, empty, remove, exchange_dump, blind)


@pytest.mark.parametrize("harm", DAMAGE, ids=lambda harm: harm.__name__)
def test_what_is_damaged_passes_no_gate_and_is_not_restored(
    harm: Callable[[Path], None], shop: Shop, database_url: str, new_database: Callable[..., str], fresh_url: str
) -> None:
    shop("apply", database_url, no_backup=True)
    shop.write(YOUNG, NOTE)
    if harm is exchange_dump:
        shop("backup", database_url)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("insert into tasks (title) values ('later')")
    shop("backup", database_url)
    newest = shop.taken()[-1]
    harm(newest / "dump")
    with pytest.raises(Refused, match="the newest backup is damaged, nothing was touched") as refused:
        shop("apply", database_url)
    assert refused.value.hint == "take one first: `wgm-play backup PLAYBOOK`"
    assert newest.name in refused.value.details[0]
    for wanted in (newest.name, None):
        with pytest.raises(Refused, match="is damaged, nothing was touched"):
            shop("restore", database_url, wanted, None, fresh_url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(fresh_url)
    with psycopg.connect(database_url) as connection:
        columns = connection.execute(
            "select count(*) from pg_attribute where attrelid = 'tasks'::regclass and attnum > 0"
        )
        assert columns.fetchone() == (2,)


def test_a_younger_damaged_one_is_passed_over_for_one_that_is_young_enough(shop: Shop, database_url: str) -> None:
    shop("apply", database_url, no_backup=True)
    shop.write(YOUNG, NOTE)
    for _ in range(2):
        shop("backup", database_url)
    good, bad = shop.taken()
    flip(bad / "dump")
    said = shop("apply", database_url)
    assert f"the backup {bad.name} is damaged: toc.dat has other bytes" in said.text
    assert f"backup {good.name} of" in said.text
    assert "covers this run" in said.text


def test_a_proof_that_is_weaker_than_the_policy_asks_passes_no_gate(shop: Shop, database_url: str) -> None:
    shop.write(YOUNG.replace("restore", "catalog"))
    shop("backup", database_url)
    shop.write(YOUNG)
    with pytest.raises(Refused, match="none of 1 backups is verified by restore"):
        shop("apply", database_url)


def test_a_flipped_byte_is_noticed_by_every_verification_and_by_restore(
    filled: str, fresh_url: str, tmp_path: Path, server: Postgres
) -> None:
    logical = engine(filled, tmp_path)
    made = logical.make("x")
    assert logical.verify(made).ok
    largest = max((Path(made.path) / "dump").iterdir(), key=lambda file: file.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    for how in ("none", "catalog", "restore"):
        verification = logical.verify(made, how)
        assert not verification.ok
        assert largest.name in verification.problems[0]
    assert logical.list()[0].verified == ""
    with pytest.raises(Refused, match="is damaged, nothing was touched"):
        logical.restore(made, fresh_url)
    with server.connect() as admin:
        name = server_tools.parameters(fresh_url)["dbname"]
        assert not admin.execute("select from pg_database where datname = %s", [name]).fetchall()


def test_a_dump_that_lacks_a_table_is_noticed(filled: str, tmp_path: Path) -> None:
    """Counts from the snapshot, not from the dump, are what a verification compares with."""
    logical = engine(filled, tmp_path)
    manifest = folder.read(Path(logical.make("x").path))
    more = {**(manifest.rows or {}), "public.players": 501}
    folder.write(replace(manifest, rows=more, counted={**manifest.counted, "tables": 7}))
    problems = logical.verify(manifest.backup).problems
    assert problems == ("tables: 6 restored, expected 7", "public.players: 500 rows, expected 501")


def test_a_damaged_manifest_is_warned_of_and_hides_no_other_backup(filled: str, tmp_path: Path) -> None:
    warned: list[str] = []

    class Warned(Reporter):
        def warn(self, text: str) -> None:
            warned.append(text)

    logical = engine(filled, tmp_path, "none", Warned())
    made = [logical.make("x"), logical.make("y")]
    (Path(made[1].path) / "manifest.json").write_text("{")
    assert [backup.id for backup in logical.list()] == [made[0].id]
    assert made[1].id in warned[0]
