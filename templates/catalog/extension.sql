-- The comment only where it is not the one that comes with the extension; the control files are read once, if at all.
WITH available AS MATERIALIZED (
    SELECT name, comment FROM pg_catalog.pg_available_extensions()
)
SELECT 'extension', e.extname, n.nspname, e.extversion,
       NULLIF(pg_catalog.obj_description(e.oid, 'pg_extension'), (SELECT a.comment FROM available a WHERE a.name = e.extname)),
       e.oid, 3079, pg_catalog.pg_get_userbyid(e.extowner), NULL::text[], 0
FROM pg_catalog.pg_extension e
JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql'
ORDER BY e.extname
