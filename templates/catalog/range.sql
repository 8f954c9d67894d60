SELECT 'range', n.nspname, t.typname, pg_catalog.format_type(g.rngsubtype, NULL),
       CASE WHEN NOT o.opcdefault THEN quote_ident(os.nspname) || '.' || quote_ident(o.opcname) END,
       CASE WHEN g.rngcollation <> b.typcollation THEN quote_ident(cn.nspname) || '.' || quote_ident(c.collname) END,
       NULLIF(g.rngcanonical, 0::oid)::regproc::text, NULLIF(g.rngsubdiff, 0::oid)::regproc::text,
       {% if version >= 140000 %}(SELECT m.typname::text FROM pg_catalog.pg_type m WHERE m.oid = g.rngmultitypid){% else %}NULL::text{% endif %},
       d.description,
       t.oid, 1247, pg_catalog.pg_get_userbyid(t.typowner), t.typacl::text[], 0
FROM pg_catalog.pg_range g
JOIN pg_catalog.pg_type t ON t.oid = g.rngtypid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
JOIN pg_catalog.pg_type b ON b.oid = g.rngsubtype
JOIN pg_catalog.pg_opclass o ON o.oid = g.rngsubopc
JOIN pg_catalog.pg_namespace os ON os.oid = o.opcnamespace
LEFT JOIN pg_catalog.pg_collation c ON c.oid = g.rngcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1247 AND d.objoid = t.oid AND d.objsubid = 0
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1247 AND e.objid = t.oid AND e.deptype = 'e')
ORDER BY n.nspname, t.typname
