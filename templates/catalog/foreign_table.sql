SELECT 'foreign_table', n.nspname, r.relname, s.srvname::text, k.columns,
       (SELECT array_agg(ARRAY[c.conname::text, pg_catalog.pg_get_constraintdef(c.oid), m.description] ORDER BY c.conname)
        FROM pg_catalog.pg_constraint c
        LEFT JOIN pg_catalog.pg_description m ON m.classoid = 2606 AND m.objoid = c.oid AND m.objsubid = 0
        WHERE c.conrelid = r.oid AND c.contype = 'c'),
       (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(f.ftoptions) o), d.description,
       r.oid, 1259, pg_catalog.pg_get_userbyid(r.relowner), r.relacl::text[], 0
FROM pg_catalog.pg_foreign_table f
JOIN pg_catalog.pg_class r ON r.oid = f.ftrelid
JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1259 AND d.objoid = r.oid AND d.objsubid = 0
LEFT JOIN LATERAL (
    SELECT array_agg(ARRAY[a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
                           CASE WHEN a.attcollation <> b.typcollation
                                THEN quote_ident(cn.nspname) || '.' || quote_ident(c.collname) END,
                           CASE WHEN a.attnotnull THEN 'not null' END,
                           CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(x.adbin, x.adrelid) END,
                           CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(x.adbin, x.adrelid) END,
                           (SELECT string_agg(quote_ident(split_part(o, '=', 1)) || ' ' || quote_literal(substr(o, strpos(o, '=') + 1)), ', ' ORDER BY o COLLATE "C")
                            FROM unnest(a.attfdwoptions) o),
                           m.description, NULLIF(a.attstattarget, -1)::text,
                           CASE WHEN a.attstorage <> b.typstorage THEN a.attstorage::text END,
                           (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest({% include 'catalog/_column_options.sql' %}
) o)] ORDER BY a.attnum) AS columns
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type b ON b.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
    LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace
    LEFT JOIN pg_catalog.pg_description m ON m.classoid = 1259 AND m.objoid = a.attrelid AND m.objsubid = a.attnum
    WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped) k ON true
WHERE NOT r.relispartition AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = r.oid OR h.inhparent = r.oid)
  AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype = 'e')
ORDER BY n.nspname, r.relname
