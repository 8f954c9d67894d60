SELECT 'table', n.nspname, r.relname,
       r.relpersistence = 'u', {% include 'catalog/_storage_parameters.sql' %}
, s.spcname, am.amname, cl.relname, r.relreplident::text, ri.relname,
       r.relrowsecurity, r.relforcerowsecurity, d.description,
       CASE WHEN r.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(r.oid) END, h.parents,
       CASE WHEN r.relispartition THEN pg_catalog.pg_get_expr(r.relpartbound, r.oid) || CASE WHEN h.leaving THEN ' DETACH' ELSE '' END END,
       r.oid, 1259, pg_catalog.pg_get_userbyid(r.relowner), r.relacl::text[], 0
FROM pg_catalog.pg_class r
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_am am ON am.oid = r.relam
LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = r.reltablespace
LEFT JOIN (pg_catalog.pg_index i JOIN pg_catalog.pg_class cl ON cl.oid = i.indexrelid)
       ON i.indrelid = r.oid AND i.indisclustered
LEFT JOIN (pg_catalog.pg_index j JOIN pg_catalog.pg_class ri ON ri.oid = j.indexrelid)
       ON j.indrelid = r.oid AND j.indisreplident AND r.relreplident = 'i'
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1259 AND d.objoid = r.oid AND d.objsubid = 0
LEFT JOIN (SELECT i.inhrelid, array_agg(ARRAY[pn.nspname, p.relname]::text[] ORDER BY i.inhseqno) AS parents,
                  {% if version >= 140000 %}bool_or(i.inhdetachpending){% else %}false{% endif %} AS leaving
           FROM pg_catalog.pg_inherits i
           JOIN pg_catalog.pg_class p ON p.oid = i.inhparent AND p.relkind IN ('r', 'p')
           JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
           GROUP BY i.inhrelid) h ON h.inhrelid = r.oid
WHERE r.relkind IN ('r', 'p') AND {% include 'catalog/_user_schemas.sql' %}

  AND r.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype = 'e')
ORDER BY n.nspname, r.relname
