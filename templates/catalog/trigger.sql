SELECT 'trigger', n.nspname, r.relname, t.tgname,
       {% include 'catalog/_trigger_definition.sql' %},
       t.tgenabled::text, d.description,
       t.oid, 2620, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_class r ON r.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 2620 AND d.objoid = t.oid AND d.objsubid = 0
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND {% include 'catalog/_user_schemas.sql' %}

  AND r.relkind IN ('r', 'v', 'p', 'f')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.deptype = 'e' AND (e.classid = 1259 AND e.objid = r.oid OR e.classid = 2620 AND e.objid = t.oid))
  AND t.tgname NOT LIKE 'wgm\_sync\_%'
ORDER BY n.nspname, r.relname, t.tgname
