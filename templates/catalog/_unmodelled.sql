    SELECT 1259::oid, r.oid, CASE WHEN r.relkind = 'f' THEN 'foreign table that inherits' ELSE 'typed table' END
    FROM pg_catalog.pg_class r
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    WHERE (r.reloftype <> 0 OR r.relkind = 'f' AND (r.relispartition OR EXISTS (
              SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = r.oid OR h.inhparent = r.oid)))
      AND {% include 'catalog/_user_schemas.sql' %}

    UNION ALL
    SELECT 1247, t.oid, CASE t.typtype WHEN 'p' THEN 'shell type' ELSE 'base type' END
    FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE (t.typtype = 'p' OR t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid))
      AND {% include 'catalog/_user_schemas.sql' %}

    UNION ALL
    SELECT 2620, t.oid, 'trigger that is in another state than its parent''s:'
    FROM pg_catalog.pg_trigger t
    JOIN pg_catalog.pg_trigger u ON u.oid = t.tgparentid AND u.tgenabled <> t.tgenabled AND NOT u.tgisinternal
    UNION ALL
    SELECT 2617, o.oid, 'shell operator' FROM pg_catalog.pg_operator o WHERE o.oprcode = 0 AND o.oid >= 16384
    UNION ALL
    SELECT 2607, c.oid, 'conversion' FROM pg_catalog.pg_conversion c WHERE c.oid >= 16384
    UNION ALL
    SELECT 3601, p.oid, 'text search parser' FROM pg_catalog.pg_ts_parser p WHERE p.oid >= 16384
    UNION ALL
    SELECT 3764, t.oid, 'text search template' FROM pg_catalog.pg_ts_template t WHERE t.oid >= 16384
    UNION ALL
    SELECT 3576, t.oid, 'transform' FROM pg_catalog.pg_transform t WHERE t.oid >= 16384
    UNION ALL
    SELECT 2601, a.oid, 'access method' FROM pg_catalog.pg_am a WHERE a.oid >= 16384
    UNION ALL
    SELECT 2612, l.oid, 'language' FROM pg_catalog.pg_language l WHERE l.oid >= 16384
    UNION ALL
    SELECT DISTINCT d.classid, d.objid, d.classid::regclass::text
    FROM pg_catalog.pg_depend d
    WHERE d.objid >= 16384
      AND d.classid NOT IN (1259, 1247, 1255, 2606, 2618, 2604, 2620, 2615, 3079, 2602, 2603, 6106, 6237, 3456, 2617, 2616, 2753, 2605,
                            3600, 3602, 3381, 3466, 6104, 2328, 1417, 1418, 2607, 3601, 3764, 3576, 2601, 2612, 3256, 826)
