-- Tables with columns that are ours alone: helpers and those in the trash.
SELECT DISTINCT n.nspname, r.relname
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attname ~ '^wgm_(new|old|trash)_' AND r.relkind IN ('r', 'p') AND n.nspname <> 'wgm'
