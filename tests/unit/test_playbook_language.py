"""The playbook language: variables and their levels, typed values, imports, loops, conditions, secrets, selection."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wgm_play.catalog.model import Key
from wgm_play.document.load import load_text
from wgm_play.document.nodes import Map, freeze, thaw
from wgm_play.environment import Environment, load_environment
from wgm_play.environment_keys import ENVIRONMENT as ENVIRONMENT_KEYS
from wgm_play.errors import InputError, Position, Problems, WgmError
from wgm_play.playbook.expand import hosts_of, load_playbook
from wgm_play.playbook.fold import digest_of, fold
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.model import Declarations, Play
from wgm_play.playbook.selection import refuse_unknown, selection
from wgm_play.playbook.validate import problems_of, schema
from wgm_play.playbook.values import render_value
from wgm_play.playbook.variables import Environ, Root, Scope, parse_extra_vars
from wgm_play.reference.pages import TOPICS, doc
from wgm_play.secret import Secret
from wgm_play.user_cache import folder_of

FOLDER = Path(__file__).parents[1] / "playbooks"
HERE = Position("environments/development.yml")
ENVIRONMENT = Environment("development", str(HERE), HERE, variables={"who": "the environment", "days": 1})


def _kept(project: Path) -> Path:
    folder = folder_of(project)
    assert folder is not None
    return folder


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)


def play_of(name: str, **more: Any) -> Play:
    return load_playbook(f"valid/{name}.yml", ENVIRONMENT, environ={"WGM_TEST_SECRET": "hunter22"}, **more).plays[0]


def texts(folded: Declarations) -> dict[Key, list[str]]:
    return {key: [s.sql for s in (*one.statements, *one.late)] for key, one in folded.declarations.items()}


def test_a_step_edited_in_place_and_one_appended_later_lead_to_the_same() -> None:
    edited, amended = fold(play_of("edited_in_place").steps), fold(play_of("amended_later").steps)
    assert texts(edited) == texts(amended)
    key = Key("table", ("public", "things"))
    assert edited.declarations[key].named == amended.declarations[key].named
    parts = amended.declarations[key].parts
    assert parts[Key("column", (*key.name, "old"))].absent
    assert parts[Key("constraint", (*key.name, "things_old"))].absent
    assert parts[Key("column", (*key.name, "email"))].step == 2
    assert str(parts[Key("column", (*key.name, "email"))].position) == "valid/amended_later.yml:20:19"


def test_steps_that_were_folded_before_are_made_when_they_are_read() -> None:
    steps = play_of("amended_later").steps
    once = fold(steps)
    known = {key: digest_of(text) for key, text in once.said.items()}
    again = fold(steps, known=known)
    assert texts(once) == texts(again)
    key = Key("table", ("public", "things"))
    assert again.declarations[key].parts == once.declarations[key].parts
    other = dataclasses.replace(fold(steps, known=known).declarations[key], step=9)
    assert other.step == 9 and other.statements == once.declarations[key].statements
    assert pickle.loads(pickle.dumps(other)).statements[0].sql == once.declarations[key].statements[0].sql  # noqa: S301 - our own bytes


def test_an_error_of_the_server_leads_to_the_line_of_the_column() -> None:
    create = fold(play_of("amended_later").steps).declarations[Key("table", ("public", "things"))].statements[0]
    where = create.where(create.sql.index("length(name)"))
    assert str(where) == "valid/amended_later.yml:21:51"


def test_loops_conditions_imports_and_tags_become_steps() -> None:
    steps = play_of("language").steps
    told = [(step.name, step.item, step.skipped, step.deferred) for step in steps]
    assert told == [
        ("A table of an import", "", None, False),
        ("A table of an import", "", "when: not strict", False),
        ("Kept for 7 days", "0-users", None, False),
        ("Kept for 7 days", "1-sessions", None, False),
        ("Orphans", "", None, False),
        ("When there are orphans", "", None, True),
        ("Not here", "", "when: environment == 'production'", False),
        ("A password", "", None, False),
        ("A template", "", None, False),
        ("Braces stay", "", None, False),
    ]
    assert [step.index for step in steps] == list(range(len(steps)))
    assert steps[0].tags == {"everything", "tables", "audit", "log"}
    assert steps[0].spec["name"] == "audit_log"
    assert steps[2].spec["columns"]["id"]["not_null"] is True
    assert steps[2].notify == ("Refresh",)


def test_a_deferred_step_is_settled_by_what_was_registered() -> None:
    found = play_of("language", registered={"orphans": {"changed": False, "rows": []}}).steps[5]
    assert found.skipped == "when: orphans.rows and strict" and not found.deferred
    found = play_of("language", registered={"orphans": {"changed": False, "rows": [1]}}).steps[5]
    assert found.skipped is None and not found.deferred


def test_what_came_from_the_environment_is_masked_and_reaches_the_row() -> None:
    play = play_of("language")
    value = fold(play.steps).seeds[0].rows[0].values["note"]
    assert isinstance(value, Secret)
    assert "hunter22" not in f"{value} {value!r} {play.steps[7]!r}"
    assert value.reveal() == "pw=hunter22"


def test_a_mapping_is_looped_over_by_its_items() -> None:
    made = render_value("{{ x | dict2items }}", scope_of(x={"a": 1, "b": [2]}))
    assert made == [{"key": "a", "value": 1}, {"key": "b", "value": [2]}]
    with pytest.raises(InputError, match="dict2items wants a mapping, not list"):
        render_value("{{ x | dict2items }}", scope_of(x=[1]))


def test_a_value_is_never_rendered_twice() -> None:
    assert play_of("language").steps[9].spec["text"] == "{{ not again }}"


def test_alerts_are_rendered_and_their_durations_are_seconds() -> None:
    (alert,) = play_of("language").alerts
    assert (alert.threshold, alert.seconds, alert.severity, alert.labels) == (
        "> 5",
        600,
        "critical",
        {"team": "development"},
    )


def test_a_template_may_be_the_whole_statement_and_keeps_its_lines() -> None:
    (create,) = fold(play_of("language").steps).declarations[Key("view", ("public", "plain"))].statements
    assert create.sql.startswith("create view public.plain as")
    assert str(create.where(create.sql.index("select"))) == "templates/views/plain.sql.j2:2:1"


def test_a_higher_level_of_variables_wins_and_says_where_it_is() -> None:
    play = play_of("language")
    assert play.variables["who"] == "the file"
    assert play.variables["retention"] == "7 days"
    assert play.sources["who"] == "2 vars_files of the play (valid/steps/vars.yml:2:6)"
    assert play.sources["strict"].startswith("3 vars of the play (valid/language.yml:7:13)")
    given = parse_extra_vars(["who=me days=30", "{strict: false}"])
    assert play_of("language", extra_vars=given).variables["retention"] == "30 days"
    assert play_of("language", extra_vars=given).sources["who"].startswith("5 -e")


def test_extra_variables_keep_types_and_are_not_rendered() -> None:
    made = parse_extra_vars(["a=1 b=true c=1.10 d='x y' e=007", '{"f": [1, null]}', "@valid/steps/vars.yml"])
    assert dict(made) == {
        "a": 1,
        "b": True,
        "c": "1.10",
        "d": "x y",
        "e": "007",
        "f": [1, None],
        "days": 7,
        "who": "the file",
    }
    assert play_of("language", extra_vars={"days": "{{ who }}"}).variables["retention"] == "{{ who }} days"
    for bad in ("name", "@no/such/file", "[1]", "a='", "{1"):
        with pytest.raises(InputError):
            parse_extra_vars([bad])


def test_the_digest_follows_files_variables_and_the_environment_that_was_read() -> None:
    def digest(**more: Any) -> str:
        values = {"environ": {"WGM_TEST_SECRET": "hunter22"}, **more}
        return load_playbook("valid/language.yml", ENVIRONMENT, **values).digest

    assert digest() == digest()
    assert digest() != digest(extra_vars={"a": 1})
    assert digest() != digest(environ={"WGM_TEST_SECRET": "hunter23"})
    assert digest() == digest(environ={"WGM_TEST_SECRET": "hunter22", "OTHER": "x"})
    playbook = load_playbook("valid/language.yml", ENVIRONMENT, environ={"WGM_TEST_SECRET": "hunter22"})
    assert set(playbook.inputs) >= {"valid/language.yml", "valid/steps/tables.yml", "templates/views/plain.sql.j2"}
    assert playbook.environment_read == {"WGM_TEST_SECRET"}


def test_hosts_are_known_before_any_variable() -> None:
    assert [(name, host) for name, host, _ in hosts_of("valid/language.yml")] == [("The whole language", "development")]


@pytest.mark.parametrize(
    ("tags", "skipped", "names"),
    [
        ([], [], {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}),
        (["audit"], [], {0, 1}),
        (["all"], ["tables"], {1, 2, 3, 4, 5, 6, 7, 8, 9}),
        (["tagged"], [], {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}),
        (["untagged"], [], set()),
    ],
)
def test_tags_select_steps(tags: list[str], skipped: list[str], names: set[int]) -> None:
    assert selection(play_of("language"), tags, skipped) == names


def test_a_start_is_found_by_name_or_suggested() -> None:
    assert min(selection(play_of("language"), start_at_step="Orphans")) == 4
    plays = [play_of("language")]
    with pytest.raises(InputError, match="no step is called 'Orfans'") as found:
        refuse_unknown(plays, [], [], "Orfans")
    assert found.value.hint == "did you mean 'Orphans'?"
    with pytest.raises(InputError, match="no step has the tag 'tabels'"):
        refuse_unknown(plays, ["tabels"], [], None)
    assert selection(plays[0], start_at_step="Orfans") == set(), "a play without it has nothing to do"


@pytest.mark.parametrize("kind", [*KINDS, *TOPICS])
def test_every_kind_has_a_reference(kind: str) -> None:
    assert doc(kind).startswith(f"# {kind}") and "`name`" in doc("play")


def test_the_page_of_a_play_names_the_pages_of_what_it_lists() -> None:
    page = doc("play")
    assert page.count("\n") < 80
    for other in ("step", "sql", "alert"):
        assert f"`wgm-play doc {other}`" in page


def test_the_page_of_an_environment_names_every_key_and_its_example_is_one(tmp_path: Path) -> None:
    page = doc("environment")
    for name in (*ENVIRONMENT_KEYS, *ENVIRONMENT_KEYS["policy"].keys, *ENVIRONMENT_KEYS["embedded"].keys, "retention"):
        assert f"- `{name}` (" in page, name
    assert "`lock_timeout` (duration): longest wait" in page
    (tmp_path / "shop.yml").write_text(
        page.split("```yaml\n")[1].split("```")[0].replace("{{ env.DATABASE_URL }}", "host=db")
    )
    made = load_environment("shop", tmp_path, tmp_path)
    assert (made.policy.lock_timeout, made.variables) == (0.5, {"slow_query": "250ms"})


def test_plurals_name_the_same_page() -> None:
    assert "# Alerts" in doc("alerts") and doc("keywords") == doc("step")


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_is_a_valid_playbook(kind: str) -> None:
    assert problems_of(load_text(KINDS[kind].example, kind), "steps", kind) == []


def test_the_schema_is_one_and_agrees_with_our_own_checks() -> None:
    """The library and our walker give the same verdict on every file, but for what a schema cannot say."""
    import jsonschema

    whole = schema()
    jsonschema.Draft202012Validator.check_schema(whole)
    judge = jsonschema.Draft202012Validator(whole)
    for kind in KINDS.values():
        assert not list(judge.iter_errors(plain(load_text(kind.example, kind.name))))
    for path in sorted(FOLDER.glob("valid/*.yml")):
        assert not list(judge.iter_errors(plain(load_text(path.read_text(), path.name)))), path
    ours = theirs = 0
    for path in sorted(FOLDER.glob("invalid/*.yml")):
        try:
            value = load_text(path.read_bytes().decode(), path.name)
        except (WgmError, UnicodeDecodeError):
            continue
        # The published schema is for imported files too, where a step may stand.
        role = "steps" if path.stem == "step_for_play" else "playbook"
        ours_says = bool(problems_of(value, role, path.name))
        assert ours_says == bool(list(judge.iter_errors(plain(value)))), path
        ours, theirs = ours + ours_says, theirs + 1
    assert 0 < ours < theirs


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def test_a_cache_that_others_may_write_to_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    book = tmp_path / "book.yml"
    book.write_text("- {name: A play, hosts: development}\n")
    assert load_playbook(book, ENVIRONMENT).plays[0].name == "A play"
    (kept,) = _kept(tmp_path).glob("*.yml")
    good = kept.read_bytes()
    kept.write_bytes(good.replace(b"A play", b"B play"))
    assert load_playbook(book, ENVIRONMENT).plays[0].name == "B play", "the cache is not read at all"
    kept.chmod(0o666)
    assert load_playbook(book, ENVIRONMENT).plays[0].name == "A play"
    kept.write_bytes(good[:-5])
    assert load_playbook(book, ENVIRONMENT).plays[0].name == "A play"
    assert _kept(tmp_path).stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / ".wgm").exists()


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(content: str) -> None:
    try:
        value = load_text(content, "x.yml")
        problems_of(value, "playbook", "x.yml")
        assert thaw(freeze(value), "x.yml") == value
    except WgmError as error:
        assert error.where is not None or isinstance(error, Problems)


YAML = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.sampled_from(["a", "{{ x }}", "select 1", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "columns", "type", "key", "rows", "query", "values", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None)  # the first one imports what the kinds need
@given(kind=st.sampled_from(list(KINDS)), spec=YAML)
def test_any_spec_is_folded_or_refused(kind: str, spec: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    import json

    folder = tmp_path_factory.getbasetemp() / "any"
    (folder / "environments").mkdir(parents=True, exist_ok=True)
    book = folder / "book.yml"
    book.write_text(json.dumps([{"name": "p", "hosts": "h", "vars": {"x": 1}, "steps": [{"name": "s", kind: spec}]}]))
    try:
        fold(load_playbook(book, ENVIRONMENT, environ={}).plays[0].steps)
    except WgmError as error:
        assert error.exit_code == 1


def scope_of(**values: Any) -> Scope:
    return Scope(Root({}, Environ({}), {}, {}), None, 1, values, rendered=True)


@given(st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()))
def test_one_expression_keeps_its_type(value: Any) -> None:
    made = render_value("{{ x }}", scope_of(x=value))
    assert made == value and isinstance(made, type(value))
    assert isinstance(render_value("{{ x }} ", scope_of(x=value)), str)


def test_a_mapping_keeps_its_places_when_it_is_rendered() -> None:
    spec = load_text("a: '{{ x }}'\nb: [1, '{{ x }}']\n", "f.yml")
    made = render_value(spec, scope_of(x=3))
    assert isinstance(made, Map) and made == {"a": 3, "b": [1, 3]}
    assert str(made.values_at["a"]) == "f.yml:1:4" and str(made["b"].items_at[1]) == "f.yml:2:8"
