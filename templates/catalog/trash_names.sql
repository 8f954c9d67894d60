SELECT r.relname
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE n.nspname = 'wgm_trash'
UNION ALL
SELECT t.typname
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = 'wgm_trash' AND t.typtype IN ('d', 'e', 'r')
UNION ALL
SELECT a.attname
FROM pg_catalog.pg_attribute a
WHERE a.attname LIKE 'wgm\_trash\_%' AND NOT a.attisdropped
UNION ALL
SELECT c.collname
FROM pg_catalog.pg_collation c
JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
WHERE n.nspname = 'wgm_trash'
