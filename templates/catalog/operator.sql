SELECT 'operator', n.nspname, o.oprname,
       CASE WHEN o.oprleft = 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprleft, NULL) END,
       CASE WHEN o.oprright = 0 THEN 'NONE' ELSE pg_catalog.format_type(o.oprright, NULL) END,
       o.oprcode::text,
       (SELECT 'OPERATOR(' || quote_ident(x.nspname) || '.' || c.oprname || ')' FROM pg_catalog.pg_operator c
        JOIN pg_catalog.pg_namespace x ON x.oid = c.oprnamespace WHERE c.oid = o.oprcom),
       (SELECT 'OPERATOR(' || quote_ident(x.nspname) || '.' || c.oprname || ')' FROM pg_catalog.pg_operator c
        JOIN pg_catalog.pg_namespace x ON x.oid = c.oprnamespace WHERE c.oid = o.oprnegate),
       NULLIF(o.oprrest, 0::oid)::regproc::text, NULLIF(o.oprjoin, 0::oid)::regproc::text, o.oprcanhash, o.oprcanmerge, d.description,
       o.oid, 2617, pg_catalog.pg_get_userbyid(o.oprowner), NULL::text[], 0
FROM pg_catalog.pg_operator o
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 2617 AND d.objoid = o.oid AND d.objsubid = 0
WHERE o.oprcode <> 0 AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 2617 AND e.objid = o.oid AND e.deptype = 'e')
ORDER BY n.nspname, o.oprname, 4, 5
