SELECT 'foreign_data_wrapper', w.fdwname, NULLIF(w.fdwhandler, 0::oid)::regproc::text, NULLIF(w.fdwvalidator, 0::oid)::regproc::text, (SELECT array_agg(o ORDER BY o COLLATE "C") FROM unnest(w.fdwoptions) o), d.description,
       w.oid, 2328, pg_catalog.pg_get_userbyid(w.fdwowner), w.fdwacl::text[], 0
FROM pg_catalog.pg_foreign_data_wrapper w
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 2328 AND d.objoid = w.oid AND d.objsubid = 0
WHERE true
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 2328 AND e.objid = w.oid AND e.deptype = 'e')
ORDER BY w.fdwname
