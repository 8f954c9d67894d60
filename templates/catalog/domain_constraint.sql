SELECT 'domain_constraint', n.nspname, t.typname, c.conname,
       regexp_replace(pg_catalog.pg_get_constraintdef(c.oid), ' NOT VALID$', ''), c.convalidated, d.description,
       c.oid, 2606, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_type t ON t.oid = c.contypid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 2606 AND d.objoid = c.oid AND d.objsubid = 0
WHERE c.contype = 'c' AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1247 AND e.objid = t.oid AND e.deptype = 'e')
ORDER BY n.nspname, t.typname, c.conname
