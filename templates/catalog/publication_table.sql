SELECT 'publication_table', p.pubname, n.nspname, r.relname,
       {% if version >= 150000 %}(SELECT CASE WHEN NOT coalesce(pg_catalog.bool_or(a.attname ~ '^wgm_(new|old|trash)_'), false)
                       OR pg_catalog.bool_or((a.attname !~ '^wgm_(new|old|trash)_' AND a.attgenerated = '') <> (a.attnum = ANY (m.prattrs::smallint[])))
                    THEN array_agg(a.attname::text ORDER BY a.attname) FILTER (WHERE a.attnum = ANY (m.prattrs::smallint[])) END
        FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped),
       pg_catalog.pg_get_expr(m.prqual, m.prrelid){% else %}NULL::text[], NULL::text{% endif %},
       m.oid, 6106, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_publication_rel m
JOIN pg_catalog.pg_publication p ON p.oid = m.prpubid
JOIN pg_catalog.pg_class r ON r.oid = m.prrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 6104 AND e.objid = p.oid AND e.deptype = 'e')
ORDER BY p.pubname, n.nspname, r.relname
