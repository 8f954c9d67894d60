{# Tables whose rows have no name: neither logical replication nor a careful update can tell them apart. #}
select pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object
from pg_catalog.pg_class relation
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
where relation.relkind in ('r', 'p')
    and not relation.relispartition
    and relation.relpersistence <> 't'
    and {% include 'health/_own_schemas.sql' %}

    and not exists (
        select from pg_catalog.pg_index index where index.indrelid = relation.oid and index.indisprimary
    )
    and not exists (
        select
        from pg_catalog.pg_depend dependency
        where dependency.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and dependency.objid = relation.oid
            and dependency.deptype = 'e'
    )
order by 1
