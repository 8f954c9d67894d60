{# Tables with rows of which the planner knows nothing: it guesses. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(relation.oid)) as size
from pg_catalog.pg_class relation
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_stat_user_tables activity on activity.relid = relation.oid
where relation.relkind in ('r', 'm')
    and relation.relpersistence <> 't'
    and activity.last_analyze is null
    and activity.last_autoanalyze is null
    and (
        activity.n_live_tup >= {{ rows | literal }}
        or relation.relpages = 0 and pg_catalog.pg_relation_size(relation.oid) >= {{ bytes | literal }}
    )
    and {% include 'health/_own_schemas.sql' %}

    {# Statistics may be there although their time was forgotten; pg_stats shows those of tables that this role may read. #}
    and pg_catalog.has_table_privilege(relation.oid, 'SELECT')
    and not exists (
        select from pg_catalog.pg_stats study where study.schemaname = namespace.nspname and study.tablename = relation.relname
    )
order by pg_catalog.pg_relation_size(relation.oid) desc, 1
