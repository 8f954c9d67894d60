{# Indexes of one table that are equal in all but their names; the one that a constraint, a key or the identity needs stays. #}
with indexes as (
    select
        index.indexrelid,
        index.indrelid,
        pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as name,
        pg_catalog.format('%I.%I', namespace.nspname, owner.relname) as relation,
        relation.relam,
        index.indkey::text as keys,
        index.indclass::text as classes,
        index.indcollation::text as collations,
        index.indoption::text as options,
        coalesce(pg_catalog.pg_get_expr(index.indexprs, index.indrelid), '') as expressions,
        coalesce(pg_catalog.pg_get_expr(index.indpred, index.indrelid), '') as predicate,
        {# What is unique, or belongs to a constraint, does more than serve queries. #}
        4 * index.indisprimary::int + 2 * index.indisunique::int + index.indisreplident::int
            + 8 * exists (
                select
                from pg_catalog.pg_constraint rule
                where rule.conindid = index.indexrelid and rule.contype in ('p', 'u', 'x', 'f')
            )::int as weight
    from pg_catalog.pg_index index
    join pg_catalog.pg_class relation on relation.oid = index.indexrelid
    join pg_catalog.pg_class owner on owner.oid = index.indrelid
    join pg_catalog.pg_namespace namespace on namespace.oid = owner.relnamespace
    where index.indisvalid
        {# A part of a partitioned index goes with the whole of it. #}
        and not relation.relispartition
        and {% include 'health/_own_schemas.sql' %}

), ranked as (
    select
        *,
        pg_catalog.row_number() over same as place,
        pg_catalog.first_value(name) over same as twin,
        pg_catalog.first_value(weight) over same as most
    from indexes
    window same as (
        partition by indrelid, relam, keys, classes, collations, options, expressions, predicate
        order by weight desc, indexrelid
    )
)
select
    name as object,
    relation,
    twin,
    pg_catalog.pg_size_pretty(pg_catalog.pg_relation_size(indexrelid)) as size
from ranked
where place > 1
    {# Two constraints that are equal are two rules: each was declared. #}
    and weight < 8
order by name
