-- Materialized views that hold no data: those made WITH NO DATA and never refreshed.
SELECT n.nspname, r.relname
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE r.relkind = 'm' AND NOT r.relispopulated
