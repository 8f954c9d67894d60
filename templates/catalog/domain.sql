SELECT 'domain', n.nspname, t.typname,
       pg_catalog.format_type(t.typbasetype, t.typtypmod),
       CASE WHEN t.typcollation <> b.typcollation THEN quote_ident(cn.nspname) || '.' || quote_ident(c.collname) END,
       pg_catalog.pg_get_expr(t.typdefaultbin, 0), t.typnotnull, d.description,
       t.oid, 1247, pg_catalog.pg_get_userbyid(t.typowner), t.typacl::text[], 0
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_collation c ON c.oid = t.typcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1247 AND d.objoid = t.oid AND d.objsubid = 0
WHERE t.typtype = 'd' AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1247 AND e.objid = t.oid AND e.deptype = 'e')
ORDER BY n.nspname, t.typname
