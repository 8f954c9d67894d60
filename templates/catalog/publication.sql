SELECT 'publication', p.pubname, p.puballtables,
       array_remove(ARRAY[CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
                          CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END], NULL),
       p.pubviaroot, {% if version >= 180000 %}p.pubgencols::text{% else %}NULL::text{% endif %}, d.description,
       p.oid, 6104, pg_catalog.pg_get_userbyid(p.pubowner), NULL::text[], 0
FROM pg_catalog.pg_publication p
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 6104 AND d.objoid = p.oid AND d.objsubid = 0
WHERE true
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 6104 AND e.objid = p.oid AND e.deptype = 'e')
ORDER BY p.pubname
