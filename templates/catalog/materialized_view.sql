SELECT 'materialized_view', n.nspname, r.relname,
       pg_catalog.pg_get_viewdef(r.oid), {% include 'catalog/_storage_parameters.sql' %}
, COALESCE(k.columns, '{}'), k.comments, s.spcname, am.amname, d.description, k.settings,
       (SELECT cl.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class cl ON cl.oid = i.indexrelid WHERE i.indrelid = r.oid AND i.indisclustered),
       r.oid, 1259, pg_catalog.pg_get_userbyid(r.relowner), CASE WHEN k.acl IS NULL THEN r.relacl::text[] ELSE COALESCE(r.relacl, pg_catalog.acldefault('r', r.relowner))::text[] || k.acl END, 0
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = r.reltablespace
LEFT JOIN pg_catalog.pg_am am ON am.oid = r.relam
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1259 AND d.objoid = r.oid AND d.objsubid = 0
LEFT JOIN LATERAL (
    SELECT array_agg(quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS columns,
           array_agg(ARRAY[a.attname::text, c.description] ORDER BY a.attnum) FILTER (WHERE c.description IS NOT NULL) AS comments,
           array_agg(ARRAY[a.attname::text, NULLIF(a.attstattarget, -1)::text, CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END,
                           {% if version >= 140000 %}NULLIF(a.attcompression::text, ''){% else %}NULL{% endif %},
                           (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest({% include 'catalog/_column_options.sql' %}
) o)] ORDER BY a.attnum)
               FILTER (WHERE NULLIF(a.attstattarget, -1) IS NOT NULL OR a.attstorage <> t.typstorage OR {% include 'catalog/_column_options.sql' %}
 IS NOT NULL{% if version >= 140000 %} OR a.attcompression <> ''{% endif %}) AS settings,
           (SELECT array_agg('(' || quote_ident(o.attname) || ')' || i.item::text) FROM pg_catalog.pg_attribute o
            CROSS JOIN LATERAL unnest(o.attacl) AS i(item) WHERE o.attrelid = r.oid AND o.attnum > 0 AND NOT o.attisdropped) AS acl
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_description c ON c.classoid = 1259 AND c.objoid = a.attrelid AND c.objsubid = a.attnum
    WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped) k ON true
WHERE r.relkind = 'm' AND r.relpersistence <> 't' AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype = 'e')
ORDER BY n.nspname, r.relname
