"""Reporters fed with the calls of a run. In: hand-made results. Out: what people and programs read."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from wgm_play import secret
from wgm_play.catalog.model import Key
from wgm_play.errors import InputError, Position, Problems, Refused
from wgm_play.plan import Command, Group, Hazard, Lock, Operation, Plan
from wgm_play.report.json import JsonReporter, schema
from wgm_play.report.problem import source
from wgm_play.report.text import TextReporter
from wgm_play.reporter import Reporter, StepResult

NODES = Key("table", ("public", "nodes"))
NODES_LOCKED = Lock("AccessExclusive", "public.nodes")
ADD = Operation(
    "alter",
    Key("column", ("public", "nodes", "kind")),
    "column nodes.kind: not null",
    (
        Command(
            "ALTER TABLE nodes\n  ALTER kind SET NOT NULL", locks=(Lock("AccessExclusive", "public.nodes"),), scans=True
        ),
    ),
    step=1,
    hazards=(Hazard("C08", "scans the table under a lock that stops writes", "add a check NOT VALID first"),),
)
CREATE = Operation("create", NODES, "table nodes", (Command("CREATE TABLE nodes ()"),), step=0)
DROP = Operation(
    "trash", Key("table", ("public", "old")), "table old", (Command("ALTER TABLE old SET SCHEMA wgm_trash"),), step=2
)
INDEX = Operation(
    "create",
    Key("index", ("public", "nodes_idx")),
    "index nodes_idx",
    (Command("CREATE INDEX CONCURRENTLY nodes_idx ON nodes (kind)", transactional=False),),
    step=1,
    irreversible="because",
)
EXTENSION = "CREATE EXTENSION pg_trgm"
PLAN = Plan(
    "p.yml",
    "Wasteland",
    "production",
    150004,
    "aa",
    "bb",
    "cc",
    groups=(Group((CREATE,), 0), Group((ADD, DROP), 1), Group((INDEX,), 1, transactional=False)),
    skipped=((2, "no superuser", "CREATE EXTENSION pg_trgm"),),
    unknown=("the ledger",),
    warnings=("nothing backs this up",),
    step_names=("Nodes", "Kinds", "Search"),
)


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    yield
    secret.forget()


def a_run(reporter: Reporter) -> None:
    reporter.begin("p.yml")
    reporter.play("Wasteland", "production")
    reporter.step(StepResult("production", "Nodes", "changed", operations=(CREATE,), seconds=0.25))
    reporter.step(StepResult("production", "Stamps", "ok", item="users"))
    reporter.step(StepResult("production", "Stamps", "changed", item="nodes", operations=(ADD,)))
    reporter.step(StepResult("production", "Search", "skipped", reason="no superuser", administrator=EXTENSION))
    reporter.handler(StepResult("production", "Refresh", "ok"))
    reporter.warn("disk is nearly full")
    reporter.retry("waits for pid 4711")
    reporter.step(StepResult("production", "Last", "failed", reason="division by zero"))
    reporter.recap()


def banner(text: str) -> str:
    return f"\n{text} {'*' * (79 - len(text))}\n"


def test_a_run_reads_like_ansible(capsys: pytest.CaptureFixture[str]) -> None:
    a_run(TextReporter())
    out, err = capsys.readouterr()
    assert out == (
        banner("PLAY [Wasteland]")
        + banner("STEP [Nodes]")
        + "changed: [production]\n"
        + banner("STEP [Stamps]")
        + "ok: [production] => (item=users)\nchanged: [production] => (item=nodes)\n"
        + banner("STEP [Search]")
        + "skipped: [production] no superuser\n  an administrator can run:\n    CREATE EXTENSION pg_trgm\n"
        + banner("RUNNING HANDLER [Refresh]")
        + "ok: [production]\n"
        + "RETRYING: waits for pid 4711\n"
        + banner("STEP [Last]")
        + "failed: [production]: division by zero\n"
        + banner("RECAP")
        + "production : ok=4 changed=2 unreachable=0 failed=1 skipped=1\n"
    )
    assert err == "WARNING: disk is nearly full\n"


def test_v_shows_the_sql_that_ran_and_vv_its_price(capsys: pytest.CaptureFixture[str]) -> None:
    a_run(TextReporter(verbosity=1))
    shown = capsys.readouterr().out
    assert "    ALTER TABLE nodes\n      ALTER kind SET NOT NULL;\n" in shown
    assert "stops reads and writes" not in shown
    a_run(TextReporter(verbosity=2))
    shown = capsys.readouterr().out
    assert "changed: [production] (0.250 s)\n" in shown
    assert "-- AccessExclusive on public.nodes: stops reads and writes\n" in shown


def test_a_plan_without_diff_names_operations_and_hazards(capsys: pytest.CaptureFixture[str]) -> None:
    TextReporter().plan(PLAN, diff=False)
    shown = capsys.readouterr().out
    assert "transaction 1, step 'Nodes'\n  + table nodes\n" in shown
    assert "transaction 2, step 'Kinds'\n  ~ column nodes.kind: not null\n    ! C08 scans the table" in shown
    assert "      → add a check NOT VALID first\n  - table old\n" in shown
    assert "outside of a transaction, step 'Kinds'\n  + index nodes_idx\n    ! cannot be undone: because\n" in shown
    assert "skipped: step 'Search': no superuser\n  an administrator can run:\n    CREATE EXTENSION pg_trgm\n" in shown
    assert "unknown: the ledger\nwarning: nothing backs this up\n" in shown
    assert shown.endswith(
        "Plan: 2 to create, 1 to alter, 1 to remove, in 2 transactions and 1 statement outside of one\n"
    )
    assert "ALTER TABLE" not in shown


def test_diff_shows_each_statement_with_its_lock(capsys: pytest.CaptureFixture[str]) -> None:
    TextReporter().plan(PLAN, diff=True)
    shown = capsys.readouterr().out
    for operation in PLAN.operations:
        for line in operation.commands[0].sql.split("\n"):
            assert f"      {line}" in shown
    assert "-- AccessExclusive on public.nodes: stops reads and writes\n      -- scans the table\n" in shown
    assert "nodes_idx ON nodes (kind);\n      -- outside of a transaction\n" in shown


def test_an_empty_plan_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    TextReporter().plan(Plan("p", "P", "e", 150000, "a", "a", "c", ()), diff=True)
    assert "Plan: nothing to do\n" in capsys.readouterr().out


def test_json_is_one_document_that_meets_its_schema_and_words_go_aside(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = JsonReporter(command="play", options={"check": True})
    a_run(reporter)
    reporter.plan(PLAN, diff=False)
    reporter.table("Runs", ["run", "by"], [[1, "me"], [2, None]])
    reporter.data("restore_point", {"lsn": "0/16B3748"})
    reporter.error(
        Problems([InputError("one", where=Position("a.yml", 3, 4)), Refused("two", step="Nodes", hint="type this")])
    )
    reporter.begin("q.yml")
    reporter.finish(11)
    reporter.finish(11)
    out, err = capsys.readouterr()
    document = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(document, schema())
    first, second = document["results"]
    assert second == {**second, "playbook": "q.yml", "plays": []}
    assert first["recap"] == {"production": {"ok": 4, "changed": 2, "unreachable": 0, "failed": 1, "skipped": 1}}
    (play,) = first["plays"]
    assert [(step["name"], step["item"], step["outcome"], step["handler"]) for step in play["steps"]] == [
        ("Nodes", "", "changed", False),
        ("Stamps", "users", "ok", False),
        ("Stamps", "nodes", "changed", False),
        ("Search", "", "skipped", False),
        ("Refresh", "", "ok", True),
        ("Last", "", "failed", False),
    ]
    assert play["plan"]["counts"] == {"create": 2, "alter": 1, "remove": 1, "run": 0}
    change = play["plan"]["groups"][1]["operations"][0]
    assert change["object"] == ["public", "nodes", "kind"]
    assert change["commands"][0]["locks"] == [{"level": "AccessExclusive", "relation": "public.nodes"}]
    assert [(error["kind"], error["line"]) for error in first["errors"]] == [("InputError", 3), ("Refused", None)]
    assert first["tables"][0]["rows"] == [[1, "me"], [2, None]]
    assert {message["level"] for message in first["messages"]} == {"warning", "retry"}
    assert "PLAY [Wasteland]" in err and "Runs" in err


def test_json_says_nothing_on_standard_output_before_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    a_run(JsonReporter(verbosity=2))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("make", [lambda: TextReporter(verbosity=2), lambda: JsonReporter(verbosity=2)])
def test_no_secret_leaves_by_any_call(make: Callable[[], Reporter], capsys: pytest.CaptureFixture[str]) -> None:
    hidden = "p4\"ss\\w'rd\nx"
    kept = secret.Secret(hidden)
    reporter = make()
    leak = Operation(
        "run", NODES, f"title {hidden}", (Command(f"SELECT '{hidden}'"),), hazards=(Hazard("X", hidden, hidden),)
    )
    result = StepResult("t", hidden, "changed", item=hidden, reason=hidden, operations=(leak,), administrator=hidden)
    reporter.begin("p.yml")
    reporter.play(hidden, "t")
    reporter.step(result)
    reporter.handler(result)
    reporter.plan(
        Plan("p", hidden, "t", 1, "a", "b", "c", (Group((leak,), 0),), ((0, hidden, hidden),), (hidden,), (hidden,)),
        diff=True,
    )
    for say in (reporter.note, reporter.warn, reporter.retry):
        say(hidden)
    reporter.table(hidden, [hidden], [[hidden], [kept]])
    reporter.data(hidden, {hidden: [kept, hidden]})
    reporter.error(InputError(hidden, where=Position(hidden, 1), step=hidden, hint=hidden, details=[hidden]))
    reporter.error(Problems([InputError(hidden), InputError("other")]))
    reporter.recap()
    reporter.finish(1, {"x": hidden})
    out, err = capsys.readouterr()
    assert "***" in out + err
    for piece in (hidden, json.dumps(hidden)[1:-1], repr(hidden)[1:-1], 'p4"ss', 'p4\\"ss', "\nx\n"):
        assert piece not in out + err


def test_a_name_of_several_lines_gives_no_command_to_a_ci_job(capsys: pytest.CaptureFixture[str]) -> None:
    TextReporter().note("step 'x\n::error::pwn\n  ::stop-commands::t\na ##vso[task.setvariable]b ##[error] ok::text'")
    assert capsys.readouterr().out == (
        "step 'x\n:\\x3aerror::pwn\n  :\\x3astop-commands::t\na #\\x23vso[task.setvariable]b #\\x23[error] ok::text'\n"
    )


def test_what_a_database_says_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    TextReporter().note("\x1b]0;title\x07 \x9b2J fine")
    assert capsys.readouterr().out == "\\x1b]0;title\\x07 \\x9b2J fine\n"


@pytest.mark.parametrize(
    ("terminal", "forbidden", "variables", "coloured"),
    [
        (True, False, {}, True),
        (False, False, {}, False),
        (True, True, {}, False),
        (True, False, {"NO_COLOR": "1"}, False),
        (True, False, {"NO_COLOR": ""}, True),
        (True, False, {"TERM": "dumb"}, False),
    ],
)
def test_colour_only_on_a_terminal_that_wants_it(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, forbidden: bool, variables: dict[str, str], coloured: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    TextReporter(no_color=forbidden).step(StepResult("t", "s", "changed"))
    assert ("\033[33mchanged: [t]\033[0m" in stream.getvalue()) is coloured


def test_an_error_shows_the_line_and_a_caret_under_the_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "p.yml"
    file.write_text("a: 1\n\tb:\t世界 colums\nurl: postgresql://u:hunter2@h/db\n")
    TextReporter().error(
        InputError(
            "unknown key 'colums'",
            where=Position(str(file), 2, 8),
            step="Nodes",
            hint="did you mean columns?",
            details=["more"],
        )
    )
    err = capsys.readouterr().err
    assert err == (
        "ERROR: unknown key 'colums'\n"
        f"  {file}:2:8\n"
        "     2 | \tb:\t世界 colums\n"
        "       | \t  \t     ^\n"
        "  in step 'Nodes'\n"
        "  more\n"
        "  → did you mean columns?\n"
    )
    TextReporter().error(InputError("bad", where=Position(str(file), 3, 6)))
    assert "hunter2" not in capsys.readouterr().err


def test_lines_are_counted_as_yaml_counts_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.yml"
    file.write_text("a: 1\r\nb: x\u2028c: 3\r\nd: 4\r\n", newline="")
    TextReporter().error(InputError("bad", where=Position(str(file), 4, 1)))
    assert "     4 | d: 4\n       | ^\n" in capsys.readouterr().err


def test_a_long_line_is_cut_around_the_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.yml"
    file.write_text("x" * 500 + "!" + "y" * 500)
    TextReporter().error(InputError("bad", where=Position(str(file), 1, 501)))
    shown, caret = capsys.readouterr().err.splitlines()[2:4]
    assert len(shown) < 120
    assert shown[caret.index("^")] == "!"


def test_all_errors_of_a_playbook_are_shown_in_order_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    second, first = InputError("second", where=Position("a.yml", 9)), InputError("first", where=Position("a.yml", 2))
    TextReporter().error(Problems([second, first, Problems([first])]))
    err = capsys.readouterr().err
    assert err.index("first") < err.index("second")
    assert err.count("ERROR:") == 2
    assert err.endswith("2 errors\n")


def test_a_position_in_a_file_that_is_gone_shows_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    TextReporter().error(InputError("bad", where=Position("/nowhere/p.yml", 2, 1)))
    assert capsys.readouterr().err == "ERROR: bad\n  /nowhere/p.yml:2:1\n"


def test_rows_stand_in_columns(capsys: pytest.CaptureFixture[str]) -> None:
    TextReporter().table("", ["run", "by"], [[7, "me"], [12, None], [None, "two\nlines"]])
    assert capsys.readouterr().out == "run  by\n  7  me\n 12\n     two lines\n"
    TextReporter().table("", ["run"], [])
    assert capsys.readouterr().out == "(none)\n"


def test_in_rows_that_are_too_wide_the_first_wide_column_stands_beside_the_narrow_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    TextReporter().table("", ["check", "what"], [["one", "x" * 200], ["two", None]])
    assert capsys.readouterr().out == f"check  what\none    {'x' * 200}\ntwo\n"


def test_two_playbooks_have_a_recap_each(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = TextReporter()
    for _ in range(2):
        reporter.step(StepResult("t", "s", "ok"))
        reporter.recap()
    assert capsys.readouterr().out.count("t : ok=1 changed=0") == 2


@pytest.mark.parametrize(
    ("typed", "said"), [("y\n", [True]), ("\n", [False]), ("", [False]), ("what\nn\n", [False]), ("c\n", [True, True])]
)
def test_confirm_takes_yes_no_and_continue(monkeypatch: pytest.MonkeyPatch, typed: str, said: list[bool]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    reporter = TextReporter()
    assert [reporter.confirm("Run it?") for _ in said] == said


def test_long_work_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import time

    from wgm_play.report import progress

    monkeypatch.setattr(progress, "LINE_EVERY", 0.05)
    with TextReporter().progress("index nodes_idx", 200, "blocks") as shown:
        shown.done = 50
        time.sleep(0.3)
    assert "index nodes_idx: 25%, 50 of 200 blocks, 0 s\n" in capsys.readouterr().out


def test_a_bar_is_drawn_on_a_terminal_and_words_pass_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from wgm_play.report import progress

    monkeypatch.setattr(progress, "SHOW_AFTER", 0.0)
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    reporter = TextReporter()
    with reporter.progress("[building] index", 10) as shown:
        shown.done = 5
        time.sleep(0.8)
        reporter.note("something happened")
    assert "[building] index" in err.getvalue()
    assert "50%" in err.getvalue()
    assert "something happened" in err.getvalue() + out.getvalue()


@pytest.mark.parametrize(
    "line",
    [
        "url: postgresql://app:hush@h/d",
        "url: postgresql://app:hu/hush@h/d",
        "url: postgresql://app:hu@hush@h/d",
        "url: postgresql://app:hu hush@h/d",
        "url: postgres//app:hush@h/d",
        "url: postgresql://h/d?user=app&password=hush&x=1",
        "url: host=h password=hush user=app",
        "url: host=h password='hu hush' user=app",
        "url: " + " " * 90 + "postgresql://app:" + "hush" * 20 + "@h/d",
    ],
)
def test_the_line_of_an_error_shows_no_password(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.yml").write_text(line + " ]\n")
    for column in (1, 6, 30, len(line) + 2):
        shown = "\n".join(source(Position(str(tmp_path / "a.yml"), 1, column)))
        assert "hush" not in shown
    text, caret = (part[7:] for part in source(Position(str(tmp_path / "a.yml"), 1, len(line) + 2)))
    assert text[caret.index("^")] == "]"
