SELECT 'statistics', n.nspname, s.stxname, ARRAY[rn.nspname::text, r.relname::text],
       CASE WHEN s.stxkind @> ARRAY['d', 'f', 'm']::"char"[] OR s.stxkind = ARRAY['e']::"char"[] THEN NULL
            ELSE (SELECT array_agg(k.word ORDER BY k.word) FROM (VALUES ('d', 'ndistinct'), ('f', 'dependencies'), ('m', 'mcv')) k (letter, word)
                  WHERE k.letter::"char" = ANY (s.stxkind)) END,
       COALESCE((SELECT array_agg(quote_ident(a.attname) ORDER BY a.attname) FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys::smallint[])), '{}')
       {% if version >= 140000 %}|| COALESCE((SELECT array_agg('(' || e || ')' ORDER BY e) FROM unnest(pg_catalog.pg_get_statisticsobjdef_expressions(s.oid)) e), '{}'){% endif %},
       NULLIF(s.stxstattarget, -1)::int, d.description,
       s.oid, 3381, pg_catalog.pg_get_userbyid(s.stxowner), NULL::text[], 0
FROM pg_catalog.pg_statistic_ext s
JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
JOIN pg_catalog.pg_class r ON r.oid = s.stxrelid
JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace AND rn.nspname NOT IN ('wgm', 'wgm_trash')
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 3381 AND d.objoid = s.oid AND d.objsubid = 0
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 3381 AND e.objid = s.oid AND e.deptype = 'e')
ORDER BY n.nspname, s.stxname
