-- What acts on a table's rows besides who writes them: its triggers, those that partitions have from their parent, and rules
-- on UPDATE; what tells whether a batch may keep them from acting, and whether they take the row as a whole.
SELECT 'trigger', n.nspname, r.relname, t.tgname, t.tgenabled::text, (t.tgtype & 16) <> 0,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.tgrelid AND a.attnum = ANY (t.tgattr)),
       t.tgconstraint <> 0, t.tgparentid <> 0, pg_catalog.has_function_privilege(t.tgfoid, 'EXECUTE'),
       p.prosrc !~ 'wgm' AND p.prosrc ~* '\m(to_jsonb?|row_to_json|hstore)\s*\(\s*(new|old)\s*[,)]|\m(new|old)\s*(\.\s*\*|::)', p.proname
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_class r ON r.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE r.relkind IN ('r', 'p') AND {% include 'catalog/_user_schemas.sql' %}

  AND t.tgenabled <> 'D' AND t.tgname NOT LIKE 'wgm\_sync\_%' AND (NOT t.tgisinternal OR t.tgparentid <> 0)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.oid = t.tgconstraint AND c.contype <> 't')
UNION ALL
SELECT 'rule', n.nspname, r.relname, w.rulename, w.ev_enabled::text, true, ARRAY[]::text[], false, false, true, false, ''
FROM pg_catalog.pg_rewrite w
JOIN pg_catalog.pg_class r ON r.oid = w.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE r.relkind IN ('r', 'p') AND w.ev_type = '2' AND w.ev_enabled <> 'D' AND {% include 'catalog/_user_schemas.sql' %}
