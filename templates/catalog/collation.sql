SELECT 'collation', n.nspname, c.collname, c.collprovider::text, c.collisdeterministic,
       c.collcollate::text, c.collctype::text,
       {% if version >= 170000 %}c.colllocale{% elif version >= 150000 %}c.colliculocale{% else %}NULL::text{% endif %},
       {% if version >= 160000 %}c.collicurules{% else %}NULL::text{% endif %}, d.description,
       c.oid, 3456, pg_catalog.pg_get_userbyid(c.collowner), NULL::text[], 0
FROM pg_catalog.pg_collation c
JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 3456 AND d.objoid = c.oid AND d.objsubid = 0
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 3456 AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY n.nspname, c.collname
