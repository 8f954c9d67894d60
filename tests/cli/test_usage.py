"""Words that people type: help, version, wrong words. In: the real command. Out: what it says and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from real_command import Command

from wgm_play import __version__
from wgm_play.cli.application import _name_the_playbook
from wgm_play.cli.commands import COMMANDS, PLAY
from wgm_play.cli.help import page
from wgm_play.errors import Problems, Refused


def test_version_names_the_program_and_its_version(wgm: Command) -> None:
    done = wgm("--version")
    assert (done.returncode, done.stdout) == (0, f"wgm-play {__version__}\n")


def test_help_lists_every_command_option_and_exit_code(wgm: Command) -> None:
    done = wgm("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"wgm-play {name} " in done.stdout
    for option in PLAY.options:
        assert all(name in done.stdout for name in option.names)
    for code in (0, 1, 2, 4, 10, 11, 12, 13, 130):
        assert f"\n  {code} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_page_with_an_example(wgm: Command, name: str) -> None:
    done = wgm(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: wgm-play {name} ")
    assert f"  wgm-play {name} " in done.stdout.partition("Examples:")[2] or name == "schema"


def test_help_is_the_same_wherever_it_is_asked_for(wgm: Command) -> None:
    assert wgm("some.yml", "--check", "--help").stdout == wgm("-h").stdout == page(PLAY)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from wgm_play.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(shown.splitlines()[-1].split())
    assert not loaded & {"click", "jinja2", "yaml", "psycopg", "rich", "jsonschema", "dataclasses", "wgm_play.pipeline"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x.yml", "--chekc"], "did you mean --check?"),
        (["x.yml", "--start-at-tsk", "a"], "did you mean --start-at-task?"),
        (["rollback", "x.yml", "--too", "3"], "did you mean --to?"),
        (["x.yml", "--to", "3"], "it belongs to: wgm-play rollback PLAYBOOK --to RUN"),
        (["rollback", "x.yml", "--plan", "p"], "it belongs to: wgm-play PLAYBOOK --plan FILE"),
        (["rollback", "x.yml", "--to", "x"], "→ write --to RUN: the state just after this run (status lists them)"),
        (["x.yml", "--nonsense"], "wgm-play --help shows the options"),
        (["x.yml", "--format", "yaml"], "'yaml' is not one of"),
        (["x.yml", "--forks", "0"], "a play runs on one database"),
        (["x.yml", "-b"], "the role, its password and the host are in the environment's `url`"),
        (["x.yml", "--yes"], "nothing is asked"),
        (["rollback", "x.yml", "--to", "0"], "'0' is no whole number from 1 on\n  → write --to RUN"),
        (["rollback", "x.yml", "--to", "many"], "'many' is no whole number"),
        (["status"], "no PLAYBOOK is given"),
        (["url", "a.yml", "b.yml"], "unexpected extra argument"),
        (["statuss", "x.yml"], "did you mean wgm-play status?"),
        (["--check", "status", "x.yml"], "a command comes first: wgm-play status"),
        (["nowhere.yml"], "no playbook 'nowhere.yml'"),
    ],
)
def test_wrong_words_exit_1_with_the_next_thing_to_type(wgm: Command, words: list[str], said: str) -> None:
    done = wgm(*words)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith("ERROR: ")
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--save-plan", "p.json"], "--save-plan needs --check"),
        (["--detailed-exitcode"], "--detailed-exitcode needs --check"),
        (["--list-steps", "--list-tags"], "at a time"),
        (["--watch", "--check"], "--watch applies"),
        (["--step"], "no terminal"),
        (["b.yml", "--watch"], "--watch takes one playbook"),
        (["--check", "--save-plan", "p", "--plan", "q"], "exclude each other"),
    ],
)
def test_options_that_contradict_each_other_are_refused(wgm: Command, words: list[str], said: str) -> None:
    done = wgm("a.yml", *words)
    assert (done.returncode, said in done.stderr) == (1, True)


def test_a_missing_playbook_names_the_one_that_is_there(wgm: Command, tmp_path: Path) -> None:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "production.yml").write_text("[]")
    assert "did you mean production.yml?" in wgm("prodution.yml").stderr
    assert "wgm-play production.yml" in wgm().stderr


def test_a_usage_error_with_json_is_one_document_that_meets_its_schema(wgm: Command) -> None:
    import jsonschema

    done = wgm("x.yml", "--format", "json", "--chekc")
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(wgm("schema", "--output", "run").stdout))
    assert document["exit_code"] == done.returncode == 1
    assert document["results"][0]["errors"][0]["hint"] == "did you mean --check?"
    assert "did you mean --check?" in done.stderr


def test_restore_never_goes_over_the_database_it_came_from(wgm: Command) -> None:
    done = wgm("restore", "x.yml")
    assert (done.returncode, "where to is not said" in done.stderr) == (1, True)


def test_completion_offers_commands_files_and_options(wgm: Command) -> None:
    def complete(words: str, index: int) -> str:
        env = {"_WGM_PLAY_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)}
        return wgm(env=env).stdout

    assert complete("wgm-play ro", 1).split() == ["plain,rollback", "file,ro"]
    assert "plain,--to" in complete("wgm-play rollback --t", 2).split()
    assert "plain,--tags" in complete("wgm-play some.yml --ta", 2).split()


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "wgm_play", "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "wgm_play", "schema", "--output", "run"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, "could not be written: No space left" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


def test_help_has_colour_only_where_asked() -> None:
    assert "\033[" not in page(PLAY)
    assert "\033[1mCommands:" in page(PLAY, colour=True)


def test_doc_lists_the_kinds_and_shows_one(wgm: Command) -> None:
    assert "  table" in wgm("doc").stdout
    page = wgm("doc", "table")
    assert (page.returncode, "columns" in page.stdout) == (0, True)
    wrong = wgm("doc", "tabel")
    assert (wrong.returncode, "table" in wrong.stderr, wrong.stdout) == (1, True, "")
    assert "columns" in json.loads(wgm("doc", "table", "--format", "json").stdout)["results"][0]["pages"]["table"]


def test_what_is_to_be_typed_next_names_the_playbook_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my shop.yml").touch()
    error = Problems(
        [Refused("no backup", hint="`wgm-play backup PLAYBOOK` takes one", details=["wgm-play wal PLAYBOOK"])]
    )
    _name_the_playbook(error, "my shop.yml")
    [one] = error.problems
    assert (one.hint, one.details) == ("`wgm-play backup 'my shop.yml'` takes one", ("wgm-play wal 'my shop.yml'",))
    _name_the_playbook(error, ["a.yml", "b.yml"])
