{# Tables and sequences that everybody may change. #}
select
    pg_catalog.format('%I.%I', namespace.nspname, relation.relname) as object,
    pg_catalog.string_agg(distinct privilege.privilege_type || privilege.suffix, ', ') as privileges,
    case when relation.relkind = 'S' then 'sequence' else 'table' end as what,
    case when relation.relkind = 'S' then 'SEQUENCE ' else 'TABLE ' end as statement
from pg_catalog.pg_class relation
join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
cross join lateral (
    select whole.grantee, whole.privilege_type, '' as suffix
    from pg_catalog.aclexplode(relation.relacl) whole
    union all
    select part.grantee, part.privilege_type, pg_catalog.format(' (%I)', attribute.attname)
    from pg_catalog.pg_attribute attribute
    cross join lateral pg_catalog.aclexplode(attribute.attacl) part
    where attribute.attrelid = relation.oid and attribute.attacl is not null and not attribute.attisdropped
) privilege
where relation.relkind in ('r', 'p', 'v', 'f', 'S')
    and privilege.grantee = 0
    and privilege.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES')
    and {% include 'health/_own_schemas.sql' %}

    and not exists (
        select from pg_catalog.pg_depend member
        where member.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and member.objid = relation.oid and member.deptype = 'e'
    )
group by namespace.nspname, relation.relname, relation.relkind
order by 1
