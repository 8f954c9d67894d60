SELECT 'index', n.nspname, x.relname,
       r.relname, pg_catalog.pg_get_indexdef(i.indexrelid), i.indisvalid AND i.indisready, d.description,
       x.oid, 1259, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_class r ON r.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1259 AND d.objoid = x.oid AND d.objsubid = 0
WHERE r.relkind IN ('r', 'm') AND NOT r.relispartition AND r.relpersistence <> 't' AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c
                  WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x') AND c.conrelid = i.indrelid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = r.oid OR h.inhparent = r.oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = 1259 AND e.objid IN (r.oid, x.oid) AND e.deptype = 'e')
ORDER BY n.nspname, x.relname
