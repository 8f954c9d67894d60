SELECT 'enum', n.nspname, t.typname,
       (SELECT array_agg(v.enumlabel::text ORDER BY v.enumsortorder) FROM pg_catalog.pg_enum v WHERE v.enumtypid = t.oid),
       d.description,
       t.oid, 1247, pg_catalog.pg_get_userbyid(t.typowner), t.typacl::text[], 0
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1247 AND d.objoid = t.oid AND d.objsubid = 0
WHERE t.typtype = 'e' AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1247 AND e.objid = t.oid AND e.deptype = 'e')
  AND t.typname NOT LIKE 'wgm\_new\_%'
ORDER BY n.nspname, t.typname
