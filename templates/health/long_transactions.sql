{# Transactions that hold back vacuum and keep locks: open long, or idle with one open. #}
select
    session.pid::text as object,
    coalesce(nullif(session.application_name, ''), 'no name') as application,
    coalesce(session.usename::text, '?') as role,
    session.state as state,
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - session.xact_start)::int as seconds
from pg_catalog.pg_stat_activity session
where session.backend_type = 'client backend'
    and session.pid <> pg_catalog.pg_backend_pid()
    and session.xact_start is not null
    and session.state <> 'disabled'
    and (
        session.state like 'idle in transaction%'
        and session.state_change < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => {{ idle | literal }})
        or session.xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => {{ long | literal }})
    )
order by session.xact_start
