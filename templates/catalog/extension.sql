SELECT 'extension', e.extname, n.nspname, e.extversion,
       e.oid, 3079, pg_catalog.pg_get_userbyid(e.extowner), NULL::text[], 0
FROM pg_catalog.pg_extension e
JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql'
ORDER BY e.extname
