WITH RECURSIVE needed AS (
    SELECT 1259::pg_catalog.oid AS class, r.oid AS object, 0 AS part, true AS own, 1259::pg_catalog.oid AS of_class,
           r.oid AS of_object, 0 AS of_part
      FROM pg_catalog.pg_class AS r
      JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
     WHERE n.nspname = 'wgm_trash'
    UNION
    SELECT 1247, t.oid, 0, true, 1247, t.oid, 0
      FROM pg_catalog.pg_type AS t
      JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
     WHERE n.nspname = 'wgm_trash' AND t.typtype IN ('d', 'e', 'r')
    UNION
    SELECT 1259, a.attrelid, a.attnum, true, 1259, a.attrelid, a.attnum
      FROM pg_catalog.pg_attribute AS a
     WHERE a.attname LIKE 'wgm\_trash\_%' AND NOT a.attisdropped
    UNION
    SELECT x.class, x.object, x.part, x.own, n.of_class, n.of_object, n.of_part
      FROM needed AS n
     CROSS JOIN LATERAL (
        SELECT d.classid AS class, d.objid AS object, d.objsubid AS part, true AS own
          FROM pg_catalog.pg_depend AS d
         WHERE n.own AND d.refclassid = n.class AND d.refobjid = n.object AND d.deptype IN ('a', 'i')
           AND (n.part = 0 OR d.refobjsubid = n.part)
        UNION ALL
        SELECT d.refclassid, d.refobjid, 0, false
          FROM pg_catalog.pg_depend AS d
         WHERE d.classid = n.class AND d.objid = n.object AND (n.part = 0 OR d.objsubid = n.part)
           AND d.refclassid <> 2615 AND d.deptype IN ('n', 'i', 'e')
           AND NOT (n.own AND d.refclassid = 1259 AND d.deptype <> 'n')
        UNION ALL
        SELECT 1247, t.typelem, 0, false
          FROM pg_catalog.pg_type AS t
         WHERE n.class = 1247 AND t.oid = n.object AND t.typelem <> 0 AND t.typcategory = 'A'
     ) AS x
)
SELECT DISTINCT n.class::pg_catalog.int8, n.object::pg_catalog.int8, pg_catalog.concat(i.type, ' ', i.identity)
  FROM needed AS n
 CROSS JOIN LATERAL pg_catalog.pg_identify_object(n.of_class, n.of_object, n.of_part) AS i
 WHERE NOT n.own
 ORDER BY 3
