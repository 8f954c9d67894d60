SELECT 'table', n.nspname, r.relname,
       r.relpersistence = 'u', r.reloptions, s.spcname, am.amname, cl.relname, r.relreplident::text, ri.relname,
       r.relrowsecurity, r.relforcerowsecurity, d.description,
       r.oid, 1259, pg_catalog.pg_get_userbyid(r.relowner), r.relacl::text[], 0
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_am am ON am.oid = r.relam
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = r.reltablespace
LEFT JOIN (pg_catalog.pg_index i JOIN pg_catalog.pg_class cl ON cl.oid = i.indexrelid)
       ON i.indrelid = r.oid AND i.indisclustered
LEFT JOIN (pg_catalog.pg_index j JOIN pg_catalog.pg_class ri ON ri.oid = j.indexrelid)
       ON j.indrelid = r.oid AND j.indisreplident AND r.relreplident = 'i'
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1259 AND d.objoid = r.oid AND d.objsubid = 0
WHERE r.relkind = 'r' AND NOT r.relispartition AND {% include 'catalog/_user_schemas.sql' %}

  AND r.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = r.oid OR h.inhparent = r.oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype = 'e')
ORDER BY n.nspname, r.relname
