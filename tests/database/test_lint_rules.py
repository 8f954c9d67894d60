"""Rules of a team: SQL over what a playbook declares, on a scratch server; findings at the lines; nothing else is reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from wgm_play.errors import InputError
from wgm_play.finding import Finding
from wgm_play.lint.command import LintOptions, lint

PLAY = """\
- name: Shop
  hosts: shop
  steps:
    - name: Camels
      table: {name: OrderLines, columns: {Id: {type: bigint, primary_key: true}, label: varchar}}
    - name: People
      table:
        name: people
        columns:
          id: {type: bigint, primary_key: true}
          created_at: timestamptz
          team: {type: bigint, references: teams(id)}
    - name: Teams
      table: {name: teams, columns: {id: {type: bigint, primary_key: true}}}  # wgm-play: ignore U02: it is from before that rule
    - name: A table that is called like a view of ours
      table: {name: tables, columns: {id: {type: bigint, primary_key: true}, created_at: timestamptz}}
    - name: Ids of people
      view: {name: ids, query: select id from people}
    - name: One more
      function: {name: more, arguments: n integer, returns: integer, language: sql, body: select n + 1}
"""
RULES = """\
url: postgresql://nobody@127.0.0.1:1/nowhere
lint:
  severity: {U03: warning, U05: "off"}
  rules:
    - {code: U01, query: "select object, name from tables where name !~ '^[a-z][a-z0-9_]*$'", message: "{name} is not in snake_case {nothing}"}
    - code: U02
      query: |
        select object from tables t
        where not exists (select from columns c where c.schema = t.schema and c."table" = t.name and c.name = 'created_at')
      message: "{object} has no created_at"
      remedy: "created_at: timestamptz"
    - {code: U03, query: "select object from columns where type = 'character varying'", message: no limit}
    - {code: U04, query: "select object, refers_to from constraints where type = 'foreign key'", message: "refers to {refers_to}"}
    - {code: U05, query: "select object from indexes", message: x}
    - {code: U06, severity: info, query: "select object from functions where language = 'sql' union all select object from views", message: seen}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "environments").mkdir()
    (tmp_path / "shop.yml").write_text(PLAY)
    (tmp_path / "environments" / "shop.yml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _own() -> list[Finding]:
    return [one for one in lint(LintOptions(["shop.yml"]))[0] if one.code.startswith("U")]


def test_what_breaks_a_rule_is_told_at_its_line(shop: Path) -> None:
    found = {(one.code, one.object): one for one in _own()}
    told = {key: (one.where.line if one.where else 0, one.severity) for key, one in found.items()}
    assert told == {
        ("U01", "public.OrderLines"): (5, "error"),
        ("U02", "public.OrderLines"): (5, "error"),
        ("U02", "public.teams"): (14, "error"),
        ("U03", "public.OrderLines.label"): (5, "warning"),
        ("U04", "public.people.people_team_fkey"): (8, "error"),
        ("U06", "public.more(n integer)"): (20, "info"),
        ("U06", "public.ids"): (18, "info"),
    }
    assert found["U01", "public.OrderLines"].message == "OrderLines is not in snake_case {nothing}"
    assert found["U04", "public.people.people_team_fkey"].message == "refers to public.teams"
    assert found["U02", "public.teams"].acknowledged == "it is from before that rule"


@pytest.mark.parametrize(
    ("query", "message", "place"),
    [
        ("delete from tables", "is not a query that only reads", "4:"),
        ("select object from tables; select 1", "one", "4:"),
        ("select name from tables", "yields no column `object`", "4:"),
        ("select object from tabels", 'relation "tabels" does not exist', "4:"),
        ("select nextval('s')::text as object from pg_sequence", None, ""),
        ("select pg_sleep(9)::text as object", None, ""),
        ("select pg_read_file('/etc/passwd') as object", None, ""),
        ("select lo_create(0)::text as object", None, ""),
        ("select pg_terminate_backend(pid)::text as object from pg_stat_activity", None, ""),
    ],
)
def test_a_rule_only_reads(shop: Path, query: str, message: str | None, place: str) -> None:
    rule = f'    - {{code: U01, query: "{query}", message: x}}\n'
    (shop / "environments" / "shop.yml").write_text(f"url: postgresql://x@127.0.0.1:1/y\nlint:\n  rules:\n{rule}")
    try:
        found = _own()
    except InputError as error:
        assert message is None or message in error.message
        assert not place or str(error.where).startswith(f"environments/shop.yml:{place}"), error.where
    else:
        # What PostgreSQL lets a role without rights ask of itself has no effect, and finds nothing of ours.
        assert message is None
        assert not [one for one in found if one.where and one.where.line == 0]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{code: C02, query: select 1, message: x}", "'C02' is no code of a rule"),
        ("{code: U01, message: x}", "no 'query'"),
        ("{code: U01, query: select 1, message: x, sql: y}", "no such key: 'sql'"),
        ("{code: U01, query: select 1, message: x, severity: bad}", "'bad' is no severity"),
        ("words", "a list of mappings"),
    ],
)
def test_a_rule_that_is_wrong_is_told_where_it_stands(shop: Path, rule: str, message: str) -> None:
    (shop / "environments" / "shop.yml").write_text(f"url: postgresql://x@y/z\nlint: {{rules: [{rule}]}}\n")
    with pytest.raises(InputError, match="lint: ") as error:
        _own()
    assert message in error.value.message
    assert error.value.where is not None and error.value.where.file == "environments/shop.yml"
