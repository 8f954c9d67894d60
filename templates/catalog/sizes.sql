SELECT n.nspname, r.relname, r.reltuples::float8, (r.relpages + COALESCE(t.relpages, 0))::int8 * 8192
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_class t ON t.oid = r.reltoastrelid
WHERE r.relkind IN ('r', 'm') AND {% include 'catalog/_user_schemas.sql' %}

