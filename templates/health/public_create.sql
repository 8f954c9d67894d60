{# Schemas in which everybody may create; before PostgreSQL 15 the schema `public` came so. #}
select
    pg_catalog.quote_ident(namespace.nspname) as object,
    case when namespace.nspname = 'public' and {{ version | literal }} < 150000 then 0 else 100 end as percent,
    case when namespace.nspname = 'public' and {{ version | literal }} < 150000 then ', as it came with the server' else '' end as how
from pg_catalog.pg_namespace namespace
where {% include 'health/_own_schemas.sql' %}

    and exists (
        select
        from pg_catalog.aclexplode(namespace.nspacl) privilege
        where privilege.grantee = 0 and privilege.privilege_type = 'CREATE'
    )
order by 1
