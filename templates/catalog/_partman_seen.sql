-- Only what the extension made: a table of that name may be anybody's.
EXISTS (SELECT FROM pg_catalog.pg_extension AS x
        JOIN pg_catalog.pg_depend AS m ON m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
         AND m.refobjid = x.oid AND m.deptype = 'e' AND m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        JOIN pg_catalog.pg_class AS r ON r.oid = m.objid AND r.relname = 'part_config'
        WHERE x.extname = 'pg_partman' AND pg_catalog.has_schema_privilege(r.relnamespace, 'USAGE')
          AND pg_catalog.has_table_privilege(r.oid, 'SELECT'))
