--! an index stops writers => I01
CREATE INDEX t_name_idx ON t (name);
--! a unique index stops writers => I01
CREATE UNIQUE INDEX ON t (lower(email));
--! IF NOT EXISTS makes nothing safe => I01
CREATE INDEX IF NOT EXISTS t_name_idx ON t (name);
--! an index CONCURRENTLY => nothing
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
--! an index of a new table => nothing
CREATE TABLE fresh (id bigint PRIMARY KEY, name text);
CREATE INDEX ON fresh (name);
--! an index of a table that the transaction made => nothing
BEGIN;
CREATE TABLE app.fresh (id bigint PRIMARY KEY, name text);
CREATE INDEX ON app.fresh (name);
COMMIT;
--! an index of a table of an earlier migration => I01
CREATE TABLE t (id bigint PRIMARY KEY, name text);
--+
CREATE INDEX t_name_idx ON t (name);
--! an index of a small table => nothing | rows=t:400
CREATE INDEX t_name_idx ON t (name);
--! an index of a large table => I01 | rows=t:40000000
CREATE INDEX t_name_idx ON t (name);
--! an index of another table of the same name => I01
CREATE TABLE other.t (id bigint PRIMARY KEY, name text);
CREATE INDEX t_name_idx ON public.t (name);
--! search_path says which table is meant => nothing
SET search_path = other, public;
CREATE TABLE t (id bigint PRIMARY KEY, name text);
CREATE INDEX ON other.t (name);
--! an index of a temporary table => nothing
CREATE TEMP TABLE work AS SELECT id FROM t;
CREATE INDEX ON work (id);
--! an index of a materialized view that is read => I01
CREATE INDEX ON totals (day);
--! an index of a materialized view that this file makes => nothing
CREATE MATERIALIZED VIEW totals AS SELECT 1 AS day;
CREATE UNIQUE INDEX ON totals (day);
--! CONCURRENTLY in a transaction => I02
BEGIN;
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
COMMIT;
--! CONCURRENTLY after COMMIT => nothing
BEGIN;
ALTER TABLE t ADD COLUMN name text;
COMMIT;
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
--! DROP INDEX CONCURRENTLY in a transaction => I02
BEGIN;
DROP INDEX CONCURRENTLY t_name_idx;
COMMIT;
--! CONCURRENTLY in a DO block => I02
DO $$ BEGIN CREATE INDEX CONCURRENTLY t_name_idx ON t (name); END $$;
--! CONCURRENTLY in a file that the tool wraps => I02 | file=20240101_up.sql
-- migrate:up
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
-- migrate:down
DROP INDEX t_name_idx;
--! alone in a file without the tool's transaction => nothing | file=20240101_up.sql raw
-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
-- migrate:down
DROP INDEX t_name_idx;
--! two statements in one message are a transaction => I02 | file=20240101_up.sql raw
-- migrate:up transaction:false
SET lock_timeout = '2s';
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
-- migrate:down
--! Flyway sends it alone by itself => nothing | file=V3__index.sql raw
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
--! Flyway refuses it beside others => I02 | file=V3__index.sql raw
ALTER TABLE fresh ADD COLUMN name text;
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
-- wgm-play: ignore-file X01: set by the server
--! Prisma sends one statement by itself => nothing | file=migration.sql raw
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
--! Prisma sends two statements as one message => I02 | file=migration.sql raw
CREATE INDEX CONCURRENTLY a_idx ON t (a);
CREATE INDEX CONCURRENTLY b_idx ON t (b);
--! a changeset of its own => nothing | file=changes.sql raw
--liquibase formatted sql
--changeset somebody:1 runInTransaction:false
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
--rollback DROP INDEX t_name_idx;
--! a changeset is a transaction => I02 | file=changes.sql raw
--liquibase formatted sql
--changeset somebody:1
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
--rollback DROP INDEX t_name_idx;
--! goose is told to leave its transaction away => nothing | file=00001_index.sql raw
-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
-- +goose Down
DROP TABLE t;
--! VACUUM in a transaction => I02
BEGIN;
VACUUM t;
COMMIT;
--! an INVALID index is taken for done => I03
CREATE INDEX CONCURRENTLY IF NOT EXISTS t_name_idx ON t (name);
--! an INVALID index is dropped first => nothing
DROP INDEX CONCURRENTLY IF EXISTS t_name_idx;
CREATE INDEX CONCURRENTLY IF NOT EXISTS t_name_idx ON t (name);
--! DROP INDEX waits for everybody => I05
DROP INDEX t_name_idx;
--! DROP INDEX CONCURRENTLY => nothing
DROP INDEX CONCURRENTLY IF EXISTS t_name_idx;
--! an index that this file made => nothing
CREATE TABLE fresh (id bigint PRIMARY KEY, name text);
CREATE INDEX fresh_idx ON fresh (name);
DROP INDEX fresh_idx;
--! an index that belongs to a constraint => I05 I06
CREATE TABLE t (id bigint PRIMARY KEY, email text CONSTRAINT t_email_key UNIQUE);
--+
DROP INDEX t_email_key;
--! REINDEX of a table => I07
REINDEX TABLE t;
--! REINDEX of a database => I07
REINDEX DATABASE shop;
--! REINDEX CONCURRENTLY => nothing
REINDEX TABLE CONCURRENTLY t;
REINDEX (CONCURRENTLY, VERBOSE) INDEX t_pkey;
--! CONCURRENTLY is refused on a partitioned table => I08
CREATE TABLE m (id bigint, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
--+
CREATE INDEX CONCURRENTLY m_at_idx ON m (at);
--! an index of a partitioned table => I08
CREATE TABLE m (id bigint, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
--+
CREATE INDEX m_at_idx ON m (at);
--! an index of a partitioned table, partition by partition => nothing
CREATE INDEX m_at_idx ON ONLY m (at);
CREATE INDEX CONCURRENTLY m1_at_idx ON m1 (at);
ALTER INDEX m_at_idx ATTACH PARTITION m1_at_idx;
--! an index over four columns => nothing (I10)
CREATE INDEX CONCURRENTLY t_all_idx ON t (a, b, c, d);
--! an index that another begins with => nothing (I11)
CREATE INDEX CONCURRENTLY t_ab_idx ON t (a, b);
CREATE INDEX CONCURRENTLY t_a_idx ON t (a);
--! a function that an index uses is replaced => I12
CREATE FUNCTION plain(x text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT lower(x) $$;
CREATE TABLE t (id bigint PRIMARY KEY, name text);
CREATE INDEX t_plain_idx ON t (plain(name));
--+
CREATE OR REPLACE FUNCTION plain(x text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT lower(trim(x)) $$;
--! a function that no index uses is replaced => nothing
CREATE OR REPLACE FUNCTION plain(x text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT lower(trim(x)) $$;
--! another tablespace => I14
ALTER INDEX t_name_idx SET TABLESPACE fast;
--! an index is renamed, its fill factor set => nothing
ALTER INDEX t_name_idx RENAME TO t_title_idx;
ALTER INDEX t_title_idx SET (fillfactor = 70);
--! an index on what every UPDATE changes => I16
CREATE INDEX CONCURRENTLY t_updated_idx ON t (updated_at);
--! an index on what a trigger sets at every UPDATE => I16
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed := now(); RETURN NEW; END $$;
CREATE INDEX CONCURRENTLY t_changed_idx ON t (owner, changed);
--! an index on when a row was made => nothing
CREATE INDEX CONCURRENTLY t_created_idx ON t (created_at);
