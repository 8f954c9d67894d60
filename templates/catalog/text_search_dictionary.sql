SELECT 'text_search_dictionary', n.nspname, t.dictname, quote_ident(pn.nspname) || '.' || quote_ident(p.tmplname), t.dictinitoption, d.description,
       t.oid, 3600, pg_catalog.pg_get_userbyid(t.dictowner), NULL::text[], 0
FROM pg_catalog.pg_ts_dict t
JOIN pg_catalog.pg_namespace n ON n.oid = t.dictnamespace
JOIN pg_catalog.pg_ts_template p ON p.oid = t.dicttemplate
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.tmplnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 3600 AND d.objoid = t.oid AND d.objsubid = 0
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 3600 AND e.objid = t.oid AND e.deptype = 'e')
ORDER BY n.nspname, t.dictname
