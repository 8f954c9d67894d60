WITH present(classid, objid, what) AS (
    SELECT 1259::oid, r.oid, CASE r.relkind WHEN 'f' THEN 'foreign table' ELSE 'composite type' END
    FROM pg_catalog.pg_class r
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    WHERE r.relkind IN ('f', 'c') AND {% include 'catalog/_user_schemas.sql' %}

    UNION ALL
    SELECT 1247, t.oid, CASE t.typtype WHEN 'r' THEN 'range type' ELSE 'base type' END
    FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE (t.typtype = 'r' OR t.typtype = 'b' AND t.typelem = 0) AND {% include 'catalog/_user_schemas.sql' %}

    UNION ALL
    SELECT 1255, p.oid, 'aggregate' FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind = 'a' AND {% include 'catalog/_user_schemas.sql' %}

    UNION ALL
    SELECT 2618, w.oid, 'rule' FROM pg_catalog.pg_rewrite w WHERE w.rulename <> '_RETURN' AND w.oid >= 16384
    UNION ALL
    SELECT DISTINCT d.classid, d.objid, CASE d.classid
               WHEN 3256 THEN 'policy' WHEN 3466 THEN 'event trigger' WHEN 3381 THEN 'extended statistics'
               WHEN 2617 THEN 'operator' WHEN 2616 THEN 'operator class' WHEN 2753 THEN 'operator family'
               WHEN 3456 THEN 'collation' WHEN 2605 THEN 'cast' WHEN 2607 THEN 'conversion'
               WHEN 3600 THEN 'text search dictionary' WHEN 3601 THEN 'text search parser'
               WHEN 3602 THEN 'text search configuration' WHEN 3764 THEN 'text search template'
               WHEN 2328 THEN 'foreign-data wrapper' WHEN 1417 THEN 'foreign server' WHEN 1418 THEN 'user mapping'
               WHEN 6104 THEN 'publication' WHEN 826 THEN 'default privileges' WHEN 3576 THEN 'transform'
               WHEN 2601 THEN 'access method' WHEN 2612 THEN 'language' ELSE d.classid::regclass::text END
    FROM pg_catalog.pg_depend d
    WHERE d.objid >= 16384 AND d.classid NOT IN (1259, 1247, 1255, 2606, 2618, 2604, 2620, 2615, 3079, 2602, 2603, 6106, 6237)
)
SELECT p.what, (pg_catalog.pg_identify_object(p.classid, p.objid, 0)).identity
FROM present p
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = p.classid AND e.objid = p.objid AND e.deptype = 'e')
ORDER BY 1, 2
