CASE WHEN a.attoptions IS NOT NULL THEN (
           -- `pg_attver` is the server's own, by which it knows rows of before a change (since 15.20 and its like).
           SELECT array_agg(o) FROM unnest(a.attoptions) AS own(o) WHERE o NOT LIKE 'pg\_attver=%') END