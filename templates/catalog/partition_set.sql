-- pg_partman lies in a schema of anybody's choice: its table is asked by the name that the catalog has for it. What it made below
-- another set is that set's.
SELECT 'partition_set', s.schema, s.name, s.control, s.every, s.premake, s.retention, s.retention_schema, s.keep_table, s.keep_index,
       s.infinite, s.maintained, s.privileges, s.ignored, 0::oid, 0::oid, NULL::text, NULL::text[], 0
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace,
XMLTABLE('/table/row' PASSING pg_catalog.query_to_xml(pg_catalog.format(
    'SELECT s.nspname AS schema, r.relname AS name, c.control,'
    ' CASE WHEN c.partition_interval ~ ''^[0-9]+$'' THEN c.partition_interval ELSE c.partition_interval::interval::text END AS every,'
    ' c.premake, CASE WHEN c.retention ~* ''^\s*[0-9]+\s+(second|minute|hour|day|week|month|mon|year)s?\s*$'''
    ' THEN c.retention::interval::text ELSE c.retention END AS retention, c.retention_schema, c.retention_keep_table AS keep_table,'
    ' c.retention_keep_index AS keep_index, c.infinite_time_partitions AS infinite, c.automatic_maintenance = ''on'' AS maintained,'
    ' coalesce(c.inherit_privileges, false) AS privileges, c.ignore_default_data AS ignored'
    ' FROM %I.part_config AS c JOIN pg_catalog.pg_class AS r ON true JOIN pg_catalog.pg_namespace AS s ON s.oid = r.relnamespace'
    ' WHERE c.parent_table = s.nspname || ''.'' || r.relname AND r.relkind = ''p'' AND NOT r.relispartition'
    ' AND c.partition_type IN (''native'', ''range'')', n.nspname), false, false, '')
    COLUMNS schema text, name text, control text, every text, premake integer, retention text, retention_schema text,
            keep_table boolean, keep_index boolean, infinite boolean, maintained boolean, privileges boolean, ignored boolean) AS s
WHERE e.extname = 'pg_partman'
ORDER BY s.schema, s.name
