"""The ledger on a real server: append-only, readable where granted, history that rollback can rely on."""

from __future__ import annotations

import string
from typing import Any

import psycopg
import pytest
from hand_made import apply, connector, operation, plan
from hypothesis import given
from hypothesis import strategies as st

from wgm_play.catalog.model import Catalog, Extra, Key, digest
from wgm_play.commands.status import status
from wgm_play.errors import Refused, StepFailed, Unreachable
from wgm_play.execute.guard import run_lock
from wgm_play.execute.session import open_session
from wgm_play.ledger import Ledger, RunInfo, decided, install
from wgm_play.ledger.model import Decision, Revision
from wgm_play.ledger.snapshot import pack, unpack
from wgm_play.plan import Group

Connection = psycopg.Connection[Any]
INFO = RunInfo("production.yml", "Wasteland", "production", "apply", plan_digest="p", from_digest="f")


def a_catalog(*names: str) -> Catalog:
    keys = [Key("table", ("public", name)) for name in names]
    return Catalog(
        {key: ("heap", None, True, 7, ("a", ("b",)), ["x", [1]]) for key in keys},
        {key: Extra(5, 6, "gm", ("=r/gm",), 3) for key in keys},
        frozenset({(keys[0], keys[-1])}) if keys else frozenset(),
        ("operator",),
        180000,
    )


def begin(ledger: Ledger, command: str = "apply", **values: Any) -> int:
    return ledger.begin(RunInfo("production.yml", "Wasteland", "production", command, **values))


def change(ledger: Ledger, status: str | None = "done", command: str = "apply", **values: Any) -> int:
    """Record a run that did something."""
    run = begin(ledger, command, **values)
    at = 1767225600.0
    row = {
        "number": 0,
        "group_number": 0,
        "step": 0,
        "step_name": "s",
        "item": "",
        "verb": "create",
        "kind": "table",
        "name": ["public", "t"],
        "title": "t",
        "started_at": at,
        "ended_at": at,
    }
    ledger.record_group(run, [row], [])
    if status:
        ledger.finish(run, status)
    return run


def before(ledger: Ledger) -> int | None:
    found = ledger.state_before_last_change()
    return found.first.id if found else None


def test_a_database_without_a_ledger_is_read_as_empty(database: Connection) -> None:
    ledger = Ledger(database)
    assert not ledger.exists()
    assert ledger.access() == "absent"
    assert (ledger.last_runs(), ledger.marker(), ledger.unfinished_run()) == ([], None, None)
    assert status(database).runs == ()


def test_reading_writes_nothing(database_url: str) -> None:
    with psycopg.connect(database_url, options="-c default_transaction_read_only=on") as reading:
        ledger = Ledger(reading)
        assert ledger.sql_once_known() == {}
        assert status(reading).in_progress is None


def test_the_first_run_makes_the_ledger_and_says_who_where_from(database: Connection) -> None:
    ledger = Ledger(database)
    run = ledger.begin(INFO, before=a_catalog("a"), marker="production")
    ledger.finish(run, "done", after=a_catalog("a", "b"))
    (row,) = ledger.last_runs()
    assert (row.id, row.playbook, row.status, row.plan_digest) == (1, "production.yml", "done", "p")
    assert row.role == "postgres" and row.host and row.os_user and row.pid and row.version
    assert row.client == "127.0.0.1"
    assert ledger.marker() == "production"
    assert begin(ledger) == 2


def test_a_baseline_is_run_0(database: Connection) -> None:
    ledger = Ledger(database)
    assert ledger.begin(RunInfo("p.yml", "Play", "production", "baseline", id=0)) == 0
    ledger.finish(0, "done")
    assert begin(ledger) == 1


def test_the_ledger_is_append_only(database: Connection) -> None:
    begin(Ledger(database))
    statements = [
        f"{start} wgm.{table} {end}".encode()
        for table in install.TABLES[1]
        for start, end in (("DELETE FROM", ""), ("TRUNCATE", "CASCADE"))
    ]
    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            database.execute(statement)
    with psycopg.connect(database.info.dsn, password=database.info.password) as maintaining:
        maintaining.execute("SET LOCAL wgm.maintenance = on")
        # Rows of snapshots are referred to by those of runs, so in the other order.
        for statement in reversed(statements):
            maintaining.execute(statement)
        maintaining.rollback()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        database.execute("UPDATE wgm.run SET playbook = 'other'")


def test_the_ledger_is_made_once_and_left_alone(database: Connection) -> None:
    ledger = Ledger(database)
    begin(ledger)
    made = database.execute(
        "select oid, xmin from pg_class where relnamespace = 'wgm'::regnamespace order by 1"
    ).fetchall()
    begin(ledger)
    assert (
        made
        == database.execute(
            "select oid, xmin from pg_class where relnamespace = 'wgm'::regnamespace order by 1"
        ).fetchall()
    )


def test_a_ledger_of_a_newer_program_is_refused(database: Connection) -> None:
    ledger = Ledger(database)
    begin(ledger)
    database.execute("insert into wgm.version (number, program) values (99, '9.9')")
    with pytest.raises(Refused, match="version 99"):
        begin(ledger)


def test_readers_are_granted_select_and_others_see_unknown(server: Any, database: Connection) -> None:
    name, password = server.create_role()
    try:
        ledger = Ledger(database)
        begin(ledger)
        url = server.url(database.info.dbname, name, password)
        with psycopg.connect(url, autocommit=True) as reading:
            assert Ledger(reading).access() == "unknown"
            assert Ledger(reading).last_runs() == []
            assert Ledger(reading).exists()
            assert "readers:" in status(reading).unknown[0]
        with database.transaction():
            assert ledger.ensure([name, "nobody_here"]) == ["nobody_here"]
        with psycopg.connect(url, autocommit=True) as reading:
            assert [run.id for run in Ledger(reading).last_runs()] == [1]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reading.execute("delete from wgm.run")
    finally:
        database.execute(f"drop owned by {name}")  # type: ignore[arg-type]
        server.drop_role(name)


def test_a_role_that_may_not_make_a_ledger_is_told_so(server: Any, database_url: str, database: Connection) -> None:
    name, password = server.create_role()
    try:
        with psycopg.connect(server.url(database.info.dbname, name, password), autocommit=True) as connection:
            with pytest.raises(Unreachable, match="may not write the ledger"):
                begin(Ledger(connection))
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    finally:
        server.drop_role(name)


def test_an_owner_without_superuser_can_run(role_url: str) -> None:
    run, _ = apply(role_url, plan(["CREATE TABLE public.a (id int)"]))
    with psycopg.connect(role_url, autocommit=True) as connection:
        point = Ledger(connection).restore_point(run)
        assert point is not None
        assert (point.kind, point.lsn is not None) == ("lsn", True)


def test_a_restore_point_is_recorded_before_the_first_change(database: Connection) -> None:
    ledger = Ledger(database)
    point = ledger.restore_point(begin(ledger))
    assert point is not None
    assert (point.kind, point.name) == ("restore point", f"wgm-play run 1 of {database.info.dbname}")
    assert point.lsn is not None


def test_rollback_goes_before_the_last_change(database: Connection) -> None:
    ledger = Ledger(database)
    assert before(ledger) is None
    first, second = change(ledger), change(ledger)
    ledger.finish(begin(ledger), "done")  # a run that did nothing
    assert before(ledger) == second
    change(ledger, command="rollback", rolls_back=(second,))
    assert before(ledger) == first
    change(ledger, command="rollback", rolls_back=(first,))
    assert before(ledger) is None
    third = change(ledger)
    assert before(ledger) == third


def test_a_rollback_that_failed_took_nothing_back(database: Connection) -> None:
    ledger = Ledger(database)
    change(ledger)
    second = change(ledger)
    failed = change(ledger, "failed", command="rollback", rolls_back=(second,))
    assert before(ledger) == second
    again = change(ledger, command="rollback", rolls_back=(second,))
    assert ledger.last_runs(1)[0].resumes == failed
    assert before(ledger) == 1
    assert again == 4


@pytest.mark.parametrize("end", ["failed", "interrupted", "aborted", None])
def test_a_run_cut_short_and_those_that_finish_it_are_one_change(database: Connection, end: str | None) -> None:
    ledger = Ledger(database)
    change(ledger)
    cut = change(ledger, end)
    unfinished = ledger.unfinished_run()
    assert unfinished is not None and unfinished.id == cut
    again = change(ledger, end)
    last = change(ledger)
    found = ledger.state_before_last_change()
    assert found is not None and found.ids == (cut, again, last)
    assert ledger.unfinished_run() is None
    assert {run.id: run.status for run in ledger.last_runs()}[cut] == (end or "killed")


def test_a_run_of_another_play_resumes_nothing(database: Connection) -> None:
    ledger = Ledger(database)
    change(ledger, "failed")
    ledger.begin(RunInfo("other.yml", "Other", "production", "apply"))
    assert ledger.last_runs(1)[0].resumes is None


def test_rollback_to_a_run_takes_back_what_came_after(database: Connection) -> None:
    ledger = Ledger(database)
    runs = [change(ledger) for _ in range(4)]
    assert [found.first.id for found in ledger.changes_after(runs[1])] == [runs[3], runs[2]]
    change(ledger, command="rollback", rolls_back=(runs[3], runs[2]))
    assert before(ledger) == runs[1]
    assert ledger.changes_after(runs[1]) == []


def test_snapshots_come_back_as_they_were_and_are_kept_once(database: Connection) -> None:
    ledger = Ledger(database)
    old, new = a_catalog("a", "b"), a_catalog("a", "b", "c")
    first = ledger.begin(INFO, before=old)
    ledger.finish(first, "done", after=new)
    second = ledger.begin(INFO, before=new)
    ledger.finish(second, "done", after=old)
    assert database.execute("select count(*), max(objects) from wgm.snapshot").fetchone() == (2, 3)
    back = ledger.snapshot_of(first, "before")
    assert back is not None
    assert back.rows == old.rows
    assert digest(back.rows) == digest(old.rows)
    assert (back.edges, back.unmodelled, back.version) == (old.edges, old.unmodelled, 180000)
    assert back.extras[Key("table", ("public", "a"))] == Extra(owner="gm", acl=("=r/gm",), number=3)
    assert ledger.snapshot_of(99, "before") is None


def test_snapshots_that_differ_in_privileges_only_are_two(database: Connection) -> None:
    ledger = Ledger(database)
    catalog = a_catalog("a")
    run = ledger.begin(INFO, before=catalog)
    key = Key("table", ("public", "a"))
    catalog.extras[key] = Extra(owner="other")
    ledger.finish(run, "done", after=catalog)
    back = ledger.snapshot_of(run, "after")
    assert back is not None and back.extras[key].owner == "other"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(string.printable + "é\u2028😀\x00", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=6,
)
NAMES = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3).map(tuple)
KEYS = st.builds(Key, st.sampled_from(["table", "index", "view"]), NAMES)
EXTRAS = st.builds(
    Extra,
    oid=st.just(0),
    class_oid=st.just(0),
    owner=st.none() | st.text(max_size=3),
    acl=st.none() | st.lists(st.text(max_size=3), max_size=2).map(tuple),
    number=st.integers(0, 1600),
)


@given(st.dictionaries(KEYS, st.tuples(st.lists(VALUES, max_size=4).map(tuple), st.none() | EXTRAS), max_size=6))
def test_a_snapshot_loses_nothing(objects: dict[Key, tuple[tuple[Any, ...], Extra | None]]) -> None:
    catalog = Catalog(
        {key: row for key, (row, _) in objects.items()},
        {key: extra for key, (_, extra) in objects.items() if extra is not None},
    )
    back = unpack(pack(catalog).content)
    assert back == catalog
    # Equality takes True for 1 and (,) for nothing else; repr, and so the digest, does not.
    assert digest(back.rows) == digest(catalog.rows)
    assert pack(back).digest == pack(catalog).digest


def test_the_first_end_of_a_run_stands(database: Connection) -> None:
    ledger = Ledger(database)
    run = begin(ledger)
    ledger.finish(run, "aborted")
    ledger.finish(run, "done")
    assert ledger.last_runs()[0].status == "aborted"


def test_handlers_stay_pending_until_they_ran(database: Connection) -> None:
    ledger = Ledger(database)
    run = begin(ledger)
    ledger.record_handlers(run, [{"event": "notified", "play": "p", "name": name} for name in ("a", "b")])
    ledger.record_handlers(run, [{"event": "done", "play": "p", "name": "a"}])
    assert [handler.name for handler in ledger.pending_handlers()] == ["b"]
    assert [handler.name for handler in status(database).handlers] == ["b"]


def test_an_imperative_step_that_was_undone_may_run_again(database: Connection) -> None:
    ledger = Ledger(database)
    run = begin(ledger)
    step = {"play": "p", "step": "s", "item": "x", "checksum": "1", "sql": "SELECT 1", "down": "SELECT 2"}
    ledger.record_sql_once(run, [step])
    assert ledger.sql_once_known()[("p", "s", "x")].down == "SELECT 2"
    ledger.record_sql_once(run, [{**step, "event": "undone"}])
    assert ledger.sql_once_known() == {}


def test_trash_holds_what_was_not_restored_or_purged(database: Connection) -> None:
    ledger = Ledger(database)
    run = begin(ledger)
    entry = {"event": "trashed", "kind": "column", "name": ["public", "t", "c"], "definition": None}
    ledger.record_trash(run, [{**entry, "trash_name": ["public", "t", f"wgm_{n}"]} for n in range(3)])
    ledger.record_trash(run, [{**entry, "event": "restored", "trash_name": ["public", "t", "wgm_0"]}])
    ledger.record_trash(run, [{**entry, "event": "purged", "trash_name": ["public", "t", "wgm_2"]}])
    assert [entry.trash_name[-1] for entry in ledger.trash_entries()] == ["wgm_1"]


def test_checkpoints_and_pins_tell_the_last_word(database: Connection) -> None:
    ledger = Ledger(database)
    run = begin(ledger)
    for position in (10, 20):
        database.execute(
            "INSERT INTO wgm.checkpoint (run, operation, position) VALUES (%s, 'backfill t.c', jsonb_build_object('id', %s::int))",
            (run, position),
        )
    assert ledger.checkpoint("backfill t.c", [run]) == {"id": 20}
    assert ledger.checkpoint("backfill t.c", [run + 1]) is None
    ledger.record_backup_pin(run, "20260101T000000")
    assert [pin.backup for pin in ledger.backup_pins()] == ["20260101T000000"]
    ledger.record_backup_pin(run, "20260101T000000", "released")
    assert ledger.backup_pins() == []


def test_groups_of_another_plan_are_not_done(database_url: str, database: Connection) -> None:
    apply(database_url, plan(["SELECT 1"], ["SELECT 2"]))
    ledger = Ledger(database)
    assert ledger.groups_done(1) == {0, 1}
    other = ledger.begin(RunInfo("test.yml", "Test", "test", "apply", plan_digest="other"))
    assert ledger.groups_done(other) == frozenset()


def test_a_thousand_statements_are_one_round_trip_of_rows(database_url: str, database: Connection) -> None:
    apply(database_url, plan(Group(tuple(operation(f"SELECT {n}") for n in range(1000)), 0)))
    assert database.execute("select count(*), max(number) from wgm.statement").fetchone() == (1000, 999)
    assert database.execute("select count(distinct xmin::text) from wgm.statement").fetchone() == (1,)


def test_the_error_of_a_failed_begin_leaves_the_session_usable(database_url: str, database: Connection) -> None:
    ledger = Ledger(database)
    begin(ledger)
    connect = connector(database_url)
    with run_lock(connect), open_session(connect) as session:
        with pytest.raises(psycopg.errors.UniqueViolation):
            Ledger(session.connection).begin(RunInfo("p", "p", "e", "apply", id=1))
        assert session.send("SELECT 1", rows=True) == [(1,)]


def test_a_failed_run_says_why(database_url: str, database: Connection) -> None:
    with pytest.raises(StepFailed):
        apply(database_url, plan(["SELECT 1"], ["SELECT 1/0"]))
    assert "division by zero" in (Ledger(database).last_runs()[0].error or "")


def test_who_decided_and_when_is_said_by_the_server_whatever_is_inserted(database: Connection) -> None:
    begin(Ledger(database))
    user = database.info.user
    forged = "INSERT INTO wgm.approval (plan, role, at) VALUES ('p', 'somebody', '2000-01-01')"
    for replica in (False, True):  # a superuser's session that fires no ordinary trigger fires this one
        with database.transaction():
            if replica:
                database.execute("SET LOCAL session_replication_role = replica")
            database.execute(forged.encode())
    assert database.execute("SELECT DISTINCT role, at > now() - interval '1 day' FROM wgm.approval").fetchall() == [
        (user, True)
    ]
    for statement in ("UPDATE wgm.approval SET role = 'somebody'", "DELETE FROM wgm.approval"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction():
            database.execute("SET LOCAL wgm.maintenance = on")
            database.execute(statement.encode())


def test_a_ledger_of_an_earlier_program_is_read_and_then_upgraded_in_place(
    database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(install, "NEWEST", 3)
        run = begin(Ledger(database))
        Ledger(database).finish(run, "done")
    assert decided.revisions(database, [run]) == {}
    assert decided.decisions(database, "freeze") == []
    made = Revision("c0ffee", "git", [], True, "m", [["step", "", "digest", "held"]])
    second = begin(Ledger(database), revision=made, decisions=(Decision("release", "why", []),))
    assert decided.revisions(database, [run, second])[second].steps == made.steps
    assert [(one.kind, one.run) for one in decided.decisions(database, "release")] == [("release", second)]
    assert [one.id for one in Ledger(database).last_runs()] == [second, run]
