"""What people type who come from Ansible, from an ORM or from another tool: it works, or the answer says what to write.

No guess is better than a wrong one: a word that is like no other gets none.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from wgm_play.environment import load_environment
from wgm_play.environment_keys import ENVIRONMENT, POLICY
from wgm_play.errors import InputError, Problems, WgmError
from wgm_play.playbook.expand import hosts_of, load_playbook
from wgm_play.playbook.foreign_words import WORDS, instead
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.kinds.base import DEFINITIONS
from wgm_play.playbook.model import Play
from wgm_play.playbook.schema_rules import Checker
from wgm_play.playbook.validate import KEYWORDS, PLAY, _suggest, check_spec, definitions
from wgm_play.playbook.variables import parse_extra_vars
from wgm_play.sql import reveal

TABLE = """\
- name: Appointments
  table:
    name: appointments
    columns:
      id: {type: bigint, primary_key: true}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project with two environments; the working directory is there."""
    (tmp_path / "environments").mkdir()
    for name in ("development", "staging"):
        (tmp_path / "environments" / f"{name}.yml").write_text("embedded: true\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def play_of(text: str) -> Play:
    Path("shop.yml").write_text(text)
    name = hosts_of(Path("shop.yml"))[0][1]
    return load_playbook(Path("shop.yml"), load_environment(name, Path()), environ={"SIZE": "big"}).plays[0]


def only_error(text: str) -> WgmError:
    with pytest.raises(InputError) as caught:
        play_of(text)
    found = caught.value
    assert not isinstance(found, Problems), [(one.message, one.hint) for one in found.problems]
    return found


def with_steps(steps: str) -> str:
    return "- name: Shop\n  hosts: development\n  steps:\n" + textwrap.indent(steps, "    ")


def column(text: str) -> str:
    return with_steps(TABLE + textwrap.indent(text, "      "))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # Columns
        (column("price: {type: numeric(10,2), not_null: true}\n"), 'quote it: type: "numeric(10, 2)"'),
        (column("price: {type: numeric(10, 2)}\n"), 'quote it: type: "numeric(10, 2)"'),
        (
            column("price: {type: numeric, default: round(greatest(1, 3), 2), not_null: true}\n"),
            'default: "round(greatest(1, 3), 2)"',
        ),
        (column("tags: {type: text[], not_null: true}\n"), 'quote it: type: "text[]"'),
        (column("kind: {type: text, check: kind in ('a','b')}\n"), "quote it: check: \"kind in ('a','b')\""),
        (column("price: {type: text, nullable: false}\n"), "write `not_null: true`"),
        (column("price: {type: text, enumeration: [a]}\n"), "write `one_of: [...]`"),
        (column("price: {type: text, default_value: 1}\n"), "did you mean 'default'?"),
        (column("price: {type: text, max_length: 20}\n"), 'type: "varchar(100)"'),
        (column("room: {type: bigint, foreign_key: rooms}\n"), "write `references: table(column)`"),
        (
            column("isbn: {type: text, unique: true, check: isbn ~ '^[0-9X]{10,13}$'}\n"),
            "check: \"isbn ~ '^[0-9X]{10,13}$'\"",
        ),
        (
            column("isbn: {type: text, check: isbn ~ '^[0-9X]{10}$', unique: true}\n"),
            "check: \"isbn ~ '^[0-9X]{10}$'\"",
        ),
        # Indentation
        (column(" price: integer\n"), "this line begins 1 column right of 'id' in line 8"),
        (with_steps(TABLE + "     price: integer\n"), "this line begins 1 column left of 'id' in line 8"),
        (
            with_steps(TABLE + "     price: integer\n      size: text\n"),
            "this line begins 1 column left of 'id' in line 8",
        ),
        (with_steps("- name: A\n   table: {name: a}\n"), "this line begins 1 column right of 'name' in line 4"),
        (with_steps("- name: A\n table: {name: a}\n"), "this line begins 1 column left of 'name' in line 4"),
        # Steps
        (with_steps("- name: A\n  with_items: [a]\n" + TABLE[21:]), "write `loop: [...]`"),
        (with_steps("- name: A\n  become: true\n" + TABLE[21:]), "in the environment's `url`"),
        (with_steps("- name: A\n  block: []\n"), "`when`, `tags` and `vars` are on each step"),
        (with_steps("- name: A\n  ansible.builtin.debug: {msg: x}\n"), "`-v` shows the SQL"),
        (with_steps("- name: A\n  ansible.builtin.apt: {name: x}\n"), "nothing is run on a machine"),
        (with_steps("- name: A\n  community.postgresql.postgresql_query: {query: x}\n"), "did you mean 'sql'?"),
        (with_steps("- name: A\n  column: {name: x}\n"), "a column is below its table"),
        (with_steps("- name: A\n  include_vars: x.yml\n"), "`vars_files: [FILE]`"),
        (with_steps("- name: A\n  alter_table: {name: x}\n"), "edit the step of the table"),
        (with_steps("- name: A\n  index: {name: i, table: t, columns: a}\n"), "write `[a]`"),
        (with_steps("- name: A\n  when: yes\n" + TABLE[21:]), "write true"),
        (with_steps("- name: A\n  when: 'a' in ['a']\n" + TABLE[21:]), "write when: \"'a' in ['a']\""),
        (with_steps("- name: A\n  when: inventory_hostname == 'x'\n" + TABLE[21:]), "write `environment`"),
        (with_steps("- name: A\n  when: lookup('file', 'x') == 'x'\n" + TABLE[21:]), "lookup('env', 'NAME')"),
        (with_steps("- name: A\n  when: lookup('env', 'NONE') == 'x'\n" + TABLE[21:]), "export NONE="),
        (with_steps("- name: A\n  when: environment is changed\n" + TABLE[21:]), "write `register: NAME`"),
        (with_steps("- name: A\n  accept: R01\n" + TABLE[21:]), 'write `accept: {R01: "why this may be"}`'),
        # Plays
        (
            "- name: A\n  hosts: [development, staging]\n  steps: []\n",
            "with `hosts: development` and `hosts: staging` each",
        ),
        ("- name: A\n  hosts: all\n  steps: []\n", "with `hosts: development` and `hosts: staging` each"),
        (
            "- name: A\n  hosts: development,staging\n  steps: []\n",
            "with `hosts: development` and `hosts: staging` each",
        ),
        ("- name: A\n  hosts: dev\n  steps: []\n", "did you mean 'development'?"),
        ("- import_playbook: other.yml\n", "wgm-play FIRST SECOND"),
        (
            "- name: A\n  hosts: development\n  gather_facts: false\n  steps: []\n",
            "leave it out: the catalog is always read",
        ),
        ("- name: A\n  hosts: development\n  serial: 1\n  steps: []\n", "a play runs on one database"),
    ],
)
def test_the_answer_says_what_to_write(project: Path, text: str, told: str) -> None:
    error = only_error(text)
    assert told in str(error.hint), f"{error.message}: {error.hint}"


@pytest.mark.parametrize("word", ["until", "connection", "unless", "collections", "frobnicate", "id", "loop_with"])
def test_no_word_is_guessed_that_is_not_like_it(project: Path, word: str) -> None:
    assert "did you mean" not in str(only_error(with_steps(f"- name: A\n  {word}: x\n" + TABLE[21:])).hint)


@pytest.mark.parametrize(
    ("condition", "runs"),
    [
        ("lookup('env', 'SIZE') == 'big'", True),
        ("lookup('env', 'NONE') | default('', true) == ''", True),
        ("('yes' | bool) and not ('off' | bool)", True),
        ("false | bool", False),
    ],
)
def test_what_fingers_type_works(project: Path, condition: str, runs: bool) -> None:
    step = play_of(with_steps(f'- name: A\n  when: "{condition}"\n' + TABLE[21:])).steps[0]
    assert (step.skipped is None) is runs


def test_a_secret_that_is_looked_up_is_masked(project: Path) -> None:
    play = play_of(
        with_steps("- name: A\n  sql: {text: \"select '{{ lookup('env', 'SIZE') }}'\", irreversible: true}\n")
    )
    assert "big" not in repr(play.steps[0].spec)


def test_a_file_of_extra_variables_is_rendered_and_a_word_of_the_command_line_is_not(project: Path) -> None:
    (project / "extra.yml").write_text('size: "{{ env.SIZE }}"\nlabel: is {{ size }}\n')
    (project / "shop.yml").write_text(
        with_steps('- name: A\n  comment: {on: schema public, text: "{{ label }} {{ word }}"}\n')
    )
    extra = parse_extra_vars(["@extra.yml", "word={{env.SIZE}}"])
    play = load_playbook(
        Path("shop.yml"), load_environment("development", Path()), extra, environ={"SIZE": "big"}
    ).plays[0]
    assert reveal(play.steps[0].spec["text"]) == "is big {{env.SIZE}}"


def test_a_word_that_we_have_is_in_no_list() -> None:
    own = {"step": {*KINDS, *KEYWORDS, "import_steps"}, "play": set(PLAY), "column": set(), "type": {"text", "integer"}}
    for place, words in own.items():
        assert not words & set(WORDS[place]), place


def test_each_key_of_an_environment_has_an_answer_in_a_play(project: Path) -> None:
    for key in sorted(ENVIRONMENT.keys() - PLAY.keys() - {"variables"}):
        assert "environment" in str(instead("play", key)), key


def test_imports_are_entries_of_their_lists(project: Path) -> None:
    alerts = only_error("- name: Shop\n  hosts: development\n  import_alerts: [library]\n  steps: []\n")
    assert (alerts.message, alerts.hint) == (
        "unknown key 'import_alerts'",
        "it is an entry of `alerts:`, as in alerts: [{import_alerts: library}]",
    )
    tasks = only_error("- name: Shop\n  hosts: development\n  import_tasks: tables.yml\n  steps: []\n")
    assert tasks.hint == "write `import_steps:` with a file, in `steps:`"


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if "name" in kind.schema.get("properties", {})])
def test_a_name_alone_behind_a_kind_is_answered_with_the_mapping_of_that_kind(kind: str) -> None:
    checker = Checker(DEFINITIONS, templates=True)
    check_spec(checker, kind, "pets", None)
    for problem in checker.problems:
        assert f"write `{kind}: {{name: pets, ...}}`" in (problem.hint or "")
    assert checker.problems


@pytest.mark.parametrize("key", [key for key in PLAY if key not in {*KEYWORDS, *KINDS}])
def test_a_key_of_the_play_on_a_step_is_sent_to_the_play(key: str) -> None:
    hint = _suggest(key, [])
    assert hint == f"it belongs to the play: write `{key}:` beside `hosts:`"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_keyword_of_the_step_below_its_kind_is_told_so(kind: str) -> None:
    known = KINDS[kind].schema.get("properties", {})
    for word in KEYWORDS.keys() - known.keys():
        checker = Checker(DEFINITIONS, templates=True)
        check_spec(checker, kind, {word: "x"}, None, absent=True)
        hints = [one.hint for one in checker.problems if one.message == f"unknown key {word!r}"]
        assert hints == [f"it is a keyword of the step: write `{word}:` beside `{kind}:`, not below it"], word


@pytest.mark.parametrize("word", sorted(POLICY))
def test_a_key_of_the_policy_is_told_where_it_is_written(word: str) -> None:
    said = f"it is said for a whole environment: `policy: {{{word}: ...}}` in environments/NAME.yml"
    if word not in (*KEYWORDS, *PLAY):
        assert _suggest(word, ["table"]) == said or instead("step", word)
    if word not in PLAY:
        checker = Checker(DEFINITIONS, templates=True)
        checker.check({word: "x"}, definitions()["play"], None, "the play")
        assert said in [one.hint for one in checker.problems]
