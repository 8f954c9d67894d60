{# B-tree indexes whose columns begin another index of the table, with the same condition: the longer one serves their queries. #}
with indexes as (
    select
        index.indexrelid,
        index.indrelid,
        pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as name,
        pg_catalog.format('%I.%I', namespace.nspname, owner.relname) as relation,
        {# Counts from 0, as the others do. #}
        index.indkey::int2[] as keys,
        index.indnkeyatts as number,
        index.indnatts > index.indnkeyatts as includes,
        index.indclass::oid[] as classes,
        index.indcollation::oid[] as collations,
        index.indoption::int2[] as options,
        coalesce(pg_catalog.pg_get_expr(index.indpred, index.indrelid), '') as predicate,
        index.indisunique as is_unique
    from pg_catalog.pg_index index
    join pg_catalog.pg_class relation on relation.oid = index.indexrelid
    join pg_catalog.pg_class owner on owner.oid = index.indrelid
    join pg_catalog.pg_namespace namespace on namespace.oid = owner.relnamespace
    join pg_catalog.pg_am method on method.oid = relation.relam
    where index.indisvalid
        and method.amname = 'btree'
        and index.indexprs is null
        and not relation.relispartition
        and {% include 'health/_own_schemas.sql' %}

)
select
    short.name as object,
    short.relation,
    min(long.name) as longer,
    pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(short.indexrelid)) as size
from indexes short
join indexes long on long.indrelid = short.indrelid and long.indexrelid <> short.indexrelid
where not short.is_unique
    and not short.includes
    and long.number > short.number
    and long.predicate = short.predicate
    and not exists (
        select
        from pg_catalog.generate_series(0, short.number - 1) place
        where long.keys[place] is distinct from short.keys[place]
            or long.classes[place] is distinct from short.classes[place]
            or long.collations[place] is distinct from short.collations[place]
            or long.options[place] is distinct from short.options[place]
    )
group by short.name, short.relation, short.indexrelid
order by short.name
