SELECT 'view', n.nspname, r.relname,
       pg_catalog.pg_get_viewdef(r.oid), (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(r.reloptions) o), COALESCE(k.columns, '{}'), k.comments, d.description, k.defaults,
       r.oid, 1259, pg_catalog.pg_get_userbyid(r.relowner), CASE WHEN k.acl IS NULL THEN r.relacl::text[] ELSE COALESCE(r.relacl, pg_catalog.acldefault('r', r.relowner))::text[] || k.acl END, 0
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1259 AND d.objoid = r.oid AND d.objsubid = 0
LEFT JOIN LATERAL (
    SELECT array_agg(quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS columns,
           array_agg(ARRAY[a.attname::text, c.description] ORDER BY a.attnum) FILTER (WHERE c.description IS NOT NULL) AS comments,
           array_agg(ARRAY[a.attname::text, pg_catalog.pg_get_expr(f.adbin, f.adrelid)] ORDER BY a.attnum) FILTER (WHERE f.oid IS NOT NULL) AS defaults,
           (SELECT array_agg('(' || quote_ident(o.attname) || ')' || i.item::text) FROM pg_catalog.pg_attribute o
            CROSS JOIN LATERAL unnest(o.attacl) AS i(item) WHERE o.attrelid = r.oid AND o.attnum > 0 AND NOT o.attisdropped) AS acl
    FROM pg_catalog.pg_attribute a
    LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    LEFT JOIN pg_catalog.pg_description c ON c.classoid = 1259 AND c.objoid = a.attrelid AND c.objsubid = a.attnum
    WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped) k ON true
WHERE r.relkind = 'v' AND r.relpersistence <> 't' AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype = 'e')
ORDER BY n.nspname, r.relname
