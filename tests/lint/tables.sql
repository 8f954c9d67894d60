--! a table goes => T01
DROP TABLE t;
--! several tables go => T01
DROP TABLE IF EXISTS a, b;
--! a table goes with what uses it => T01 S13
DROP TABLE t CASCADE;
--! a table that this file made goes => nothing
CREATE TABLE work (id bigint PRIMARY KEY);
DROP TABLE work;
--! a temporary table goes => nothing
CREATE TEMP TABLE work (id bigint);
DROP TABLE work;
--! a table is renamed => T02
ALTER TABLE t RENAME TO things;
--! a table is renamed and a view bridges it => nothing
BEGIN;
ALTER TABLE t RENAME TO things;
CREATE VIEW t WITH (security_invoker = true) AS SELECT * FROM things;
COMMIT;
--! the view comes in another transaction => T02
ALTER TABLE t RENAME TO things;
CREATE VIEW t AS SELECT * FROM things;
--! two tables exchange their names => nothing
BEGIN;
ALTER TABLE t RENAME TO t_old;
ALTER TABLE t_new RENAME TO t;
COMMIT;
--! a new table is renamed => nothing
CREATE TABLE fresh (id bigint PRIMARY KEY);
ALTER TABLE fresh RENAME TO newer;
--! another schema => T03
ALTER TABLE t SET SCHEMA archive;
--! another schema, with a view in the old place => nothing
BEGIN;
ALTER TABLE t SET SCHEMA archive;
CREATE VIEW public.t AS SELECT * FROM archive.t;
COMMIT;
--! a schema is renamed => T03
ALTER SCHEMA app RENAME TO application;
--! TRUNCATE => T04
TRUNCATE t;
--! TRUNCATE CASCADE => T04
TRUNCATE TABLE a, b CASCADE;
--! TRUNCATE of a new table => nothing
CREATE TABLE fresh (id bigint PRIMARY KEY);
TRUNCATE fresh;
--! VACUUM FULL => T05
VACUUM FULL t;
--! VACUUM (FULL) => T05
VACUUM (FULL, ANALYZE) t;
--! VACUUM and ANALYZE => nothing
VACUUM (ANALYZE) t;
ANALYZE t;
--! CLUSTER => T05
CLUSTER t USING t_pkey;
--! SET UNLOGGED => T06
ALTER TABLE t SET UNLOGGED;
--! SET LOGGED of a table that this file made => T06
CREATE UNLOGGED TABLE fresh (id bigint PRIMARY KEY);
ALTER TABLE fresh SET LOGGED;
--! another tablespace => T07
ALTER TABLE t SET TABLESPACE slow;
--! all of a tablespace => T07
ALTER TABLE ALL IN TABLESPACE slow SET TABLESPACE fast;
--! another access method => T07
ALTER TABLE t SET ACCESS METHOD columnar;
--! another tablespace for a small table => nothing | rows=t:400
ALTER TABLE t SET TABLESPACE slow;
--! autovacuum is switched off => T09
ALTER TABLE t SET (autovacuum_enabled = false);
--! autovacuum is tuned => nothing
ALTER TABLE t SET (autovacuum_vacuum_scale_factor = 0.01, fillfactor = 80);
--! a table without a primary key => T12
CREATE TABLE fresh (id bigint NOT NULL, name text);
--! the key comes with a later statement => nothing
CREATE TABLE fresh (id bigint NOT NULL, name text);
ALTER TABLE fresh ADD CONSTRAINT fresh_pkey PRIMARY KEY (id);
--! a table like another, with all => nothing
CREATE TABLE fresh (LIKE t INCLUDING ALL);
--! the owner changes => nothing
ALTER TABLE t OWNER TO app;
--! a comment, a grant by name => nothing
COMMENT ON TABLE t IS 'things';
GRANT SELECT, INSERT ON t TO app;
--! a partition with rows joins => P01
ALTER TABLE m ATTACH PARTITION m_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--! a partition whose bound is proven joins => nothing
ALTER TABLE m_2026 ADD CONSTRAINT bound CHECK (at IS NOT NULL AND at >= '2026-01-01' AND at < '2027-01-01') NOT VALID;
ALTER TABLE m_2026 VALIDATE CONSTRAINT bound;
ALTER TABLE m ATTACH PARTITION m_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
ALTER TABLE m_2026 DROP CONSTRAINT bound;
--! a new partition joins => nothing
CREATE TABLE m_2026 (LIKE m INCLUDING ALL);
ALTER TABLE m ATTACH PARTITION m_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--! a new partition joins where a default partition holds rows => P01
CREATE TABLE m (id bigint, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE m_rest PARTITION OF m DEFAULT;
--+
CREATE TABLE m_2026 (LIKE m INCLUDING ALL);
ALTER TABLE m ATTACH PARTITION m_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--! a partition leaves => P02
ALTER TABLE m DETACH PARTITION m_2020;
--! a partition leaves CONCURRENTLY => nothing
ALTER TABLE m DETACH PARTITION m_2020 CONCURRENTLY;
--! CONCURRENTLY in a transaction => I02
BEGIN;
ALTER TABLE m DETACH PARTITION m_2020 CONCURRENTLY;
COMMIT;
--! CONCURRENTLY is refused where there is a default partition => P02
CREATE TABLE m (id bigint, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE m_rest PARTITION OF m DEFAULT;
CREATE TABLE m_2020 PARTITION OF m FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
--+
ALTER TABLE m DETACH PARTITION m_2020 CONCURRENTLY;
--! a partition made in place, with a lock_timeout => nothing (P03)
CREATE TABLE m_2026 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--! a partition made in place, without one => P03 X01 | raw
CREATE TABLE m_2026 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--! a partition goes in place => P03 T01
CREATE TABLE m (id bigint, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE m_2020 PARTITION OF m FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
--+
DROP TABLE m_2020;
--! a new partitioned table with its partitions => nothing
CREATE TABLE m (id bigint, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE m_2026 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX ON m (at);
--! a key without the partition key => P06
CREATE TABLE m (id bigint PRIMARY KEY, at date) PARTITION BY RANGE (at);
