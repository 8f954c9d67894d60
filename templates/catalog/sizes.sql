SELECT n.nspname, r.relname, r.reltuples::float8, (r.relpages + COALESCE(t.relpages, 0))::int8 * 8192
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_class t ON t.oid = r.reltoastrelid
WHERE r.relkind IN ('r', 'm') AND {% include 'catalog/_user_schemas.sql' %}

UNION ALL
SELECT n.nspname, r.relname, sum(greatest(l.reltuples, 0))::float8, sum(l.relpages + COALESCE(t.relpages, 0))::int8 * 8192
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
CROSS JOIN LATERAL pg_catalog.pg_partition_tree(r.oid) p
JOIN pg_catalog.pg_class l ON l.oid = p.relid
LEFT JOIN pg_catalog.pg_class t ON t.oid = l.reltoastrelid
WHERE r.relkind = 'p' AND {% include 'catalog/_user_schemas.sql' %}

GROUP BY n.nspname, r.relname

