{# Tables that this role may not read: the planner's statistics of their columns are hidden from it. #}
select
    current_user::text as object,
    pg_catalog.count(*)::int as number
from pg_catalog.pg_class relation
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
where relation.relkind in ('r', 'm', 'p')
    and not pg_catalog.has_table_privilege(relation.oid, 'SELECT')
    and {% include 'health/_own_schemas.sql' %}

having pg_catalog.count(*) > 0
