"""Reads a finished database back from its catalog, and tries its rules, triggers and functions.

In: a connection to a database that a playbook has finished, and its environment. Out: nothing, or an AssertionError.
What is written is rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import errors, sql
from psycopg.types.json import Jsonb
from wasteland_facts import (
    ALLOWED,
    COLUMNS,
    FOREIGN_KEYS,
    INDEXES,
    MATERIALIZED,
    NOT_RECORDED,
    RANGES,
    REGIONS,
    RETENTION,
    SAME_SESSION,
    SCENARIO,
    TABLES,
    TOUCHED,
    UNIQUE,
    region_id,
)

Connection = psycopg.Connection[Any]


def assert_wasteland(connection: Connection, environment: str) -> None:
    """Assert everything that the application's database must hold."""
    for check in CHECKS:
        run_check(check, connection, environment)


def run_check(check: Callable[[Connection, str], None], connection: Connection, environment: str) -> None:
    """Run one check in a transaction that is rolled back."""
    with connection.transaction(force_rollback=True):
        check(connection, environment)


@contextmanager
def refused(connection: Connection, *reasons: type[psycopg.Error]) -> Iterator[None]:
    """Expect that the server refuses what runs inside, for one of the reasons."""
    try:
        with connection.transaction(force_rollback=True):
            yield
    except reasons:
        return
    raise AssertionError(f"not refused as {' or '.join(reason.__name__ for reason in reasons)}")


def insert(connection: Connection, table: str, **values: Any) -> UUID:
    """Insert a row and return its id; columns not given take what makes a valid row."""
    row = {**_valid(connection, table, values), **values}
    columns = sql.SQL(", ").join(map(sql.Identifier, row))
    found = connection.execute(
        sql.SQL("INSERT INTO public.{} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table), columns, sql.SQL(", ").join([sql.Placeholder()] * len(row))
        ),
        [Jsonb(value) if isinstance(value, (dict, list)) else value for value in row.values()],
    ).fetchone()
    assert found is not None
    return UUID(str(found[0]))


def _valid(connection: Connection, table: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that a row of a table cannot do without; the rows referred to are made."""
    parents = {
        column: insert(connection, parent)
        for (child, column), (parent, _) in FOREIGN_KEYS.items()
        if child == table and column not in given and not COLUMNS[table][column].endswith("?")
    }
    plain: dict[str, dict[str, Any]] = {
        "users": {"username": f"u_{uuid4().hex[:20]}", "password": "$2b$10$"},
        "sessions": {"name": "Evening", "creator_mode": "road"},
        "nodes": {"type": "item", "name": "Rope"},
        "connections": {"type": "spatial"},
        "timeline_events": {"name": "Dawn", "phase": "hook", "order_index": 1, "creator_mode": "road"},
        "scenarios": {"title": "A world", "main_idea": "A world without rain"},
        "regions": {"name": "Harbour", "type": "city"},
        "scenario_npcs": {"name": "Someone", "role": "guard"},
        "scenario_quests": {"title": "Water", "description": "Bring it"},
        "environmental_conditions": {"name": "Wind", "description": "Dust"},
        "player_characters": {"name": "Max", "character_class": "scout"},
        "session_players": {"permissions": {"read": True}},
    }
    return {**parents, **plain.get(table, {})}


def row_of(connection: Connection, table: str, identity: UUID) -> Any:
    """Return a row as JSON, or None."""
    found = connection.execute(
        sql.SQL("SELECT to_jsonb(t) FROM public.{} AS t WHERE id = %s").format(sql.Identifier(table)), [identity]
    ).fetchone()
    return found and found[0]


# The catalog ----------------------------------------------------------------------------------------------------


def columns_are_those_declared(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT c.relname, a.attname,
            pg_catalog.format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN '' ELSE '?' END
            || coalesce(' = ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'audit\\_%'
            AND NOT starts_with(a.attname::text, 'wgm_trash_')
        ORDER BY c.relname, a.attnum
        """
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, words in rows:
        found.setdefault(table, {})[column] = words
    assert found == COLUMNS


def every_table_has_its_key_and_is_clustered_on_it(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT c.relname, pg_catalog.pg_get_constraintdef(k.oid), i.indisclustered
        FROM pg_catalog.pg_constraint AS k
        JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
        JOIN pg_catalog.pg_index AS i ON i.indexrelid = k.conindid
        WHERE k.contype = 'p' AND c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'audit\\_%'
        """
    ).fetchall()
    assert {row[0]: row[1:] for row in rows} == {table: ("PRIMARY KEY (id)", True) for table in TABLES}


def foreign_keys_are_those_declared(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT
            k.conrelid::regclass::text, a.attname, k.confrelid::regclass::text,
            k.confdeltype::text, k.confupdtype::text, k.convalidated
        FROM pg_catalog.pg_constraint AS k
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND pg_catalog.cardinality(k.conkey) = 1
        """
    ).fetchall()
    assert sorted(rows) == sorted((t, c, p, action, "a", True) for (t, c), (p, action) in FOREIGN_KEYS.items())


def what_belongs_together_is_of_one_session(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT k.conrelid::regclass::text, k.condeferred, k.convalidated, (
            SELECT array_agg(a.attname::text ORDER BY n.place)
            FROM unnest(k.conkey) WITH ORDINALITY AS n (attnum, place)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.attnum
        )
        FROM pg_catalog.pg_constraint AS k
        WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND pg_catalog.cardinality(k.conkey) > 1
        """
    ).fetchall()
    assert {(table, tuple(columns)) for table, _, _, columns in rows} == SAME_SESSION
    assert {row[1:3] for row in rows} == {(True, True)}
    one, other = insert(connection, "sessions"), insert(connection, "sessions")
    here, there = insert(connection, "nodes", session_id=one), insert(connection, "nodes", session_id=other)
    with refused(connection, errors.ForeignKeyViolation):
        insert(connection, "connections", session_id=one, from_node_id=here, to_node_id=there)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with refused(connection, errors.ForeignKeyViolation):
        insert(connection, "timeline_events", session_id=one, node_id=there)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    event = insert(connection, "timeline_events", session_id=one, node_id=here)
    connection.execute("DELETE FROM public.nodes WHERE id = %s", [here])
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.execute("SET CONSTRAINTS ALL DEFERRED")
    assert row_of(connection, "timeline_events", event)["node_id"] is None


def unique_constraints_are_those_declared(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT k.conrelid::regclass::text, k.condeferrable, k.condeferred, (
            SELECT array_agg(a.attname::text ORDER BY n.place)
            FROM unnest(k.conkey) WITH ORDINALITY AS n (attnum, place)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = n.attnum
        )
        FROM pg_catalog.pg_constraint AS k
        WHERE k.contype = 'u' AND k.connamespace = 'public'::regnamespace
        """
    ).fetchall()
    assert {(table, tuple(columns)): (able, deferred) for table, able, deferred, columns in rows} == UNIQUE


def indexes_are_there(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT c.relname, pg_catalog.split_part(pg_catalog.pg_get_indexdef(i.indexrelid), ' USING ', 2)
        FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
        WHERE c.relnamespace = 'public'::regnamespace AND i.indisvalid
        """
    ).fetchall()
    assert INDEXES - set(rows) == set()


def an_index_stands_behind_every_foreign_key(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT k.conrelid::regclass::text, k.conname FROM pg_catalog.pg_constraint AS k
        WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_index AS i
            WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1] AND i.indpred IS NULL AND i.indisvalid
        )
        """
    ).fetchall()
    assert rows == []


def every_table_says_what_it_is(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT relname FROM pg_catalog.pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm')
            AND pg_catalog.obj_description(oid, 'pg_class') IS NULL
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = pg_class.oid AND d.deptype = 'e')
        """
    ).fetchall()
    assert rows == []


# Rules ----------------------------------------------------------------------------------------------------------


def only_allowed_values_are_accepted(connection: Connection, environment: str) -> None:
    for (table, column), words in ALLOWED.items():
        for value in words.split():
            with connection.transaction(force_rollback=True):
                insert(connection, table, **{column: value})
        for value in ("anything else", ""):
            with refused(connection, errors.CheckViolation):
                insert(connection, table, **{column: value})


def ranges_and_lengths_hold_at_their_edges(connection: Connection, environment: str) -> None:
    for (table, column), (right, wrong) in RANGES.items():
        for value in right:
            with connection.transaction(force_rollback=True):
                insert(connection, table, **{column: value})
        for value in wrong:
            with refused(connection, errors.CheckViolation):
                insert(connection, table, **{column: value})


def what_may_not_be_missing_is_refused(connection: Connection, environment: str) -> None:
    for table, columns in COLUMNS.items():
        for column, words in columns.items():
            if not words.split(" = ")[0].endswith("?"):
                with refused(connection, errors.NotNullViolation):
                    insert(connection, table, **{column: None})


def a_connection_leads_to_another_element_once(connection: Connection, environment: str) -> None:
    one, other = insert(connection, "nodes"), insert(connection, "nodes")
    with refused(connection, errors.CheckViolation):
        insert(connection, "connections", from_node_id=one, to_node_id=one)
    insert(connection, "connections", from_node_id=one, to_node_id=other, type="spatial")
    insert(connection, "connections", from_node_id=one, to_node_id=other, type="temporal")
    insert(connection, "connections", from_node_id=other, to_node_id=one, type="spatial")
    with refused(connection, errors.UniqueViolation):
        insert(connection, "connections", from_node_id=one, to_node_id=other, type="spatial")


def a_session_can_be_reordered_in_one_transaction(connection: Connection, environment: str) -> None:
    session = insert(connection, "sessions")
    first = insert(connection, "timeline_events", session_id=session, order_index=0)
    second = insert(connection, "timeline_events", session_id=session, order_index=1)
    move = "UPDATE public.timeline_events SET order_index = %s WHERE id = %s"
    connection.execute(move, [1, first])
    connection.execute(move, [0, second])
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.execute("SET CONSTRAINTS ALL DEFERRED")
    with refused(connection, errors.UniqueViolation):
        connection.execute(move, [1, second])
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


def what_hangs_on_a_row_follows_it(connection: Connection, environment: str) -> None:
    user = insert(connection, "users")
    session = insert(connection, "sessions", user_id=user)
    node = insert(connection, "nodes", session_id=session)
    other = insert(connection, "nodes", session_id=session)
    insert(connection, "connections", session_id=session, from_node_id=node, to_node_id=other)
    event = insert(connection, "timeline_events", session_id=session, node_id=node)
    character = insert(connection, "player_characters", session_id=session, user_id=user)
    connection.execute("DELETE FROM public.nodes WHERE id = %s", [node])
    assert row_of(connection, "timeline_events", event)["node_id"] is None
    connection.execute("DELETE FROM public.users WHERE id = %s", [user])
    assert row_of(connection, "sessions", session)["user_id"] is None
    connection.execute("DELETE FROM public.sessions WHERE id = %s", [session])
    assert row_of(connection, "nodes", other) is None and row_of(connection, "timeline_events", event) is None
    kept = row_of(connection, "player_characters", character)
    assert kept["session_id"] is None and kept["user_id"] is None


def a_scenario_keeps_its_author(connection: Connection, environment: str) -> None:
    user = insert(connection, "users")
    insert(connection, "scenarios", user_id=user)
    with refused(connection, errors.ForeignKeyViolation):
        connection.execute("DELETE FROM public.users WHERE id = %s", [user])


def long_descriptions_are_not_refused(connection: Connection, environment: str) -> None:
    # Not compressible, so that no index could hold it as a whole.
    text = "".join(uuid4().hex for _ in range(400))
    for table, columns in COLUMNS.items():
        if "description" in columns and table != "nodes":
            insert(connection, table, description=text)


# Triggers and functions -----------------------------------------------------------------------------------------


def updated_at_follows_a_change_and_nothing_else(connection: Connection, environment: str) -> None:
    past = "2000-01-01 00:00:00+00"
    for table in TOUCHED:
        row = insert(connection, table, updated_at=past)
        name = sql.Identifier(table)
        read = sql.SQL("SELECT updated_at = now(), updated_at = %s FROM public.{} WHERE id = %s").format(name)
        connection.execute(sql.SQL("UPDATE public.{} SET created_at = created_at WHERE id = %s").format(name), [row])
        assert connection.execute(read, [past, row]).fetchone() == (False, True), table
        connection.execute(sql.SQL("UPDATE public.{} SET created_at = %s WHERE id = %s").format(name), [past, row])
        assert connection.execute(read, [past, row]).fetchone() == (True, False), table


def every_change_is_recorded_and_can_be_taken_back(connection: Connection, environment: str) -> None:
    connection.execute("SET LOCAL wasteland.user_id = 'selma'")
    for table in TABLES:
        name = sql.Identifier(table)
        stamp = next(column for column in COLUMNS[table] if column in ("created_at", "occurred_at", "joined_at"))
        row = insert(connection, table)
        first = row_of(connection, table, row)
        change = sql.SQL("UPDATE public.{} SET {} = %s WHERE id = %s").format(name, sql.Identifier(stamp))
        connection.execute(change, ["2001-02-03 04:05:06.789+00", row])
        changed = row_of(connection, table, row)
        connection.execute(sql.SQL("DELETE FROM public.{} WHERE id = %s").format(name), [row])
        entries = connection.execute(
            "SELECT id, operation, old_row, new_row, changed_columns, changed_by = session_user, acting_user "
            "FROM public.audit_log WHERE table_name = %s AND row_id = %s ORDER BY id",
            [table, row],
        ).fetchall()
        differs = {name for name in first if first[name] != changed[name]}
        assert [entry[1:4] for entry in entries] == [
            ("INSERT", None, recorded(table, first)),
            ("UPDATE", {name: first[name] for name in differs}, {name: changed[name] for name in differs}),
            ("DELETE", recorded(table, changed), None),
        ]
        assert entries[1][4] == sorted(differs) and differs <= {stamp, "updated_at"} and stamp in differs
        assert [entry[5:] for entry in entries] == [(True, "selma")] * 3
        for entry, wanted in zip(reversed(entries), (changed, first, None), strict=True):
            connection.execute("SELECT public.restore_audited_row(%s)", [entry[0]])
            found = row_of(connection, table, row)
            assert (found and recorded(table, found)) == (wanted and recorded(table, wanted)), (table, entry[1])
            assert not found or set(found) == set(first)


def recorded(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return what the audit keeps of a row."""
    return {
        name: value
        for name, value in row.items()
        if (table, name) not in NOT_RECORDED and not name.startswith("wgm_trash_")
    }


def passwords_and_heartbeats_are_not_recorded(connection: Connection, environment: str) -> None:
    user, player = insert(connection, "users", password="the hash"), insert(connection, "session_players")
    connection.execute("UPDATE public.users SET password = 'the next hash' WHERE id = %s", [user])
    connection.execute("UPDATE public.users SET updated_at = updated_at WHERE id = %s", [user])
    for _ in range(3):
        connection.execute(
            "UPDATE public.session_players SET last_active = clock_timestamp(), is_online = true WHERE id = %s",
            [player],
        )
    connection.execute("DELETE FROM public.users WHERE id = %s", [user])
    entries = connection.execute(
        "SELECT operation, old_row::text, new_row::text FROM public.audit_log WHERE row_id IN (%s, %s) ORDER BY id",
        [user, player],
    ).fetchall()
    assert not any("hash" in str(entry) or "last_active" in str(entry) for entry in entries)
    assert [entry[0] for entry in entries if "UPDATE" not in entry] == ["INSERT", "INSERT", "DELETE"]
    connection.execute("SELECT public.restore_audited_row(max(id)) FROM public.audit_log WHERE row_id = %s", [user])
    assert row_of(connection, "users", user)["password"] == "*"  # no hash is like that: it has to be set again


def a_heartbeat_stays_on_its_page(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
        WHERE a.attname IN ('updated_at', 'last_active')
        """
    ).fetchall()
    assert rows == []


def a_whole_transaction_can_be_taken_back(connection: Connection, environment: str) -> None:
    user = insert(connection, "users")
    session = insert(connection, "sessions", user_id=user)
    node, other = insert(connection, "nodes", session_id=session), insert(connection, "nodes", session_id=session)
    connected = insert(connection, "connections", session_id=session, from_node_id=node, to_node_id=other)
    kept = {
        name: row_of(connection, name, row)
        for name, row in (("sessions", session), ("nodes", node), ("connections", connected))
    }
    # What was done so far counts as an earlier transaction.
    connection.execute("UPDATE public.audit_log SET transaction_id = '1' WHERE transaction_id = pg_current_xact_id()")
    connection.execute("UPDATE public.nodes SET name = 'Another' WHERE id = %s", [node])
    connection.execute("DELETE FROM public.sessions WHERE id = %s", [session])
    new = insert(connection, "sessions")
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.execute("SET CONSTRAINTS ALL DEFERRED")
    found = connection.execute("SELECT public.restore_audited_transaction(pg_current_xact_id())").fetchone()
    assert found is not None and found[0] >= 6
    for name, row in kept.items():
        assert row_of(connection, name, UUID(row["id"])) == row
    assert row_of(connection, "sessions", new) is None
    with refused(connection, errors.NoDataFound):
        connection.execute("SELECT public.restore_audited_transaction('2')")


def a_row_is_put_back_under_the_new_name_of_its_column(connection: Connection, environment: str) -> None:
    row = insert(connection, "scenario_quests", rewards="Water")
    connection.execute("UPDATE public.scenario_quests SET rewards = 'Sand' WHERE id = %s", [row])
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.execute("ALTER TABLE public.scenario_quests RENAME rewards TO pay")
    connection.execute("ALTER TABLE public.scenario_quests RENAME pay TO reward")
    connection.execute(
        "INSERT INTO public.audit_renames VALUES ('scenario_quests', 'rewards', 'pay'), ('scenario_quests', 'pay', 'reward')"
    )
    connection.execute("SELECT public.restore_audited_row(max(id)) FROM public.audit_log WHERE row_id = %s", [row])
    assert row_of(connection, "scenario_quests", row)["reward"] == "Water"
    connection.execute("ALTER TABLE public.scenario_quests RENAME reward TO rewards")


def nobody_else_may_write_the_history(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT p.proname FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace
            AND (p.prosecdef OR p.proname ~ '^(restore|cleanup|expire|record)_')
            AND pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')
        """
    ).fetchall()
    assert rows == []
    with connection.transaction(force_rollback=True):
        connection.execute("CREATE SCHEMA elsewhere")
        connection.execute("CREATE TABLE elsewhere.users (id uuid, username text)")
        connection.execute(
            "CREATE TRIGGER forge AFTER INSERT ON elsewhere.users FOR EACH ROW EXECUTE FUNCTION public.record_change()"
        )
        with refused(connection, errors.InsufficientPrivilege):
            connection.execute("INSERT INTO elsewhere.users VALUES (gen_random_uuid(), 'forged')")


def the_oldest_entries_go_by_themselves(connection: Connection, environment: str) -> None:
    old = insert(connection, "nodes")
    connection.execute("UPDATE public.audit_log SET changed_at = '2000-01-01' WHERE row_id = %s", [old])
    connection.execute(
        "INSERT INTO public.audit_log (id, operation, table_name, row_id) OVERRIDING SYSTEM VALUE "
        "VALUES (1000000000, 'DELETE', 'nodes', gen_random_uuid())"
    )
    left = connection.execute("SELECT count(*) FROM public.audit_log WHERE row_id = %s", [old]).fetchone()
    assert left == (0,)


def phases_and_priorities_have_their_order(connection: Connection, environment: str) -> None:
    for function, words in (
        ("phase_number", ALLOWED["timeline_events", "phase"].split()),
        ("priority_number", ALLOWED["scenario_quests", "priority"].split()),
    ):
        text = sql.SQL("SELECT array_agg(w ORDER BY {}(w)) FROM unnest(%s::text[]) AS w").format(
            sql.Identifier(function)
        )
        assert connection.execute(text, [sorted(words)]).fetchone() == (words,)


def those_who_use_it_have_the_least_they_need(connection: Connection, environment: str) -> None:
    if not connection.execute("SELECT FROM pg_roles WHERE rolname = 'application'").rowcount:
        return  # who ran the playbook may make no roles
    rows = connection.execute(
        """
        SELECT t, r, array_agg(p ORDER BY p) FILTER (WHERE pg_catalog.has_table_privilege(r, t, p))
        FROM unnest(%s::text[]) AS t, unnest(ARRAY['application', 'monitor']) AS r,
            unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p
        GROUP BY t, r
        """,
        [[*(f"public.{table}" for table in TABLES), "public.audit_log"]],
    ).fetchall()
    for table, role, privileges in rows:
        wanted = ["DELETE", "INSERT", "SELECT", "UPDATE"] if role == "application" and "audit" not in table else None
        assert privileges == wanted, (table, role)
    for column, readable in (("updated_at", True), ("name", False)):
        found = connection.execute("SELECT has_column_privilege('monitor', 'public.sessions', %s, 'SELECT')", [column])
        assert found.fetchone() == (readable,), column


def an_update_that_changes_nothing_is_not_recorded(connection: Connection, environment: str) -> None:
    row = insert(connection, "nodes")
    connection.execute("UPDATE public.nodes SET name = name WHERE id = %s", [row])
    count = connection.execute("SELECT count(*) FROM public.audit_log WHERE row_id = %s", [row]).fetchone()
    assert count == (1,)


def a_truncated_row_can_be_put_back(connection: Connection, environment: str) -> None:
    row = insert(connection, "scenario_quests", title="L'eau")
    before = row_of(connection, "scenario_quests", row)
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.execute("TRUNCATE public.scenario_quests")
    connection.execute(
        "SELECT public.restore_audited_row(id) FROM public.audit_log WHERE row_id = %s AND operation = 'DELETE'", [row]
    )
    assert row_of(connection, "scenario_quests", row) == before


def an_entry_that_is_not_there_is_refused(connection: Connection, environment: str) -> None:
    with refused(connection, errors.NoDataFound):
        connection.execute("SELECT public.restore_audited_row(-1)")


def the_audit_log_is_kept_for_its_retention(connection: Connection, environment: str) -> None:
    assert connection.execute(
        "SELECT public.audit_retention() = %s::interval", [RETENTION[environment]]
    ).fetchone() == (True,)
    old, young = insert(connection, "nodes"), insert(connection, "nodes")
    connection.execute(
        "UPDATE public.audit_log SET changed_at = now() - public.audit_retention() - interval '1 s' WHERE row_id = %s",
        [old],
    )
    connection.execute(
        "UPDATE public.audit_log SET changed_at = now() - public.audit_retention() + interval '1 s' WHERE row_id = %s",
        [young],
    )
    assert connection.execute("SELECT public.cleanup_audit_log()").fetchone() == (1,)
    left = connection.execute("SELECT row_id FROM public.audit_log WHERE row_id IN (%s, %s)", [old, young]).fetchall()
    assert left == [(young,)]
    assert connection.execute("SELECT public.cleanup_audit_log('0') >= 0").fetchone() == (True,)
    with refused(connection, errors.InvalidParameterValue):
        connection.execute("SELECT public.cleanup_audit_log('-1 day')")


def an_npc_keeps_what_was_entered(connection: Connection, environment: str) -> None:
    defaults = {"strength": 5, "agility": 5, "intelligence": 5, "charisma": 5}
    cases: list[tuple[Any, Any]] = [
        ({}, {"stats": defaults}),
        ({"stats": {"strength": 9}, "mood": "grim"}, {"stats": {**defaults, "strength": 9}, "mood": "grim"}),
        ({"stats": {**defaults, "luck": 1}}, {"stats": {**defaults, "luck": 1}}),
        ({"stats": None}, {"stats": None}),
        ({"stats": "unknown"}, {"stats": "unknown"}),
        ([1], [1]),
    ]
    for given, wanted in cases:
        row = insert(connection, "nodes", type="npc", properties=given)
        assert row_of(connection, "nodes", row)["properties"] == wanted
        connection.execute("UPDATE public.nodes SET x = x + 1 WHERE id = %s", [row])
        assert row_of(connection, "nodes", row)["properties"] == wanted
    row = insert(connection, "nodes", type="item", properties={"weight": 1})
    assert row_of(connection, "nodes", row)["properties"] == {"weight": 1}


def statistics_of_the_tables_are_told(connection: Connection, environment: str) -> None:
    rows = connection.execute("SELECT table_name FROM public.collect_database_stats()").fetchall()
    assert {table for (table,) in rows} >= {*TABLES, "audit_log"}


def functions_do_not_follow_the_callers_search_path(connection: Connection, environment: str) -> None:
    rows = connection.execute(
        """
        SELECT p.proname, p.prosecdef, p.proconfig FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
        """
    ).fetchall()
    assert {name for name, _, _ in rows} >= {
        "touch_updated_at",
        "record_change",
        "record_truncate",
        "restore_audited_row",
        "cleanup_audit_log",
        "enrich_node_properties",
        "collect_database_stats",
        "refresh_materialized_views",
    }
    for name, definer, settings in rows:
        paths = [setting for setting in settings or [] if setting.startswith("search_path=")]
        assert paths or name in ("audit_retention", "phase_number", "priority_number"), name
        # A temporary table of the caller must not stand before ours.
        assert not definer or paths == ["search_path=pg_catalog, pg_temp"], name


# Views ----------------------------------------------------------------------------------------------------------


def aggregations_have_rows_and_can_be_renewed_while_they_are_read(connection: Connection, environment: str) -> None:
    for view, table in MATERIALIZED.items():
        names = sql.Identifier(view), sql.Identifier(table)
        count = sql.SQL("SELECT (SELECT count(*) FROM public.{}), (SELECT count(*) FROM public.{})").format(*names)
        held, wanted = connection.execute(count).fetchone() or (None, None)
        assert held == wanted, f"{view} was not renewed after the last change"
    session = insert(connection, "sessions")
    scenario = insert(connection, "scenarios")
    for index, completion in enumerate(["completed", "skipped", "pending", "pending"]):
        insert(connection, "timeline_events", session_id=session, order_index=index, completion=completion, duration=30)
    insert(connection, "nodes", session_id=session, type="npc")
    insert(connection, "regions", scenario_id=scenario, population=7, threat_level=4)
    insert(connection, "scenario_quests", scenario_id=scenario, status="active")
    connection.execute("SELECT public.refresh_materialized_views()")
    progress = connection.execute(
        "SELECT events, completed_events, skipped_events, pending_events, percent_done, completed_minutes, nodes, "
        "npcs, connections FROM public.session_progress WHERE session_id = %s",
        [session],
    ).fetchone()
    assert progress == (4, 1, 1, 2, 50, 30, 1, 1, 0)
    overview = connection.execute(
        "SELECT regions, population, highest_threat, npcs, quests, active_quests FROM public.scenario_overview "
        "WHERE scenario_id = %s",
        [scenario],
    ).fetchone()
    assert overview == (1, 7, 4, 0, 1, 1)


def views_show_what_is_under_way(connection: Connection, environment: str) -> None:
    session, over = insert(connection, "sessions"), insert(connection, "sessions", current_phase=4)
    user = insert(connection, "users")
    for each in (session, over):
        insert(connection, "session_players", session_id=each, user_id=user)
    active = connection.execute(
        "SELECT session_id FROM public.active_session_players WHERE session_id IN (%s, %s)", [session, over]
    ).fetchall()
    assert active == [(session,)]
    for index, minutes in enumerate([20, 30]):
        insert(connection, "timeline_events", session_id=session, order_index=index, duration=minutes)
    timeline = connection.execute(
        "SELECT order_index, minutes_until_end FROM public.session_timeline WHERE session_id = %s ORDER BY order_index",
        [session],
    ).fetchall()
    assert timeline == [(0, 20), (1, 50)]
    insert(connection, "scenario_quests", title="Won", status="completed")
    quest = insert(connection, "scenario_quests", title="Open")
    found = connection.execute("SELECT quest_id FROM public.open_quests WHERE title IN ('Won', 'Open')").fetchall()
    assert (quest,) in found and len(found) == 1


# Rows and settings ----------------------------------------------------------------------------------------------


def the_ten_city_states_are_there(connection: Connection, environment: str) -> None:
    scenario = connection.execute(
        "SELECT id::text, title, status, length(main_idea) > 100, user_id FROM public.scenarios WHERE id = %s",
        [SCENARIO[0]],
    ).fetchone()
    assert scenario == (*SCENARIO, True, None)
    rows = connection.execute(
        "SELECT id::text, name, controlling_faction, type, population, threat_level, political_stance, resources "
        "FROM public.regions WHERE scenario_id = %s ORDER BY id",
        [SCENARIO[0]],
    ).fetchall()
    assert rows == [(region_id(number), *region) for number, region in enumerate(REGIONS, 1)]


def development_has_rows_in_every_table(connection: Connection, environment: str) -> None:
    for table in TABLES:
        found = connection.execute(
            sql.SQL("SELECT count(*) FROM public.{} WHERE id::text NOT LIKE '550e8400%%'").format(sql.Identifier(table))
        ).fetchone()
        assert environment != "development" or (found and found[0] > 0), table


def the_database_watches_its_queries(connection: Connection, environment: str) -> None:
    found = connection.execute(
        """
        SELECT s.setconfig, r.rolsuper
        FROM pg_catalog.pg_roles AS r
        LEFT JOIN pg_catalog.pg_db_role_setting AS s ON s.setrole = 0
            AND s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        WHERE r.rolname = session_user
        """
    ).fetchone()
    assert found is not None
    settings = dict(setting.split("=", 1) for setting in found[0] or [])
    wanted = {"TimeZone": "UTC", "idle_in_transaction_session_timeout": "10min"}
    if found[1]:
        wanted |= {"log_min_duration_statement": "250ms", "log_lock_waits": "on", "track_io_timing": "on"}
    if environment == "development":
        wanted |= {"idle_in_transaction_session_timeout": "1h"}
        wanted |= {"log_min_duration_statement": "100ms"} if found[1] else {}
    assert {name.lower(): value for name, value in settings.items()} == {
        name.lower(): value for name, value in wanted.items()
    }


def query_statistics_are_there_where_the_server_has_them(connection: Connection, environment: str) -> None:
    found = connection.execute(
        "SELECT installed_version IS NOT NULL FROM pg_catalog.pg_available_extensions WHERE name = 'pg_stat_statements'"
    ).fetchone()
    assert found in (None, (True,))


CHECKS: tuple[Callable[[Connection, str], None], ...] = (
    columns_are_those_declared,
    every_table_has_its_key_and_is_clustered_on_it,
    foreign_keys_are_those_declared,
    what_belongs_together_is_of_one_session,
    unique_constraints_are_those_declared,
    indexes_are_there,
    an_index_stands_behind_every_foreign_key,
    every_table_says_what_it_is,
    only_allowed_values_are_accepted,
    ranges_and_lengths_hold_at_their_edges,
    what_may_not_be_missing_is_refused,
    a_connection_leads_to_another_element_once,
    a_session_can_be_reordered_in_one_transaction,
    what_hangs_on_a_row_follows_it,
    a_scenario_keeps_its_author,
    long_descriptions_are_not_refused,
    updated_at_follows_a_change_and_nothing_else,
    every_change_is_recorded_and_can_be_taken_back,
    passwords_and_heartbeats_are_not_recorded,
    a_heartbeat_stays_on_its_page,
    a_whole_transaction_can_be_taken_back,
    a_row_is_put_back_under_the_new_name_of_its_column,
    nobody_else_may_write_the_history,
    the_oldest_entries_go_by_themselves,
    phases_and_priorities_have_their_order,
    those_who_use_it_have_the_least_they_need,
    an_update_that_changes_nothing_is_not_recorded,
    a_truncated_row_can_be_put_back,
    an_entry_that_is_not_there_is_refused,
    the_audit_log_is_kept_for_its_retention,
    an_npc_keeps_what_was_entered,
    statistics_of_the_tables_are_told,
    functions_do_not_follow_the_callers_search_path,
    aggregations_have_rows_and_can_be_renewed_while_they_are_read,
    views_show_what_is_under_way,
    the_ten_city_states_are_there,
    development_has_rows_in_every_table,
    the_database_watches_its_queries,
    query_statistics_are_there_where_the_server_has_them,
)
