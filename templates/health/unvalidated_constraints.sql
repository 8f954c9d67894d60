{# Constraints that hold for new rows only: old rows may break them. NOT ENFORCED is declared, and is never validated. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, coalesce(relation.relname, kind.typname)) as object,
    rule.conname::text as attribute,
    pg_catalog.quote_ident(rule.conname) as name,
    case when relation.oid is null then 'DOMAIN' else 'TABLE' end as statement,
    rule.contype::text as type,
    pg_catalog.pg_get_constraintdef(rule.oid) as definition,
    namespace.nspname::text as schema,
    relation.relname::text as relation,
    other_namespace.nspname::text as other_schema,
    other.relname::text as other_name,
    case rule.confmatchtype when 'f' then 'full' else 'simple' end as match,
    {% include 'health/_key_columns.sql' %}

from pg_catalog.pg_constraint rule
left join pg_catalog.pg_class relation on relation.oid = rule.conrelid
left join pg_catalog.pg_type kind on kind.oid = rule.contypid
join pg_catalog.pg_namespace namespace on namespace.oid = coalesce(relation.relnamespace, kind.typnamespace)
left join pg_catalog.pg_class other on other.oid = rule.confrelid
left join pg_catalog.pg_namespace other_namespace on other_namespace.oid = other.relnamespace
where not rule.convalidated
    {# What a partition has of its parent is the parent's. #}
    and (rule.conparentid = 0 or rule.coninhcount = 0)
    and {% include 'health/_own_schemas.sql' %}

{% if version >= 180000 %}
    and rule.conenforced
{% endif %}
order by 1, 2
