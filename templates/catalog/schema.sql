SELECT 'schema', n.nspname,
       CASE WHEN n.nspname = 'public' AND d.description = 'standard public schema' THEN NULL ELSE d.description END,
       n.oid, 2615, pg_catalog.pg_get_userbyid(n.nspowner), n.nspacl::text[], 0
FROM pg_catalog.pg_namespace n
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 2615 AND d.objoid = n.oid AND d.objsubid = 0
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'wgm', 'wgm_trash')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 2615 AND e.objid = n.oid AND e.deptype = 'e')
ORDER BY n.nspname
