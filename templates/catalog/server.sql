SELECT 'server', s.srvname, w.fdwname::text, s.srvtype, s.srvversion, (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(s.srvoptions) o), d.description,
       s.oid, 1417, pg_catalog.pg_get_userbyid(s.srvowner), s.srvacl::text[], 0
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1417 AND d.objoid = s.oid AND d.objsubid = 0
WHERE true
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1417 AND e.objid = s.oid AND e.deptype = 'e')
ORDER BY s.srvname
