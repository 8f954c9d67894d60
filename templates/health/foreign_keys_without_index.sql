{# Foreign keys whose columns begin no index: each delete of a referenced row reads the whole table. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    rule.conname::text as attribute,
    (
        select pg_catalog.string_agg(pg_catalog.quote_ident(attribute.attname), ', ' order by key.place)
        from pg_catalog.unnest(rule.conkey) with ordinality as key(number, place)
        join pg_catalog.pg_attribute attribute
            on attribute.attrelid = rule.conrelid and attribute.attnum = key.number
    ) as columns
from pg_catalog.pg_constraint rule
join pg_catalog.pg_class relation on relation.oid = rule.conrelid
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
where rule.contype = 'f'
    and rule.conparentid = 0
    and {% include 'health/_own_schemas.sql' %}

    and not exists (
        select
        from pg_catalog.pg_index index
        where index.indrelid = rule.conrelid
            and index.indisvalid
            {# What is only included is not searched by; a BRIN index finds no single row. #}
            and index.indnkeyatts >= pg_catalog.cardinality(rule.conkey)
            and not exists (
                select
                from pg_catalog.pg_class built
                join pg_catalog.pg_am method on method.oid = built.relam
                where built.oid = index.indexrelid and method.amname = 'brin'
            )
            {# A partial index serves where all it leaves out is NULL, which references nothing. #}
            and (
                index.indpred is null
                or pg_catalog.cardinality(rule.conkey) = 1
                and pg_catalog.pg_get_expr(index.indpred, index.indrelid) = pg_catalog.format(
                    '(%I IS NOT NULL)',
                    (
                        select attribute.attname
                        from pg_catalog.pg_attribute attribute
                        where attribute.attrelid = rule.conrelid and attribute.attnum = rule.conkey[1]
                    )
                )
            )
            {# The first columns of the index, in whatever order, are those of the key. #}
            and (
                select pg_catalog.count(distinct index.indkey[place])
                from pg_catalog.generate_series(0, pg_catalog.cardinality(rule.conkey) - 1) place
                where index.indkey[place] = any (rule.conkey)
            ) = (select pg_catalog.count(distinct number) from pg_catalog.unnest(rule.conkey) number)
    )
order by 1, 2
