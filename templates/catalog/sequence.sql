SELECT 'sequence', n.nspname, r.relname,
       pg_catalog.format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
       r.relpersistence = 'u',
       (SELECT ARRAY[tn.nspname, t.relname, a.attname]::text[]
        FROM pg_catalog.pg_depend p
        JOIN pg_catalog.pg_class t ON t.oid = p.refobjid
        JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = p.refobjsubid
        WHERE p.classid = 1259 AND p.objid = r.oid AND p.refclassid = 1259 AND p.deptype = 'a' AND p.refobjsubid > 0),
       d.description,
       r.oid, 1259, pg_catalog.pg_get_userbyid(r.relowner), r.relacl::text[], 0
FROM pg_catalog.pg_sequence s
JOIN pg_catalog.pg_class r ON r.oid = s.seqrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1259 AND d.objoid = r.oid AND d.objsubid = 0
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype IN ('e', 'i'))
ORDER BY n.nspname, r.relname
