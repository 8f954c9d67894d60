SELECT 'operator_family', n.nspname, f.opfname, a.amname, k.members, d.description,
       f.oid, 2753, pg_catalog.pg_get_userbyid(f.opfowner), NULL::text[], 0
FROM pg_catalog.pg_opfamily f
JOIN pg_catalog.pg_am a ON a.oid = f.opfmethod
JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 2753 AND d.objoid = f.oid AND d.objsubid = 0
LEFT JOIN LATERAL (
    SELECT array_agg(ARRAY[i.item, i.gone] ORDER BY i.item) AS members FROM (
        SELECT 'OPERATOR ' || m.amopstrategy || ' ' || m.amopopr::regoperator::text || CASE WHEN m.amopsortfamily <> 0 THEN (
                   SELECT ' FOR ORDER BY ' || quote_ident(x.nspname) || '.' || quote_ident(s.opfname) FROM pg_catalog.pg_opfamily s
                   JOIN pg_catalog.pg_namespace x ON x.oid = s.opfnamespace WHERE s.oid = m.amopsortfamily) ELSE '' END AS item,
               'OPERATOR ' || m.amopstrategy || ' (' || pg_catalog.format_type(m.amoplefttype, NULL) || ', ' || pg_catalog.format_type(m.amoprighttype, NULL) || ')' AS gone
        FROM pg_catalog.pg_amop m
        JOIN pg_catalog.pg_depend p ON p.classid = 2602 AND p.objid = m.oid AND p.refclassid = 2753 AND p.refobjid = f.oid
        WHERE m.amopfamily = f.oid
        UNION ALL
        SELECT 'FUNCTION ' || m.amprocnum || ' (' || pg_catalog.format_type(m.amproclefttype, NULL) || ', ' || pg_catalog.format_type(m.amprocrighttype, NULL) || ')' || ' ' || m.amproc::regprocedure::text,
               'FUNCTION ' || m.amprocnum || ' (' || pg_catalog.format_type(m.amproclefttype, NULL) || ', ' || pg_catalog.format_type(m.amprocrighttype, NULL) || ')'
        FROM pg_catalog.pg_amproc m
        JOIN pg_catalog.pg_depend p ON p.classid = 2603 AND p.objid = m.oid AND p.refclassid = 2753 AND p.refobjid = f.oid
        WHERE m.amprocfamily = f.oid) i) k ON true
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 2753 AND e.objid = f.oid AND e.deptype = 'e')
ORDER BY n.nspname, f.opfname, a.amname
