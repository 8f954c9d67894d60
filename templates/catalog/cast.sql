SELECT 'cast', pg_catalog.format_type(c.castsource, NULL), pg_catalog.format_type(c.casttarget, NULL),
       CASE c.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || c.castfunc::regprocedure::text WHEN 'i' THEN 'WITH INOUT' ELSE 'WITHOUT FUNCTION' END,
       c.castcontext::text, d.description,
       c.oid, 2605, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_cast c
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 2605 AND d.objoid = c.oid AND d.objsubid = 0
WHERE c.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 2605 AND e.objid = c.oid AND e.deptype IN ('e', 'i'))
ORDER BY 2, 3
