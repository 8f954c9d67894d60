{# Columns that refer to a wider key: they cannot take its later values. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    own.attname::text as attribute,
    pg_catalog.format_type(own.atttypid, null) as type,
    pg_catalog.format('%I.%I.%I', other_namespace.nspname, other_relation.relname, other.attname) as referenced,
    pg_catalog.format_type(other.atttypid, null) as other_type
from pg_catalog.pg_constraint rule
join pg_catalog.pg_class relation on relation.oid = rule.conrelid
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_class other_relation on other_relation.oid = rule.confrelid
join pg_catalog.pg_namespace other_namespace on other_namespace.oid = other_relation.relnamespace
cross join lateral rows from (pg_catalog.unnest(rule.conkey), pg_catalog.unnest(rule.confkey)) as pair(own_number, other_number)
join pg_catalog.pg_attribute own on own.attrelid = rule.conrelid and own.attnum = pair.own_number
join pg_catalog.pg_attribute other on other.attrelid = rule.confrelid and other.attnum = pair.other_number
where rule.contype = 'f'
    and rule.conparentid = 0
    and own.atttypid in ('pg_catalog.int2'::pg_catalog.regtype, 'pg_catalog.int4'::pg_catalog.regtype)
    and other.atttypid in ('pg_catalog.int4'::pg_catalog.regtype, 'pg_catalog.int8'::pg_catalog.regtype)
    and own.attlen < other.attlen
    and {% include 'health/_own_schemas.sql' %}

order by 1, 2
