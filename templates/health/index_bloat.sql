{# B-tree indexes much longer than their entries need, by the planner's statistics: an estimate. An entry has a head of 12 bytes,
   a page is filled to 90 %, and inner pages add little. Only long indexes are looked at. #}
with long as materialized (
    select
        pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
        relation.relpages::numeric as pages,
        relation.reltuples::numeric as entries,
        index.indrelid,
        index.indkey::int2[] as keys,
        index.indnatts as columns,
        namespace.nspname,
        owner.relname
    from pg_catalog.pg_class relation
    join pg_catalog.pg_am method on method.oid = relation.relam and method.amname = 'btree'
    join pg_catalog.pg_index index on index.indexrelid = relation.oid
    join pg_catalog.pg_class owner on owner.oid = index.indrelid
    join pg_catalog.pg_namespace namespace on namespace.oid = owner.relnamespace
    where relation.relkind = 'i'
        and relation.relpages::bigint * pg_catalog.current_setting('block_size')::bigint > {{ bytes | literal }}
        and relation.reltuples >= 0
        {# The rows of a part of a table have other widths. #}
        and index.indpred is null
        and index.indexprs is null
        and {% include 'health/_own_schemas.sql' %}

), estimated as (
    select
        long.object,
        long.pages,
        pg_catalog.ceil(long.entries * (12 + 8 * pg_catalog.ceil(widths.width::numeric / 8)) / (8168 * 0.9)) as needed
    from long
    cross join lateral (
        select pg_catalog.sum((1 - study.null_frac) * study.avg_width) as width, pg_catalog.count(*) as known
        from pg_catalog.pg_attribute attribute
        join pg_catalog.pg_stats study
            on study.schemaname = long.nspname and study.tablename = long.relname
            and study.attname = attribute.attname and not study.inherited
        where attribute.attrelid = long.indrelid and attribute.attnum = any (long.keys)
    ) widths
    where widths.known = long.columns
        {# Widths from before most rows changed would be far off: then nothing is told. #}
        and pg_catalog.pg_stat_get_mod_since_analyze(long.indrelid)
            <= 0.1 * greatest(pg_catalog.pg_stat_get_live_tuples(long.indrelid), 1000)
)
select
    object,
    pg_catalog.pg_size_pretty((pages - needed) * pg_catalog.current_setting('block_size')::numeric) as wasted,
    pg_catalog.pg_size_pretty(pages * pg_catalog.current_setting('block_size')::numeric) as size,
    pg_catalog.round(100 * (pages - needed) / pages)::int as percent,
    case when (pages - needed) * pg_catalog.current_setting('block_size')::numeric >= {{ many | literal }} then 100 else 0 end as urgency
from estimated
where pages > 2 * needed
    and (pages - needed) * pg_catalog.current_setting('block_size')::numeric > {{ bytes | literal }}
order by pages - needed desc, 1
