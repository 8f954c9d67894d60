{# Standbys that are behind; who only receives WAL, as pg_receivewal and Barman do, replays none and is none. #}
select
    coalesce(nullif(replica.application_name, ''), replica.pid::text) as object,
    pg_catalog.date_part('epoch', replica.replay_lag)::int as seconds,
    replica.state as state
from pg_catalog.pg_stat_replication replica
where replica.replay_lsn is not null and replica.replay_lag > pg_catalog.make_interval(secs => {{ lag | literal }})
order by replica.replay_lag desc
