-- What online forms make for their own use while a change is under way: columns, indexes, checks, triggers, functions.
SELECT 'column', n.nspname, r.relname, a.attname, true
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attname LIKE 'wgm\_new\_%' AND r.relkind = 'r'
UNION ALL
SELECT 'index', n.nspname, r.relname, x.relname, i.indisvalid AND i.indisready
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_class r ON r.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
WHERE x.relname LIKE 'wgm\_new\_%' OR x.relname LIKE 'wgm\_old\_%'
UNION ALL
SELECT 'constraint', n.nspname, r.relname, c.conname, c.convalidated
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE c.contype IN ('c', 'f') AND c.coninhcount = 0 AND (c.conname LIKE 'wgm\_not\_null\_%' OR c.conname LIKE 'wgm\_new\_%')
UNION ALL
SELECT 'trigger', n.nspname, r.relname, t.tgname, true
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class r ON r.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE NOT t.tgisinternal AND t.tgname LIKE 'wgm\_sync\_%'
UNION ALL
SELECT 'function', n.nspname, '', p.proname, true
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'wgm' AND p.proname LIKE 'wgm\_sync\_%'
UNION ALL
SELECT 'sequence', n.nspname, '', r.relname, true
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE n.nspname = 'wgm' AND r.relkind = 'S' AND r.relname LIKE 'wgm\_new\_%'
UNION ALL
SELECT 'type', n.nspname, '', t.typname, true
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e' AND t.typname LIKE 'wgm\_new\_%'
UNION ALL
-- Triggers of the application that are kept from acting in batches.
SELECT 'guard', n.nspname, r.relname, t.tgname, true
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class r ON r.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgqual IS NOT NULL
  AND pg_catalog.pg_get_triggerdef(t.oid) ~ '{% include "catalog/_kept_out.sql" %}'
