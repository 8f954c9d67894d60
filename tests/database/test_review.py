"""What a branch does is told without any database: both states on a scratch server, the planner's own plan between them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from reviewing import Repository, titles, told

from wgm_play.errors import InputError
from wgm_play.report.findings import Heading
from wgm_play.report.review import FORMATS, data, markdown, written
from wgm_play.report.review.words import verdict
from wgm_play.review.model import BLOCKS, DATA, REFUSED, SECURITY

BASE = """
- name: People
  table:
    name: users
    columns:
      id: {type: bigint, identity: always, primary_key: true}
      email: {type: text, not_null: true, unique: true}
      age: integer
- name: Tasks
  table:
    name: tasks
    columns:
      id: {type: bigint, identity: always, primary_key: true}
      user_id: {type: bigint, references: users(id)}
      title: text
"""
HEADING = Heading("diff", "play.yml", None, file="play.yml")


@pytest.fixture
def repository(project: Path) -> Repository:
    made = Repository(project)
    made.play(BASE)
    made.branch()
    return made


def test_a_branch_that_changes_nothing_changes_no_database(repository: Repository) -> None:
    play = repository.only()
    assert play.quiet and verdict(play) == "no database changes"
    text = written("markdown", repository.review(), HEADING)
    assert text.splitlines()[1].startswith("🟢")


def test_the_plan_is_that_of_a_run_on_large_tables(repository: Repository) -> None:
    repository.play(
        BASE.replace("age: integer", "age: bigint\n      note: text").replace(
            "title: text", "title: {type: text, not_null: true}"
        )
    )
    play = repository.only()
    assert titles(play)[0] == "add column users.note"
    assert any("fill the new age of users in batches" in title for title in titles(play))
    assert not [one for one in play.findings[BLOCKS] if one.severity != "info"]
    assert "move column users.note to the trash" in [one.title for one in play.rollback.operations]


def test_a_column_that_no_row_has_a_value_for_is_a_warning(repository: Repository) -> None:
    repository.play(BASE.replace("age: integer", "age: integer\n      note: {type: text, not_null: true}"))
    found = [one for part in repository.only().findings.values() for one in part if one.code == "C02"]
    assert [(one.object, one.severity) for one in found] == [("column users.note", "warning")]


def test_a_table_that_goes_is_told_with_its_line_and_how_it_comes_back(repository: Repository) -> None:
    gone = BASE[: BASE.index("- name: Tasks")] + "- name: No tasks\n  table: {name: tasks}\n  state: absent\n"
    repository.play(gone)
    play = repository.only()
    (found,) = play.findings[DATA]
    assert (found.code, found.object, found.severity) == ("data_goes", "table tasks", "warning")
    line = (repository.folder / "play.yml").read_text().splitlines()[found.where.line - 1]  # type: ignore[union-attr]
    assert "No tasks" in line or "tasks" in line
    assert play.rollback.titles == ("bring table tasks back from the trash, with its rows",)


def test_a_removal_that_nobody_wrote_down_is_refused_and_shown_all_the_same(repository: Repository) -> None:
    repository.play(BASE.replace("      age: integer\n", ""))
    play = repository.only()
    (found,) = play.findings[REFUSED]
    assert "1 live object in no step would be removed" in found.message and "state: absent" in found.remedy
    assert "column users.age" in " ".join(titles(play)) and play.findings[DATA][0].object == "column users.age"


def test_a_rename_is_asked_about(repository: Repository) -> None:
    repository.play(BASE.replace("age: integer", "years: integer"))
    assert any("is it renamed?" in one.message for one in repository.only().findings[REFUSED])
    repository.play(BASE.replace("age: integer", "years: {type: integer, renamed_from: age}"))
    play = repository.only()
    assert not play.findings[REFUSED] and any("rename" in one for one in titles(play))


def test_what_no_step_mentions_any_more_stays_and_is_named(repository: Repository) -> None:
    repository.play(BASE[: BASE.index("- name: Tasks")])
    play = repository.only()
    assert play.left_alone == ("table tasks",) and not titles(play)


def test_all_errors_of_a_branch_that_does_not_load_are_findings_with_their_lines(repository: Repository) -> None:
    repository.play(BASE.replace("integer", "integr").replace("title: text", "title: {typ: text}"))
    review = repository.review()
    assert {one.where.line for one in review.broken if one.where} and not review.plays
    assert all("wgm-diff-" not in str(one.where) for one in review.broken)
    repository.play(BASE.replace("age: integer", "age: integr"))
    (found,) = repository.review().broken
    assert "integr" in found.message and found.where is not None and found.where.line == 10


def test_it_is_compared_with_where_the_branch_began(repository: Repository) -> None:
    repository.play(BASE.replace("age: integer", "age: integer\n      note: text"))
    repository.commit("note")
    repository.git("checkout", "-q", "main")
    repository.play(BASE.replace("title: text", "title: text\n      due: date"))
    repository.commit("due")
    repository.git("checkout", "-q", "feature")
    review = repository.review()
    assert titles(review.plays[0]) == ["add column users.note"]
    assert any("main has 1 commit that this branch has not" in note for note in review.notes)


def test_another_branch_that_touches_the_same_object_is_named(repository: Repository) -> None:
    for branch, change in (("same", ("age: integer", "age: bigint")), ("other", ("title: text", "title: varchar(9)"))):
        repository.git("checkout", "-q", "-b", branch, "main")
        repository.play(BASE.replace(*change))
        repository.commit(branch)
    repository.git("checkout", "-q", "feature")
    repository.play(BASE.replace("age: integer", "age: integer\n      note: text"))
    review = repository.review(also=("same", "other"))
    assert [(one.ref, one.objects) for one in review.also] == [("same", ("table users",))]


def test_files_are_those_of_git_and_no_filter_or_hook_is_asked(project: Path, tmp_path: Path) -> None:
    made = Repository(project)
    made.write("templates/people.csv", "email\na@example.org\nb@example.org\n")
    made.write(".gitattributes", "*.csv export-ignore filter=trap\n*.yml export-subst\n")
    seed = "- name: rows\n  seed: {table: users, key: [email], file: templates/people.csv}\n"
    made.play(BASE + seed)
    made.branch()
    trap = tmp_path / "trap"
    made.git("config", "filter.trap.smudge", f"touch {trap}; cat")
    made.git("config", "core.fsmonitor", f"touch {trap}")
    made.write(".git/hooks/post-checkout", f"#!/bin/sh\ntouch {trap}\n")
    made.write("templates/people.csv", "email\na@example.org\nc@example.org\n")
    play = made.only()
    assert titles(play) == ["insert 1 row of table users"]
    assert not trap.exists()


def test_a_seed_that_removes_rows_says_which(repository: Repository) -> None:
    rows = "- name: rows\n  seed:\n    table: users\n    key: [email]\n    prune: true\n    rows:\n"
    both = rows + "      - {email: a}\n      - {email: b}\n"
    repository.play(BASE + both)
    repository.commit()
    repository.git("branch", "-f", "main")
    repository.play(BASE + rows + "      - {email: a}\n")
    (found,) = repository.only().findings[DATA]
    assert found.code == "rows_go" and found.evidence == ("email=b",)


def test_sql_that_ran_is_not_run_again_and_an_edited_one_is_refused(repository: Repository) -> None:
    step = "- name: Clean\n  sql: {up: delete from tasks, irreversible: true}\n"
    repository.play(BASE + step)
    play = repository.only()
    assert any("takes rows away" in one for one in told(play, DATA))
    assert play.rollback.irreversible and "1 cannot be undone" in verdict(play)
    repository.commit()
    repository.git("branch", "-f", "main")
    assert repository.only().quiet
    repository.play(BASE + step.replace("tasks", "users"))
    assert any("the SQL of the step 'Clean' is another" in one for one in told(repository.only(), REFUSED))


ROLES = "- name: reader\n  role: {name: reader}\n"
POLICY = "- name: own\n  policy: {table: users, name: own, using: age > 1}\n"
SECRET = BASE.replace("name: users\n", "name: users\n    row_level_security: true\n")
SECURITY_CASES = {
    "a grant to everybody": (BASE, BASE + "- name: g\n  grant: {on: table users, to: public, privileges: [select]}\n",
                             "error grant_wider everybody (PUBLIC) may SELECT on table users"),
    "row level security off": (SECRET + POLICY, SECRET.replace("security: true", "security: false") + POLICY,
                               "error row_security_off"),
    "a policy goes": (SECRET + POLICY, SECRET + POLICY.replace("using", "state: absent, using").replace(
        "  policy: {table: users, name: own, state: absent, using: age > 1}", "  policy: {table: users, name: own}\n  state: absent"),
        "warning policy_dropped policy users.own goes"),
    "a policy is opened": (SECRET + POLICY, SECRET + POLICY.replace("age > 1", "true"), "warning policy policy users.own changes (using)"),
    "a superuser": (BASE + ROLES, BASE + ROLES.replace("reader}", "reader, superuser: true}"), "error role role reader gets SUPERUSER"),
    "an owner": (BASE + ROLES, BASE.replace("name: users\n", "name: users\n    owner: reader\n") + ROLES,
                 "warning owner table users belongs to reader"),
    "a member": (BASE + ROLES, BASE + ROLES.replace("reader}", "reader, member_of: [pg_read_all_data]}"),
                 "error membership reader has the rights of pg_read_all_data"),
    "a function with rights": (
        BASE + "- name: f\n  function: {name: f, returns: integer, language: sql, body: select 1}\n",
        BASE + "- name: f\n  function: {name: f, returns: integer, language: sql, security_definer: true, body: select 1}\n",
        "error security_definer function f() runs with the rights of its owner, with the search_path of whoever calls it"),
    "a view past the policies": (
        BASE + "- name: v\n  view: {name: v, query: select id from users, with: {security_invoker: true}}\n",
        BASE + "- name: v\n  view: {name: v, query: select id from users}\n", "error view_open view v loses security_invoker"),
}  # fmt: skip


@pytest.mark.parametrize("name", SECURITY_CASES)
def test_who_may_do_more_is_never_folded(project: Path, name: str) -> None:
    before, after, expected = SECURITY_CASES[name]
    made = Repository(project)
    made.play(before)
    made.branch()
    made.play(after)
    review = made.review()
    (play,) = review.plays
    assert any(one.startswith(expected) for one in told(play, SECURITY)), told(play, SECURITY)
    text = written("markdown", review, HEADING)
    assert text.index("#### Security") < text.index("<details>")


def test_an_environment_that_lets_more_happen_is_told(repository: Repository) -> None:
    path = "environments/production.yml"
    repository.write(
        path,
        (repository.folder / path).read_text() + "policy: {allow_destructive: true, online: never, lock_timeout: 5s}\n",
    )
    play = repository.only()
    assert [one.split(": ", 1)[1] for one in told(play, SECURITY)] == [
        "policy.allow_destructive becomes true",
        "policy.online becomes never",
        "policy.lock_timeout becomes 5s, was 2s",
    ]


def test_a_base_is_the_branch_and_not_a_tag_of_its_name_and_holds_what_lies_in_submodules(
    repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    shared = Repository(tmp_path / "shared")
    shared.write("roles.yml", "- {name: Reader, role: {name: reader}}\n")
    shared.commit()
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(shared.folder), "shared")
    text = (repository.folder / "play.yml").read_text()
    repository.write("play.yml", text + "    - import_steps: shared/roles.yml\n")
    repository.commit()
    repository.git("tag", "main", "main")
    repository.git("branch", "-f", "main")
    below = Repository(repository.folder / "shared")
    below.write("roles.yml", "- {name: Reader, role: {name: reader, login: true}}\n")
    below.commit()
    assert told(repository.only(), SECURITY) == ["warning role role reader gets LOGIN"]


def test_who_may_sign_is_told_also_of_a_strangers_branch(project: Path, tmp_path: Path) -> None:
    made = Repository(project)
    path, signers = "environments/production.yml", "environments/allowed_signers"
    made.play(BASE)
    made.write("environments/staging.yml", (project / path).read_text())
    made.write(path, (project / path).read_text() + "promotion: {from: staging, approvals: 1}\n")
    made.branch()
    shutil.copytree(project / "environments", tmp_path / "environments")
    made.write(signers, f"zoe@x ssh-ed25519 {'A' * 68}\n")
    (key,) = made.only().findings[SECURITY]
    assert (key.code, str(key.where)) == ("signer", str(project / signers) + ":1")
    made.write(path, (project / path).read_text().replace("approvals: 1", "approvals: 0"))
    found = told(made.only(untrusted=True, inventory=str(tmp_path / "environments")), SECURITY)
    assert sorted(found) == [
        "warning environment environment production: this branch changes its file, which is not looked at here: read it",
        f"warning signer {key.message}",
    ]


RENAMED = {
    "a playbook and its environment": [
        ("play.yml", "shop.yml"),
        ("environments/production.yml", "environments/live.yml"),
    ],
    "the folder of the project": [("play.yml", "below/play.yml"), ("environments", "below/environments")],
}


@pytest.mark.parametrize("told_to_git", [True, False])
@pytest.mark.parametrize("name", RENAMED)
def test_what_is_called_otherwise_is_compared_with_what_it_was(
    repository: Repository, name: str, told_to_git: bool
) -> None:
    (repository.folder / "below").mkdir()
    for old, new in RENAMED[name]:
        if told_to_git:
            repository.git("mv", old, new)
        else:
            (repository.folder / old).rename(repository.folder / new)
    known = repository.git("ls-files", "--stage")
    playbook = next((new for old, new in RENAMED[name] if old == "play.yml"), "play.yml")
    text = (
        (repository.folder / playbook)
        .read_text()
        .replace("name: users", "name: users\n        comment: who signs in", 1)
    )
    hosts = "live" if "environment" in name else "production"
    repository.write(playbook, text.replace("hosts: production", f"hosts: {hosts}"))
    found = repository.review(playbook)
    assert [titles(one) for one in found.plays] == [["comment on table users"]], found
    assert any("is compared with that" in note for note in found.notes)
    if hosts == "live":
        assert told(found.plays[0], SECURITY) == [
            "warning environment environment live: marker is live, was production"
        ]
    if playbook == "shop.yml":
        gone = repository.review("play.yml")
        assert gone.quiet and any("shop.yml now: it is reviewed under that name" in note for note in gone.notes)
    assert repository.git("ls-files", "--stage") == known


def test_what_stops_everybody_is_said_where_the_policy_forbids_the_online_form(project: Path) -> None:
    made = Repository(project)
    made.write("environments/production.yml", "embedded: true\npolicy: {online: never}\n")
    made.play(BASE)
    made.branch()
    made.play(BASE.replace("age: integer", "age: bigint"))
    assert any(one.startswith("error blocks reads and writes of users wait") for one in told(made.only(), BLOCKS))


def test_environments_say_twice_only_what_differs(project: Path) -> None:
    made = Repository(project)
    made.write("environments/staging.yml", "embedded: true\npolicy: {online: never}\n")
    steps = "".join(f"    {line}\n" for line in BASE.strip().split("\n"))
    plays = "".join(f"- name: shop\n  hosts: {name}\n  steps:\n{{steps}}" for name in ("staging", "production"))
    made.write("play.yml", plays.replace("{steps}", steps))
    made.branch()
    changed = (
        steps.replace("age: integer", "age: bigint\n          note: text")
        + "    - name: r\n      role: {name: reader, superuser: true}\n"
    )
    made.write("play.yml", plays.replace("{steps}", changed))
    text = written("markdown", made.review(), HEADING)
    assert text.count("gets SUPERUSER") == 2  # once in each step that declares it: their lines differ
    assert "#### Who waits (staging)" in text and "#### Who waits (production)" in text


def test_the_same_input_gives_the_same_bytes(repository: Repository) -> None:
    repository.play(
        BASE.replace("age: integer", "age: bigint\n      note: text") + ROLES.replace("reader}", "reader, password: x}")
    )
    one, other = repository.review(), repository.review()
    for form in FORMATS:
        assert written(form, one, HEADING) == written(form, other, HEADING), form


def test_a_commit_that_git_does_not_know_is_told(repository: Repository) -> None:
    from wgm_play.options import Options
    from wgm_play.pipeline import review
    from wgm_play.reporter import Reporter

    with pytest.raises(InputError, match="git knows no commit 'nowhere'"):
        review([Options(str(repository.folder / "play.yml"))], Reporter(), against="nowhere")


def test_a_playbook_that_is_new_is_all_new(repository: Repository) -> None:
    repository.play(BASE, name="second.yml")
    review = repository.review("second.yml")
    assert verdict(review.plays[0]).startswith("new: ") and any(
        "everything in it is new" in note for note in review.notes
    )


MANY = "".join(
    f"""
- name: Table {n}
  table:
    name: t{n}
    columns:
      id: {{type: bigint, identity: always, primary_key: true}}
      parent: {{type: bigint, references: t{max(n - 1, 0)}(id)}}
      mood: mood
      note: {{type: text, check: fine(note)}}
- name: View {n}
  view: {{name: v{n}, query: "select id, note from t{n} where mood = 'well'"}}
- name: Over view {n}
  view: {{name: w{n}, query: select count(*) as n from v{n}}}
- name: Trigger {n}
  trigger: {{table: t{n}, name: touch, timing: before, events: [update], function: touch{n % 2}}}
- name: Readers {n}
  grant: {{on: table t{n}, to: reader, privileges: [select]}}
"""
    for n in range(12)
)
FUNCTIONS = """
- name: Reader
  role: {name: reader}
- name: Moods
  enum: {name: mood, values: [well, ill]}
- name: Fine
  function: {name: fine, arguments: note text, returns: boolean, language: sql, volatility: immutable, body: select length(note) < 9}
- name: Touch 0
  function: {name: touch0, returns: trigger, body: "begin new.note := 'x'; return new; end"}
- name: Touch 1
  function: {name: touch1, returns: trigger, body: "begin perform count(*) from t3; return new; end"}
"""
EDITS = {
    "a column's type": (
        "      mood: mood\n      note: {type: text, check: fine(note)}\n- name: View 5\n",
        "      mood: mood\n      note: {type: varchar(9), check: fine(note)}\n- name: View 5\n",
    ),
    "a view below another": ("from t5 where", "from t5 where note is not null and"),
    "a trigger's function": ("perform count(*)", "perform min(id)"),
    "a grant": (
        "{on: table t7, to: reader, privileges: [select]}",
        "{on: table t7, to: reader, privileges: [select, insert]}",
    ),
    "a new table": (
        "- name: Table 5\n",
        "- name: New\n  table: {name: fresh, columns: {id: {type: bigint, references: t4(id)}, m: mood}}\n- name: Table 5\n",
    ),
    "a table that is left out": (MANY[MANY.index("\n- name: Table 11") :], ""),
}


@pytest.mark.parametrize("name", EDITS)
def test_the_excerpt_says_what_the_whole_says(project: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from wgm_play.review import compare

    made = Repository(project)
    made.play(FUNCTIONS + MANY)
    made.branch()
    before, after = EDITS[name]
    assert (FUNCTIONS + MANY).count(before) == 1
    made.play((FUNCTIONS + MANY).replace(before, after))
    whole_ways: list[object] = []
    planned = compare._planned

    def spied(shadow: object, old: object, work: object, folded: object) -> object:
        whole_ways.append(work.excerpt is None)  # type: ignore[attr-defined]
        return planned(shadow, old, work, folded)  # type: ignore[arg-type]

    monkeypatch.setattr(compare, "_planned", spied)
    part = written("text", made.review(), HEADING)
    assert whole_ways == [False]
    monkeypatch.setattr(compare, "excerpt", lambda *_: None)
    assert part == written("text", made.review(), HEADING)


def test_an_extension_that_the_scratch_server_lacks_is_no_refusal(repository: Repository) -> None:
    repository.play(BASE + "- name: Maps\n  extension: {name: no_such_extension}\n")
    play = repository.only()
    assert not play.findings[REFUSED] and titles(play) == ["create extension no_such_extension"]
    assert any("lacks the extension 'no_such_extension'" in one for one in play.plan.unknown)


def test_a_policy_for_other_roles_is_told(project: Path) -> None:
    made = Repository(project)
    policy = "- name: own\n  policy: {table: users, name: own, using: age > 1, to: [reader]}\n"
    made.play(ROLES + SECRET + policy)
    made.branch()
    made.play(ROLES + SECRET + policy.replace(", to: [reader]", ""))
    assert any("now lets everybody (PUBLIC)" in one for one in told(made.only(), SECURITY))


def test_values_of_a_step_with_no_log_are_no_evidence(project: Path) -> None:
    made = Repository(project)
    rows = "- name: rows\n  no_log: true\n  seed: {table: users, key: [email], prune: true, rows: [{email: a}, {email: hush}]}\n"
    made.play(BASE + rows)
    made.branch()
    made.play(BASE + rows.replace(", {email: hush}", ""))
    (found,) = made.only().findings[DATA]
    assert found.evidence == () and found.where is not None and found.where.line == 18


def test_a_step_that_waits_for_another_is_not_left_out(project: Path) -> None:
    made = Repository(project)
    steps = (
        "- name: S\n  sql: {up: update tasks set title = 'x', irreversible: true}\n  register: s\n"
        "- name: W\n  index: {name: tasks_title, table: tasks, columns: [title]}\n  when: s.changed\n"
    )
    made.play(BASE)
    made.branch()
    made.play(BASE + steps)
    assert "build index tasks_title concurrently" in titles(made.only())
    made.commit()
    made.git("branch", "-f", "main")
    made.play(BASE.replace("age: integer", "age: integer\n      note: text") + steps)
    play = made.only()
    assert titles(play) == ["add column users.note"] and play.left_alone == ()


def test_a_shallow_clone_is_told_what_to_fetch(repository: Repository, tmp_path: Path) -> None:
    for number in range(3):
        repository.play(BASE.replace("age: integer", f"age: integer\n      note{number}: text"))
        repository.commit()
    repository.git(
        "clone", "-q", "--depth", "1", "--no-single-branch", f"file://{repository.folder}", str(tmp_path / "clone")
    )
    from wgm_play.options import Options
    from wgm_play.pipeline import review
    from wgm_play.reporter import Reporter

    with pytest.raises(InputError) as raised:
        review([Options(str(tmp_path / "clone" / "play.yml"))], Reporter(), against="origin/main")
    assert "--unshallow" in str(raised.value.hint)


def test_a_project_below_the_root_names_files_from_the_root(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    made = Repository(project)
    made.write("db/environments/production.yml", "embedded: true\n")
    made.play(BASE, name="db/play.yml")
    made.branch()
    made.play(
        BASE[: BASE.index("- name: Tasks")] + "- name: No\n  table: {name: tasks}\n  state: absent\n",
        name="db/play.yml",
    )
    for folder, name in ((project, "db/play.yml"), (project / "db", "play.yml")):
        monkeypatch.chdir(folder)
        from wgm_play.options import Options
        from wgm_play.pipeline import review
        from wgm_play.reporter import Reporter

        found = review([Options(name)], Reporter(), against="main")
        log = json.loads(written("sarif", found, HEADING))
        places = {
            one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in log["runs"][0]["results"]
        }
        assert places == {"db/play.yml"}


def test_the_server_is_that_of_the_environment_where_there_is_one(project: Path) -> None:
    from wgm_play.embedded.programs import scratch_version
    from wgm_play.report.review.words import server

    made = Repository(project, version=15)
    made.play(BASE)
    made.branch()
    made.play(BASE.replace("age: integer", "age: integer\n      note: text"))
    play = made.only()
    found = scratch_version(15)
    assert play.version == found
    assert server(play) == (
        "PostgreSQL 15" if found == 15 else f"PostgreSQL {found}: this machine has no PostgreSQL 15"
    )


def test_a_change_of_many_objects_stays_below_the_limits(project: Path) -> None:
    made = Repository(project)
    made.play("")
    made.branch()
    tables = "\n".join(
        f"- name: T{n}\n  table: {{name: t{n}, columns: {{{', '.join(f'c{m}: text' for m in range(24))}}}}}"
        for n in range(50)
    )
    made.play(tables + "\n- name: G\n  grant: {on: table t1, to: public, privileges: [select]}\n")
    review = made.review()
    for limit in (60_000, 20_000, 8_000):
        text = markdown.write(review, limit)
        assert len(text) <= limit and "#### Security" in text and "everybody" in text
        assert text.count("```") % 2 == 0 and text.count("<details>") == text.count("</details>")
        assert ("the whole is in the summary of the job" in text) == (limit < 40_000)
    assert markdown.write(review, 100).startswith(markdown.mark(review))
    assert all(written("github", review, HEADING).count(f"::{kind} ") <= 10 for kind in ("error", "warning", "notice"))
    assert review.plays[0].diagram.count("{\n") <= 25


def test_two_playbooks_for_two_environments_are_compared_without_these(project: Path) -> None:
    from wgm_play.options import Options
    from wgm_play.pipeline import review
    from wgm_play.reporter import Reporter

    made = Repository(project)
    made.write("environments/staging.yml", "embedded: true\npolicy: {online: never}\n")
    made.play(BASE, name="staging.yml", hosts="staging")
    made.play(BASE.replace("age: integer", "age: integer\n      note: text"))
    found = review([Options(str(project / "staging.yml")), Options(str(project / "play.yml"))], Reporter())
    (play,) = found.plays
    assert titles(play) == ["add column users.note"] and not play.findings[SECURITY]


def test_a_playbook_that_the_branch_deletes_is_reviewed(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.git("checkout", "-q", "main")
    repository.play(BASE, name="playbooks/shop.yml")
    repository.play(BASE, name="playbooks/other.yml")
    repository.commit()
    repository.git("checkout", "-q", "-b", "less")
    repository.git("rm", "-q", "-r", "playbooks/shop.yml")
    monkeypatch.chdir(repository.folder)
    from wgm_play.options import Options
    from wgm_play.pipeline import review
    from wgm_play.reporter import Reporter

    for name in ("playbooks/shop.yml", "shop.yml"):
        found = review([Options(name)], Reporter(), against="main")
        (play,) = found.plays
        assert (play.gone, play.environment, found.subject) == (True, "production", "playbooks/shop.yml")
        (one,) = play.all_findings()
        assert (one.code, one.severity, str(one.where)) == ("play_goes", "warning", "playbooks/shop.yml")
        assert "playbooks/shop.yml is deleted by this branch" in found.notes
        assert "playbooks/other.yml has a play for production" in found.notes
        assert "nobody changes it" in written("markdown", found, HEADING)
    with pytest.raises(InputError, match=r"no playbook 'shpo.yml', neither here nor in main"):
        review([Options("shpo.yml")], Reporter(), against="main")
    repository.git("rm", "-q", "-r", "playbooks/other.yml")
    assert review([Options("other.yml")], Reporter(), against="main").plays[0].gone


def test_the_checklist_is_told_where_the_environment_is_promoted(project: Path) -> None:
    repository = Repository(project)
    play = "  alerts: [{name: A, query: select count(*) as value from orders, threshold: '> 9'}]\n"
    repository.play("- {name: Orders, table: {name: orders, columns: {id: {type: int, primary_key: true}}}}", play)
    repository.branch()
    steps = "- {name: Orders, table: {name: orders, columns: {id: {type: int, primary_key: true}, note: text}}}\n- {name: New, table: {name: refunds, columns: {a: int}}}"
    repository.play(steps, play)
    assert repository.only().checklist == ()
    text = repository.folder.joinpath("environments/production.yml").read_text()
    repository.write("environments/production.yml", text + "promotion: {from: staging, soak: 24h}\n")
    repository.write("environments/staging.yml", text)
    found = repository.review()
    points = found.plays[0].checklist
    assert len(points) == 7
    assert points[0].startswith("schema changes tested in staging: staging has to hold it first, for 1d")
    assert [one for one in points if one.startswith("missing: ")] == [
        "missing: backups confirmed and tested: the play has no backup policy: add `backup: {method: logical}`",
        "missing: alerts for what is new: no alert looks at public.refunds: add one to `alerts:` of the play",
        "missing: application ready for it: nothing says what the application sends: add `queries:` to the play",
    ]
    assert "Checklist of the deployment" in written("text", found, HEADING) and "no alert looks at" in markdown.write(
        found
    )
    assert json.loads(written("json", found, HEADING))["environments"][0]["checklist"] == list(points)


def test_what_waits_for_a_flag_is_shown_both_ways_and_once_where_nothing_differs(repository: Repository) -> None:
    flag = "  flags:\n    - {name: old, query: 'select true as \"on\"'}\n"
    contract = BASE + (
        "- name: Contract\n  after_flag: old\n  for: 7d\n  table: {name: users, columns: {age: {state: absent}}}\n"
    )
    repository.play(contract, flag)
    off, on = repository.review().plays
    assert (titles(off), off.given, off.findings[DATA]) == ([], "", ())
    assert titles(on) == ["move column users.age to the trash"]
    assert [one.code for one in on.findings[DATA]] == ["data_goes"] and "flag old is new" in on.affected
    for name in ("text", "markdown"):
        assert "production once the flag 'old' is on: 1 to remove; 1 of data that goes" in written(
            name, repository.review(), HEADING
        ).replace("**", "").replace("\\", "")
    (repository.folder / "review.json").write_text(written("json", repository.review(), HEADING), encoding="utf-8")
    assert [one.given for one in data.read(repository.folder / "review.json").plays] == [off.given, on.given]

    repository.commit("contract")
    repository.git("branch", "-f", "main")
    repository.play(contract.replace("title: text", "title: text\n      note: text"), flag)
    assert titles(repository.only()) == ["add column tasks.note"]  # and `age` is not made anew

    repository.play(contract + "- {name: Ages, index: {name: ages, table: users, columns: [age]}}\n", flag)
    off, on = repository.review().plays
    assert titles(off) == ["build index ages concurrently"]
    (told_,) = on.findings[REFUSED]
    assert told_.message.startswith("once the flag 'old' is on: the column 'age' of the table 'users' is removed")
