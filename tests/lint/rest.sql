--! a trigger => nothing (V01)
CREATE TRIGGER audit AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION audit();
--! all triggers are disabled => V02
ALTER TABLE t DISABLE TRIGGER ALL;
--! the user's triggers are disabled for a moment => nothing
BEGIN;
ALTER TABLE t DISABLE TRIGGER USER;
ALTER TABLE t ENABLE TRIGGER USER;
COMMIT;
--! triggers do not act in the session => V02
SET session_replication_role = replica;
--! a materialized view is refreshed => V03
REFRESH MATERIALIZED VIEW totals;
--! a materialized view is refreshed CONCURRENTLY => nothing
REFRESH MATERIALIZED VIEW CONCURRENTLY totals;
--! a materialized view that this file made => nothing
CREATE MATERIALIZED VIEW totals AS SELECT 1 AS n WITH NO DATA;
REFRESH MATERIALIZED VIEW totals;
--! a view is replaced => nothing
CREATE OR REPLACE VIEW names AS SELECT name FROM t;
--! a view goes => V04
DROP VIEW names;
--! a view is made again in one transaction => nothing (V04)
BEGIN;
DROP VIEW names;
CREATE VIEW names AS SELECT name FROM t;
COMMIT;
--! a view is gone for a moment => V04
DROP VIEW names;
CREATE VIEW names AS SELECT name FROM t;
--! row security without a policy => V05
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
--! policies come first => nothing
CREATE POLICY own ON t USING (owner = current_user);
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
--! policies come after it in the same transaction => nothing
BEGIN;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON t USING (owner = current_user);
COMMIT;
--! policies come after it, but nobody sees a row meanwhile => V05
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON t USING (owner = current_user);
--! row security of a new table => nothing
CREATE TABLE fresh (id bigint PRIMARY KEY);
ALTER TABLE fresh ENABLE ROW LEVEL SECURITY;
--! SECURITY DEFINER without search_path, open to everybody => V06 V06
CREATE FUNCTION become() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN NULL; END $$;
--! SECURITY DEFINER with search_path, open to everybody => V06
CREATE FUNCTION become() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '';
--! SECURITY DEFINER as it should be => nothing
BEGIN;
CREATE FUNCTION become() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '';
REVOKE ALL ON FUNCTION become() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION become() TO app;
COMMIT;
--! ALTER FUNCTION sets the search_path => nothing
CREATE FUNCTION become() RETURNS void LANGUAGE sql SECURITY DEFINER AS '';
ALTER FUNCTION become() SET search_path = '';
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
--! SECURITY INVOKER => nothing
CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql AS 'select a + b';
--! a function becomes SECURITY DEFINER => V06
ALTER FUNCTION become() SECURITY DEFINER;
--! a function goes => V06
DROP FUNCTION become();
--! a rule => V07
CREATE RULE no_delete AS ON DELETE TO t DO INSTEAD NOTHING;
--! a value is used in the transaction that adds it => Y01
BEGIN;
ALTER TYPE state ADD VALUE 'refunded' AFTER 'paid';
UPDATE orders SET state = 'refunded' WHERE id = 1;
COMMIT;
--! a value is used after COMMIT => nothing
ALTER TYPE state ADD VALUE 'refunded' AFTER 'paid';
UPDATE orders SET state = 'refunded' WHERE id = 1;
--! a value of a type that this file made is used => nothing
BEGIN;
CREATE TYPE state AS ENUM ('new');
ALTER TYPE state ADD VALUE 'paid';
CREATE TABLE orders (id bigint PRIMARY KEY, state state DEFAULT 'paid');
COMMIT;
--! a value without a place => nothing (Y02)
ALTER TYPE state ADD VALUE 'refunded';
--! a value is renamed => Y03
ALTER TYPE state RENAME VALUE 'finished' TO 'done';
--! a value is deleted from the catalog => Y04
DELETE FROM pg_enum WHERE enumlabel = 'old';
--! a constraint of a domain => Y05
ALTER DOMAIN email ADD CONSTRAINT has_at CHECK (value LIKE '%@%');
--! a constraint of a domain that is not valid yet => nothing
ALTER DOMAIN email ADD CONSTRAINT has_at CHECK (value LIKE '%@%') NOT VALID;
--! a constraint of a new domain => nothing
CREATE DOMAIN email AS text;
ALTER DOMAIN email ADD CONSTRAINT has_at CHECK (value LIKE '%@%');
--! a composite type changes => Y06
ALTER TYPE address ALTER ATTRIBUTE zip TYPE text;
--! no replica identity => R01
ALTER TABLE t REPLICA IDENTITY NOTHING;
--! the index of the replica identity goes => R01
CREATE TABLE t (id bigint PRIMARY KEY, code text NOT NULL);
CREATE UNIQUE INDEX t_code_idx ON t (code);
ALTER TABLE t REPLICA IDENTITY USING INDEX t_code_idx;
--+
DROP INDEX CONCURRENTLY t_code_idx;
--! a table without a key is published => R02 T12
CREATE TABLE log (at timestamptz, said text);
CREATE PUBLICATION p FOR TABLE log;
--! all tables are published => R02
CREATE PUBLICATION p FOR ALL TABLES;
--! a table with a key is published => nothing
CREATE TABLE log (id bigint PRIMARY KEY, said text);
CREATE PUBLICATION p FOR TABLE log;
--! a grant to everybody => G01
GRANT SELECT ON t TO PUBLIC;
--! all privileges => G01
GRANT ALL ON t TO app;
--! privileges to pass on => G01
GRANT SELECT ON t TO app WITH GRANT OPTION;
--! privileges by name => nothing
GRANT SELECT, UPDATE (name) ON t TO app;
REVOKE ALL ON t FROM PUBLIC;
--! a superuser => G02
CREATE ROLE boss SUPERUSER LOGIN;
--! BYPASSRLS => G02
ALTER ROLE reporter BYPASSRLS;
--! files of the server => G02
GRANT pg_execute_server_program TO app;
--! a role as it should be => nothing
CREATE ROLE app LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD NULL;
GRANT app TO deploy;
--! default privileges of whoever runs it => G03
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reader;
--! default privileges of the owner => nothing
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA app GRANT SELECT ON TABLES TO reader;
--! a password in the file => G04
CREATE ROLE app LOGIN PASSWORD 'hunter2';
--! a verifier in the file => nothing
ALTER ROLE app PASSWORD 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy';
--! a password of another server => G04
CREATE USER MAPPING FOR app SERVER other OPTIONS (user 'x', password 'y');
--! what a role owns => G06
REASSIGN OWNED BY old TO new;
--! an extension is made => nothing
CREATE EXTENSION IF NOT EXISTS citext;
--! an extension is updated => S11
ALTER EXTENSION postgis UPDATE;
--! a setting of the server => S12
ALTER SYSTEM SET work_mem = '1GB';
--! a schema goes => S14
DROP SCHEMA app;
--! a database goes => S14
DROP DATABASE shop;
--! a role goes => S14
DROP ROLE old;
--! a type goes with what uses it => S13
DROP TYPE state CASCADE;
--! no lock_timeout => X01 | raw
ALTER TABLE t ADD COLUMN note text;
--! lock_timeout is switched off => X01 | raw
SET lock_timeout = 0;
ALTER TABLE t ADD COLUMN note text;
--! lock_timeout of the transaction => nothing | raw
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE t ADD COLUMN note text;
COMMIT;
--! lock_timeout of a transaction that is over => X01 | raw
BEGIN;
SET LOCAL lock_timeout = '2s';
COMMIT;
ALTER TABLE t ADD COLUMN note text;
--! lock_timeout by set_config() => nothing | raw
SELECT set_config('lock_timeout', '2s', false);
ALTER TABLE t ADD COLUMN note text;
--! SET LOCAL outside of a transaction => X01 X01 | raw
SET LOCAL lock_timeout = '2s';
ALTER TABLE t ADD COLUMN note text;
--! nothing but new tables needs no timeout => nothing | raw
CREATE TABLE fresh (id bigint PRIMARY KEY, name text);
CREATE INDEX ON fresh (name);
--! CONCURRENTLY needs no lock_timeout => nothing | raw
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
ALTER TABLE t VALIDATE CONSTRAINT positive;
--! two tables are locked in one transaction => X03
BEGIN;
ALTER TABLE a ADD COLUMN note text;
ALTER TABLE b ADD COLUMN note text;
COMMIT;
--! two tables in two transactions => nothing
ALTER TABLE a ADD COLUMN note text;
ALTER TABLE b ADD COLUMN note text;
--! an index is built while another table is locked => X03 I01
BEGIN;
ALTER TABLE a ADD COLUMN note text;
CREATE INDEX b_idx ON b (name);
COMMIT;
--! a constraint is validated while another table is locked => X03
BEGIN;
ALTER TABLE a ADD COLUMN note text;
ALTER TABLE b VALIDATE CONSTRAINT positive;
COMMIT;
--! LOCK TABLE => X04
BEGIN;
LOCK TABLE t IN ACCESS EXCLUSIVE MODE;
COMMIT;
--! LOCK TABLE that stops nobody => nothing
BEGIN;
LOCK TABLE t IN ROW EXCLUSIVE MODE;
COMMIT;
--! UPDATE of every row => X05
UPDATE t SET state = 'new';
--! UPDATE with a condition that always holds => X05
UPDATE t SET state = 'new' WHERE true;
--! DELETE of every row => X05
DELETE FROM t WHERE 1 = 1;
--! UPDATE of all rows that lack a value => X05
UPDATE t SET state = 'new' WHERE state IS NULL;
--! UPDATE of a range of keys => nothing
UPDATE t SET state = 'new' WHERE id > 0 AND id <= 1000 AND state IS NULL;
--! UPDATE of a few rows => nothing
UPDATE settings SET value = 'x' WHERE name = 'mode';
DELETE FROM settings WHERE name IN ('old', 'older');
--! UPDATE of a new table => nothing
CREATE TABLE fresh (id bigint PRIMARY KEY, state text);
INSERT INTO fresh SELECT id, 'x' FROM t;
UPDATE fresh SET state = 'new';
--! UPDATE of a small table => nothing | rows=t:400
UPDATE t SET state = 'new';
--! rows are written while a table is locked => X06 X05
BEGIN;
ALTER TABLE t ADD COLUMN state text;
UPDATE t SET state = 'new';
COMMIT;
--! rows of another table are written while one is locked => X06
BEGIN;
ALTER TABLE t ADD COLUMN state text;
INSERT INTO log SELECT id FROM t;
COMMIT;
--! a line for the migration tool => nothing
BEGIN;
ALTER TABLE t ADD COLUMN state text;
UPDATE alembic_version SET version_num = 'b' WHERE alembic_version.version_num = 'a';
COMMIT;
--! rows before the lock => nothing
BEGIN;
INSERT INTO log (said) VALUES ('x');
ALTER TABLE t ADD COLUMN state text;
COMMIT;
--! COMMIT within a file that the tool wraps => X07 | file=V2__two.sql
CREATE TABLE a (id bigint PRIMARY KEY);
COMMIT;
CREATE TABLE b (id bigint PRIMARY KEY);
--! BEGIN without COMMIT => X07
BEGIN;
CREATE TABLE a (id bigint PRIMARY KEY);
--! VALIDATE joined with another command => X08
ALTER TABLE t VALIDATE CONSTRAINT positive, ADD COLUMN note text;
--! a name that is cut => X11
CREATE TABLE a_table_with_a_name_that_goes_on_and_on_until_postgresql_cuts_it_off (id bigint PRIMARY KEY);
--! a column is set twice => X12
UPDATE t SET a = 1, a = 2 WHERE id = 1;
--! a column is declared twice => X12
CREATE TABLE fresh (id bigint PRIMARY KEY, name text, name text);
--! a text that is put together => X14
DO $$ DECLARE r record; BEGIN
  FOR r IN SELECT tablename FROM pg_tables LOOP EXECUTE 'DROP TABLE ' || r.tablename; END LOOP;
END $$;
--! format() with names only is read => C10
DO $$ DECLARE r record; BEGIN
  FOR r IN SELECT tablename FROM pg_tables LOOP EXECUTE format('ALTER TABLE %I DROP COLUMN old', r.tablename); END LOOP;
END $$;
--! a DO block is read => I01
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_indexes WHERE indexname = 't_name_idx') THEN
    CREATE INDEX t_name_idx ON t (name);
  END IF;
END $$;
--! a DO block that makes a type => nothing
DO $$ BEGIN CREATE TYPE state AS ENUM ('new'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;
--! a DO block in another language => X14
DO LANGUAGE plpython3u $$ plpy.execute('drop table t') $$;
--! what is no SQL, and what comes after it => X20 T01
ALTER TALBE t ADD COLUMN note text;
DROP TABLE t;
--! an ignore with a reason => nothing
-- wgm-play: ignore T01: not used since release 4.2
DROP TABLE t;
--! an ignore at the end of its line => nothing
DROP TABLE t; -- wgm-play: ignore T01: not used since release 4.2
--! an ignore of another code => T01
-- wgm-play: ignore C10: not used since release 4.2
DROP TABLE t;
--! an ignore covers one statement => T01
-- wgm-play: ignore T01: not used since release 4.2
DROP TABLE a;
DROP TABLE b;
--! an ignore without a reason => T01 X21
-- wgm-play: ignore T01
DROP TABLE t;
--! an ignore of nothing => T01 X21
-- wgm-play: ignore: because I say so
DROP TABLE t;
--! an ignore past its day => T01 X21
-- wgm-play: ignore T01 until 2020-01-31: not used since release 4.2
DROP TABLE t;
--! an ignore before its day => nothing
-- wgm-play: ignore T01 until 2999-01-31: not used since release 4.2
DROP TABLE t;
--! an integer key => nothing (Q01)
CREATE TABLE fresh (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
--! serial => Q02
CREATE TABLE fresh (id bigserial PRIMARY KEY);
--! char(n) => Q03
CREATE TABLE fresh (id bigint PRIMARY KEY, code char(3));
--! varchar(255) is a habit => nothing (Q03)
CREATE TABLE fresh (id bigint PRIMARY KEY, name varchar(255));
--! timestamp without time zone => Q04
CREATE TABLE fresh (id bigint PRIMARY KEY, at timestamp);
--! json and money => Q05 Q05
CREATE TABLE fresh (id bigint PRIMARY KEY, data json, price money);
--! the types as they should be => nothing
CREATE TABLE fresh (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data jsonb, price numeric(12, 2), at timestamptz, name text, tags text[]);
--! keys are given, and the sequence does not know => nothing (Q06)
CREATE TABLE fresh (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);
INSERT INTO fresh (id) VALUES (1), (2);
--! a foreign key that does not say ON DELETE => nothing (Q07)
CREATE TABLE fresh (id bigint PRIMARY KEY REFERENCES users (id));
--! names that need quotes => nothing (Q08)
CREATE TABLE "Fresh" ("Id" bigint PRIMARY KEY, "order" int);
--! rows are deleted within WITH => X05
WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO archive SELECT * FROM gone;
--! rows are changed within WITH of a SELECT => X05
WITH changed AS (UPDATE t SET a = 1 RETURNING id) SELECT count(*) FROM changed;
--! a function that the file makes and calls is read => T01
CREATE FUNCTION tidy() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE t; END $$;
SELECT tidy();
--! a function that the file makes and does not call => nothing
CREATE FUNCTION tidy() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE t; END $$;
--! a procedure in SQL that the file makes and calls is read => X05
CREATE PROCEDURE tidy() LANGUAGE sql AS $$ DELETE FROM t; $$;
CALL tidy();
--! a procedure that no file makes => X14
CALL tidy();
--! row security is switched off => V05
ALTER TABLE t DISABLE ROW LEVEL SECURITY;
--! a policy goes => V05
DROP POLICY own ON t;
--! a policy is replaced in one transaction => nothing
BEGIN;
DROP POLICY own ON t;
CREATE POLICY own ON t USING (owner = current_user);
COMMIT;
--! a function is renamed => V06
ALTER FUNCTION old_name() RENAME TO new_name;
--! lock_timeout ends a concurrent build => nothing (I04)
CREATE INDEX CONCURRENTLY t_name_idx ON t (name);
--! a table in use is read for a new one while another is locked => X06
BEGIN;
ALTER TABLE t ADD COLUMN kind_id bigint;
CREATE TABLE kinds (id bigint PRIMARY KEY);
INSERT INTO kinds SELECT DISTINCT kind FROM big;
COMMIT;
--! a table is made of another while a third is locked => X06
BEGIN;
ALTER TABLE t ADD COLUMN kind_id bigint;
CREATE TABLE kinds AS SELECT DISTINCT kind FROM big;
COMMIT;
--! a new table is filled, then another is locked => nothing
BEGIN;
CREATE TABLE kinds (id bigint PRIMARY KEY);
INSERT INTO kinds SELECT DISTINCT kind FROM big;
ALTER TABLE t ADD COLUMN kind_id bigint;
COMMIT;
--! UPDATE of all rows that have another value => X05
UPDATE users SET email = lower(email) WHERE email <> lower(email);
--! UPDATE of all rows that differ => X05
UPDATE t SET a = 1 WHERE a IS DISTINCT FROM 1;
--! UPDATE by another column => nothing
UPDATE t SET a = 1 WHERE b = 'x' AND a IS DISTINCT FROM 1;
--! default privileges leave new functions to nobody => nothing
ALTER DEFAULT PRIVILEGES FOR ROLE owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE FUNCTION become() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '';
--! default privileges of a schema take nothing from PUBLIC => V06
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE FUNCTION become() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '';
