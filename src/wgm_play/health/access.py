"""Checks of who may do what: functions with their owner's rights, privileges of everybody, roles that may too much.

In: nothing. Out: `CHECKS`.
"""

from __future__ import annotations

from wgm_play.health.model import INFO, WARNING, Check

CHECKS = (
    Check(
        "definer_functions",
        "SECURITY DEFINER functions that everybody may execute; a warning where the owner is a superuser",
        WARNING,
        "everybody may execute {object} with the rights of its owner {role}{power}",
        "REVOKE EXECUTE ON ROUTINE {object} FROM PUBLIC;  -- in the playbook: `grants: {{}}`, or who may",
        urgent=100,
    ),
    Check(
        "definer_search_path",
        "SECURITY DEFINER functions without a `search_path` of their own",
        WARNING,
        "{object} runs with the rights of {role} and finds its names in the schemas that its caller says",
        "ALTER ROUTINE {object} SET search_path = pg_catalog, pg_temp;"
        "  -- with the schemas it needs before pg_temp; in the playbook: `set: {{search_path: …}}`",
    ),
    Check(
        "public_create",
        "schemas in which everybody may create objects",
        WARNING,
        "everybody may create objects in the schema {object}{how}",
        "REVOKE CREATE ON SCHEMA {object} FROM PUBLIC;",
        urgent=100,
    ),
    Check(
        "public_writes",
        "tables and sequences that everybody may change",
        WARNING,
        "everybody may change the {what} {object} ({privileges})",
        "REVOKE {privileges} ON {statement}{object} FROM PUBLIC;",
    ),
    Check(
        "policies_switched_off",
        "tables with policies whose row security is not enabled",
        WARNING,
        "the row security policies of {object} ({number}) do not count: row security is not enabled",
        "ALTER TABLE {object} ENABLE ROW LEVEL SECURITY;  -- in the playbook: `row_level_security: true`",
    ),
    Check(
        "powerful_roles",
        "roles that log in and may do everything, or reach the server's files; a warning where they own tables",
        WARNING,
        "the role {object}, which can log in, {power}",
        "{mend}",
        urgent=100,
    ),
    Check(
        "unseen_sessions",
        "whether this role sees the sessions of others",
        INFO,
        "the role {object} may not look into {number} sessions of other roles: these were not checked",
        "GRANT pg_read_all_stats TO {object};",
    ),
    Check(
        "unseen_settings",
        "whether this role sees all settings",
        INFO,
        "the role {object} may not read all settings: which libraries are loaded was not checked",
        "GRANT pg_read_all_settings TO {object};",
    ),
    Check(
        "unseen_tables",
        "whether this role sees the statistics of all tables",
        INFO,
        "the role {object} may not read {number} tables: their statistics, bloat and keys were not checked",
        "GRANT SELECT ON ALL TABLES IN SCHEMA … TO {object};  -- or, from PostgreSQL 14, GRANT pg_read_all_data",
    ),
)
