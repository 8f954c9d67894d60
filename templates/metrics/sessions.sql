{# How many sessions there are of each kind and state; a role that may not see them counts them with no state. #}
select
    coalesce(session.backend_type, 'hidden') as kind,
    coalesce(session.state, 'none') as state,
    pg_catalog.count(*) as sessions
from pg_catalog.pg_stat_activity session
group by 1, 2
order by 3 desc
limit 50
