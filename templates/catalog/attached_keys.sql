-- Keys of partitions whose index is attached to an index of the parent that is no key: one goes with the other.
SELECT pn.nspname::text, p.relname::text, n.nspname::text, r.relname::text, c.conname::text
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.conindid
JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE c.contype IN ('p', 'u') AND c.conparentid = 0 AND c.conindid <> 0
ORDER BY 1, 2, 3, 4, 5
