"""A whole cluster goes back in its own place: rows as of then, the old data directory kept, WAL received on, CI held."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from backing_up import NOTE, Said
from clusters import room_of, started
from sites import Site, site_of

from wgm_play import pipeline
from wgm_play.errors import InputError, Refused, StepFailed
from wgm_play.ledger import Ledger
from wgm_play.options import Options


@pytest.fixture(params=[15, 18], ids=["pg15", "pg18"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    for place in room_of():
        yield from site_of(request.param, place, tmp_path)


def test_a_cluster_goes_back_to_before_a_run_and_everything_goes_on(site: Site) -> None:
    site.shop("backup", site.url)
    site.shop("apply", site.url)
    site.add("kept")
    site.write(NOTE)
    site.shop("apply", site.url)
    site.add("after")
    for _ in range(3):  # the receiver has whole segments of what is left then
        site.cluster.ask("select pg_switch_wal()")
        site.add("after")
    with site.cluster.server.connect() as connection:
        connection.execute("alter system set work_mem = '6MB'")
        connection.execute("create database books")
    with pytest.raises(Refused, match=r"'books' would go back as well; nothing was touched"):
        site.back("run:2")
    assert site.titles() == ["kept", *["after"] * 4]
    pipeline.freeze(_options(site, reason="rows are wrong"), Said())
    said = site.back("run:2", whole_cluster=True)
    assert "the freeze stands: rows are wrong" in said
    with pytest.raises(Refused, match="rows are wrong"):
        site.shop("apply", site.url)
    pipeline.freeze(_options(site), Said(), lift=True)
    assert site.titles() == ["kept"]
    assert "run 2 went back and is held" in said
    with psycopg.connect(site.url) as connection:
        assert connection.execute("show work_mem").fetchone() == ("6MB",)
        assert connection.execute("select pg_is_in_recovery()").fetchone() == (False,)
        assert Ledger(connection).marker() == "production"
    # What CI would do next is refused, what was there before is not.
    with pytest.raises(Refused, match="was taken back and is held: run 2"):
        site.shop("apply", site.url)
    # WAL is received on the new timeline, and a base of it is there.
    site.add("on the new timeline")
    site.cluster.flushed()
    engine = site.cluster.engine(url=site.url)
    assert engine.uncovered(engine.own()[0]) == ""
    _release(site)
    assert "cover this run" in site.shop("apply", site.url).text
    (kept,) = site.place.glob("main_before_*")
    assert (kept / "PG_VERSION").exists()
    # And back once more, to the new timeline.
    site.add("too much")
    site.back("run:2", whole_cluster=True)
    assert site.titles() == ["kept", "on the new timeline"]


@pytest.mark.long  # a physical backup has the same, above
@pytest.mark.parametrize("method", ["pgbackrest", "barman"])
def test_what_a_tool_keeps_takes_its_place_too_and_is_drilled_and_rehearsed_on(method: str, tmp_path: Path) -> None:
    if shutil.which(method) is None or shutil.which("rsync") is None:
        pytest.skip(f"there is no {method} here: apt-get install {method} rsync")
    for place in room_of():
        for site in site_of(15, place, tmp_path, method):
            with pytest.raises(Refused, match="there is no backup of this database"):
                site.shop("apply", site.url)
            site.shop("backup", site.url)
            site.shop("apply", site.url)
            site.add("kept")
            site.shop("backup", site.url)  # of the catalog as it is now
            assert "1 row" in site.shop("drill", site.url, None).text
            site.write(NOTE)
            assert "certificate" in site.shop("rehearse", site.url, None).text
            assert "--at run:2" in site.shop("apply", site.url).text
            site.add("after")
            said = site.back("run:2")
            assert site.titles() == ["kept"]
            assert "run 2 went back and is held" in said and "is the base of the new timeline" in said
            assert "slot" not in said
            (kept,) = site.place.glob("main_before_*")
            assert (kept / "PG_VERSION").exists()
            # WAL goes on, along the new timeline: what is written now comes back.
            _release(site)
            assert "cover this run" in site.shop("apply", site.url).text
            site.add("on the new timeline")
            site.back(None)
            assert site.titles() == ["kept", "on the new timeline"]
            site.shop("restore", site.url, None, "run:2", f"dir:{place / 'beside'}")
            with started(site.cluster, place / "beside") as reached, psycopg.connect(f"{reached} dbname=shop") as found:
                assert found.execute("select title from tasks").fetchall() == [("kept",)]


def test_to_the_latest_nothing_is_lost_and_a_stopped_server_comes_back_too(site: Site) -> None:
    elsewhere = site.place / "elsewhere"
    elsewhere.mkdir()
    os.chown(elsewhere, site.place.stat().st_uid, site.place.stat().st_gid)
    site.cluster.ask(f"create tablespace elsewhere location '{elsewhere}'")
    with psycopg.connect(site.url) as connection:
        connection.execute("create table far tablespace elsewhere as select generate_series(1, 100) n")
    site.shop("backup", site.url)
    site.shop("apply", site.url)
    site.add("one")
    assert "the tablespaces lie in" in site.back(None)
    with psycopg.connect(site.url) as connection:
        assert connection.execute("select count(*) from far").fetchone() == (100,)
    assert any(elsewhere.iterdir())
    # The WAL since asks for more than the base knows of: a copy that let people read before its end would wait for ever.
    for setting in ("max_connections = 130", "max_worker_processes = 20", "max_prepared_transactions = 5"):
        site.cluster.ask(f"alter system set {setting}")
    subprocess.run([*site.control, "restart"], check=True, cwd="/")
    site.add("two")
    with psycopg.connect(site.url, autocommit=True) as connection:
        connection.execute("begin; insert into tasks (title) values ('prepared'); prepare transaction 'left'")
    assert site.titles() == ["one", "two"]
    site.cluster.flushed()
    subprocess.run([*site.control, "stop"], check=True, cwd="/")
    shutil.rmtree(site.place / "main" / "base")
    said = site.back("latest")
    assert site.titles() == ["one", "two"]
    assert "does not answer" in said


@pytest.mark.parametrize("site", [15], indirect=True)
def test_what_cannot_be_put_back_is_refused_or_leaves_the_server_as_it_was(site: Site) -> None:
    site.shop("backup", site.url)
    site.shop("apply", site.url)
    site.add("here")
    false = shutil.which("false")
    other = site.place / "other"
    other.mkdir()
    for data in (other, site.cluster.directory, site.cluster.engine().list()[0].path + "/base"):
        site.write(data=str(data))
        with pytest.raises(Refused, match="nothing was touched"):
            site.back("latest")
    with pytest.raises(InputError, match="is no absolute path"):
        site.write(data="main")
        site.back("latest")
    with pytest.raises(InputError, match="must be a list of arguments"):
        site.write(stop="pg_ctl stop")
        site.back("latest")
    site.write()
    with pytest.raises(Refused, match="is before the oldest backup was whole, nothing was touched"):
        site.back("2020-01-01T00:00:00+00:00")
    site.write(stop=[false])
    with pytest.raises(StepFailed, match="was not stopped by"):
        site.back("latest")
    site.write(stop=["/no/such/program"])
    with pytest.raises(StepFailed, match="cannot be run: No such file"):
        site.back("latest")
    assert site.titles() == ["here"]
    # What turns out to be damaged once the server was stopped lets it run again.
    site.write()
    [backup] = site.cluster.engine().list()
    (label,) = Path(backup.path).glob("base/backup_label")
    text = label.read_bytes()
    label.write_bytes(text.replace(b"START", b"STARS"))
    with pytest.raises(Refused, match="is damaged, nothing was touched"):
        site.back("latest")
    assert site.titles() == ["here"]
    label.write_bytes(text)
    # A server that does not start on what was restored runs on the old directory again.
    once = site.place / "start"
    once.write_text(f'#!/bin/sh\n[ -e "{site.place}/tried" ] || {{ touch "{site.place}/tried"; exit 1; }}\nexec "$@"\n')
    once.chmod(0o755)
    site.write(start=[str(once), *site.control, "start"])
    before = os.stat(site.place / "main").st_ino
    with pytest.raises(StepFailed, match="was not started by") as caught:
        site.back(site.cluster.now().isoformat())
    assert "runs on the old data directory again" in (caught.value.hint or "")
    assert site.titles() == ["here"]
    assert os.stat(site.place / "main").st_ino == before


def _release(site: Site) -> None:
    pipeline.promote(_options(site, reason="looked at"), Said(), release=True)


def _options(site: Site, **more: str) -> Options:
    return Options(str(site.shop.folder / "playbooks/production.yml"), url=site.url, **more)  # type: ignore[arg-type]
