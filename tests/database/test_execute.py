"""The executor on a real server: groups and their ledger rows, errors and their exit codes, secrets."""

from __future__ import annotations

import itertools
from typing import Any

import psycopg
import pytest
from hand_made import QUICK, Listening, apply, concurrently, connector, environment, operation, plan

from wgm_play import secret
from wgm_play.environment import Policy
from wgm_play.errors import InputError, Position, Refused, StepFailed, Unreachable
from wgm_play.execute.executor import execute
from wgm_play.execute.failure import excerpt
from wgm_play.execute.session import open_session, timeouts
from wgm_play.ledger import Ledger, RunInfo
from wgm_play.plan import Command, Group

Connection = psycopg.Connection[Any]


def one(database: Connection, sql: str) -> Any:
    row = database.execute(sql).fetchone()
    assert row is not None
    return row[0]


def tables(database: Connection) -> list[str]:
    rows = database.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    )
    return sorted(name for (name,) in rows)


def test_a_group_commits_with_its_ledger_rows(database_url: str, database: Connection) -> None:
    run, outcome = apply(
        database_url,
        plan(
            ["CREATE TABLE public.a (id int)", "CREATE INDEX a_idx ON public.a (id)"],
            Group((operation("CREATE TABLE public.b (id int)", name="b", step=1),), 1),
        ),
    )
    assert (outcome.groups, outcome.operations, outcome.statements) == (2, 2, 3)
    assert database.execute(
        "select number, operation, step_name, sql, attempts, ended_at >= started_at from wgm.statement order by 1"
    ).fetchall() == [
        (0, 0, "First step", "CREATE TABLE public.a (id int)", 1, True),
        (1, 0, "First step", "CREATE INDEX a_idx ON public.a (id)", 1, True),
        (2, 1, "Second step", "CREATE TABLE public.b (id int)", 1, True),
    ]
    assert database.execute(
        "select number, group_number, step_name, name from wgm.operation order by 1"
    ).fetchall() == [
        (0, 0, "First step", ["public", "thing"]),
        (1, 1, "Second step", ["public", "b"]),
    ]
    ledger = Ledger(database)
    assert [(r.id, r.status, r.operations, r.statements) for r in ledger.last_runs()] == [(run, "done", 2, 3)]


def test_ledger_times_are_the_servers(database_url: str, database: Connection) -> None:
    before = one(database, "select clock_timestamp()")
    apply(database_url, plan(["CREATE TABLE public.a (id int)", "SELECT pg_sleep(0.1)"]))
    after = one(database, "select clock_timestamp()")
    first, last = database.execute("select min(started_at), max(ended_at) from wgm.statement").fetchone() or ()
    assert before <= first < last <= after
    assert one(database, "select extract(epoch from max(ended_at - started_at)) from wgm.statement") >= 0.1


def test_each_statement_of_a_group_has_its_own_time_and_begins_where_the_one_before_it_ends(
    database_url: str, database: Connection
) -> None:
    slow = operation("CREATE TABLE public.b (id int)", "SELECT pg_sleep(0.3)", name="b", step=1)
    apply(database_url, plan(Group((operation("CREATE TABLE public.a (id int) -- first"), slow), 0)))
    rows = database.execute("select started_at, ended_at from wgm.statement order by number").fetchall()
    assert [before[1] == after[0] for before, after in itertools.pairwise(rows)] == [True, True]
    assert [(ended - started).total_seconds() >= 0.3 for started, ended in rows] == [False, False, True]
    assert database.execute("select started_at, ended_at from wgm.operation order by number").fetchall() == [
        rows[0],
        (rows[1][0], rows[2][1]),
    ]


def test_an_error_in_a_later_statement_of_a_group_points_at_its_character(database_url: str) -> None:
    with pytest.raises(InputError) as caught:
        apply(database_url, plan(["CREATE TABLE public.a (id int)", "CREATE TABLE public.b (\n  id nonsense)"]))
    line, caret, *_ = caught.value.details
    assert line[caret.index("^") :].startswith("nonsense")


def test_a_failed_group_leaves_nothing_and_earlier_groups_stay(database_url: str, database: Connection) -> None:
    with pytest.raises(StepFailed) as caught:
        apply(
            database_url,
            plan(["CREATE TABLE public.a (id int)"], ["CREATE TABLE public.b (id int)", "SELECT 1/0"]),
        )
    assert caught.value.exit_code == 2
    assert caught.value.step == "First step"
    assert "division by zero" in caught.value.message
    assert tables(database) == ["a"]
    assert one(database, "select count(*) from wgm.statement") == 1
    (run,) = Ledger(database).last_runs()
    assert (run.status, run.operations) == ("failed", 1)
    assert "division by zero" in (run.error or "")


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("INSERT INTO public.t VALUES (-1)", Refused),
        ("INSERT INTO public.t VALUES ('x')", Refused),
        ("ALTER TABLE public.t ADD CONSTRAINT small CHECK (id < 1)", Refused),
        ("DO $$ BEGIN RAISE EXCEPTION 'no'; END $$", Refused),
        ("CREATE INDEX ON public.t (missing)", InputError),
        ("CREATE TABLE public.u (id nonsense)", InputError),
        ("DROP TABLE public.t", InputError),
        ("SELECT pg_sleep(1)", StepFailed),
    ],
)
def test_before_the_first_change_the_error_says_whose_fault_it_is(
    database_url: str, database: Connection, sql: str, kind: type[Exception]
) -> None:
    database.execute("CREATE TABLE public.t (id int CHECK (id > 0)); INSERT INTO public.t VALUES (1)")
    database.execute("CREATE VIEW public.v AS SELECT id FROM public.t")
    policy = Policy(lock_timeout=0.3, lock_budget=1.0, statement_timeout=0.5)
    with pytest.raises(kind) as caught:
        apply(database_url, plan([sql]), policy=policy)
    assert type(caught.value) is kind
    assert "nothing was changed" in str(caught.value.hint)  # type: ignore[attr-defined]


def test_a_deferred_constraint_that_fails_at_commit_is_refused(database_url: str, database: Connection) -> None:
    database.execute("CREATE TABLE public.t (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(Refused, match="duplicate key"):
        apply(database_url, plan(["INSERT INTO public.t VALUES (1), (1)"]))
    assert one(database, "select count(*) from wgm.operation") == 0


def test_no_privilege_before_the_first_change_is_unreachable(role_url: str, database_url: str, server: Any) -> None:
    with psycopg.connect(role_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.mine (id int)")
    with pytest.raises(Unreachable) as caught:
        apply(role_url, plan(["CREATE TABLE pg_catalog.x (id int)"]))
    assert caught.value.exit_code == 4
    with pytest.raises(StepFailed):
        apply(role_url, plan(["CREATE TABLE public.a (id int)"], ["ALTER SYSTEM SET work_mem = '8MB'"]))


def test_an_error_points_at_the_character(database_url: str) -> None:
    with pytest.raises(InputError) as caught:
        apply(
            database_url,
            plan(["CREATE TABLE public.a (\n    id int,\n    other nonsense\n)"]),
            positions=[Position("test.yml", 7, 3)],
        )
    assert str(caught.value.where) == "test.yml:7:3"
    line, caret, *rest = caught.value.details
    assert line[caret.index("^") :].startswith("nonsense")
    assert rest == ["SQLSTATE: 42704"]


def test_an_excerpt_of_a_long_line_keeps_the_caret_under_its_character() -> None:
    sql = "x" * 300 + "HERE" + "y" * 300
    line, caret = excerpt(sql, 300)
    assert line[caret.index("^") :].startswith("HERE")
    assert len(line) < 200


def test_timeouts_follow_the_class_of_the_statement(database_url: str, database: Connection) -> None:
    show = "INSERT INTO public.seen SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
    database.execute("CREATE TABLE public.seen (lock text, statement text)")
    apply(
        database_url,
        plan(
            Group(
                (operation(Command(show), Command(show, wait="data"), Command(show, wait="long"), Command(show)),), 0
            ),
            Group((operation(Command(show + " -- CONCURRENTLY", wait="long", transactional=False)),), 0, False),
        ),
    )
    assert database.execute("SELECT * FROM public.seen").fetchall() == [
        ("100ms", "10s"),
        ("300ms", "0"),
        ("300ms", "0"),
        ("100ms", "10s"),
        ("0", "0"),
    ]


def test_a_long_statement_has_no_transaction_timeout() -> None:
    assert timeouts(QUICK)["short"].transaction > 0
    assert timeouts(QUICK)["long"].transaction == 0


def test_a_session_does_not_leave_a_transaction_idle(database_url: str) -> None:
    with open_session(connector(database_url)) as session:
        assert session.send("SHOW idle_in_transaction_session_timeout", rows=True) == [("1min",)]
        assert session.send("SHOW application_name", rows=True) == [("wgm-play/run",)]


def test_the_session_bears_the_number_of_the_run(database_url: str, database: Connection) -> None:
    database.execute("CREATE TABLE public.seen (name text)")
    run, _ = apply(database_url, plan(["INSERT INTO public.seen SELECT current_setting('application_name')"]))
    assert one(database, "select name from public.seen") == f"wgm-play/{run}"


def test_a_statement_outside_a_transaction_is_recorded_before_and_after(
    database_url: str, database: Connection
) -> None:
    database.execute("CREATE TABLE public.t (id int)")
    build = concurrently(
        "CREATE INDEX CONCURRENTLY t_idx ON public.t (id)", "SELECT to_regclass('public.t_idx') IS NOT NULL"
    )
    made = plan(Group((operation(build, name="t_idx"),), 0, False))
    apply(database_url, made)
    assert database.execute(
        "select s.ended_at, e.outcome, e.attempts from wgm.statement s join wgm.statement_end e using (run, number)"
    ).fetchall() == [(None, "done", 1)]
    apply(database_url, plan(*made.groups, digest="other"))
    assert one(database, "select outcome from wgm.statement_end where run = 2") == "not needed"
    assert one(database, "select count(*) from wgm.operation where run = 2") == 1


def test_a_failed_concurrent_build_leaves_no_invalid_index(database_url: str, database: Connection) -> None:
    database.execute('CREATE TABLE public."Odd t" (id int); INSERT INTO public."Odd t" VALUES (1), (1)')
    listening = Listening()
    with pytest.raises(Refused, match="could not create unique index"):
        apply(
            database_url,
            plan(
                Group(
                    (operation(concurrently('CREATE UNIQUE INDEX CONCURRENTLY "Odd ""i" ON public."Odd t" (id)')),),
                    0,
                    False,
                )
            ),
            reporter=listening,
        )
    assert one(database, "select count(*) from pg_index where not indisvalid") == 0
    assert "dropped the INVALID index" in listening.notes[-1]
    assert one(database, "select outcome from wgm.statement_end") == "failed"


def test_payloads_are_recorded_with_their_operation(database_url: str, database: Connection) -> None:
    once = {"play": "Test", "step": "First step", "checksum": "abc", "sql": "SELECT 1", "down": None}
    payload = {
        "sql_once": once,
        "trash": {
            "event": "trashed",
            "kind": "table",
            "name": ["public", "old"],
            "trash_name": ["wgm_trash", "old_1"],
            "definition": {"indexes": ["x"]},
        },
        "row_changes": [{"relation": ["public", "t"], "key": {"id": 1}, "before": None, "after": {"id": 1, "x": "é"}}],
        "handlers": [{"event": "notified", "play": "Test", "name": "Reload"}],
    }
    run, _ = apply(database_url, plan(Group((operation("SELECT 1", payload=payload),), 0)))
    ledger = Ledger(database)
    known = ledger.sql_once_known()[("Test", "First step", "")]
    assert (known.checksum, known.sql, known.down, known.run) == ("abc", "SELECT 1", None, run)
    assert [(t.kind, t.name, t.trash_name, t.definition) for t in ledger.trash_entries()] == [
        ("table", ["public", "old"], ["wgm_trash", "old_1"], {"indexes": ["x"]})
    ]
    (row,) = ledger.row_changes([run])
    assert (row.key, row.before, row.after, row.operation) == ({"id": 1}, None, {"id": 1, "x": "é"}, 0)
    assert [handler.name for handler in ledger.pending_handlers()] == ["Reload"]


def test_payloads_of_a_failed_group_are_not_recorded(database_url: str, database: Connection) -> None:
    payload = {"handlers": [{"event": "notified", "play": "Test", "name": "Reload"}]}
    with pytest.raises(Refused):
        apply(database_url, plan(Group((operation("SELECT 1/0", payload=payload),), 0)))
    assert Ledger(database).pending_handlers() == []


def test_secrets_are_resolved_at_sending_and_never_stored(database_url: str, database: Connection) -> None:
    word = "s3cr't\\word"
    secret.register(word, "GM_PASSWORD")
    database.execute("CREATE TABLE public.t (x text)")
    sql = secret.placeholders("INSERT INTO public.t VALUES (E's3cr''t\\\\word')")
    assert "s3cr" not in sql
    apply(database_url, plan([sql]))
    assert one(database, "SELECT x FROM public.t") == word
    with pytest.raises(StepFailed) as caught:
        apply(database_url, plan(["SELECT 1"], ["INSERT INTO public.missing VALUES (E's3cr''t\\\\word')"]))
    told = caught.value.message + "".join(caught.value.details)
    database.execute("SET bytea_output = 'escape'")
    for table in ("statement", "run_end", "operation"):
        told += "".join(str(row) for row in database.execute(f"SELECT * FROM wgm.{table}"))
    assert "s3cr" not in told
    assert "***" in told


def test_groups_of_the_same_plan_are_not_run_twice(database_url: str, database: Connection) -> None:
    made = plan(["CREATE TABLE public.a (id int)"], ["CREATE TABLE public.b (id int)", "SELECT public.fails()"])
    with pytest.raises(StepFailed):
        apply(database_url, made)
    database.execute("CREATE FUNCTION public.fails() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    run, outcome = apply(database_url, made)
    assert outcome.operations == 1
    assert tables(database) == ["a", "b"]
    assert [(r.id, r.resumes, r.status) for r in Ledger(database).last_runs()] == [
        (run, 1, "done"),
        (1, None, "failed"),
    ]


def test_on_group_hears_of_each_commit(database_url: str) -> None:
    heard: list[int] = []
    apply(database_url, plan(["SELECT 1"], ["SELECT 2"]), on_group=lambda result: heard.append(result.index))
    assert heard == [0, 1]


def test_blockers_may_be_ended_only_where_the_policy_allows(database_url: str, database: Connection) -> None:
    with open_session(connector(database_url)) as session:
        ledger = Ledger(session.connection)
        run = ledger.begin(RunInfo("p", "Test", "test", "apply"))
        with pytest.raises(Refused, match="does not allow"):
            execute(
                plan(["SELECT 1"]),
                session=session,
                ledger=ledger,
                run=run,
                environment=environment(),
                reporter=Listening(),
                kill_after=1.0,
            )
