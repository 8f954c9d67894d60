-- How large each table is. What ANALYZE noted last is true only for a table that did not grow since: the statistics
-- collector counts rows as they come, and a table that nobody analysed is measured by its file and the width of a row.
WITH RECURSIVE measured AS (
    SELECT r.oid,
           coalesce(nullif(greatest(r.reltuples::float8, pg_catalog.pg_stat_get_live_tuples(r.oid)::float8, 0), 0), f.size / w.width, 0) AS tuples,
           greatest((r.relpages + COALESCE(t.relpages, 0))::int8 * 8192, f.size) AS size
    FROM pg_catalog.pg_class r
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    LEFT JOIN pg_catalog.pg_class t ON t.oid = r.reltoastrelid
    -- Only where it must be: the size of a file is asked under a lock, behind whoever holds the table for himself.
    CROSS JOIN LATERAL (SELECT CASE WHEN r.reltuples < 0 OR r.relpages = 0 THEN pg_catalog.pg_relation_size(r.oid) END AS size) f
    -- As the planner does: a header and a line pointer of 28 bytes, 32 bytes for a text (source: estimate_rel_size).
    CROSS JOIN LATERAL (SELECT 28 + COALESCE(sum(CASE WHEN a.attlen > 0 THEN a.attlen ELSE 32 END), 0)::float8 AS width
                        FROM pg_catalog.pg_attribute a
                        WHERE f.size > 0 AND a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped) w
    WHERE r.relkind IN ('r', 'm') AND {% include 'catalog/_user_schemas.sql' %}

), family AS (
    -- What is done to a table is done to its children.
    SELECT m.oid AS parent, m.oid AS child
    FROM measured m
    UNION
    SELECT f.parent, i.inhrelid
    FROM family f
    JOIN pg_catalog.pg_inherits i ON i.inhparent = f.child
)
SELECT n.nspname, r.relname, sum(m.tuples), sum(m.size)::int8
FROM family f
JOIN measured m ON m.oid = f.child
JOIN pg_catalog.pg_class r ON r.oid = f.parent
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
GROUP BY n.nspname, r.relname

UNION ALL
SELECT n.nspname, r.relname, sum(m.tuples), sum(m.size)::int8
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
CROSS JOIN LATERAL pg_catalog.pg_partition_tree(r.oid) p
JOIN measured m ON m.oid = p.relid
WHERE r.relkind = 'p' AND {% include 'catalog/_user_schemas.sql' %}

GROUP BY n.nspname, r.relname
