{# Indexes that no query has used for as long as the statistics count; those that hold a rule are used by it. #}
with counted as (
    select coalesce(
        (select own.stats_reset from pg_catalog.pg_stat_database own where own.datname = pg_catalog.current_database()),
        {# Where nobody reset them they count from the cluster's first start, or from its last crash. #}
        (select writer.stats_reset from pg_catalog.pg_stat_bgwriter writer)
    ) as since
)
select
    pg_catalog.format('%I.%I', used.schemaname, used.indexrelname) as object,
    pg_catalog.format('%I.%I', used.schemaname, used.relname) as relation,
    pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(used.indexrelid)) as size,
    pg_catalog.to_char(counted.since at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as since
from pg_catalog.pg_stat_user_indexes used
join pg_catalog.pg_index index on index.indexrelid = used.indexrelid
join pg_catalog.pg_class relation on relation.oid = used.indexrelid
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
cross join counted
where used.idx_scan = 0
    and index.indisvalid
    and not index.indisunique
    and not index.indisreplident
    and not relation.relispartition
    and relation.relpages > 1
    and not exists (select from pg_catalog.pg_constraint rule where rule.conindid = used.indexrelid)
    {# What serves a foreign key is there for the deletes that may come. #}
    and not exists (
        select
        from pg_catalog.pg_constraint rule
        where rule.conrelid = index.indrelid and rule.contype = 'f' and rule.conkey[1] = index.indkey[0]
    )
    and counted.since < pg_catalog.clock_timestamp() - pg_catalog.make_interval(days => {{ days | literal }})
    and {% include 'health/_own_schemas.sql' %}

order by pg_catalog.pg_relation_size(used.indexrelid) desc, 1
