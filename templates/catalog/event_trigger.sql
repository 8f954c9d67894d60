SELECT 'event_trigger', t.evtname, t.evtevent::text, t.evttags, quote_ident(n.nspname) || '.' || quote_ident(p.proname), t.evtenabled::text, d.description,
       t.oid, 3466, pg_catalog.pg_get_userbyid(t.evtowner), NULL::text[], 0
FROM pg_catalog.pg_event_trigger t
JOIN pg_catalog.pg_proc p ON p.oid = t.evtfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 3466 AND d.objoid = t.oid AND d.objsubid = 0
WHERE true
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 3466 AND e.objid = t.oid AND e.deptype = 'e')
ORDER BY t.evtname
