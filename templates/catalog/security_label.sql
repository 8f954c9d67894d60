-- The columns of an object's name stand in one array, because kinds have names of different lengths.
SELECT 'security_label', o.kind, o.name, l.provider, l.label, l.objoid, l.classoid, NULL::text, NULL::text[], 0
FROM (SELECT s.objoid, s.classoid, s.objsubid, s.provider, s.label FROM pg_catalog.pg_seclabel s
      UNION ALL
      SELECT s.objoid, s.classoid, 0, s.provider, s.label FROM pg_catalog.pg_shseclabel s) l
JOIN (SELECT 1259::oid AS classoid, r.oid, 0 AS subid,
             CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' WHEN 'S' THEN 'sequence'
                            WHEN 'f' THEN 'foreign_table' ELSE 'table' END AS kind,
             ARRAY[n.nspname, r.relname]::text[] AS name
      FROM pg_catalog.pg_class r
      JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
      WHERE r.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {% include 'catalog/_user_schemas.sql' %}

      UNION ALL
      SELECT 1259, r.oid, a.attnum, 'column', ARRAY[n.nspname, r.relname, a.attname]::text[]
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
      WHERE r.relkind IN ('r', 'p') AND a.attnum > 0 AND {% include 'catalog/_user_schemas.sql' %}

      UNION ALL
      SELECT 1255, p.oid, 0, CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
             ARRAY[n.nspname, p.proname, pg_catalog.oidvectortypes(p.proargtypes)]::text[]
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      WHERE {% include 'catalog/_user_schemas.sql' %}

      UNION ALL
      SELECT 1247, t.oid, 0,
             CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite' ELSE 'range' END,
             ARRAY[n.nspname, t.typname]::text[]
      FROM pg_catalog.pg_type t
      JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
      WHERE t.typtype IN ('e', 'd', 'c', 'r') AND {% include 'catalog/_user_schemas.sql' %}

      UNION ALL
      SELECT 2615, n.oid, 0, 'schema', ARRAY[n.nspname]::text[]
      FROM pg_catalog.pg_namespace n WHERE {% include 'catalog/_user_schemas.sql' %}

      UNION ALL
      SELECT 6104, p.oid, 0, 'publication', ARRAY[p.pubname]::text[] FROM pg_catalog.pg_publication p
      UNION ALL
      SELECT 3466, t.oid, 0, 'event_trigger', ARRAY[t.evtname]::text[] FROM pg_catalog.pg_event_trigger t
      UNION ALL
      SELECT 1262, b.oid, 0, 'database', ARRAY[]::text[] FROM pg_catalog.pg_database b WHERE b.datname = current_database()
      UNION ALL
      SELECT 1260, a.oid, 0, 'role', ARRAY[a.rolname]::text[] FROM pg_catalog.pg_roles a) o
  ON o.classoid = l.classoid AND o.oid = l.objoid AND o.subid = l.objsubid
ORDER BY o.kind, o.name, l.provider
