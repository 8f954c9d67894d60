{# Sequences that have used much of what they, or the column they feed, can count to. #}
with used as (
    select
        pg_catalog.format('%I.%I', sequence.schemaname, sequence.sequencename) as object,
        column_of.relation,
        pg_catalog.abs((sequence.last_value - sequence.start_value)::numeric) as gone,
        pg_catalog.abs(
            case
                when sequence.increment_by < 0 then sequence.min_value::numeric
                else least(sequence.max_value::numeric, coalesce(column_of.most, sequence.max_value::numeric))
            end - sequence.start_value
        ) as room
    from pg_catalog.pg_sequences sequence
    left join lateral (
        select
            pg_catalog.format('%I.%I.%I', namespace.nspname, relation.relname, attribute.attname) as relation,
            case attribute.atttypid
                when 'pg_catalog.int2'::pg_catalog.regtype then 32767::numeric
                when 'pg_catalog.int4'::pg_catalog.regtype then 2147483647::numeric
            end as most
        from pg_catalog.pg_depend dependency
        join pg_catalog.pg_class relation on relation.oid = dependency.refobjid
        join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
        join pg_catalog.pg_attribute attribute
            on attribute.attrelid = dependency.refobjid and attribute.attnum = dependency.refobjsubid
        where dependency.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and dependency.objid = (
                select own.oid
                from pg_catalog.pg_class own
                join pg_catalog.pg_namespace of_own on of_own.oid = own.relnamespace
                where of_own.nspname = sequence.schemaname and own.relname = sequence.sequencename
            )
            and dependency.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and dependency.refobjsubid > 0
            and dependency.deptype in ('a', 'i')
        limit 1
    ) column_of on true
    where sequence.last_value is not null and not sequence.cycle and sequence.schemaname <> 'wgm_trash'
)
select
    object,
    coalesce(relation, object) as relation,
    pg_catalog.round(100 * gone / nullif(room, 0))::int as percent
from used
where gone >= 0.7 * room
order by percent desc, object
