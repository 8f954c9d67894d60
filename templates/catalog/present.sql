-- Which of the kinds that many databases have none of may be there: the others need not be asked for. What initdb made
-- has numbers below 12000 (FirstUnpinnedObjectId), or lies in the schemas of the system.
WITH system AS (
  SELECT pg_catalog.array_agg(n.oid) AS schemas FROM pg_catalog.pg_namespace n
  WHERE n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast', 'wgm', 'wgm_trash')
), types AS (
  SELECT DISTINCT t.typtype FROM pg_catalog.pg_type t, system WHERE t.oid >= 12000 AND t.typnamespace <> ALL (system.schemas)
), relations AS (
  SELECT DISTINCT r.relkind FROM pg_catalog.pg_class r, system WHERE r.oid >= 12000 AND r.relnamespace <> ALL (system.schemas)
), routines AS (
  SELECT DISTINCT p.prokind = 'a' AS aggregate FROM pg_catalog.pg_proc p, system
  WHERE p.oid >= 12000 AND p.pronamespace <> ALL (system.schemas)
)
SELECT k.kind, k.there
FROM (VALUES
  ('enum', EXISTS (SELECT FROM types WHERE typtype = 'e')),
  ('domain', EXISTS (SELECT FROM types WHERE typtype = 'd')),
  ('domain_constraint', EXISTS (SELECT FROM types WHERE typtype = 'd')),
  ('range', EXISTS (SELECT FROM types WHERE typtype = 'r')),
  ('composite', EXISTS (SELECT FROM relations WHERE relkind = 'c')),
  ('view', EXISTS (SELECT FROM relations WHERE relkind = 'v')),
  ('materialized_view', EXISTS (SELECT FROM relations WHERE relkind = 'm')),
  ('foreign_table', EXISTS (SELECT FROM relations WHERE relkind = 'f')),
  ('sequence', EXISTS (SELECT FROM relations WHERE relkind = 'S')),
  ('function', EXISTS (SELECT FROM routines WHERE NOT aggregate)),
  ('aggregate', EXISTS (SELECT FROM routines WHERE aggregate)),
  ('operator', EXISTS (SELECT FROM pg_catalog.pg_operator WHERE oid >= 12000)),
  ('operator_family', EXISTS (SELECT FROM pg_catalog.pg_opfamily WHERE oid >= 12000)),
  ('operator_class', EXISTS (SELECT FROM pg_catalog.pg_opclass WHERE oid >= 12000)),
  ('cast', EXISTS (SELECT FROM pg_catalog.pg_cast WHERE oid >= 12000)),
  ('collation', EXISTS (SELECT FROM pg_catalog.pg_collation c, system WHERE c.collnamespace <> ALL (system.schemas))),
  ('text_search_dictionary', EXISTS (SELECT FROM pg_catalog.pg_ts_dict d, system WHERE d.dictnamespace <> ALL (system.schemas))),
  ('text_search_configuration', EXISTS (SELECT FROM pg_catalog.pg_ts_config c, system WHERE c.cfgnamespace <> ALL (system.schemas))),
  ('statistics', EXISTS (SELECT FROM pg_catalog.pg_statistic_ext)),
  ('policy', EXISTS (SELECT FROM pg_catalog.pg_policy)),
  ('rule', EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE rulename NOT IN ('_RETURN', 'pg_settings_u', 'pg_settings_n'))),
  ('security_label', EXISTS (SELECT FROM pg_catalog.pg_seclabel) OR EXISTS (SELECT FROM pg_catalog.pg_shseclabel)),
  ('event_trigger', EXISTS (SELECT FROM pg_catalog.pg_event_trigger)),
  ('publication', EXISTS (SELECT FROM pg_catalog.pg_publication)),
  ('publication_table', EXISTS (SELECT FROM pg_catalog.pg_publication)),
  ('publication_schema', EXISTS (SELECT FROM pg_catalog.pg_publication)),
  ('foreign_data_wrapper', EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper)),
  ('server', EXISTS (SELECT FROM pg_catalog.pg_foreign_server)),
  ('user_mapping', EXISTS (SELECT FROM pg_catalog.pg_foreign_server)),
  ('cron_job', {% include 'catalog/_cron_seen.sql' %}),
  ('partition_set', {% include 'catalog/_partman_seen.sql' %})
) AS k(kind, there)
