{# Tables much longer than their rows need, by the planner's statistics: an estimate. A row has a head of 28 bytes, and its
   columns are aligned. #}
with widths as (
    select
        study.schemaname,
        study.tablename,
        pg_catalog.sum((1 - study.null_frac) * study.avg_width) + pg_catalog.count(*) / 8.0 as width,
        pg_catalog.count(*) as columns
    from pg_catalog.pg_stats study
    where not study.inherited
    group by study.schemaname, study.tablename
), estimated as (
    select
        namespace.nspname,
        relation.relname,
        relation.relpages::numeric as pages,
        pg_catalog.ceil(
            relation.reltuples::numeric * (28 + 8 * pg_catalog.ceil(widths.width::numeric / 8))
            / (8168 * coalesce((
                select own.option_value::numeric
                from pg_catalog.pg_options_to_table(relation.reloptions) own
                where own.option_name = 'fillfactor'
            ), 100) / 100)
        ) as needed
    from pg_catalog.pg_class relation
    join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
    join widths on widths.schemaname = namespace.nspname and widths.tablename = relation.relname
    where relation.relkind in ('r', 'm')
        and relation.reltuples >= 0
        {# Widths from before most rows changed would be far off: then nothing is told. #}
        and pg_catalog.pg_stat_get_mod_since_analyze(relation.oid)
            <= 0.1 * greatest(pg_catalog.pg_stat_get_live_tuples(relation.oid), 1000)
        and relation.relpages::bigint * pg_catalog.current_setting('block_size')::bigint > {{ bytes | literal }}
        {# A column without statistics has an unknown width. #}
        and widths.columns = (
            select pg_catalog.count(*)
            from pg_catalog.pg_attribute attribute
            where attribute.attrelid = relation.oid and attribute.attnum > 0 and not attribute.attisdropped
        )
        and {% include 'health/_own_schemas.sql' %}

)
select
    pg_catalog.format('%I.%I', nspname, relname) as object,
    pg_catalog.pg_size_pretty((pages - needed) * pg_catalog.current_setting('block_size')::numeric) as wasted,
    pg_catalog.pg_size_pretty(pages * pg_catalog.current_setting('block_size')::numeric) as size,
    pg_catalog.round(100 * (pages - needed) / pages)::int as percent,
    case when (pages - needed) * pg_catalog.current_setting('block_size')::numeric >= {{ many | literal }} then 100 else 0 end as urgency
from estimated
where pages > 2 * needed
    and (pages - needed) * pg_catalog.current_setting('block_size')::numeric > {{ bytes | literal }}
order by pages - needed desc, 1
