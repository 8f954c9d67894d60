namespace.nspname not in ('pg_catalog', 'information_schema', 'wgm', 'wgm_trash') and namespace.nspname !~ '^pg_(toast|temp_|toast_temp_)'
    {# Schemas that an extension made are its own. #}
    and not exists (
        select
        from pg_catalog.pg_depend of_extension
        where of_extension.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
            and of_extension.objid = namespace.oid and of_extension.deptype = 'e'
    )
