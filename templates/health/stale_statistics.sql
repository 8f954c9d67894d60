{# Tables most of whose rows changed since they were analyzed. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    activity.n_mod_since_analyze as changed,
    activity.n_live_tup as live,
    pg_catalog.to_char(greatest(activity.last_analyze, activity.last_autoanalyze) at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as last
from pg_catalog.pg_class relation
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_stat_user_tables activity on activity.relid = relation.oid
where relation.relkind in ('r', 'm')
    and greatest(activity.last_analyze, activity.last_autoanalyze) is not null
    and greatest(activity.last_analyze, activity.last_autoanalyze) < pg_catalog.clock_timestamp() - pg_catalog.make_interval(mins => {{ minutes | literal }})
    and activity.n_mod_since_analyze > {{ rows | literal }}
    and activity.n_mod_since_analyze > 0.5 * activity.n_live_tup
    and {% include 'health/_own_schemas.sql' %}

order by activity.n_mod_since_analyze desc, 1
