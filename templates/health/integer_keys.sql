{# Integer keys that no sequence feeds, by the largest value that the planner's statistics know. #}
with keys as (
    select
        namespace.nspname,
        relation.relname,
        attribute.attname,
        case attribute.atttypid when 'pg_catalog.int2'::pg_catalog.regtype then 32767::numeric else 2147483647::numeric end as most
    from pg_catalog.pg_index index
    join pg_catalog.pg_class relation on relation.oid = index.indrelid
    join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
    join pg_catalog.pg_attribute attribute on attribute.attrelid = relation.oid and attribute.attnum = index.indkey[0]
    where index.indisprimary
        and index.indnkeyatts = 1
        and attribute.atttypid in ('pg_catalog.int2'::pg_catalog.regtype, 'pg_catalog.int4'::pg_catalog.regtype)
        and {% include 'health/_own_schemas.sql' %}

        and not exists (
            select
            from pg_catalog.pg_depend dependency
            where dependency.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                and dependency.refobjid = relation.oid
                and dependency.refobjsubid = attribute.attnum
                and dependency.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                and dependency.deptype in ('a', 'i')
                and exists (select from pg_catalog.pg_sequence fed where fed.seqrelid = dependency.objid)
        )
), known as (
    select
        keys.*,
        (
            select pg_catalog.max(bound.value::numeric)
            from pg_catalog.pg_stats study
            cross join lateral pg_catalog.unnest(study.histogram_bounds::text::text[]) as bound(value)
            where study.schemaname = keys.nspname and study.tablename = keys.relname and study.attname = keys.attname
        ) as largest
    from keys
)
select
    pg_catalog.format('%I.%I', nspname, relname) as object,
    attname::text as attribute,
    pg_catalog.round(100 * largest / most)::int as percent
from known
where largest >= 0.7 * most
order by percent desc, 1
