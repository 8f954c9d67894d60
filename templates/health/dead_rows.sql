{# Tables in which vacuum leaves many dead rows. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    activity.n_dead_tup as dead,
    (100 * activity.n_dead_tup / (activity.n_live_tup + activity.n_dead_tup))::int as percent,
    coalesce(
        pg_catalog.to_char(greatest(activity.last_vacuum, activity.last_autovacuum) at time zone 'UTC', '"last vacuum "YYYY-MM-DD HH24:MI'),
        'never vacuumed'
    ) as last
from pg_catalog.pg_class relation
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_stat_user_tables activity on activity.relid = relation.oid
where activity.n_dead_tup > {{ rows | literal }}
    and activity.n_dead_tup > 0.4 * (activity.n_live_tup + activity.n_dead_tup)
    and {% include 'health/_own_schemas.sql' %}

order by activity.n_dead_tup desc, 1
