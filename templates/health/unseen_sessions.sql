{# How many sessions of other roles this role may not look into (manual: "The Cumulative Statistics System"). #}
select
    current_user::text as object,
    pg_catalog.count(*)::int as number
from pg_catalog.pg_stat_activity session
where session.query = '<insufficient privilege>' and session.pid <> pg_catalog.pg_backend_pid()
having pg_catalog.count(*) > 0
