{# Sessions that wait for a lock, and who holds it. #}
select
    session.pid::text as object,
    coalesce(nullif(session.application_name, ''), 'no name') as application,
    blocker.pid::text as blocker,
    coalesce(nullif(blocker.application_name, ''), 'no name') as blocker_application,
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - session.query_start)::int as seconds
from pg_catalog.pg_stat_activity session
cross join lateral pg_catalog.unnest(pg_catalog.pg_blocking_pids(session.pid)) as blocking(pid)
join pg_catalog.pg_stat_activity blocker on blocker.pid = blocking.pid
where session.wait_event_type = 'Lock'
    and session.query_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => {{ waiting | literal }})
order by session.query_start, blocker.pid
