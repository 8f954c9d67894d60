SELECT 'text_search_configuration', n.nspname, c.cfgname, quote_ident(pn.nspname) || '.' || quote_ident(p.prsname), k.mappings, d.description,
       c.oid, 3602, pg_catalog.pg_get_userbyid(c.cfgowner), NULL::text[], 0
FROM pg_catalog.pg_ts_config c
JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace
JOIN pg_catalog.pg_ts_parser p ON p.oid = c.cfgparser
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.prsnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 3602 AND d.objoid = c.oid AND d.objsubid = 0
LEFT JOIN LATERAL (
    SELECT array_agg(ARRAY[t.alias, t.dictionaries] ORDER BY t.alias) AS mappings FROM (
        SELECT o.alias, string_agg(quote_ident(x.nspname) || '.' || quote_ident(i.dictname), ', ' ORDER BY m.mapseqno) AS dictionaries
        FROM pg_catalog.pg_ts_config_map m
        JOIN pg_catalog.ts_token_type(c.cfgparser) o ON o.tokid = m.maptokentype
        JOIN pg_catalog.pg_ts_dict i ON i.oid = m.mapdict
        JOIN pg_catalog.pg_namespace x ON x.oid = i.dictnamespace
        WHERE m.mapcfg = c.oid GROUP BY o.alias) t) k ON true
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 3602 AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY n.nspname, c.cfgname
