{# Functions with their owner's rights that find names where their caller says. A body that was parsed when it was made looks for none. #}
select
    pg_catalog.format('%I.%I(%s)', namespace.nspname, routine.proname, pg_catalog.pg_get_function_identity_arguments(routine.oid))
        as object,
    owner.rolname::text as role
from pg_catalog.pg_proc routine
join pg_catalog.pg_namespace namespace on namespace.oid = routine.pronamespace
join pg_catalog.pg_language language on language.oid = routine.prolang
join pg_catalog.pg_roles owner on owner.oid = routine.proowner
where routine.prosecdef
    and language.lanname not in ('c', 'internal')
{% if version >= 140000 %}
    and routine.prosqlbody is null
{% endif %}
    and not exists (
        select from pg_catalog.unnest(routine.proconfig) as own(setting) where own.setting like 'search_path=%'
    )
    and {% include 'health/_own_schemas.sql' %}

    and not exists (
        select from pg_catalog.pg_depend member
        where member.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and member.objid = routine.oid and member.deptype = 'e'
    )
order by 1
