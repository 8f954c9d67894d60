{# Foreign keys whose rows can be looked at. `trusted`: those that were never validated are told as that. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    rule.conname::text as attribute,
    namespace.nspname::text as schema,
    relation.relname::text as name,
    other_namespace.nspname::text as other_schema,
    other.relname::text as other_name,
    case rule.confmatchtype when 'f' then 'full' else 'simple' end as match,
    {% include 'health/_key_columns.sql' %}

from pg_catalog.pg_constraint rule
join pg_catalog.pg_class relation on relation.oid = rule.conrelid
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_class other on other.oid = rule.confrelid
join pg_catalog.pg_namespace other_namespace on other_namespace.oid = other.relnamespace
where rule.contype = 'f'
    and rule.conparentid = 0
    and rule.convalidated
    and relation.relkind in ('r', 'p')
    and {% include 'health/_own_schemas.sql' %}

order by 1, 2
