namespace.nspname not in ('pg_catalog', 'information_schema', 'wgm', 'wgm_trash') and namespace.nspname !~ '^pg_(toast|temp_|toast_temp_)'
