{# Functions that everybody may execute with the rights of their owner: nobody may without USAGE on the schema. Those of
   extensions are the extensions' matter. #}
select
    pg_catalog.format('%I.%I(%s)', namespace.nspname, routine.proname, pg_catalog.pg_get_function_identity_arguments(routine.oid))
        as object,
    owner.rolname::text as role,
    case when owner.rolsuper then 100 else 0 end as percent,
    case when owner.rolsuper then ', who may do everything' else '' end as power
from pg_catalog.pg_proc as routine
join pg_catalog.pg_namespace as namespace on namespace.oid = routine.pronamespace
join pg_catalog.pg_roles as owner on owner.oid = routine.proowner
where routine.prosecdef
    and namespace.nspname not in ('pg_catalog', 'information_schema', 'wgm', 'wgm_trash')
    and not exists (
        select from pg_catalog.pg_depend as member
        where member.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and member.objid = routine.oid and member.deptype = 'e'
    )
    and exists (
        select from pg_catalog.aclexplode(coalesce(routine.proacl, pg_catalog.acldefault('f', routine.proowner))) as privilege
        where privilege.grantee = 0 and privilege.privilege_type = 'EXECUTE'
    )
    and exists (
        select from pg_catalog.aclexplode(coalesce(namespace.nspacl, pg_catalog.acldefault('n', namespace.nspowner))) as privilege
        where privilege.grantee = 0 and privilege.privilege_type = 'USAGE'
    )
order by 1
