"""Environment files: what is valid is read, what is not is refused with its position and the next thing to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from wgm_play.environment import Embedded, Environment, Policy, load_environment
from wgm_play.environment_keys import ENVIRONMENT, about, schema
from wgm_play.errors import InputError, Problems
from wgm_play.secret import Secret, mask


def load(project: Path, text: str, url: str | None = None) -> Environment:
    (project / "environments" / "production.yml").write_text(text)
    return load_environment("production", project, url=url)


def test_all_keys_are_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:pass%20word@db.example:5433/wasteland")
    read = load(
        project,
        """
url: "{{ env.DATABASE_URL }}"
shadow: postgresql://localhost/scratch
marker: live
readers: [auditor, grafana]
variables:
  audit_retention: 90 days
policy:
  lock_timeout: 500ms
  lock_budget: 10m
  statement_timeout: 1m30s
  connect_timeout: 3s
  allow_destructive: true
  allow_kill_blockers: true
  online: always
  small_rows: 500
  small_bytes: 64kB
  trash: {retention: 7d}
  max_replica_lag: 5s
  check_data: false
""",
    )
    assert read.policy == Policy(
        lock_timeout=0.5,
        lock_budget=600.0,
        statement_timeout=90.0,
        connect_timeout=3.0,
        allow_destructive=True,
        allow_kill_blockers=True,
        online="always",
        small_rows=500,
        small_bytes=65536,
        trash_retention=7 * 86400.0,
        max_replica_lag=5.0,
        check_data=False,
    )
    assert isinstance(read.url, Secret) and read.url.reveal().startswith("postgresql://app:")
    assert (read.shadow, read.marker, read.readers) == (
        "postgresql://localhost/scratch",
        "live",
        ("auditor", "grafana"),
    )
    assert dict(read.variables) == {"audit_retention": "90 days"}
    assert read.embedded is None and read.service is None


def test_an_environment_s_url_is_masked_everywhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:pass%20word@db.example/wasteland")
    read = load(project, 'url: "{{ env.DATABASE_URL }}"\n')
    assert "pass" not in f"{read.url} {read!r}"
    assert mask("the password is 'pass word'") == "the password is '***'"


@pytest.mark.parametrize("text", ["embedded: true\n", "embedded: {}\n", "embedded:\n"])
def test_embedded_needs_no_settings(project: Path, text: str) -> None:
    assert load(project, text).embedded == Embedded()


def test_embedded_with_settings(project: Path) -> None:
    read = load(
        project,
        "embedded:\n  version: 16\n  port: 54321\n  database: wasteland\n  user: app\n  data: .wgm/other\n"
        "  ephemeral: true\n  settings: {work_mem: 8MB, jit: false, max_connections: 20}\n",
    )
    assert read.embedded == Embedded(
        16, ".wgm/other", 54321, "wasteland", "app", True, {"work_mem": "8MB", "jit": "off", "max_connections": "20"}
    )


def test_a_url_of_the_command_line_wins_over_a_missing_variable(project: Path) -> None:
    read = load(project, 'url: "{{ env.NOT_THERE }}"\n', url="postgresql://localhost/other")
    assert (read.url, read.embedded) == ("postgresql://localhost/other", None)


def test_a_url_of_the_command_line_wins_over_embedded(project: Path) -> None:
    assert load(project, "embedded: true\n", url="host=localhost dbname=x").embedded is None


def test_an_inventory_folder_replaces_the_project_s(project: Path, tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "blue.yaml").write_text("service: blue\n")
    assert load_environment("blue", project, inventory=tmp_path / "inventory").service == "blue"


WRONG = [
    ("embeded: true\n", 1, 1, "unknown key 'embeded'", "embedded"),
    ("embedded: true\npolicy:\n  lock_timout: 2s\n", 3, 3, "unknown key 'lock_timout' in policy", "lock_timeout"),
    ("embedded: {verison: 18}\n", 1, 12, "unknown key 'verison' in embedded", "version"),
    ("embedded: yes\n", 1, 11, "embedded must be true or a mapping", None),
    ("embedded: {version: 12}\n", 1, 21, "at least 13 and at most 18", None),
    ("embedded: {version: '18'}\n", 1, 21, "version must be a whole number", None),
    ("embedded: {ephemeral: on}\n", 1, 23, "ephemeral must be true or false", "yes, no, on"),
    ("embedded: {settings: {work_mem: [1]}}\n", 1, 33, "work_mem must be a text", None),
    ("embedded: {port: 70000}\n", 1, 18, "at most 65535", None),
    ("embedded: true\npolicy: {lock_timeout: 2}\n", 2, 24, "'2' is not a duration", "2s"),
    ("embedded: true\npolicy: {lock_timeout: soon}\n", 2, 24, "'soon' is not a duration", "500ms"),
    ("embedded: true\npolicy: {small_bytes: 16MX}\n", 2, 23, "'16MX' is not a size", "16MB"),
    ("embedded: true\npolicy: {online: allways}\n", 2, 18, "auto or always or never", "always"),
    ("embedded: true\npolicy: [a]\n", 2, 9, "policy must be a mapping", None),
    ("embedded: true\nreaders: {a: b}\n", 2, 10, "readers must be a list of names", None),
    ("embedded: true\nvariables: [a]\n", 2, 12, "variables must be a mapping", None),
    ("embedded: true\nvariables: {a-b: 1}\n", 2, 13, "'a-b' is not a variable's name", "letters"),
    ("embedded: true\nmarker: [x]\n", 2, 9, "marker must be a text, not a list", None),
    ("url: ''\n", 1, 6, "url must be a text, not an empty text", None),
    ("url: 5\n", 1, 6, "url must be a text, not a number", None),
    ('url: "{{ DATABASE_URL }}"\n', 1, 6, "knows only env.NAME", "env.DATABASE_URL"),
    ('url: "{{ env.NOT_THERE }}"\n', 1, 6, "NOT_THERE is not set", "export NOT_THERE=postgresql://"),
    ('embedded: true\ndeliver: {reload: "{{ env.NOT_THERE }}"}\n', 2, 19, "NOT_THERE is not set", "NOT_THERE=http://"),
    ('url: "postgresql://a:{{ env.NOT_THERE }}@h/d"\n', 1, 6, "NOT_THERE is not set", "export NOT_THERE=..."),
    ("url: nonsense\n", 1, 6, "no PostgreSQL URL", "postgresql://USER:PASSWORD@HOST"),
    ("url: postgresql://u:hush/hush@h/d\n", 1, 6, "its password holds a slash", "%2F"),
    ("url: postgresql://u:pw@hush@h/d\n", 1, 6, "its password holds an @", "%40"),
    ("url: mysql://u@h/d\n", 1, 6, "it begins with mysql://", "postgresql://USER"),
    ("url: host=h hush\n", 1, 6, "a word in it has no =", None),
    ("url: postgresql://u:pw@h:x/d\n", 1, 6, "its port is no number", "65535"),
    ("url: postgresql://h/d?sslmood=1\n", 1, 6, "no PostgreSQL URL", None),
    ("{}\n", 1, 1, "does not say where the database is", "embedded: true"),
    ("embedded: true\nservice: x\n", 1, 1, "service and embedded both say", "keep one"),
    ("embedded: true\nembedded: true\n", 2, 1, "duplicate key 'embedded'", None),
    ("embedded: true\nvars: {a: 1}\nvariables: {b: 1}\n", 2, 1, "another word for 'variables'", "keep one"),
    ("- a\n", 1, 1, "must be a mapping, not a list", None),
]


@pytest.mark.parametrize("case", WRONG, ids=[case[3] for case in WRONG])
def test_what_is_wrong_is_shown_where_it_stands(project: Path, case: tuple[str, int, int, str, str | None]) -> None:
    text, line, column, message, hint = case
    with pytest.raises(InputError) as caught:
        load(project, text)
    error = caught.value
    assert message in error.message
    assert error.where is not None and error.where.file.endswith("production.yml")
    assert (error.where.line, error.where.column) == (line, column)
    assert error.exit_code == 1
    assert (hint or "") in (error.hint or "")


def test_all_errors_are_shown_at_once(project: Path) -> None:
    with pytest.raises(Problems) as caught:
        load(project, "embedded: {verison: 18, port: x}\npolicy: {online: 1}\nmarkr: x\n")
    assert [problem.where.line for problem in caught.value.problems if problem.where] == [1, 1, 2, 3]


def test_a_wrong_url_does_not_show_its_password(project: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(project, "url: postgresql://app:geheim%zz@h/d\n")
    assert "geheim" not in f"{caught.value.message} {caught.value.hint} {caught.value.details}"


def test_an_environment_that_does_not_exist_names_those_that_do(project: Path) -> None:
    for name in ("development", "staging", "production"):
        (project / "environments" / f"{name}.yml").write_text("embedded: true\n")
    with pytest.raises(InputError) as caught:
        load_environment("prodction", project)
    assert caught.value.details == ("known: development, production, staging",)
    assert "'production'" in (caught.value.hint or "")


def test_a_project_without_environments_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder") as caught:
        load_environment("production", tmp_path)
    assert caught.value.hint == "wgm-play init . makes it; with --url DSN a playbook needs none"


def test_a_name_does_not_leave_the_folder(project: Path) -> None:
    (project / "secret.yml").write_text("embedded: true\n")
    with pytest.raises(InputError, match="no environment"):
        load_environment("../secret", project)


def test_reference_and_schema_name_every_key() -> None:
    assert set(schema()["properties"]) == set(ENVIRONMENT)
    assert {line.split(":")[0].strip() for line in about()} >= {*ENVIRONMENT, "lock_timeout", "ephemeral", "retention"}
