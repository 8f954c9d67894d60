SELECT 'rule', n.nspname, r.relname, w.rulename, pg_catalog.pg_get_ruledef(w.oid), w.ev_enabled::text, d.description,
       w.oid, 2618, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_rewrite w
JOIN pg_catalog.pg_class r ON r.oid = w.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 2618 AND d.objoid = w.oid AND d.objsubid = 0
WHERE w.rulename <> '_RETURN' AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1259 AND e.objid = r.oid AND e.deptype = 'e')
ORDER BY n.nspname, r.relname, w.rulename
