"""What lies beside a dump, what is left out of it, how it is compressed, where its tables may come back to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from backing_up import TABLE, Shop, engine

from fix_postgres import Postgres
from wgm_play.backup import folder
from wgm_play.embedded import programs
from wgm_play.errors import InputError, Refused
from wgm_play.reporter import Reporter


class Heard(Reporter):
    """Keeps warnings."""

    def __init__(self) -> None:
        super().__init__()
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


def test_roles_lie_beside_without_passwords_and_are_offered_where_they_are_missing(
    server: Postgres, filled: str, fresh_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(filled, autocommit=True) as connection:
        connection.execute("create role wgm_clerk login password 'tell-nobody-0815'")
        connection.execute(
            "create role wgm_office; grant wgm_office to wgm_clerk; grant select on players to wgm_clerk"
        )
    try:
        logical = engine(filled, tmp_path / "b")
        made = logical.make("by hand")
        beside = Path(made.path) / folder.DUMP / folder.GLOBALS
        text = beside.read_text()
        assert "CREATE ROLE wgm_clerk" in text
        assert "wgm_office" in text
        assert "PASSWORD" not in text
        assert logical.verify(made).ok
    finally:
        with psycopg.connect(filled, autocommit=True) as connection:
            connection.execute("drop owned by wgm_clerk; drop role wgm_clerk, wgm_office")
    restored = logical.restore(made, fresh_url)
    assert any("psql --file=" in note and folder.GLOBALS in note for note in restored.notes), restored.notes
    beside.write_bytes(beside.read_bytes()[:-1])
    assert logical.damage(made) == [f"{folder.GLOBALS} has {len(text) - 1:,} bytes, it had {len(text):,}"]


def test_a_server_whose_roles_may_not_be_read_is_backed_up_without_them_and_it_is_said(
    server: Postgres, filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    real = programs.tools(server.major)
    for tool in ("pg_dump", "pg_restore"):
        (broken / tool).symlink_to(real / tool)
    (broken / "pg_dumpall").write_text(
        "#!/bin/sh\necho 'pg_dumpall: error: permission denied for table pg_roles' >&2\nexit 1\n"
    )
    (broken / "pg_dumpall").chmod(0o755)
    monkeypatch.setattr(programs, "tools", lambda version: broken)
    heard = Heard()
    logical = engine(filled, tmp_path / "b", reporter=heard)
    made = logical.make("by hand")
    assert any("without the server's roles" in one and "permission denied" in one for one in heard.warned)
    assert logical.verify(made).ok


def test_rows_that_are_left_out_stay_out_and_are_said_wherever_it_matters(
    filled: str, fresh_url: str, tmp_path: Path
) -> None:
    heard = Heard()
    names = ("log", '"Odd ""schema"."a table"', "wgm_no_such")
    logical = engine(filled, tmp_path / "b", reporter=heard, exclude=names)
    made = logical.make("by hand")
    assert heard.warned == ["`backup.exclude` names 'wgm_no_such', and no such table is there"]
    verification = logical.verify(made)
    assert verification.ok, verification.problems
    assert verification.rows["public.players"] == 500
    assert "public.log_2026" not in verification.rows
    restored = logical.restore(made, fresh_url)
    assert any("were left out of the backup" in note for note in restored.notes)
    with psycopg.connect(fresh_url) as connection:
        row = connection.execute(
            'select (select count(*) from players), (select count(*) from log), (select count(*) from "Odd ""schema"."a table")'
        )
        assert row.fetchone() == (500, 0, 0)
    with logical.on_scratch(made) as copy:
        assert copy.problems == ()
        assert any("were left out" in note for note in copy.notes)


def test_a_table_whose_rows_others_need_cannot_be_left_out(filled: str, tmp_path: Path) -> None:
    logical = engine(filled, tmp_path / "b", exclude=("players",))
    found = logical.verify(logical.make("by hand"))
    assert not found.ok
    assert any("foreign key" in problem for problem in found.problems), found.problems


@pytest.mark.parametrize("way", ["none", "gzip:9", "zstd:3"])
def test_a_dump_is_compressed_as_it_is_asked(filled: str, tmp_path: Path, way: str) -> None:
    logical = engine(filled, tmp_path / "b", compress=way)
    try:
        made = logical.make("by hand")
    except Refused as error:  # an old pg_dump, or one that was built without it
        assert way.startswith("zstd")
        assert "zstd" in str(error).lower()
        assert folder.manifests(tmp_path / "b", "logical") == ([], [])
        return
    endings = {path.suffix for path in (Path(made.path) / folder.DUMP).iterdir()} - {".sql"}
    assert endings == {"none": {".dat"}, "gzip:9": {".dat", ".gz"}, "zstd:3": {".dat", ".zst"}}[way]
    assert logical.verify(made).ok


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("{method: barman, compress: gzip}", "logical and pgbackrest choose how they compress"),
        ("{method: physical, exclude: [audit_log]}", "which copies all: logical can leave rows out"),
        ("{compress: best}", "compress"),
    ],
)
def test_what_an_engine_does_not_do_is_an_error_at_its_line(
    shop: Shop, database_url: str, policy: str, why: str
) -> None:
    shop.write(policy)
    with pytest.raises(InputError) as error:
        shop("apply", database_url, check=True)
    assert why in str(error.value)
    assert error.value.where is not None


def test_tables_come_back_into_another_database(shop: Shop, database_url: str, new_database: Any) -> None:
    shop("apply", database_url, no_backup=True)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("insert into tasks (title) values ('one'), ('two')")
        connection.execute('create table "Odd Name" (id int, twice int generated always as (id * 2) stored)')
        connection.execute('insert into "Odd Name" values (4)')
    shop("backup", database_url)
    other = new_database()
    assert "wgm_restored.tasks: 2 rows" in shop("restore", database_url, None, None, other, ("tasks",)).text
    with psycopg.connect(other) as connection:
        assert connection.execute("select title from wgm_restored.tasks order by id").fetchall() == [("one",), ("two",)]
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select to_regnamespace('wgm_restored')").fetchone() == (None,)
    assert 'wgm_restored."Odd Name": 1 row' in shop("restore", database_url, None, None, other, ('"Odd Name"',)).text
    with pytest.raises(Refused) as error:
        shop("restore", database_url, None, None, other, ("Odd Name",))
    assert error.value.hint is not None and 'DROP TABLE wgm_restored."Odd Name"' in error.value.hint
    with psycopg.connect(other) as connection:
        assert connection.execute('select * from wgm_restored."Odd Name"').fetchall() == [(4, 8)]
    with pytest.raises(InputError, match="not into a data directory"):
        shop("restore", database_url, None, None, "dir:/tmp/wgm-nowhere", ("tasks",))


def test_of_many_runs_the_oldest_and_the_newest_backup_are_held_and_the_others_go_by_number(
    shop: Shop, database_url: str
) -> None:
    column = "title: text"
    for number in range(5):
        column += f", c{number}: text"
        shop.write("{verify: none, retention: {full: 1}}", TABLE.replace("title: text", column))
        shop("apply", database_url)
    assert len(shop.taken()) == 3  # the oldest, the newest of before this run, this run's
    assert "of the state before runs 2, 3 the trash alone is left" in shop("status", database_url).text
    for _ in range(3):
        shop("rollback", database_url)
    assert "of the state before run 2 the trash alone is left" in shop("status", database_url).text
