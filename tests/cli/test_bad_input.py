"""Bad input through the real command: one clear message at its line and column, the next thing to type, the right exit
code, nothing touched; and never a traceback or a password.

Each case of `PLAYBOOKS` is a list of steps in which `@@` marks the character that the message must point to.
"""

from __future__ import annotations

import os
import re
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from real_command import Command

import fix_postgres
from fix_postgres import Postgres
from wgm_play.backup import target
from wgm_play.catalog import introspect
from wgm_play.catalog.model import digest
from wgm_play.cli.application import run
from wgm_play.errors import InputError

USERS = """
- name: Users
  table:
    name: users
    columns:
      id: {type: bigint, primary_key: true}
      name: {type: text, not_null: true}
"""
FUNCTION = """
- name: Count
  function:
    name: f
    returns: bigint
    language: %s
    body: |
%s
"""


@dataclass(frozen=True)
class Bad:
    """A playbook with an error. `said` are fragments of the message, `live` SQL that is run on the database before.

    `versions` are those of PostgreSQL whose grammar has it.
    """

    steps: str
    said: tuple[str, ...]
    live: str = ""
    head: str = ""
    tail: str = ""
    words: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    code: int = 1
    errors: int = 1
    versions: str = ">=13"


def body(language: str, text: str) -> str:
    return USERS + FUNCTION % (language, textwrap.indent(textwrap.dedent(text).strip("\n"), " " * 6))


PLAYBOOKS: dict[str, Bad] = {
    # Roles that nobody made
    "grant to no role": Bad(
        USERS + "    grants: {@@nobody_here: [select]}\n", ("there is no role 'nobody_here'", "declare it in a step before")
    ),
    "member of a misspelled role": Bad(
        "- {name: A, membership: {role: @@pg_monitr, member: postgres}}",
        ("there is no role 'pg_monitr'", "did you mean 'pg_monitor'?"),
    ),
    "owner that is no role": Bad(
        "- {name: A, schema: {name: s, owner: @@nobody_here}}", ("give schema s to nobody_here: there is no role",)
    ),
    "policy for no role": Bad(
        USERS + "- {name: P, policy: {name: p, table: users, to: [@@nobody_here], using: 'true'}}",
        ("create policy users.p: there is no role 'nobody_here'",),
    ),
    "setting for no role": Bad(
        "- {name: A, setting: {on: @@role nobody_here, name: work_mem, value: 8MB}}", ("there is no role 'nobody_here'",)
    ),
    "privileges by default for no role": Bad(
        "- {name: A, default_privileges: {role: postgres, objects: tables, to: @@nobody_here, privileges: [select]}}",
        ("there is no role 'nobody_here'",),
    ),
    "member of a role that goes": Bad(
        "- {name: A, role: {name: goes_here}, state: absent}\n- {name: B, membership: {role: @@goes_here, member: postgres}}",
        ("membership of postgres in goes_here names the role 'goes_here', which is to go", "keep the role"),
        live="do $$ begin create role goes_here; exception when duplicate_object then null; end $$",
    ),
    # Files and YAML
    "YAML syntax": Bad("- name: A\n  table: {name: t, columns: {a: int, check: x in ('a','b'@@)}}", ("YAML syntax",)),
    "duplicate key": Bad("- name: A\n  sql: {text: select 1}\n  @@name: B", ("duplicate key 'name'", "keep one")),
    "unknown key": Bad("- name: A\n  table:\n    name: t\n    @@colums: {a: int}", ("'colums'", "did you mean 'columns'?")),
    "wrong type": Bad("- name: A\n  table: {name: t, columns: @@[a, b]}", ("'columns'", "mapping")),
    "two kinds": Bad("- name: A\n  sql: {text: select 1}\n  @@view: {name: v, query: select 1}", ("two kinds",)),
    "import missing": Bad("- import_steps: @@schema/none.yml", ("schema/none.yml",)),
    "import cycle": Bad(
        "- import_steps: a.yml", ("import cycle",),
        files={"playbooks/a.yml": "- import_steps: b.yml\n", "playbooks/b.yml": "- import_steps: @@a.yml\n"},
    ),
    "import of bytes that are no UTF-8": Bad(
        "- import_steps: latin.yml", ("UTF-8",), files={"playbooks/latin.yml": "- name: caf@@\udce9\n"}
    ),
    "import of a folder": Bad("- import_steps: @@.", ("a folder",)),
    # Variables and templates
    "unknown variable": Bad("- name: A\n  view: {name: v, query: @@'select {{ nmae }}'}", ("'nmae'",)),
    "Jinja syntax": Bad("- name: A\n  view: {name: v, query: @@'select {{ a +'}", ("Jinja",)),
    "template missing": Bad("- name: A\n  view: {name: v, template: @@views/none.sql.j2}", ("views/none.sql.j2",)),
    "template outside its root": Bad("- name: A\n  view: {name: v, template: @@../../etc/passwd}", ("../../etc/passwd",)),
    "name over 63 bytes": Bad(f"- name: A\n  table: {{name: @@{'é' * 32}, columns: {{a: int}}}}", ("64 bytes", "63")),
    "constraint name over 63 bytes": Bad(
        f"- name: A\n  table:\n    name: t\n    columns: {{a: int}}\n    constraints:\n      @@{'c' * 64}: {{check: a > 0}}",
        ("64 bytes",),
    ),
    # What PostgreSQL finds, in the shadow
    "foreign key to nothing": Bad(
        USERS + "- name: O\n  table: {name: o, columns: {u: {type: bigint, references: @@userz(id)}}}",
        ('"public.userz" does not exist', "did you mean 'users'?"),
    ),
    "foreign key to a live table's missing column": Bad(
        "- name: O\n  table: {name: o, columns: {u: {type: bigint, references: @@accounts(idd)}}}",
        ('"idd"', "did you mean 'id'?"), live="create table accounts (id bigint primary key)",
    ),
    "index on a missing column": Bad(
        USERS + "- name: I\n  index: {name: i, table: users, columns: [@@nmae]}", ("'nmae'", "did you mean 'name'?")
    ),
    "index on a missing column of a live table": Bad(
        "- name: I\n  index: {name: i, table: accounts, columns: [@@emali]}", ('"emali"', "did you mean 'email'?"),
        live="create table accounts (email text)",
    ),
    "index on a missing table": Bad(
        "- name: I\n  index: {name: i, table: @@acounts, columns: [email]}", ('"public.acounts"', "did you mean 'accounts'?"),
        live="create table accounts (email text)",
    ),
    "check that ends too soon": Bad(
        "- name: O\n  table: {name: o, columns: {n: {type: int, check: n >@@}}}", ("syntax error at the end of 'n >'",)
    ),
    "check that does not parse": Bad(
        '- name: O\n  table: {name: o, columns: {n: {type: int, check: "n = @@= 1"}}}', ('syntax error at or near "="',)
    ),
    "check of a missing column": Bad(
        "- name: O\n  table: {name: o, columns: {n: int}, constraints: {o_m: {check: @@m > 0}}}", ('"m" does not exist',)
    ),
    "type that does not exist": Bad(
        "- name: O\n  table: {name: o, columns: {n: @@bigintt}}", ('type "bigintt"', "did you mean 'bigint'?")
    ),
    "default of another type": Bad(
        """- name: O\n  table: {name: o, columns: {n: {type: int, default: "@@'abc'"}}}""", ('type integer: "abc"',)
    ),
    "default that is a bare word": Bad(
        "- name: E\n  enum: {name: mood, values: [calm, wild]}\n- name: O\n  table: {name: o, columns: {m: {type: mood, default: @@calm}}}",
        ("quotes of its own: default: \"'calm'\"",),
    ),
    "default that is a bare word, of a table that others need": Bad(
        "- name: O\n  table: {name: o, columns: {id: {type: int, primary_key: true}, m: {type: text, default: @@calm}}, comment: x}\n"
        "- name: P\n  table: {name: p, columns: {o: {type: int, references: o(id)}}}\n"
        "- name: I\n  index: {name: i, table: o, columns: [m]}",
        ("default: \"'calm'\"",),
    ),
    "default of braces": Bad(
        "- name: O\n  table: {name: o, columns: {m: {type: \"text[]\", default: '@@{}'}}, comment: x}", ("default: \"'{}'\"",)
    ),
    "default of two bare words": Bad(
        "- name: O\n  table: {name: o, columns: {m: {type: text, default: so @@calm}}}", ("default: \"'so calm'\"",)
    ),
    "default that is a bare date": Bad(
        "- name: O\n  table: {name: o, columns: {@@m: {type: date, default: 2024-01-31}}}", ("default: \"'2024-01-31'\"",)
    ),
    "check of a bare word": Bad(
        "- name: O\n  table: {name: o, columns: {m: {type: text, check: m = @@wild}}}", ("a text has quotes of its own: 'wild'",)
    ),
    "foreign key of another type": Bad(
        USERS + "- name: O\n  table: {name: o, columns: {u: {type: text, references: @@users(id)}}}",
        ("give 'u' the type bigint, that of 'id'",),
    ),
    "type of another database": Bad("- name: O\n  table: {name: o, columns: {n: @@datetime}}", ("write type: timestamptz",)),
    "type of an extension": Bad("- name: O\n  table: {name: o, columns: {n: @@geometry}}", ("extension: {name: postgis}",)),
    "a step needs what another removes": Bad(
        "- name: Gone\n  table: {name: old, state: absent}\n- name: V\n  view: {name: v, query: select * from @@old}",
        ('"old" does not exist', "is removed at playbooks/shop.yml:"),
    ),
    "view over a missing column": Bad(
        USERS + "- name: V\n  view: {name: v, query: 'select id, @@nmae from users'}", ('"nmae"', "users.name")
    ),
    "view that does not parse": Bad(
        USERS + "- name: V\n  view:\n    name: v\n    query: |\n      select id\n      form @@users", ('near "users"',)
    ),
    "template of a view over a missing column": Bad(
        USERS + "- name: V\n  view: {name: v, template: v.sql.j2}", ('"nmae"',),
        files={"templates/v.sql.j2": "select id,\n       @@nmae\n  from users\n"},
    ),
    "trigger with a missing function": Bad(
        USERS + "- name: T\n  trigger: {table: users, name: t, timing: before, events: [update], function: @@touch}",
        ("touch() does not exist",),
    ),
    "cycle of two views": Bad(
        "- name: A\n  view: {name: a, query: select * from @@b}\n- name: B\n  view: {name: b, query: select * from a}",
        ("dependency cycle", "view a and view b", "view b at playbooks/shop.yml:6:"),
    ),
    "cycle of three views": Bad(
        "- name: A\n  view: {name: a, query: select * from @@b}\n- name: B\n  view: {name: b, query: select * from c}\n"
        "- name: C\n  view: {name: c, query: select * from a}", ("view a, view b and view c need one another",),
    ),
    "cycle of two functions": Bad(
        "- name: F\n  function: {name: f, returns: int, language: sql, body: begin atomic select @@g(); end}\n"
        "- name: G\n  function: {name: g, returns: int, language: sql, body: begin atomic select f(); end}",
        ("dependency cycle", "function f() and function g()"), versions=">=14",
    ),
    "cycle of a view and a function": Bad(
        "- name: F\n  function: {name: f, returns: bigint, language: sql, body: begin atomic select count(*) from @@v; end}\n"
        "- name: V\n  view: {name: v, query: select f() as n}", ("dependency cycle", "function f() and view v"),
        versions=">=14",
    ),
    "plpgsql body with a missing table": Bad(
        body("plpgsql", "begin\n  return (select count(*)\n    @@from userz);\nend"), ("line 4 of its body", '"userz"')
    ),
    "plpgsql body with a missing column": Bad(
        body("plpgsql", "begin\n  @@return (select max(idd) from users);\nend"), ("line 3 of its body", '"idd"', "users.id")
    ),
    "plpgsql body that does not parse": Bad(body("plpgsql", "begin\n  @@retrun 1;\nend"), ('near "retrun"',)),
    "SQL body with a quote that is not closed": Bad(body("sql", "select 'a"), ("unterminated quoted string",)),
    "SQL body with a missing table": Bad(body("sql", "select count(*)\n  @@from userz"), ('"userz"', '"users"')),
    "setting that does not exist": Bad(
        "- name: S\n  setting: {name: @@log_min_duration_statment, value: 1s}", ("did you mean 'log_min_duration_statement'?",)
    ),
    "setting with a wrong value": Bad("- name: S\n  setting: {name: work_mem, value: @@much}", ('"work_mem": "much"',)),
    "extension that the server has not": Bad("- @@name: E\n  extension: {name: pg_nothing}", ('"pg_nothing"',)),
    # Imperative SQL, queries
    "sql step with DDL": Bad(
        USERS + "- name: S\n  sql:\n    irreversible: true\n    text: |\n      delete from users;\n      @@create index i on users (id)",
        ("CREATE INDEX is declared with the kind `index`", "wgm-play doc index"),
    ),
    "sql step over a missing column": Bad(
        USERS + "- name: S\n  sql:\n    irreversible: true\n    text: |\n      update users\n         set @@nmae = ''", ('"nmae"',)
    ),
    "sql step whose down does not parse": Bad(
        USERS + "- name: S\n  sql: {text: delete from users, down: @@inser into users}", ('near "inser"',)
    ),
    "assert that does not parse": Bad("- name: S\n  assert: {query: select * @@frm users}", ('near "frm"',)),
    "invariant that does not parse": Bad(
        USERS, ('near "selec"',), head="  invariants:\n    - {name: I, query: @@selec 1}\n"
    ),
    "alert over a missing column": Bad(
        USERS, ("alert 'A'", '"nmae"'),
        tail="  alerts:\n    - name: A\n      query: select count(@@nmae) as value from users\n      threshold: '> 1'\n",
    ),
    "alert with a wrong threshold": Bad(
        USERS, ("'about 1'", '"> 100"'),
        tail="  alerts:\n    - name: A\n      query: select 1 as value\n      threshold: @@about 1\n",
    ),
    # Rows
    "seed rows that break constraints": Bad(
        USERS.replace("not_null: true", "not_null: true, check: length(name) > 3") + "- name: R\n  seed:\n    table: users\n"
        "    key: [id]\n    rows:\n      - {id: 1, name: Long}\n      - {id: 2, name: @@Bob}\n      - {id: 3, name: null}\n"
        "      - {id: x, name: Long}\n", ("users_name_check", "not-null", 'bigint: "x"', "3 errors"), errors=3,
    ),
    "seed row that refers to nothing": Bad(
        USERS + "- name: O\n  table: {name: o, columns: {id: {type: int, primary_key: true}, u: {type: bigint, references: users(id)}}}\n"
        "- name: R\n  seed: {table: users, key: [id], rows: [{id: 1, name: A}]}\n"
        "- name: S\n  seed:\n    table: o\n    key: [id]\n    rows:\n      - {id: 1, u: 1}\n      - {id: 2, u: 9}\n      - {id: 3, u: @@5}\n",
        ("u = 5",), live="create table users (id bigint primary key, name text not null); insert into users values (9, 'x')",
    ),
    "seed with an unknown column": Bad(
        USERS + "- name: R\n  seed: {table: users, key: [id], rows: [{id: 1, @@nmae: A}]}", ("'nmae'", "did you mean 'name'?")
    ),
    "setting of the whole server": Bad("- name: A\n  setting: {name: @@shared_buffers, value: 1GB}", ("postgresql.conf",)),
    "bad value of a setting that is not shown": Bad(
        "- name: A\n  no_log: true\n  setting: {name: work_mem, value: @@lots}", ("invalid value for parameter 'work_mem'\n",)
    ),
    "seed of a missing table": Bad(
        USERS + "- name: A\n  seed: {table: @@user, key: [id], rows: [{id: 1}]}", ("no table user to put rows into",)
    ),
    "seed by a missing column": Bad(
        USERS + "- name: A\n  seed:\n    table: users\n    key: [id, @@nick]\n    rows: [{id: 1, nick: a}]",
        ("'users' has no column 'nick'", "it has: id, name"),
    ),
    # The command line and the environment
    "unknown tag": Bad(USERS + "  tags: [tables]\n", ("'tabels'", "'tables'"), words=("-t", "tabels")),
    "unknown step": Bad(USERS, ("'Userz'", "did you mean 'Users'?"), words=("--start-at-step", "Userz")),
    "missing environment variable": Bad(
        USERS, ("WGM_NO_SUCH_URL", "export WGM_NO_SUCH_URL="),
        files={"environments/shop.yml": 'url: @@"{{ env.WGM_NO_SUCH_URL }}"\n'},
    ),
    "unknown key of an environment": Bad(
        USERS, ("did you mean 'lock_timeout'?",),
        files={"environments/shop.yml": 'url: "{{ env.SHOP_URL }}"\npolicy:\n  @@lock_timout: 1s\n'},
    ),
    # Refused: nothing was touched
    "suspected rename": Bad(
        USERS.replace("      name:", "      @@full_name:"), ("is it renamed?", "renamed_from: name"), code=11,
        live="create table users (id bigint primary key, name text not null)",
    ),
    "unsaid removal": Bad(
        USERS, ("column users.password", "state: absent", "--allow-destructive"), code=11,
        live="create table users (id bigint primary key, name text not null, password bytea)",
    ),
    "data that break a constraint to be added": Bad(
        USERS.replace("not_null: true", "not_null: true, check: length(name) > 3"), ("id=7", "name=Bob"), code=11,
        live="create table users (id bigint primary key, name text); insert into users values (7, 'Bob'), (8, 'Alice')",
    ),
    "data that break a foreign key to be added": Bad(
        "- name: A\n  table: {name: a, columns: {id: {type: int, primary_key: true}}}\n"
        "- name: B\n  table: {name: b, columns: {a: {type: int, references: a(id)}}}\n", ("a=5",), code=11,
        live="create table a (id int primary key); create table b (a int); insert into b values (5)",
    ),
}  # fmt: skip


class Shop:
    """A project whose playbook is `playbooks/shop.yml`, and its database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.write(
            "environments/shop.yml", 'url: "{{ env.SHOP_URL }}"\npolicy: {lock_timeout: 100ms, lock_budget: 500ms}\n'
        )

    def write(self, name: str, text: str) -> str | None:
        """Write a file without its marks; return the place that they mark."""
        place = None
        if "@@" in text:
            before = text.split("@@", maxsplit=1)[0]
            place = f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.replace("@@", "").encode("utf-8", "surrogateescape"))
        return place

    def playbook(self, steps: str, head: str = "", tail: str = "", hosts: str = "shop") -> str | None:
        """Write the playbook."""
        text = (
            f"- name: Shop\n  hosts: {hosts}\n{head}  steps:\n{textwrap.indent(steps.strip(chr(10)), '    ')}\n{tail}"
        )
        # Two lines of `steps` and four columns come before the first step.
        return self.write("playbooks/shop.yml", text)

    def state(self) -> tuple[str, list[Any]]:
        """Return a digest of the whole catalog, schemas too, and the rows of all tables."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("set search_path to ''")
            made = digest(introspect.read(connection).rows)
            tables = connection.execute(
                "select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = relnamespace"
                " where relkind = 'r' and nspname !~ '^(pg_|information)' order by 1"
            ).fetchall()
            rows = [
                connection.execute(f"select '{name}', t::text from {name} t order by 2").fetchall()
                for (name,) in tables
            ]
        return made, rows


@pytest.fixture
def shop(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_URL", database_url)
    return Shop(tmp_path, database_url)


Told = Callable[..., tuple[int, str]]


@pytest.fixture
def told(shop: Shop, capfd: pytest.CaptureFixture[str]) -> Told:
    """Run the command in this process; return exit code and what it said, which holds no traceback and no password."""

    def go(*words: str) -> tuple[int, str]:
        code = run(words or ("shop.yml",))
        out, err = capfd.readouterr()
        password = re.search(r":([^:@/]+)@", os.environ["SHOP_URL"])
        assert "Traceback" not in out + err and "internal error" not in err, err
        assert password is None or password.group(1) not in out + err
        return code, err

    return go


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_one_clear_message_and_nothing_touched(name: str, server: Postgres, shop: Shop, told: Told) -> None:
    bad = PLAYBOOKS[name]
    if not fix_postgres.fits(server.major, bad.versions):
        pytest.skip(f"needs PostgreSQL {bad.versions}")
    if bad.live:
        with psycopg.connect(shop.url, autocommit=True) as connection:
            connection.execute(bad.live)  # type: ignore[arg-type]
    before = shop.state()
    places = [
        shop.playbook(bad.steps, bad.head, bad.tail),
        *(shop.write(file, text) for file, text in bad.files.items()),
    ]
    code, said = told("shop.yml", *bad.words)
    assert code == bad.code, said
    for fragment in bad.said:
        assert fragment in said, said
    assert said.count("ERROR: ") == bad.errors, said
    assert "  → " in said, said
    for place in places:
        assert place is None or f"  {place}\n" in said, said
    assert shop.state() == before
    assert told("shop.yml", "--check", *bad.words)[0] == bad.code


def test_all_errors_of_a_playbook_are_told_at_once(shop: Shop, told: Told) -> None:
    shop.playbook(
        "- name: A\n  table:\n    name: t\n    colums: {a: int}\n"
        "- name: B\n  view: {name: v, query: 'select {{ nothing }}'}\n"
        "- import_steps: none.yml\n- import_steps: more.yml\n",
    )
    shop.write("playbooks/more.yml", "- name: C\n  sql: {text: select 1, donw: select 1}\n")
    code, said = told("shop.yml")
    assert code == 1
    for fragment in ("'colums'", "'nothing'", "none.yml", "'donw'", "4 errors"):
        assert fragment in said, said


def test_all_that_postgresql_refuses_is_told_at_once_without_consequences(shop: Shop, told: Told) -> None:
    shop.playbook(
        "- name: A\n  table: {name: t, columns: {a: bigintt}}\n"
        "- name: B\n  view: {name: v, query: select b from t}\n"
        "- name: C\n  view: {name: w, query: select 1 +}\n"
        "- name: D\n  view: {name: x, query: select * from w}\n",
    )
    code, said = told("shop.yml")
    assert code == 1
    assert "bigintt" in said and "syntax error" in said and "2 errors" in said, said


def test_what_no_log_hides_is_in_no_message(shop: Shop, told: Told) -> None:
    rules = USERS.replace("not_null: true", "not_null: true, check: length(name) > 30")
    rows = "- name: R\n  no_log: true\n  seed: {table: users, key: [id], rows: [{id: 1, name: s3cr3t-value}, {id: s3cr3t-id, name: x}]}\n"
    shop.playbook(rules + rows)
    code, said = told()
    assert (code, "s3cr3t" in said) == (1, False), said
    assert "playbooks/shop.yml:12:" in said and "users_name_check" in said, said
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute("create table users (id bigint primary key, name text not null)")
        connection.execute("insert into users values (1, 's3cr3t-value')")
    shop.playbook(rules.replace("- name: Users", "- name: Users\n  no_log: true"))
    code, said = told()
    assert (code, "s3cr3t" in said) == (11, False), said


def test_sql_that_changed_after_it_ran_is_refused(shop: Shop, told: Told) -> None:
    steps = USERS + "- name: Once\n  sql: {text: delete from users, irreversible: true}\n"
    shop.playbook(steps)
    assert told()[0] == 0
    before = shop.state()
    shop.playbook(steps.replace("delete from users", "delete from users where true"))
    code, said = told()
    assert code == 11
    assert "'Once' changed after it ran (run 1," in said and "`rerun: changed`" in said, said
    assert "playbooks/shop.yml:10:" in said, said
    assert shop.state() == before


def test_a_database_of_another_environment_is_refused(shop: Shop, told: Told) -> None:
    shop.playbook(USERS)
    assert told()[0] == 0
    shop.write("environments/other.yml", 'url: "{{ env.SHOP_URL }}"\n')
    shop.playbook(USERS.replace("id:", "more: text\n      id:"), hosts="other")
    before = shop.state()
    code, said = told()
    assert code == 11
    assert "'shop'" in said and "'other'" in said and "environments/other.yml" in said and "marker: shop" in said, said
    assert shop.state() == before


def test_a_plan_that_is_stale_is_refused(shop: Shop, told: Told) -> None:
    shop.playbook(USERS)
    assert told("shop.yml", "--check", "--save-plan", "plan.json")[0] == 0
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute("create table other (a int)")
    before = shop.state()
    code, said = told("shop.yml", "--plan", "plan.json")
    assert (code, "  → " in said) == (11, True), said
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute("drop table other")
    shop.playbook(USERS.replace("id:", "more: text\n      id:"))
    code, said = told("shop.yml", "--plan", "plan.json")
    assert (code, "  → " in said) == (11, True), said
    shop.write("broken.json", "{")
    code, said = told("shop.yml", "--plan", "broken.json")
    assert (code, "broken.json" in said, "  → " in said) == (1, True, True), said
    code, said = told("shop.yml", "--plan", "none.json")
    assert (code, "none.json" in said) == (1, True), said
    assert "wgm" not in str(before)


def test_a_plan_that_was_carried_out_is_not_run_again(shop: Shop, told: Told) -> None:
    shop.playbook(USERS)
    assert told("shop.yml", "--check", "--save-plan", "plan.json")[0] == 0
    assert told("shop.yml", "--plan", "plan.json")[0] == 0
    before = shop.state()
    code, said = told("shop.yml", "--plan", "plan.json")
    assert (code, "carried out already, by run 1" in said, "  → " in said) == (11, True, True), said
    assert shop.state() == before


def test_an_environment_that_does_not_exist_is_told_with_the_nearest(shop: Shop, told: Told) -> None:
    place = shop.playbook(USERS, hosts="@@shopp")
    code, said = told()
    assert code == 1
    assert "no environment 'shopp'" in said and f"  {place}\n" in said and "did you mean 'shop'?" in said, said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: re.sub(r":\d+/", ":1/", url), "nothing listens there"),
        (lambda url: re.sub(r":[^:@/]+@", ":wr0ng-word@", url), "wrong password for user 'postgres'"),
        (lambda url: url.replace("postgres:", "nobody_here:"), "nobody_here"),
        (lambda url: url.rsplit("/", 1)[0] + "/no_such_database", "there is no database 'no_such_database'"),
        (lambda url: url.replace("127.0.0.1", "no-such-host.invalid"), "no-such-host.invalid"),
    ],
    ids=["down", "password", "user", "database", "host"],
)
def test_a_server_out_of_reach_exits_4(
    change: Callable[[str], str], said: str, shop: Shop, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.playbook(USERS)
    monkeypatch.setenv("SHOP_URL", change(shop.url))
    code, message = told()
    assert code == 4
    assert said in message and "environments/shop.yml:1:6" in message and "  → " in message, message
    assert "wr0ng-word" not in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: re.sub(r":\d+/", ":99999/", url), 'port number: "99999" | a port is a number from 1 to 65535'),
        (lambda url: re.sub(r":\d+/", ":pg/", url), "its port is no number | a number from 1 to 65535"),
        (lambda url: url + "?sslmode=maybe", 'invalid sslmode value: "maybe" | correct it in the URL'),
        (lambda url: url + "?connect_timeout=soon", "bad value for connect_timeout: 'soon' | correct it in the URL"),
    ],
    ids=["port too large", "port no number", "sslmode", "connect_timeout"],
)
def test_a_url_that_names_no_possible_server_is_bad_input(
    change: Callable[[str], str], said: str, shop: Shop, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.playbook(USERS)
    monkeypatch.setenv("SHOP_URL", change(shop.url))
    code, message = told()
    assert code == 1, message
    for fragment in (*said.split(" | "), "this is no PostgreSQL URL", "environments/shop.yml:1:6"):
        assert fragment in message, message
    with pytest.raises(InputError, match="this is no PostgreSQL URL"):  # as `restore --into` connects
        target.connect(change(shop.url), "wgm-play")


@pytest.fixture
def stranger(server: Postgres, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A role that may connect to the shop's database and make nothing there; the shop's URL is its own."""
    name, password = server.create_role("LOGIN CREATEDB")
    database = shop.url.rsplit("/", 1)[1]
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute("revoke create on schema public from public")
    monkeypatch.setenv("SHOP_URL", server.url(database, name, password))
    yield name
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute(f"drop owned by {name}")
    server.drop_role(name)


def test_a_role_without_privileges_is_refused_before_the_first_change(stranger: str, shop: Shop, told: Told) -> None:
    shop.playbook(USERS)
    before = shop.state()
    code, said = told()
    assert code == 11, said
    assert "GRANT CREATE ON" in said and stranger in said and "  → " in said, said
    assert shop.state() == before


def test_a_role_that_may_not_alter_anothers_table_is_refused(stranger: str, shop: Shop, told: Told) -> None:
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute("create table users (id bigint primary key)")
        connection.execute(f"grant create on database {shop.url.rsplit('/', 1)[1]} to {stranger}")
        connection.execute(f"grant create on schema public to {stranger}")
    shop.playbook(USERS)
    before = shop.state()
    code, said = told()
    assert code == 11, said
    assert "users" in said and "postgres" in said and "  → " in said, said
    assert shop.state() == before


def test_another_run_in_progress_is_named(shop: Shop, told: Told) -> None:
    from wgm_play.environment import Policy
    from wgm_play.execute.guard import run_lock
    from wgm_play.server import connect_to

    shop.playbook(USERS)
    before = shop.state()
    with run_lock(lambda name: connect_to(shop.url, policy=Policy(), application_name=name)) as lock:
        code, said = told()
        assert code == 13
        assert f"pid {lock.pid}" in said and "since" in said and "wgm-play abort" in said, said
        assert shop.state() == before


def test_a_lock_that_is_not_to_be_had_names_who_holds_it(shop: Shop, told: Told) -> None:
    shop.playbook(USERS)
    assert told()[0] == 0
    shop.playbook(USERS.replace("id:", "more: text\n      id:"))
    with psycopg.connect(shop.url, application_name="billing") as blocker:
        blocker.execute("select count(*) from users")
        code, said = told()
        assert code == 13, said
        assert (
            f"pid {blocker.info.backend_pid}" in said and "billing" in said and "select count(*) from users" in said
        ), said
    assert told()[0] == 0


def test_ctrl_c_exits_130_and_leaves_nothing_half_done(shop: Shop) -> None:
    steps = USERS + "- name: Slow\n  sql: {text: select pg_sleep(30), irreversible: true}\n"
    shop.playbook(steps)
    command = Command(shop.folder)
    process = command.start("shop.yml")
    with psycopg.connect(shop.url, autocommit=True) as watch:
        until = time.monotonic() + 30
        while not watch.execute(
            "select 1 from pg_stat_activity where query like '%pg_sleep(30)%' and state = 'active' and pid <> pg_backend_pid()"
        ).fetchone():
            assert time.monotonic() < until and process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "Traceback" not in said and "resumes" in said, said
        assert watch.execute(
            "select count(*) from pg_stat_activity where query like '%pg_sleep(30)%' and state = 'active' and pid <> pg_backend_pid()"
        ).fetchone() == (0,)
    shop.playbook(steps.replace("pg_sleep(30)", "pg_sleep(0)"))
    assert command("shop.yml").returncode == 0
