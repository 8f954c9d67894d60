-- What the server holds that no kind describes, found by asking its catalogs; whatever depends on something and is of a
-- class that is not known here is named by the name of its catalog.
WITH present(classid, objid, what) AS (
    {% include 'catalog/_unmodelled.sql' %}

)
SELECT p.what, (pg_catalog.pg_identify_object(p.classid, p.objid, 0)).identity
FROM present p
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = p.classid AND e.objid = p.objid AND e.deptype = 'e')
UNION ALL
-- By its name: before 14 only a superuser may read its oid.
SELECT 'subscription', pg_catalog.quote_ident(s.subname) FROM pg_catalog.pg_subscription s
WHERE s.subdbid = (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = current_database())
UNION ALL
-- Comments on what has none of its own: indexes of keys and partitions, keys and triggers of partitions, sequences of
-- identity columns.
SELECT 'comment on ' || CASE WHEN d.classoid = 2606 THEN 'constraint' WHEN d.classoid = 2620 THEN 'trigger'
                             WHEN x.relkind = 'S' THEN 'sequence' ELSE 'index' END,
       (pg_catalog.pg_identify_object(d.classoid, d.objoid, 0)).identity
FROM pg_catalog.pg_description d
LEFT JOIN pg_catalog.pg_class x ON d.classoid = 1259 AND x.oid = d.objoid
LEFT JOIN pg_catalog.pg_constraint c ON d.classoid = 2606 AND c.oid = d.objoid
LEFT JOIN pg_catalog.pg_trigger t ON d.classoid = 2620 AND t.oid = d.objoid
LEFT JOIN pg_catalog.pg_class r ON r.oid IN (x.oid, c.conrelid, t.tgrelid)
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE d.objsubid = 0 AND d.objoid >= 16384
  AND (x.relkind IN ('i', 'I')
         AND (x.relispartition
              OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u', 'x')))
       OR x.relkind = 'S'
         AND EXISTS (SELECT FROM pg_catalog.pg_depend i WHERE i.classid = 1259 AND i.objid = x.oid AND i.deptype = 'i')
       OR c.conparentid <> 0 OR t.tgparentid <> 0)
  AND {% include 'catalog/_user_schemas.sql' %}

  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                  WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')
UNION ALL
-- Labels of what the query for labels does not look at.
SELECT 'security label', l.provider || ' of ' || (pg_catalog.pg_identify_object(l.classoid, l.objoid, l.objsubid)).identity
FROM pg_catalog.pg_seclabel l
WHERE l.classoid NOT IN (1259, 1255, 1247, 2615, 6104, 3466)
   OR l.classoid = 1259 AND l.objsubid > 0 AND EXISTS (
        SELECT FROM pg_catalog.pg_class r WHERE r.oid = l.objoid AND r.relkind NOT IN ('r', 'p'))
UNION ALL
-- Jobs of pg_cron that are not read: of other roles, or without a name. The text is parsed only where the table is there.
SELECT 'cron job', pg_catalog.unnest(pg_catalog.xpath('//job/text()', pg_catalog.query_to_xml(
    'SELECT concat_ws('' '', coalesce(j.jobname::text, j.jobid::text), ''of role'', j.username) AS job FROM cron.job AS j'
    ' WHERE j.jobname IS NULL OR j.username <> CURRENT_USER', true, false, '')))::text
WHERE {% include 'catalog/_cron_seen.sql' %}
UNION ALL
-- Sets of pg_partman below sets, and those of its old ways by triggers.
SELECT 'partition set', pg_catalog.unnest(pg_catalog.xpath('//told/text()', pg_catalog.query_to_xml(pg_catalog.format(
    'SELECT c.parent_table || '' with sub-partitions'' AS told FROM %1$I.part_config AS c'
    ' WHERE c.parent_table IN (SELECT b.sub_parent FROM %1$I.part_config_sub AS b)'
    ' AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = pg_catalog.to_regclass(c.parent_table))'
    ' UNION ALL SELECT c.parent_table || '' by '' || c.partition_type FROM %1$I.part_config AS c'
    ' WHERE c.partition_type NOT IN (''native'', ''range'')', n.nspname), true, false, '')))::text
FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_partman' AND {% include 'catalog/_partman_seen.sql' %}
ORDER BY 1, 2
