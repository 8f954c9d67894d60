{# B-tree indexes much longer than their entries need, by the planner's statistics: an estimate. An entry has a head of 12 bytes,
   a page is filled to 90 %, and inner pages add little. #}
with widths as (
    select
        index.indexrelid,
        pg_catalog.sum((1 - study.null_frac) * study.avg_width) as width,
        pg_catalog.count(study.attname) as known,
        index.indnatts as columns
    from pg_catalog.pg_index index
    join pg_catalog.pg_class owner on owner.oid = index.indrelid
    join pg_catalog.pg_namespace namespace on namespace.oid = owner.relnamespace
    cross join lateral pg_catalog.unnest(index.indkey::int2[]) as key(number)
    join pg_catalog.pg_attribute attribute on attribute.attrelid = owner.oid and attribute.attnum = key.number
    left join pg_catalog.pg_stats study
        on study.schemaname = namespace.nspname and study.tablename = owner.relname
        and study.attname = attribute.attname and not study.inherited
    where index.indexprs is null and {% include 'health/_own_schemas.sql' %}

        and index.indexrelid in (
            select long.oid
            from pg_catalog.pg_class long
            where long.relkind = 'i'
                and long.relpages::bigint * pg_catalog.current_setting('block_size')::bigint > {{ bytes | literal }}
        )
    group by index.indexrelid, index.indnatts
), estimated as (
    select
        pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
        relation.relpages::numeric as pages,
        pg_catalog.ceil(relation.reltuples::numeric * (12 + 8 * pg_catalog.ceil(widths.width::numeric / 8)) / (8168 * 0.9)) as needed
    from widths
    join pg_catalog.pg_class relation on relation.oid = widths.indexrelid
    join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
    join pg_catalog.pg_am method on method.oid = relation.relam
    where method.amname = 'btree' and widths.known = widths.columns and relation.reltuples >= 0
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
