SELECT 'setting', CASE WHEN s.setdatabase = 0 THEN '' ELSE 'database' END, COALESCE(r.rolname, ''),
       lower(split_part(c.entry, '=', 1)), substr(c.entry, strpos(c.entry, '=') + 1),
       0::oid, 2964, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_db_role_setting s
CROSS JOIN LATERAL unnest(s.setconfig) AS c(entry)
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
WHERE s.setdatabase = (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = current_database())
   OR s.setdatabase = 0
ORDER BY 2, 3, 4
