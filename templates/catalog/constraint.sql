SELECT 'constraint', n.nspname, r.relname, c.conname,
       c.contype::text, regexp_replace(CASE WHEN c.contype <> 'x' THEN pg_catalog.pg_get_constraintdef(c.oid)
                           -- Storage parameters of an exclusion constraint are in it; they are a column of their own.
                           ELSE regexp_replace(pg_catalog.pg_get_constraintdef(c.oid), ' WITH \([\w."]+=[^()]*\)', '') END,
                      ' NOT VALID$', ''), c.convalidated{% if version >= 180000 %} OR NOT c.conenforced{% endif %},
       x.reloptions, s.spcname, d.description,
       c.oid, 2606, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_class x ON x.oid = c.conindid AND c.contype <> 'f'
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = x.reltablespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 2606 AND d.objoid = c.oid AND d.objsubid = 0
WHERE (c.contype IN ('c', 'f', 'p', 'u', 'x'){% if version >= 180000 %}

         -- PostgreSQL makes a name of the table's and the column's for each NOT NULL: it says nothing. One that is too
         -- long is cut. After a rename, and from CREATE TABLE LIKE, a name of another table or column is left.
         OR c.contype = 'n' AND (
              c.connoinherit OR NOT c.convalidated OR c.conname !~ '_not_null[0-9]*$'
              OR octet_length(c.conname) < 62
                 AND rtrim(c.conname, '0123456789') <> r.relname || '_' || (
                     SELECT a.attname FROM pg_catalog.pg_attribute a
                     WHERE a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]) || '_not_null'){% endif %})
  AND c.conparentid = 0 AND c.coninhcount = 0 AND {% include 'catalog/_user_schemas.sql' %}

  AND r.relkind IN ('r', 'p') AND r.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype = 'e')
  AND c.conname NOT LIKE 'wgm\_not\_null\_%' AND c.conname NOT LIKE 'wgm\_new\_%'
ORDER BY n.nspname, r.relname, c.conname
