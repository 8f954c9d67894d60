(SELECT array_agg(o ORDER BY o COLLATE "C")
               FROM (SELECT unnest(r.reloptions) UNION ALL
                     SELECT 'toast.' || unnest(t.reloptions) FROM pg_catalog.pg_class t
                     WHERE t.oid = r.reltoastrelid AND t.reloptions IS NOT NULL) AS p(o))
