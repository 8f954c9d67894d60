-- Privileges on what is no object of a playbook: the database, its languages; what new objects get (as `default_acl`).
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
ORDER BY 1, 2, 3, 4
