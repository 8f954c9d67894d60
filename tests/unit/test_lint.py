"""What `wgm-play lint` promises beside its rules: places, sizes, settings, ignores, playbooks, git, reports, exit codes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from wgm_play.cli.application import run
from wgm_play.errors import InputError
from wgm_play.finding import Finding
from wgm_play.hazards import pages
from wgm_play.lint.codes import SEVERITY
from wgm_play.lint.command import LintOptions, lint


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(text: str, *, name: str = "change.sql", settings: str = "", **more: object) -> list[Finding]:
    """Lint one file; return what is found but advice."""
    Path(name).write_text(text, encoding="utf-8")
    Path("pyproject.toml").write_text(f"[tool.wgm-play.lint]\n{settings}", encoding="utf-8")
    return [one for one in lint(LintOptions([name], **more))[0] if one.severity != "info"]  # type: ignore[arg-type]


def codes(findings: list[Finding]) -> set[str]:
    return {one.code for one in findings if not one.acknowledged}


def test_each_code_has_a_page() -> None:
    assert set(SEVERITY) <= set(pages())


def test_a_finding_is_at_the_very_word() -> None:
    [one] = found("SET lock_timeout = '1s';\n\nALTER TABLE t\n  ADD COLUMN a int,\n  ADD COLUMN b int NOT NULL;\n")
    assert (one.code, str(one.where)) == ("C02", "change.sql:5:14")


def test_a_finding_in_a_block_is_at_its_line() -> None:
    findings = found("SET lock_timeout = '1s';\nDO $$\nBEGIN\n  IF true THEN\n    DROP TABLE t;\n  END IF;\nEND $$;\n")
    assert [(one.code, str(one.where)) for one in findings] == [("T01", "change.sql:5:5")]


def test_a_fingerprint_outlives_other_lines() -> None:
    before, after = found("DROP TABLE t;"), found("\n\nSELECT 1;\nDROP TABLE t;")
    assert {one.fingerprint for one in before} == {one.fingerprint for one in after}


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (id bigint PRIMARY KEY, u bigint REFERENCES users (id));",
        "CREATE TABLE t (id bigint PRIMARY KEY, u bigint, FOREIGN KEY (u) REFERENCES users (id));",
        "CREATE TABLE t (id bigint PRIMARY KEY);\nALTER TABLE t ADD COLUMN u bigint REFERENCES users (id);",
        "CREATE TABLE t (id bigint PRIMARY KEY, u bigint);\nALTER TABLE t ADD FOREIGN KEY (u) REFERENCES users (id);",
    ],
)
def test_a_foreign_key_of_a_new_table_locks_the_one_that_was_there(text: str) -> None:
    assert "X01" in codes(found(text))
    assert "X01" not in codes(found(f"CREATE TABLE users (id bigint PRIMARY KEY);\n{text}"))


@pytest.mark.parametrize(
    ("rows", "wanted"), [("t=40M", {"C08"}), ("t=400", set()), ("public.t=40_000_000", {"C08"}), ("s.t=400", {"C08"})]
)
def test_sizes_decide(rows: str, wanted: set[str]) -> None:
    text = "SET lock_timeout = '1s';\nALTER TABLE t ALTER COLUMN a TYPE bigint;"
    assert codes(found(text, rows=[rows])) == wanted


@pytest.mark.parametrize(
    "stats",
    [
        {"public.t": 400},
        {"tables": {"public.t": {"rows": 400}}},
        {"tables": [{"schema": "public", "name": "t", "rows": 400}]},
    ],
)
def test_sizes_come_from_a_file(stats: object) -> None:
    Path("stats.json").write_text(json.dumps(stats), encoding="utf-8")
    assert codes(found("SET lock_timeout = '1s';\nCREATE INDEX ON t (a);", stats="stats.json")) == set()


def test_a_severity_is_the_teams_to_say() -> None:
    [one] = found("ALTER TABLE t ALTER COLUMN a DROP NOT NULL;", settings="severity = {C07 = 'error', X01 = 'off'}")
    assert (one.code, one.severity) == ("C07", "error")


def test_an_ignore_of_the_settings_has_a_reason_and_an_end() -> None:
    text = "DROP TABLE t;"
    assert (
        codes(found(text, settings="ignore = [{code = 'T01', reason = 'a test'}, {code = 'X01', reason = 'a test'}]"))
        == set()
    )
    assert codes(found(text, settings="ignore = [{code = 'T01', reason = 'a test', until = 2020-01-01}]")) == {
        "T01",
        "X01",
    }
    assert codes(found(text, settings="ignore = [{code = 'T01', reason = 'a test', files = 'old/*'}]")) == {
        "T01",
        "X01",
    }
    with pytest.raises(InputError, match="a code and a reason"):
        found(text, settings="ignore = [{code = 'T01'}]")


@pytest.mark.parametrize(
    "settings",
    [
        "fial_on = 'error'",
        "severity = {C99 = 'error'}",
        "names = {tabel = 'x'}",
        "names = {table = '('}",
        "server_version = 9",
    ],
)
def test_a_wrong_setting_is_told(settings: str) -> None:
    with pytest.raises(InputError, match="lint: "):
        found("SELECT 1;", settings=settings)


def test_names_are_held_against_the_teams_patterns() -> None:
    text = "CREATE TABLE Things (id bigint PRIMARY KEY, ownerId bigint);\nCREATE INDEX foo ON things (ownerid);"
    findings = found(text, settings="names = {index = '.*_idx', column = 'id|.*_id'}")
    assert {(one.code, one.attribute) for one in findings} == {("Q12", "index foo"), ("Q12", "column ownerid")}


ADDITIVE = "additive_only = true\nseverity = {C10='off', C11='off', T01='off', K09='off', X01='off', Y03='off', C07='off', C08='off', V04='off'}"


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t DROP COLUMN a;",
        "ALTER TABLE t RENAME COLUMN a TO b;",
        "DROP TABLE t;",
        "DROP VIEW v;",
        "DROP TYPE e;",
        "ALTER TABLE t DROP CONSTRAINT c;",
        "ALTER TYPE e RENAME VALUE 'a' TO 'b';",
        "REVOKE SELECT ON t FROM app;",
        "ALTER TABLE t ALTER a TYPE text;",
    ],
)
def test_additions_only(statement: str) -> None:
    assert codes(found(statement, settings=ADDITIVE)) == {"S16"}


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t ADD COLUMN a int;",
        "CREATE TABLE f (id bigint PRIMARY KEY); DROP TABLE f;",
        "CREATE VIEW v AS SELECT 1;",
        "ALTER TYPE e ADD VALUE 'x' AFTER 'y';",
        "GRANT SELECT ON t TO app;",
        "CREATE TABLE f (id bigint PRIMARY KEY, a int); ALTER TABLE f DROP COLUMN a;",
    ],
)
def test_additions_are_additions(statement: str) -> None:
    assert codes(found(statement, settings=ADDITIVE)) == set()


def test_an_environment_says_what_holds_for_it() -> None:
    Path("environments").mkdir()
    Path("environments/production.yml").write_text(
        'url: "{{ env.NOT_SET }}"\nlint: {additive_only: true, fail_on: warning}\n'
    )
    assert "S16" in codes(found("DROP VIEW v;", environment="production"))
    assert codes(found("DROP VIEW v;")) == {"V04"}


def test_a_branch_answers_for_what_it_adds() -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y", *words], check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    Path("migrations").mkdir()
    Path("migrations/1.sql").write_text("CREATE TABLE t (id bigint PRIMARY KEY, name varchar(10));\nDROP TABLE old;\n")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "branch")
    Path("migrations/2.sql").write_text("ALTER TABLE t ALTER COLUMN name TYPE varchar(20);\nDROP TABLE older;\n")
    findings, _ = lint(LintOptions(["migrations"], against="main"))
    assert {(one.code, one.where.file) for one in findings if one.severity == "error" and one.where} == {
        ("T01", "migrations/2.sql")
    }
    with pytest.raises(InputError, match="no commit 'nowhere'"):
        lint(LintOptions(["migrations"], against="nowhere"))


PLAYBOOK = """
- name: Shop
  hosts: development
  steps:
    - name: Orders
      table:
        name: orders
        columns:
          id: {type: int, primary_key: true}
          note: char(10)
          placed: timestamp
          customer: {type: bigint, references: customers(id)}
    - name: Customers
      accept: {Q02: the importer needs it}
      table:
        name: customers
        columns:
          id: {type: bigserial, primary_key: true}
          seen: timestamp  # wgm-play: ignore Q04: a wall clock in the shop
    - name: all new
      sql: {up: "update orders set note = ''", down: "select 1"}
"""


def test_a_playbook_is_advised_at_its_lines() -> None:
    Path("environments").mkdir()
    Path("environments/development.yml").write_text("embedded: true\n")
    Path("shop.yml").write_text(PLAYBOOK)
    findings, _ = lint(LintOptions(["shop.yml"]))
    told = {
        (one.code, one.where.line) for one in findings if one.where and one.severity != "info" and not one.acknowledged
    }
    assert told == {("Q03", 10), ("Q04", 11), ("K08", 12), ("X05", 20)}
    assert {one.code for one in findings if one.acknowledged} == {"Q02", "Q04"}
    Path("steps.yml").write_text("- name: a file of steps, which a playbook imports\n  schema: crm\n")
    assert lint(LintOptions(["."]))[0] == findings, "a folder of playbooks is its playbooks"


def test_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    Path("safe.sql").write_text("CREATE TABLE t (id bigint PRIMARY KEY);\n")
    Path("warned.sql").write_text("ALTER TABLE t ADD COLUMN a int;\n")
    Path("bad.sql").write_text("DROP TABLE t;\n")
    assert run(["lint", "safe.sql"]) == 0
    assert run(["lint", "warned.sql"]) == 0
    assert run(["lint", "warned.sql", "--fail-on", "warning"]) == 12
    assert run(["lint", "bad.sql"]) == 12
    assert run(["lint", "missing.sql"]) == 1
    assert "bad.sql:1:1: error [T01] public.t: the rows are gone" in capsys.readouterr().out


def test_reports_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.sql").write_text("DROP TABLE t;\n")
    assert (
        run(["lint", "bad.sql", "--format", "json", "--report", "sarif:lint.sarif", "--report", "junit:lint.xml"]) == 12
    )
    document = json.loads(capsys.readouterr().out)
    [told] = [one for one in document["results"][0]["data"]["findings"] if one["code"] == "T01"]
    assert (told["file"], told["line"], told["severity"]) == ("bad.sql", 1, "error")
    assert json.loads(Path("lint.sarif").read_text())["runs"][0]["results"]
    assert "T01" in Path("lint.xml").read_text()


def fixed(text: str) -> str:
    Path("change.sql").write_bytes(text.encode())
    run(["lint", "change.sql", "--fix"])
    return Path("change.sql").read_bytes().decode()


def test_the_safe_form_is_written_and_every_other_byte_stays() -> None:
    assert fixed("-- é\r\nCREATE INDEX  i ON t (a) ;\r\n\tDROP INDEX s.j;\r\n-- end") == (
        "-- é\r\nCREATE INDEX CONCURRENTLY  i ON t (a) ;\r\n\tDROP INDEX CONCURRENTLY s.j;\r\n-- end"
    )
    assert fixed("ALTER TABLE t ADD CHECK (a > 0), ADD COLUMN b int;\n") == (
        "ALTER TABLE t ADD CONSTRAINT t_a_check CHECK (a > 0) NOT VALID, ADD COLUMN b int;\n"
        "ALTER TABLE t VALIDATE CONSTRAINT t_a_check;\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN;\nCREATE INDEX i ON t (a);\nCOMMIT;\n",
        "CREATE INDEX i ON t (a); -- wgm-play: ignore I01: it is empty\n",
        "-- migrate:up\nCREATE INDEX i ON t (a);\n-- migrate:down\nDROP INDEX i;\n",
        "DROP INDEX i, j;\n",
        "DROP TABLE t;\n",
        "-- migrate:up transaction:false\nALTER TABLE t ADD CONSTRAINT c CHECK (a > 0);\n",
        "CREATE TABLE t (a int);\nCREATE INDEX i ON t (a);\n",
    ],
)
def test_what_has_no_safe_form_in_its_place_is_left(text: str) -> None:
    assert fixed(text) == text


def test_a_name_made_of_a_long_one_has_the_bytes_that_a_name_may_have() -> None:
    long = "имя_столбца_которое_очень_длинно"
    [added, *_] = fixed(f"ALTER TABLE t ALTER COLUMN {long} SET NOT NULL;\n").splitlines()
    made = added.split('"')[1] if '"' in added.split("CHECK")[0] else added.split()[5]
    assert made.endswith("_is_set") and len(made.encode()) <= 63


def test_a_file_that_is_fixed_once_is_left_the_second_time() -> None:
    once = fixed("ALTER TABLE t ALTER COLUMN a SET NOT NULL;\nALTER TABLE t ADD UNIQUE (a, b);\nREINDEX TABLE t;\n")
    assert once.count("\n") == 7
    assert fixed(once) == once


@pytest.mark.parametrize(
    ("names", "marks"),
    [
        (("V1__t.sql", "V2__longer.sql"), ""),
        (("1_t.up.sql", "2_longer.up.sql"), ""),
        (("a/migration.sql", "b/migration.sql"), ""),
        (("1_t.sql", "2_longer.sql"), "-- migrate:up\n"),
        (("001_t.sql", "002_longer.sql"), "-- +goose Up\n"),
    ],
)
def test_what_a_tool_runs_before_a_file_is_known(names: tuple[str, str], marks: str) -> None:
    first, second = (Path("migrations") / name for name in names)
    for path in (first, second):
        path.parent.mkdir(parents=True, exist_ok=True)
    first.write_text(f"{marks}CREATE TABLE t (id bigint PRIMARY KEY, name varchar(10));\nDROP TABLE old;\n")
    second.write_text(f"{marks}ALTER TABLE t ALTER COLUMN name TYPE varchar(20);\n")
    assert {one.code for one in lint(LintOptions([str(second)]))[0] if one.severity == "error"} == set()
    assert {one.code for one in lint(LintOptions([str(first), str(second)]))[0] if one.severity == "error"} == {"T01"}


def test_a_new_column_has_a_mask_where_data_are_masked() -> None:
    text = "SET lock_timeout = '1s';\nALTER TABLE t ADD COLUMN phone text, ADD COLUMN mail text;\n"
    label = "SECURITY LABEL FOR anon ON COLUMN t.phone IS 'MASKED WITH VALUE NULL';\n"
    assert codes(found(text)) == set()
    assert {one.attribute for one in found(text + label, settings="masked = true")} == {"mail"}


def test_a_label_of_a_playbook_is_a_mask() -> None:
    Path("environments").mkdir()
    Path("environments/development.yml").write_text("embedded: true\nlint: {masked: true}\n")
    Path("shop.yml").write_text(
        "- name: Shop\n  hosts: development\n  steps:\n"
        "    - name: People\n      table: {name: people, columns: {id: {type: bigint, primary_key: true}, phone: text, mail: text, "
        "born: {type: date, mask: 'null'}, height: {type: integer, mask: false}}}\n"
        "    - name: Phones\n      security_label: {on: column people.phone, provider: anon, label: MASKED WITH VALUE NULL}\n"
    )
    findings, _ = lint(LintOptions(["shop.yml"]))
    assert {(one.code, one.attribute) for one in findings if one.severity == "warning"} == {("Q11", "mail")}
