SELECT 'aggregate', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid),
       pg_catalog.pg_get_function_arguments(p.oid), pg_catalog.format_type(p.prorettype, NULL),
       array_remove(ARRAY[
           'SFUNC = ' || a.aggtransfn::regproc::text,
           'STYPE = ' || pg_catalog.format_type(a.aggtranstype, NULL),
           CASE WHEN a.aggtransspace <> 0 THEN 'SSPACE = ' || a.aggtransspace END,
           'FINALFUNC = ' || NULLIF(a.aggfinalfn, 0::oid)::regproc::text,
           CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
           CASE WHEN a.aggfinalfn <> 0 AND a.aggfinalmodify <> CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END::"char"
                THEN 'FINALFUNC_MODIFY = ' || CASE a.aggfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END,
           'COMBINEFUNC = ' || NULLIF(a.aggcombinefn, 0::oid)::regproc::text,
           'SERIALFUNC = ' || NULLIF(a.aggserialfn, 0::oid)::regproc::text,
           'DESERIALFUNC = ' || NULLIF(a.aggdeserialfn, 0::oid)::regproc::text,
           'INITCOND = ' || quote_literal(a.agginitval),
           'MSFUNC = ' || NULLIF(a.aggmtransfn, 0::oid)::regproc::text,
           'MINVFUNC = ' || NULLIF(a.aggminvtransfn, 0::oid)::regproc::text,
           CASE WHEN a.aggmtranstype <> 0 THEN 'MSTYPE = ' || pg_catalog.format_type(a.aggmtranstype, NULL) END,
           CASE WHEN a.aggmtransspace <> 0 THEN 'MSSPACE = ' || a.aggmtransspace END,
           'MFINALFUNC = ' || NULLIF(a.aggmfinalfn, 0::oid)::regproc::text,
           CASE WHEN a.aggmfinalextra THEN 'MFINALFUNC_EXTRA' END,
           CASE WHEN a.aggmfinalfn <> 0 AND a.aggmfinalmodify <> CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END::"char"
                THEN 'MFINALFUNC_MODIFY = ' || CASE a.aggmfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END,
           'MINITCOND = ' || quote_literal(a.aggminitval),
           CASE WHEN a.aggsortop <> 0 THEN 'SORTOP = ' || (
               SELECT 'OPERATOR(' || quote_ident(os.nspname) || '.' || o.oprname || ')' FROM pg_catalog.pg_operator o
               JOIN pg_catalog.pg_namespace os ON os.oid = o.oprnamespace WHERE o.oid = a.aggsortop) END,
           CASE p.proparallel WHEN 's' THEN 'PARALLEL = SAFE' WHEN 'r' THEN 'PARALLEL = RESTRICTED' END,
           CASE WHEN a.aggkind = 'h' THEN 'HYPOTHETICAL' END], NULL),
       d.description,
       p.oid, 1255, pg_catalog.pg_get_userbyid(p.proowner), p.proacl::text[], 0
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 1255 AND d.objoid = p.oid AND d.objsubid = 0
WHERE {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 1255 AND e.objid = p.oid AND e.deptype = 'e')
ORDER BY n.nspname, p.proname, 4
