SELECT 'user_mapping', m.srvname, CASE WHEN m.umuser = 0 THEN 'public' ELSE m.usename END,
       (SELECT array_agg(CASE WHEN split_part(o, '=', 1) ~* '(pass|secret|token|key|credential)'
                              THEN split_part(o, '=', 1) || '=' || left(encode(sha256(convert_to(
                                   m.srvname || '/' || CASE WHEN m.umuser = 0 THEN 'public' ELSE m.usename END || '/' || o, 'UTF8')), 'hex'), 8)
                              ELSE o END ORDER BY o COLLATE "C")
        FROM unnest(m.umoptions) o),
       m.umid, 1418, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_user_mappings m
WHERE true
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1417 AND e.objid = m.srvid AND e.deptype = 'e')
ORDER BY 2, 3
