"""Edits of the shipped playbooks: the plan has the operations that a DBA would write, and every edit can be taken back.

In: copies of the project's playbooks, one database that development.yml has finished, copied for each edit. Out: the
titles of the operations, a second run without changes, and after rollback the catalog, the dump and the rows of before.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from laws import Listener, Project, State, state
from psycopg import sql

from fix_postgres import Postgres

ROOT = Path(__file__).parents[2]
TABLES, INDEXES = "schema/001_initial_schema.yml", "schema/002_add_indexes.yml"
RULES, TRIGGERS = "schema/003_add_constraints.yml", "schema/004_add_triggers.yml"
VIEWS, SETTINGS, DATA = "schema/005_add_views.yml", "schema/006_monitor_queries.yml", "seed/test_data.yml"
FROM_DRIZZLE, ROLES = "schema/000_from_drizzle.yml", "schema/007_roles.yml"
# Rows that follow from others: what was recorded of a change stays recorded when it is taken back.
DERIVED = {"public.audit_log", "public.audit_log_id_seq"}


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit of playbooks: in `file`, `old` becomes `new` (at the end where `old` is empty); `operations` follow."""

    name: str
    file: str
    old: str
    new: str
    operations: tuple[str, ...]
    more: tuple[tuple[str, str, str], ...] = field(default=())


QUEST_REWARDS = "      rewards:      text\n"
EDITS = [
    Edit("add a column", TABLES, QUEST_REWARDS, QUEST_REWARDS + "      deadline:     {type: timestamptz, comment: In the game}\n", ("add column scenario_quests.deadline",)),
    Edit("add a column that every row must have", TABLES, QUEST_REWARDS, QUEST_REWARDS + "      xp:           {type: integer, not_null: true, default: 10, check: xp >= 0}\n", ("add column scenario_quests.xp", "add check scenario_quests.scenario_quests_xp_check")),
    Edit("widen a column", TABLES, "      population:          integer\n", "      population:          bigint\n", ("drop materialized view scenario_overview", "change the type of column regions.population from integer to bigint", "create materialized view scenario_overview", "create index scenario_overview_scenario_idx", "run Refresh the aggregations")),
    Edit(
        "rename a column", TABLES, "      background:      text\n", "      origins:         {type: text, renamed_from: background}\n", ("rename column player_characters.background to origins",),
        more=((DATA, "background: ", "origins: "),),
    ),
    Edit(
        "drop a column", TABLES, "      requirements: text\n", "      requirements: {state: absent}\n", ("move column scenario_quests.requirements to the trash",),
        more=((DATA, ', requirements: "A vehicle, or a lot of water"', ""),),
    ),
    Edit("add an allowed value", TABLES, "one_of: [chaos, continuity]", "one_of: [chaos, continuity, silence]", ("replace check sessions.sessions_ai_mode_check",)),
    Edit("remove an allowed value", TABLES, "one_of: [alive, dead, missing, unknown, suppressed]", "one_of: [alive, dead, missing, unknown]", ("replace check scenario_npcs.scenario_npcs_status_check",)),
    Edit("change a default", TABLES, "level:           {type: integer, not_null: true, default: 1}", "level:           {type: integer, not_null: true, default: 2}", ("set the default of column player_characters.level to 2",)),
    Edit("allow NULL", TABLES, "strength:     {type: integer, not_null: true, default: 1}", "strength:     {type: integer, default: 1}", ("allow NULL in column connections.strength",), more=((FROM_DRIZZLE, "      strength: {backfill: 1}\n", ""),)),
    Edit("forbid NULL", TABLES, "      controlling_faction: text\n", "      controlling_faction: {type: text, not_null: true, backfill: \"''\"}\n", ("fill column regions.controlling_faction where it is NULL", "forbid NULL in column regions.controlling_faction", "change 2 rows of table regions", "run Refresh the aggregations"),
         more=((DATA, "description: \"A harbour three kilometres from the sea.\"", "controlling_faction: Us, description: \"A harbour three kilometres from the sea.\""),
               (DATA, "description: \"Nobody lives here twice.\"", "controlling_faction: Us, description: \"Nobody lives here twice.\""))),
    Edit("change what happens to rows that refer", TABLES, "      user_id:       {type: uuid, references: users(id), on_delete: set null}", "      user_id:       {type: uuid, references: users(id), on_delete: cascade}", ("replace foreign key sessions.sessions_user_id_fkey",)),
    Edit("comment on a column", TABLES, "duration:         {type: text, comment: \"In the game master's words: three days, until the rain\"}", "duration:         {type: text, comment: How long it lasts}", ("comment on column environmental_conditions.duration",)),
    Edit("change a rule", RULES, "level between 1 and 20", "level between 1 and 30", ("replace check player_characters.player_characters_level_range",)),
    Edit("make a pair of columns unique", RULES, "      regions_threat_range:", "      regions_name_unique:      {unique: [scenario_id, name]}\n      regions_threat_range:", ("add unique regions.regions_name_unique",)),
    Edit("add an index", INDEXES, "", "- name: By faction\n  index: {name: scenario_npcs_faction_idx, table: scenario_npcs, columns: [faction]}\n", ("create index scenario_npcs_faction_idx",)),
    Edit("remove an index", INDEXES, "- name: Quests done\n  index: {name: scenario_quests_completed_idx, table: scenario_quests, columns: [scenario_id], where: status = 'completed'}\n", "- name: Quests done\n  index: {name: scenario_quests_completed_idx, table: scenario_quests}\n  state: absent\n", ("drop index scenario_quests_completed_idx",)),
    Edit("change an index's columns", INDEXES, "columns: [session_id, type]}", "columns: [session_id, type, name]}", ("replace index nodes_session_type_idx",)),
    Edit("change a partial index's predicate", INDEXES, "where: current_phase < 4", "where: current_phase < 3", ("replace index sessions_running_idx",)),
    Edit("change a function's body", TRIGGERS, "", "- name: A quicker function\n  function: {name: audit_retention, returns: interval, language: sql, body: \"select interval '8 days'\", volatility: immutable, comment: How long entries of audit_log are kept}\n", ("replace function audit_retention()",)),
    Edit("change when a trigger runs", TRIGGERS, "when: old.* is distinct from new.*", "when: old.updated_at is not distinct from new.updated_at", ("replace trigger users.touch_updated_at", "replace trigger sessions.touch_updated_at", "replace trigger scenarios.touch_updated_at", "replace trigger player_characters.touch_updated_at")),
    Edit("change a view below another view", VIEWS, "where s.current_phase < 4\n", "where s.current_phase < 3\n", ("replace view active_sessions",)),
    Edit("take a column from a view below another view", VIEWS, "s.creator_mode, s.current_phase, s.ai_mode, s.updated_at", "s.current_phase, s.updated_at", ("drop view active_session_players", "drop view active_sessions", "create view active_sessions", "create view active_session_players")),
    Edit("change a seed row", DATA, "Dry for thirty years, and freshly painted.", "Dry for forty years, and freshly painted.", ("change 1 row of table nodes", "run Refresh the aggregations")),
    Edit("change a setting", SETTINGS, 'log_lock_waits, value: "on"', 'log_lock_waits, value: "off"', ("set database log_lock_waits to off",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def prepared(server: Postgres) -> Iterator[tuple[str, Path]]:
    """A database that development.yml has finished, and the project that did it."""
    name = server.create_database()
    with tempfile.TemporaryDirectory(prefix="wgm edits ") as folder:
        Path(folder).chmod(0o755)
        project = Path(folder) / "project"
        for part in ("playbooks", "environments"):
            shutil.copytree(ROOT / part, project / part)
        _play(project, server.url(name)).apply()
        yield name, project
    server.drop_database(name)


def _play(project: Path, url: str) -> Project:
    return Project(project, url, playbook="playbooks/development.yml")


@pytest.fixture
def book(prepared: tuple[str, Path], server: Postgres, project: Path) -> Iterator[Project]:
    """A copy of both: CREATE DATABASE … TEMPLATE copies all but the database's settings."""
    origin, folder = prepared
    shutil.copytree(folder, project, dirs_exist_ok=True)
    name = f"{origin}_copy"
    with server.connect() as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(origin)))
        row = admin.execute(
            "SELECT setconfig FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase WHERE datname = %s",
            [origin],
        ).fetchone()
        for pair in row[0] if row else ():
            parameter, _, value = pair.partition("=")
            admin.execute(
                sql.SQL("ALTER DATABASE {} SET {} TO {}").format(
                    sql.Identifier(name), sql.Identifier(parameter), sql.Literal(value)
                )
            )
    yield _play(project, server.url(name))
    server.drop_database(name)


def change(book: Project, file: str, old: str, new: str) -> None:
    """Edit a playbook; what is replaced must be there."""
    path = book.folder / "playbooks" / file
    text = path.read_text()
    assert old in text, f"{file} does not say {old!r}"
    path.write_text(text.replace(old, new) if old else text + "\n" + new)


def titles(said: Listener) -> tuple[str, ...]:
    return tuple(operation.title for operation in said.operations)


def lasting(found: State) -> State:
    """Return a state without the rows that follow from others."""
    return State(found.catalog, found.dump, {name: rows for name, rows in found.rows.items() if name not in DERIVED})


@pytest.mark.share(3)
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_edit_does_what_a_dba_would_write_and_can_be_taken_back(edit: Edit, book: Project) -> None:
    start = lasting(state(book.url))
    for file, old, new in ((edit.file, edit.old, edit.new), *edit.more):
        change(book, file, old, new)
    assert titles(book.apply()) == edit.operations
    again = book.apply()
    assert (again.changed, titles(again)) == (0, ())
    book.rollback()
    assert start.differences(lasting(state(book.url))) == []


def test_table_is_dropped_with_what_leans_on_it_and_comes_back_with_its_rows(book: Project) -> None:
    start = lasting(state(book.url))
    for file in (INDEXES, TRIGGERS, ROLES):
        path = book.folder / "playbooks" / file
        text = path.read_text().replace(", environmental_conditions]", "]")
        path.write_text(
            "".join(line for line in text.splitlines(keepends=True) if "environmental_conditions" not in line)
        )
    without_step(book, TABLES, "Weather, radiation and what else the land does to people")
    without_step(book, FROM_DRIZZLE, "name: environmental_conditions\n")
    without_step(book, DATA, "    table: environmental_conditions\n")
    change(book, TABLES, "", "- name: No weather\n  table: {name: environmental_conditions}\n  state: absent\n")
    overview = book.folder / "templates/wasteland/scenario_overview.sql.j2"
    overview.parent.mkdir(parents=True)
    text = (ROOT / "templates/wasteland/scenario_overview.sql.j2").read_text()
    overview.write_text(text.replace("public.environmental_conditions", "public.regions"))
    assert titles(book.apply()) == (
        "drop materialized view scenario_overview",
        "create materialized view scenario_overview",
        "create index scenario_overview_scenario_idx",
        "move table environmental_conditions to the trash",
        "run Refresh the aggregations",
    )
    assert titles(book.apply()) == ()
    book.rollback()
    assert start.differences(lasting(state(book.url))) == []


def without_step(book: Project, file: str, words: str) -> None:
    """Take the step that holds some words out of a file."""
    path = book.folder / "playbooks" / file
    steps = re.split(r"^(?=- name: )", path.read_text(), flags=re.MULTILINE)
    assert sum(words in step for step in steps) == 1
    path.write_text("".join(step for step in steps if words not in step))


def test_step_edited_in_place_and_step_appended_lead_to_the_same_database(
    book: Project, new_database: Callable[..., str], tmp_path: Path
) -> None:
    other = _play(tmp_path / "other", new_database())
    shutil.copytree(book.folder, other.folder)
    change(book, TABLES, QUEST_REWARDS, QUEST_REWARDS + "      deadline:     timestamptz\n")
    change(book, TABLES, "one_of: [chaos, continuity]", "one_of: [chaos, continuity, silence]")
    book.apply()
    appended = """
- name: Quests end
  table: {name: scenario_quests, columns: {deadline: timestamptz}}
- name: The master may be silent
  table: {name: sessions, columns: {ai_mode: {one_of: [chaos, continuity, silence]}}}
"""
    change(other, RULES, "", appended)
    other.apply()
    assert state(book.url).catalog == state(other.url).catalog
    for one in (book, other):
        with psycopg.connect(one.url) as connection:
            assert connection.execute("SELECT count(*) FROM scenario_quests").fetchone()
