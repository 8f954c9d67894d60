-- Privileges on what is no object of a playbook: the database, its languages; what new objects get (as `default_acl`);
-- on columns that a partition or a child has of its parent, which have no row of their own; and on the sequences behind
-- identity columns.
SELECT 'database', 'database', '', '', 0::oid, 1262, pg_catalog.pg_get_userbyid(b.datdba), b.datacl::text[], 0
FROM pg_catalog.pg_database b
WHERE b.datname = current_database()
UNION ALL
SELECT 'language', l.lanname, '', '', 0::oid, 2612, pg_catalog.pg_get_userbyid(l.lanowner), l.lanacl::text[], 0
FROM pg_catalog.pg_language l
WHERE l.lanacl IS NOT NULL
UNION ALL
SELECT 'default_acl', pg_catalog.pg_get_userbyid(d.defaclrole), COALESCE(n.nspname, ''),
       CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
                            WHEN 'n' THEN 'schemas' ELSE 'large objects' END,
       0::oid, 826, pg_catalog.pg_get_userbyid(d.defaclrole), d.defaclacl::text[], 0
FROM pg_catalog.pg_default_acl d
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
UNION ALL
SELECT 'inherited_column', n.nspname, r.relname, a.attname, 0::oid, 1259, NULL, a.attacl::text[], 0
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE a.attacl IS NOT NULL AND a.attinhcount > 0 AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attname NOT LIKE 'wgm\_trash\_%' AND a.attname NOT LIKE 'wgm\_new\_%'
  AND r.relkind IN ('r', 'p') AND r.relpersistence <> 't' AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype = 'e')
UNION ALL
SELECT 'identity_column', n.nspname, r.relname, a.attname, 0::oid, 1259, pg_catalog.pg_get_userbyid(q.relowner), q.relacl::text[], 0
FROM pg_catalog.pg_class q
JOIN pg_catalog.pg_depend p ON p.classid = 1259 AND p.objid = q.oid AND p.refclassid = 1259 AND p.deptype = 'i'
JOIN pg_catalog.pg_attribute a ON a.attrelid = p.refobjid AND a.attnum = p.refobjsubid AND a.attidentity <> ''
JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE q.relkind = 'S' AND q.relacl IS NOT NULL AND a.attinhcount = 0 AND NOT a.attisdropped
  AND a.attname NOT LIKE 'wgm\_trash\_%' AND a.attname NOT LIKE 'wgm\_new\_%'
  AND r.relkind IN ('r', 'p') AND r.relpersistence <> 't' AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype = 'e')
ORDER BY 1, 2, 3, 4
