{# Roles that log in and may do everything, or run programs and write files on the server; the cluster's first role is left out. #}
select
    pg_catalog.quote_ident(role.rolname) as object,
    case
        when role.rolsuper then 'is a superuser'
        else 'may ' || power.may || ' on the server (' || power.rolname || ')'
    end as power,
    case when role.rolsuper then 'ALTER ROLE ' || pg_catalog.quote_ident(role.rolname) || ' NOSUPERUSER;'
        else 'REVOKE ' || power.rolname || ' FROM ' || pg_catalog.quote_ident(role.rolname) || ';' end as mend,
    {# Who owns tables, or has many sessions, is an application and no person. #}
    case when exists (
        select
        from pg_catalog.pg_class relation
        join pg_catalog.pg_namespace namespace on namespace.oid = relation.relnamespace
        where relation.relowner = role.oid and relation.relkind in ('r', 'p') and {% include 'health/_own_schemas.sql' %}

    ) then 100 else 0 end as percent
from pg_catalog.pg_roles role
left join lateral (
    select
        strong.rolname,
        case strong.rolname
            when 'pg_execute_server_program' then 'run programs'
            when 'pg_write_server_files' then 'write files'
            else 'read files'
        end as may
    from pg_catalog.pg_roles strong
    where strong.rolname in ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files')
        and not role.rolsuper
        and pg_catalog.pg_has_role(role.oid, strong.oid, 'MEMBER')
    order by strong.rolname
    limit 1
) power on true
where role.rolcanlogin
    and role.oid <> 10
    and (role.rolsuper or power.rolname is not null)
order by 1
