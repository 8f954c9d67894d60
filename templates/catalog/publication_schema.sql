SELECT 'publication_schema', p.pubname, n.nspname, n.nspname::text,
       m.oid, 6237, NULL::text, NULL::text[], 0
FROM {% if version >= 150000 %}pg_catalog.pg_publication_namespace m{% else %}(SELECT 0::oid AS oid, 0::oid AS pnpubid, 0::oid AS pnnspid LIMIT 0) m{% endif %}

JOIN pg_catalog.pg_publication p ON p.oid = m.pnpubid
JOIN pg_catalog.pg_namespace n ON n.oid = m.pnnspid
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 6104 AND e.objid = p.oid AND e.deptype = 'e')
ORDER BY p.pubname, n.nspname
