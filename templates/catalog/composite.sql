SELECT 'composite', n.nspname, t.typname, k.attributes, k.comments, d.description,
       r.oid, 1259, pg_catalog.pg_get_userbyid(t.typowner), t.typacl::text[], 0
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_class r ON r.oid = t.typrelid AND r.relkind = 'c'
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1247 AND d.objoid = t.oid AND d.objsubid = 0
LEFT JOIN LATERAL (
    SELECT array_agg(ARRAY[a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
                           CASE WHEN a.attcollation <> b.typcollation
                                THEN quote_ident(cn.nspname) || '.' || quote_ident(c.collname) END] ORDER BY a.attnum) AS attributes,
           array_agg(ARRAY[a.attname::text, m.description] ORDER BY a.attnum) FILTER (WHERE m.description IS NOT NULL) AS comments
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type b ON b.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace
    LEFT JOIN pg_catalog.pg_description m ON m.classoid = 1259 AND m.objoid = a.attrelid AND m.objsubid = a.attnum
    WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped) k ON true
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1247 AND e.objid = t.oid AND e.deptype = 'e')
ORDER BY n.nspname, t.typname
