"""What the kinds declare is executed on a real server: the example of each kind, and a table of everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from wgm_play.environment import Environment
from wgm_play.errors import Position, Problems, WgmError
from wgm_play.playbook.expand import load_playbook
from wgm_play.playbook.fold import fold
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.model import Declarations
from wgm_play.reference.pages import more_examples

ENVIRONMENT = Environment("development", "", Position(""))

EVERYTHING = """
- name: A
  table:
    name: s.a
    columns:
      id: {type: bigint, identity: {generation: by_default, start: -5, min: -10, max: 100, cache: 2, cycle: true}}
      'Weird "name': {type: "numeric(10, 2)", default: -1, comment: "it's"}
      words: {type: text, collation: C, storage: external, statistics: 50, check: [words <> '', "words <> 'x'"]}
      twice: {type: bigint, generated: {expression: id * 2, stored: true}}
      span: {type: int4range}
      kind: {type: text, one_of: ["it's", b], not_null: true}
    primary_key: [id]
    unique: [[words, kind], {columns: [words], deferrable: true, initially: deferred}]
    check: length(words) < 10
    exclude: [{elements: [{column: span, with: "&&"}], method: gist, where: id > 0, deferrable: true}]
    with: {fillfactor: 70, autovacuum_enabled: false, toast.autovacuum_enabled: false}
    cluster_on: a_pkey
- name: The schema, after what needs it
  schema: s
- name: B
  table:
    name: b
    schema: s
    unlogged: true
    columns: {a: {type: bigint, references: s.a(id), on_delete: cascade, on_update: restrict, not_valid: true}, c: int}
    constraints:
      b_later: {foreign_key: [a, c], references: {table: s.pair, columns: [x, y]}, match: full, deferrable: true,
                initially: deferred, comment: Both}
      b_check: {check: c > 0, not_valid: true}
      b_inner: {check: c < 100, no_inherit: true}
      b_one: {unique: [c], include: [a]}
- name: Pair
  table: {name: s.pair, columns: {x: {type: bigint, primary_key: true}, y: {type: integer, primary_key: true}}}
- name: Owned
  sequence: {name: s.numbers, owned_by: s.pair.x, min: 1, max: 9, cycle: true}
- name: Search
  index: {name: a_words_idx, table: s.a, method: btree, unique: true, include: [kind], where: id > 0,
          columns: [{column: words, opclass: text_pattern_ops, collation: C, order: desc, nulls: last},
                    id asc nulls first]}
- name: Procedure in SQL
  procedure: {name: s.p, arguments: "a integer default 1, b text = 'x, y'", language: sql,
              body: "begin atomic select a, b; end"}
- name: Out
  function: {name: s.f,
             arguments: [{name: a, type: int}, {name: b, type: text, mode: out}, {name: c, type: int, mode: out}],
             body: "begin b := 'x $body$ y'; c := a; end", strict: true, parallel: safe, cost: 5,
             set: {search_path: "pg_catalog, pg_temp", work_mem: 8MB}, security_definer: true}
- name: Watch
  function: {name: s.watch, returns: trigger, body: "begin return null; end"}
- name: After
  trigger: {name: t, table: s.a, timing: after, events: [update, delete], level: statement,
            function: "s.watch('a', 'b')", referencing: {old_table: old_rows}, enabled: always}
"""
EVERYTHING = EVERYTHING.replace("  schema: s\n- name: B", "  schema: {name: s}\n- name: B").replace(
    "events: [update, delete]", "events: [delete]"
)


def folded(steps: str, folder: Path) -> Declarations:
    (folder / "environments").mkdir()
    indented = "".join(f"    {line}\n" for line in steps.strip().split("\n"))
    (folder / "book.yml").write_text(f"- name: P\n  hosts: development\n  steps:\n{indented}")
    return fold(load_playbook(folder / "book.yml", ENVIRONMENT).plays[0].steps)


def realise(wanted: Declarations, database: psycopg.Connection[Any]) -> None:
    """Run the declarations, schemas first; the shadow orders them by their dependencies."""
    order = sorted(wanted.declarations.values(), key=lambda one: one.key.kind not in ("schema", "extension"))
    for one in order:
        for statement in one.statements:
            database.execute(statement.sql)
    for one in order:
        for statement in one.late:
            database.execute(statement.sql)


# What a server must be made for: a provider of labels, pg_cron. They have tests of their own.
NOT_HERE = ("security_label", "cron_job", "partition_set")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NOT_HERE])
def test_the_example_of_a_kind_runs(kind: str, database: psycopg.Connection[Any], tmp_path: Path) -> None:
    runs(KINDS[kind].example, database, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_further_examples_of_a_kind_run(kind: str, new_database: Callable[..., str], tmp_path: Path) -> None:
    """Each by itself, in a transaction that is taken back: several make roles of the cluster."""
    further = more_examples(kind)
    assert len(further) >= 2
    with psycopg.connect(new_database()) as database:
        for number, example in enumerate(further):
            (tmp_path / str(number)).mkdir()
            if "(ICU)" in example.title and not has_icu(database):
                continue
            if kind in NOT_HERE:
                folded(example.text, tmp_path / str(number))
                continue
            try:
                runs(example.text, database, tmp_path / str(number))
            except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
                assert kind == "extension", "an extension that this server lacks"
            database.rollback()


def has_icu(database: psycopg.Connection[Any]) -> bool:
    return bool(database.execute("SELECT 1 FROM pg_collation WHERE collname = 'de-x-icu'").fetchall())


def runs(steps: str, database: psycopg.Connection[Any], folder: Path) -> None:
    """Realise what steps declare, run what they run."""
    wanted = folded(steps, folder)
    realise(wanted, database)
    for step in wanted.sqls:
        database.execute(step.text)
    for check in wanted.assertions:
        assert database.execute(check.query).fetchall() == []
    for seed in wanted.seeds:
        there = database.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass", [".".join(seed.table.name)]
        )
        assert {name for row in seed.rows for name in row.values} <= {name for (name,) in there}


@pytest.mark.pg(">=14")
def test_everything_that_a_table_can_say_is_there(database: psycopg.Connection[Any], tmp_path: Path) -> None:
    realise(folded(EVERYTHING, tmp_path), database)
    constraints = database.execute(
        "SELECT contype::text, count(*) FROM pg_constraint WHERE conrelid IN ('s.a'::regclass, 's.b'::regclass) "
        "AND contype <> 'n' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert constraints == [("c", 6), ("f", 2), ("p", 1), ("u", 3), ("x", 1)]
    (storage, target) = database.execute(
        "SELECT attstorage::text, attstattarget FROM pg_attribute "
        "WHERE attrelid = 's.a'::regclass AND attname = 'words'"
    ).fetchone() or (None, None)
    assert (storage, target) == ("e", 50)
    clustered = database.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indisclustered").fetchall()
    assert clustered == [("s.a_pkey",)]
    assert database.execute("SELECT tgenabled::text FROM pg_trigger WHERE tgname = 't'").fetchone() == ("A",)
    assert database.execute("SELECT * FROM s.f(3)").fetchone() == ("x $body$ y", 3)
    invalid = database.execute("SELECT conname FROM pg_constraint WHERE NOT convalidated ORDER BY 1").fetchall()
    assert invalid == [("b_a_fkey",), ("b_check",)]
    comment = database.execute(
        "SELECT description FROM pg_description WHERE description IN ('it''s', 'Both')"
    ).fetchall()
    assert len(comment) == 2


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("assert", "backfill", "seed", "sql")])
def test_what_goes_without_a_name_is_refused_at_its_line(kind: str, tmp_path: Path) -> None:
    with pytest.raises(WgmError) as caught:
        folded(f"- name: It goes\n  {kind}: {{}}\n  state: absent", tmp_path)
    problems = caught.value.problems if isinstance(caught.value, Problems) else [caught.value]
    assert all(one.where is not None and one.hint for one in problems)


def test_a_key_that_stands_beside_its_kind_is_said_to_belong_below(tmp_path: Path) -> None:
    with pytest.raises(WgmError) as caught:
        folded("- name: Run\n  sql: {up: select 1}\n  down: select 2", tmp_path)
    assert caught.value.hint == "it belongs below `sql:`, indented under it"
