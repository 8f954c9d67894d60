SELECT 'operator_class', n.nspname, o.opcname, a.amname, pg_catalog.format_type(o.opcintype, NULL), o.opcdefault,
       quote_ident(fn.nspname) || '.' || quote_ident(f.opfname),
       CASE WHEN o.opckeytype <> 0 THEN pg_catalog.format_type(o.opckeytype, NULL) END, k.members, d.description,
       o.oid, 2616, pg_catalog.pg_get_userbyid(o.opcowner), NULL::text[], 0
FROM pg_catalog.pg_opclass o
JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod
JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace
JOIN pg_catalog.pg_opfamily f ON f.oid = o.opcfamily
JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 2616 AND d.objoid = o.oid AND d.objsubid = 0
LEFT JOIN LATERAL (
    SELECT array_agg(i.item ORDER BY i.item) AS members FROM (
        SELECT 'OPERATOR ' || m.amopstrategy || ' ' || m.amopopr::regoperator::text || CASE WHEN m.amopsortfamily <> 0 THEN (
                   SELECT ' FOR ORDER BY ' || quote_ident(x.nspname) || '.' || quote_ident(s.opfname) FROM pg_catalog.pg_opfamily s
                   JOIN pg_catalog.pg_namespace x ON x.oid = s.opfnamespace WHERE s.oid = m.amopsortfamily) ELSE '' END AS item
        FROM pg_catalog.pg_amop m
        JOIN pg_catalog.pg_depend p ON p.classid = 2602 AND p.objid = m.oid AND p.refclassid = 2616 AND p.refobjid = o.oid
        UNION ALL
        SELECT 'FUNCTION ' || m.amprocnum || ' (' || pg_catalog.format_type(m.amproclefttype, NULL) || ', ' || pg_catalog.format_type(m.amprocrighttype, NULL) || ')' || ' ' || m.amproc::regprocedure::text
        FROM pg_catalog.pg_amproc m
        JOIN pg_catalog.pg_depend p ON p.classid = 2603 AND p.objid = m.oid AND p.refclassid = 2616 AND p.refobjid = o.oid) i) k ON true
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 2616 AND e.objid = o.oid AND e.deptype = 'e')
ORDER BY n.nspname, o.opcname, a.amname
