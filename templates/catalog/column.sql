SELECT 'column', n.nspname, r.relname, a.attname,
       pg_catalog.format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attcollation <> t.typcollation THEN quote_ident(cn.nspname) || '.' || quote_ident(c.collname) END,
       CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(f.adbin, f.adrelid) END,
       a.attnotnull{% if version >= 180000 %} AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_constraint v
           WHERE v.conrelid = r.oid AND v.contype = 'n' AND v.conkey = ARRAY[a.attnum] AND NOT v.convalidated){% endif %},
       a.attidentity::text,
       CASE WHEN a.attidentity <> '' THEN (
           SELECT ARRAY[s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle::int]
           FROM pg_catalog.pg_depend p
           JOIN pg_catalog.pg_sequence s ON s.seqrelid = p.objid
           WHERE p.refclassid = 1259 AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum
             AND p.classid = 1259 AND p.deptype = 'i') END,
       a.attgenerated::text,
       CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(f.adbin, f.adrelid) END,
       CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END,
       {% if version >= 140000 %}NULLIF(a.attcompression::text, ''){% else %}NULL::text{% endif %},
       NULLIF(a.attstattarget, -1)::int, {% include 'catalog/_column_options.sql' %}
, d.description, a.attinhcount > 0,
       r.oid, 1259,
       -- The sequence of an identity column, where its name is not the one that PostgreSQL makes.
       CASE WHEN a.attidentity <> '' THEN (
           SELECT q.relname::text
           FROM pg_catalog.pg_depend p
           JOIN pg_catalog.pg_class q ON q.oid = p.objid AND q.relkind = 'S'
           WHERE p.refclassid = 1259 AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum
             AND p.classid = 1259 AND p.deptype = 'i' AND q.relname <> r.relname || '_' || a.attname || '_seq') END,
       a.attacl::text[], a.attnum::int
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation AND a.attcollation <> t.typcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1259 AND d.objoid = a.attrelid AND d.objsubid = a.attnum
LEFT JOIN LATERAL (SELECT u.attnotnull, u.attidentity, u.attstorage, {% if version >= 140000 %}u.attcompression{% else %}''{% endif %} AS attcompression,
                          pg_catalog.pg_get_expr(o.adbin, o.adrelid) AS expression
                   FROM pg_catalog.pg_inherits h
                   JOIN pg_catalog.pg_attribute u ON u.attrelid = h.inhparent AND u.attname = a.attname AND NOT u.attisdropped
                   LEFT JOIN pg_catalog.pg_attrdef o ON o.adrelid = u.attrelid AND o.adnum = u.attnum
                   WHERE a.attinhcount > 0 AND h.inhrelid = a.attrelid
                   ORDER BY h.inhseqno
                   LIMIT 1) p ON true
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attname NOT LIKE 'wgm\_trash\_%' AND a.attname NOT LIKE 'wgm\_new\_%'
  AND r.relkind IN ('r', 'p') AND r.relpersistence <> 't' AND {% include 'catalog/_user_schemas.sql' %}

  AND (a.attinhcount = 0 OR d.description IS NOT NULL OR {% include 'catalog/_column_options.sql' %}
 IS NOT NULL OR NULLIF(a.attstattarget, -1) IS NOT NULL
       OR a.attnotnull <> p.attnotnull OR a.attidentity <> p.attidentity OR a.attstorage <> p.attstorage{% if version >= 140000 %} OR a.attcompression <> p.attcompression{% endif %}

       OR pg_catalog.pg_get_expr(f.adbin, f.adrelid) IS DISTINCT FROM p.expression)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype = 'e')
ORDER BY n.nspname, r.relname, a.attnum
