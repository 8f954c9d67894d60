{# Tables with row security policies that do not count, because row security is not enabled; and those that nobody can read. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    pg_catalog.count(*)::int as number
from pg_catalog.pg_policy policy
join pg_catalog.pg_class relation on relation.oid = policy.polrelid
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
where not relation.relrowsecurity
    and {% include 'health/_own_schemas.sql' %}

group by 1
order by 1
