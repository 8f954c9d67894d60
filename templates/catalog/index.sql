SELECT 'index', n.nspname, x.relname,
       r.relname,
       CASE WHEN x.relkind = 'I' THEN regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
            ELSE pg_catalog.pg_get_indexdef(i.indexrelid) END,
       i.indisvalid AND i.indisready, d.description, x.reloptions, s.spcname,
       (SELECT array_agg(ARRAY[a.attnum, a.attstattarget]::int[] ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
        WHERE i.indexprs IS NOT NULL AND a.attrelid = x.oid AND NULLIF(a.attstattarget, -1) IS NOT NULL),
       x.oid, 1259, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_class r ON r.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = x.reltablespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1259 AND d.objoid = x.oid AND d.objsubid = 0
WHERE r.relkind IN ('r', 'm', 'p') AND NOT x.relispartition AND r.relpersistence <> 't' AND {% include 'catalog/_user_schemas.sql' %}

  -- A constraint's index is unique or excludes: the others need not be looked for.
  AND NOT i.indisprimary AND NOT i.indisexclusion
  AND (NOT i.indisunique OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint c
        WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x') AND c.conrelid = i.indrelid))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 1259 AND e.objid IN (r.oid, x.oid) AND e.deptype = 'e')
  AND x.relname NOT LIKE 'wgm\_new\_%' AND x.relname NOT LIKE 'wgm\_old\_%'
ORDER BY n.nspname, x.relname
