-- Which versions of its rows the catalog has: a row that was written anew has another place or another writer. Rows that
-- initdb's bootstrap wrote (transaction 1) are counted only: whatever changes one writes another. Statistics, and what is not
-- readable for everybody, are not read; what holds secrets, or rows of other databases too, is told by what may be read of it.
SELECT
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_class AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_attribute AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_attrdef AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_constraint AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_index AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_inherits AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_partitioned_table AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_sequence AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_type AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_enum AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_range AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_proc AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_aggregate AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_language AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_trigger AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_rewrite AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_policy AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_namespace AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_extension AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_depend AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_description AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_init_privs AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_default_acl AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_collation AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_conversion AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_operator AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_opclass AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_opfamily AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_amop AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_amproc AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_am AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_cast AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_transform AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_statistic_ext AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_event_trigger AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_publication AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_publication_rel AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_foreign_data_wrapper AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_foreign_server AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_foreign_table AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_ts_dict AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_ts_config AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_ts_config_map AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_ts_parser AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_ts_template AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_seclabel AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_shseclabel AS c),
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_tablespace AS c),
{% if version >= 150000 %}
  (SELECT ROW(count(*), sum(hashtextextended(c.ctid::text || ' ' || c.xmin::text, 0)) FILTER (WHERE c.xmin <> '1'))::text
   FROM pg_catalog.pg_publication_namespace AS c),
{% endif %}
  (SELECT ROW(count(*), sum(hashtextextended(q::text, 0)))::text
   FROM (
{% include "catalog/role.sql" %}

   ) AS q),
  (SELECT ROW(count(*), sum(hashtextextended(q::text, 0)))::text
   FROM (
{% include "catalog/membership.sql" %}

   ) AS q),
  (SELECT ROW(count(*), sum(hashtextextended(q::text, 0)))::text
   FROM (
{% include "catalog/setting.sql" %}

   ) AS q),
  (SELECT ROW(count(*), sum(hashtextextended(q::text, 0)))::text
   FROM (
{% include "catalog/user_mapping.sql" %}

   ) AS q),
  -- The text names a table that few databases have, so that it is parsed only where that is there.
  (SELECT CASE WHEN {% include 'catalog/_cron_seen.sql' %}
               THEN pg_catalog.query_to_xml('SELECT count(*), sum(hashtextextended(j::text, 0)) FROM cron.job AS j', true, false, '')::text
          END),
  (SELECT d.ctid::text || ' ' || d.xmin::text
   FROM pg_catalog.pg_database AS d
   WHERE d.datname = pg_catalog.current_database()),
  (SELECT pg_catalog.string_agg(s.subname, ' ' ORDER BY s.subname) FROM pg_catalog.pg_subscription AS s)
