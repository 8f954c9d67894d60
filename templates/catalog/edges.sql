-- Who depends on whom, with the go-betweens replaced by what people name: a rule by its view, a default by its column,
-- a row type or array type by its table or element type, an index behind a constraint by the constraint, the sequence
-- behind an identity column by that column, an inherited column also by the one that it is inherited from. Pinned objects
-- (system ones) are left out.
WITH RECURSIVE origin(child, name, parent) AS (
    SELECT h.inhrelid, a.attname, h.inhparent
    FROM pg_catalog.pg_inherits h
    JOIN pg_catalog.pg_attribute a ON a.attrelid = h.inhparent AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT o.child, o.name, h.inhparent
    FROM origin o
    JOIN pg_catalog.pg_inherits h ON h.inhrelid = o.parent
    JOIN pg_catalog.pg_attribute a ON a.attrelid = h.inhparent AND a.attname = o.name
),
alias(classid, objid, to_class, to_obj, to_sub) AS (
    SELECT 2618::oid, w.oid, 1259::oid, w.ev_class, 0 FROM pg_catalog.pg_rewrite w WHERE w.rulename = '_RETURN'
    UNION ALL
    SELECT 2602::oid, m.objid, m.refclassid, m.refobjid, 0 FROM pg_catalog.pg_depend m WHERE m.classid = 2602 AND m.refclassid IN (2616, 2753)
    UNION ALL
    SELECT 2603::oid, m.objid, m.refclassid, m.refobjid, 0 FROM pg_catalog.pg_depend m WHERE m.classid = 2603 AND m.refclassid IN (2616, 2753)
{% if version >= 140000 %}
    UNION ALL
    SELECT 1247::oid, g.rngmultitypid, 1247::oid, g.rngtypid, 0 FROM pg_catalog.pg_range g WHERE g.rngtypid >= 16384
    UNION ALL
    SELECT 1247::oid, t.typarray, 1247::oid, g.rngtypid, 0
    FROM pg_catalog.pg_range g JOIN pg_catalog.pg_type t ON t.oid = g.rngmultitypid WHERE g.rngtypid >= 16384
{% endif %}
    UNION ALL
    SELECT 2604::oid, f.oid, 1259::oid, f.adrelid, f.adnum::int FROM pg_catalog.pg_attrdef f
    UNION ALL
    SELECT 1247::oid, t.oid, 1259::oid, t.typrelid, 0 FROM pg_catalog.pg_type t WHERE t.typrelid <> 0 AND t.oid >= 16384
    UNION ALL
    SELECT 1247::oid, t.typarray, CASE WHEN t.typrelid <> 0 THEN 1259::oid ELSE 1247::oid END,
           CASE WHEN t.typrelid <> 0 THEN t.typrelid ELSE t.oid END, 0
    FROM pg_catalog.pg_type t WHERE t.typarray <> 0 AND t.oid >= 16384{% if version >= 140000 %} AND t.typtype <> 'm'{% endif %}

    UNION ALL
    SELECT 1259::oid, c.conindid, 2606::oid, c.oid, 0
    FROM pg_catalog.pg_constraint c WHERE c.contype IN ('p', 'u', 'x') AND c.conindid <> 0
    UNION ALL
    SELECT 1259::oid, p.objid, 1259::oid, p.refobjid, p.refobjsubid
    FROM pg_catalog.pg_depend p
    WHERE p.classid = 1259 AND p.refclassid = 1259 AND p.deptype = 'i' AND p.refobjsubid > 0
)
SELECT DISTINCT COALESCE(a.to_class, d.classid), COALESCE(a.to_obj, d.objid), COALESCE(a.to_sub, d.objsubid),
                COALESCE(b.to_class, d.refclassid), COALESCE(b.to_obj, d.refobjid), COALESCE(b.to_sub, d.refobjsubid)
FROM pg_catalog.pg_depend d
LEFT JOIN alias a ON a.classid = d.classid AND a.objid = d.objid
LEFT JOIN alias b ON b.classid = d.refclassid AND b.objid = d.refobjid
WHERE d.objid >= 16384 AND d.refobjid >= 16384 AND d.deptype IN ('n', 'a', 'i')
  AND NOT (d.deptype = 'a' AND d.classid = 1259 AND d.refclassid = 1259 AND d.objsubid = 0 AND d.refobjsubid > 0
           AND EXISTS (SELECT FROM pg_catalog.pg_sequence s WHERE s.seqrelid = d.objid))
UNION
SELECT DISTINCT COALESCE(a.to_class, d.classid), COALESCE(a.to_obj, d.objid), COALESCE(a.to_sub, d.objsubid), 1259::oid, o.parent, u.attnum::int
FROM origin o
JOIN pg_catalog.pg_attribute c ON c.attrelid = o.child AND c.attname = o.name
JOIN pg_catalog.pg_attribute u ON u.attrelid = o.parent AND u.attname = o.name
JOIN pg_catalog.pg_depend d ON d.refclassid = 1259 AND d.refobjid = o.child AND d.refobjsubid = c.attnum AND d.deptype IN ('n', 'a')
LEFT JOIN alias a ON a.classid = d.classid AND a.objid = d.objid
WHERE d.objid <> o.child
