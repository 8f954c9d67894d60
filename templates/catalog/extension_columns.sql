WITH RECURSIVE made AS (
    SELECT d.objid AS type, e.extname AS extension
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
     WHERE d.classid = 1247 AND d.refclassid = 3079 AND d.deptype = 'e'
    UNION
    SELECT x.type, m.extension
      FROM made AS m
     CROSS JOIN LATERAL (
        SELECT t.oid AS type
          FROM pg_catalog.pg_type AS t
         WHERE (t.typelem = m.type AND t.typcategory = 'A') OR t.typbasetype = m.type
        UNION ALL
        SELECT c.reltype
          FROM pg_catalog.pg_attribute AS a
          JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
         WHERE a.atttypid = m.type AND c.reltype <> 0 AND NOT a.attisdropped
        UNION ALL
        SELECT r.rngtypid
          FROM pg_catalog.pg_range AS r
         WHERE r.rngsubtype = m.type
     ) AS x
)
SELECT DISTINCT n.nspname, c.relname, a.attname, m.extension
  FROM made AS m
  JOIN pg_catalog.pg_attribute AS a ON a.atttypid = m.type AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 ORDER BY 4, 1, 2, 3
