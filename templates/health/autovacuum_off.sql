{# Tables that autovacuum was told to leave alone: dead rows and old statistics stay. #}
select pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object
from pg_catalog.pg_class relation
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
cross join lateral pg_catalog.pg_options_to_table(relation.reloptions) as own
where relation.relkind in ('r', 'm')
    and own.option_name = 'autovacuum_enabled'
    {# Any beginning of these words is written so. #}
    and pg_catalog.lower(own.option_value) ~ '^(f|fa|fal|fals|false|of|off|n|no|0)$'
    and {% include 'health/_own_schemas.sql' %}

order by 1
