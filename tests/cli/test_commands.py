"""What a command hands over, and what it makes of the answer.

In: words, and a pipeline that notes its calls. Out: exit codes and messages.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import wgm_play
from wgm_play import secret
from wgm_play.cli.application import run
from wgm_play.errors import Found, InputError, Interrupted, Locked, Position, Refused, StepFailed, Unreachable
from wgm_play.reporter import Reporter, StepResult

Verb = Callable[[Any, Reporter], int]


class Calls(list[tuple[str, Any, tuple[Any, ...]]]):
    """The calls that the pipeline got; `answers` are given in order, exceptions raised, then 0."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[int | BaseException] = []

    def answer(self, verb: str, options: Any, more: tuple[Any, ...]) -> int:
        self.append((verb, options, more))
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Calls]:
    """Stand in for the pipeline, in a folder with two playbooks."""
    noted = Calls()
    module = types.ModuleType("wgm_play.pipeline")
    module.Options = types.SimpleNamespace  # type: ignore[attr-defined]

    def verb(name: str) -> Callable[..., int]:
        return lambda options, reporter, *more, **named: noted.answer(name, options, more)

    for name in [
        "apply",
        "rollback",
        "status",
        "abort",
        "check",
        "backup",
        "backups",
        "restore",
        "purge",
        "listing",
        "watch",
    ]:
        setattr(module, name, verb(name))
    monkeypatch.setitem(sys.modules, "wgm_play.pipeline", module)
    monkeypatch.setattr(wgm_play, "pipeline", module, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "playbooks").mkdir()
    for name in ("a.yml", "b.yml"):
        (tmp_path / "playbooks" / name).write_text("[]")
    yield noted
    secret.forget()


def test_every_option_reaches_the_run(calls: Calls) -> None:
    words = (
        "a.yml -CD --detailed-exitcode --save-plan s.json -t x,y -t z --skip-tags q --start-at-task Three -i envs "
        "-l prod "
        "-e n=1 -e @vars.yml --url postgresql://u@h/d --allow-destructive --no-trash --assume-no-renames "
        "--no-backup --kill-blockers -vv"
    )
    assert run(words.split()) == 0
    ((verb, options, _),) = calls
    assert verb == "apply"
    expected = {
        "playbook": "a.yml",
        "inventory": "envs",
        "url": "postgresql://u@h/d",
        "check": True,
        "diff": True,
        "detailed_exitcode": True,
        "extra_vars": ("n=1", "@vars.yml"),
        "tags": ("x", "y", "z"),
        "skip_tags": ("q",),
        "start_at_step": "Three",
        "step": False,
        "limit": "prod",
        "save_plan": "s.json",
        "plan": None,
        "allow_destructive": True,
        "no_trash": True,
        "assume_no_renames": True,
        "no_backup": True,
        "kill_blockers": True,
        "upgrade": False,
        "verbosity": 2,
        "env": (),
        "untrusted": False,
    }
    assert {name: getattr(options, name) for name in expected} == expected


@pytest.mark.parametrize("verb", ["rollback", "status", "abort", "check", "backup", "backups", "purge"])
def test_a_command_on_a_playbook_calls_its_verb(calls: Calls, verb: str) -> None:
    calls.answers = [12]
    assert run([verb, "a.yml", "-e", "n=1"]) == 12
    ((called, options, _),) = calls
    assert (called, options.playbook, options.extra_vars) == (verb, "a.yml", ("n=1",))


def test_rollback_to_a_run_and_restore_into_a_target(calls: Calls) -> None:
    run(["rollback", "a.yml", "--to", "12", "--check"])
    run(["restore", "a.yml", "--backup", "b1", "--at", "2026-01-01", "--into", "other"])
    assert (calls[0][1].to_run, calls[0][1].check) == (12, True)
    assert calls[1][2] == ("b1", "2026-01-01", "other")


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("--list-steps", "steps"),
        ("--list-tasks", "steps"),
        ("--list-tags", "tags"),
        ("--list-hosts", "hosts"),
        ("--list-targets", "hosts"),
        ("--syntax-check", "syntax"),
    ],
)
def test_listings_run_nothing(calls: Calls, word: str, what: str) -> None:
    assert run(["a.yml", word]) == 0
    assert [(verb, more) for verb, _, more in calls] == [("listing", (what,))]


def test_playbooks_run_in_order_until_one_fails(calls: Calls) -> None:
    calls.answers = [0, 2]
    assert run(["a.yml", "b.yml", "a.yml"]) == 2
    assert [options.playbook for _, options, _ in calls] == ["a.yml", "b.yml"]


def test_pending_changes_are_no_failure_and_are_remembered(calls: Calls) -> None:
    calls.answers = [10, 0]
    assert run(["a.yml", "b.yml", "--check", "--detailed-exitcode"]) == 10
    assert len(calls) == 2


def test_a_playbook_that_is_missing_stops_all_before_the_first(calls: Calls) -> None:
    assert run(["a.yml", "c.yml"]) == 1
    assert calls == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("no"), 1),
        (StepFailed("no"), 2),
        (Unreachable("no"), 4),
        (Refused("no", where=Position("a.yml", 1, 1)), 11),
        (Found("no"), 12),
        (Locked("no"), 13),
        (Interrupted("no"), 130),
    ],
)
def test_an_error_gives_its_exit_code(
    calls: Calls, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    calls.answers = [error]
    assert run(["a.yml"]) == code
    assert capsys.readouterr().err.startswith("ERROR: no\n")


def test_an_error_of_ours_is_one_line_and_vvv_shows_where(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    secret.register("hunter2")
    calls.answers = [KeyError("hunter2"), KeyError("hunter2")]
    assert run(["a.yml"]) == 1
    err = capsys.readouterr().err
    assert (
        err == "ERROR: internal error: KeyError: '***'\n  → run it again with -vvv for the traceback, and report it\n"
    )
    assert run(["a.yml", "-vvv"]) == 1
    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err and "hunter2" not in err


def test_an_error_of_ours_after_a_change_exits_2_with_the_recap(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def apply(options: Any, reporter: Reporter) -> int:
        reporter.step(StepResult("t", "s", "changed"))
        raise KeyError("x")

    monkeypatch.setattr(sys.modules["wgm_play.pipeline"], "apply", apply)
    assert run(["a.yml"]) == 2
    assert capsys.readouterr().out.endswith("\nt : ok=1 changed=1 unreachable=0 failed=0 skipped=0\n")
    assert run(["a.yml", "--format", "json"]) == 2


def test_a_file_that_cannot_be_written_is_named(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    calls.answers = [PermissionError(13, "Permission denied", "plan.json")]
    assert run(["a.yml"]) == 1
    assert capsys.readouterr().err.startswith("ERROR: 'plan.json': Permission denied\n  → check the permissions")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunt%40er2@h/d",
        "host=h user=u password=hunt@er2",
        "postgresql://u@h/d?password=hunt%40er2&x=1",
        "postgresql://u:hunt%40er2@h:port/d?nonsense",
    ],
)
def test_the_password_of_a_url_is_never_shown(calls: Calls, capsys: pytest.CaptureFixture[str], url: str) -> None:
    calls.answers = [Unreachable("password hunt@er2 of hunt%40er2 is wrong")] * 2
    run(["a.yml", "--url", url])
    run(["restore", "a.yml", "--into", url])
    shown = "".join(capsys.readouterr())
    assert "hunt@er2" not in shown


def test_json_tells_the_playbooks_apart(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    calls.answers = [0, Refused("no")]
    assert run(["a.yml", "b.yml", "--format", "json", "--check"]) == 11
    document = json.loads(capsys.readouterr().out)
    assert (document["command"], document["exit_code"], document["options"]["check"]) == ("play", 11, True)
    assert [(each["playbook"], len(each["errors"])) for each in document["results"]] == [("a.yml", 0), ("b.yml", 1)]


INTERRUPTED = """
import signal, sys, time, types
import wgm_play
from wgm_play.reporter import StepResult
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # however the tests were started
from wgm_play.cli.main import main
def apply(options, reporter):
    reporter.play("P", "t")
    time.sleep(60)
module = types.ModuleType("wgm_play.pipeline")
module.Options, module.apply = types.SimpleNamespace, apply
sys.modules["wgm_play.pipeline"] = wgm_play.pipeline = module
main(sys.argv[1:])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_interruption_exits_130_with_one_message(tmp_path: Path, number: signal.Signals, form: str) -> None:
    (tmp_path / "a.yml").write_text("[]")
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, "a.yml", "--format", form],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stream = process.stdout if form == "text" else process.stderr
    assert stream is not None
    for line in stream:
        if "PLAY" in line:
            break
    time.sleep(0.1)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.endswith("ERROR: interrupted\n  → the same command resumes what was begun\n")
    if form == "json":
        assert json.loads(out)["exit_code"] == 130


def test_a_run_goes_on_when_nobody_reads_any_more(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("[]")
    steps = "for n in range(9): reporter.step(StepResult('t', 's', 'ok'))\n    open('done', 'w').close()\n    return 0"
    code = INTERRUPTED.replace("time.sleep(60)", steps)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", code, "a.yml"],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "done").exists()
