--! sbdchd/squawk#349: an index straight after its table => nothing | raw
create table if not exists customer (email text primary key, name text);
create unique index if not exists idx_customer_name on customer (name);
--! sbdchd/squawk#331: CREATE INDEX in Flyway's transaction still stops writers => I01 | file=V9__idx.sql
CREATE INDEX IF NOT EXISTS idx_foo_bar ON foo.bar (field);
--! sbdchd/squawk#332: CONCURRENTLY after begin => I02 I03 X07
begin;
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_foo_bar ON account (foo);
--! sbdchd/squawk#338: golang-migrate sends one statement by itself => nothing | file=3_idx.up.sql raw
CREATE INDEX CONCURRENTLY idx_foo_bar ON account (foo);
--! sbdchd/squawk#338: golang-migrate sends two as one message => I02 X01 | file=3_idx.up.sql raw
ALTER TABLE account ADD COLUMN foo int;
CREATE INDEX CONCURRENTLY idx_foo_bar ON account (foo);
--! sbdchd/squawk#705: Atlas is told to send without a transaction => nothing | file=migration.sql raw
-- atlas:txmode none

CREATE INDEX CONCURRENTLY a_idx ON t (a);
CREATE INDEX CONCURRENTLY b_idx ON t (b);
--! sbdchd/squawk#390: true is a constant => nothing
ALTER TABLE payer ADD COLUMN allows_concurrent_billing BOOLEAN DEFAULT true NOT NULL;
--! sbdchd/squawk#277: FALSE is a constant => nothing
ALTER TABLE stale_checks ADD COLUMN cancelled BOOL NOT NULL DEFAULT FALSE;
--! sbdchd/squawk#645: arrays, current_timestamp and now() minus something => nothing
ALTER TABLE assessments ADD COLUMN a interval[] NOT NULL DEFAULT ARRAY[]::interval[],
  ADD COLUMN b timestamptz DEFAULT CURRENT_TIMESTAMP, ADD COLUMN c timestamptz NOT NULL DEFAULT now() - interval '100 years';
--! sbdchd/squawk#200: a volatile default rewrites in every version => C01
ALTER TABLE t ADD COLUMN dice float8 DEFAULT random();
--! sbdchd/squawk#301: a required column => C02
ALTER TABLE x ADD COLUMN y text NOT NULL;
--! sbdchd/squawk#519: SET NOT NULL in a transaction with the tool's own line => C06
BEGIN;
ALTER TABLE my_table ALTER COLUMN my_column SET NOT NULL;
UPDATE alembic_version SET version_num='b' WHERE alembic_version.version_num = 'a';
COMMIT;
--! sbdchd/squawk#628: the proven way in two transactions, on a column that was there => nothing
BEGIN;
ALTER TABLE foo ADD CONSTRAINT bar_not_null CHECK (bar IS NOT NULL) NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE foo VALIDATE CONSTRAINT bar_not_null;
ALTER TABLE foo ALTER COLUMN bar SET NOT NULL;
ALTER TABLE foo DROP CONSTRAINT bar_not_null;
COMMIT;
--! sbdchd/squawk#937: a new column is required by a check => C02
alter table abc add column xyz int null, add constraint xyz_not_null check (xyz is not null) not valid;
--! sbdchd/squawk#250: validated in the transaction that added it => K03
begin;
ALTER TABLE "email" ADD CONSTRAINT "fk_user" FOREIGN KEY ("user_id") REFERENCES "user" ("id") NOT VALID;
ALTER TABLE "email" VALIDATE CONSTRAINT "fk_user";
commit;
--! sbdchd/squawk#279: partition commands are read => P01 P02
ALTER TABLE measurement ATTACH PARTITION measurement_y2008m02 FOR VALUES FROM ('2008-02-01') TO ('2008-03-01');
ALTER TABLE measurement DETACH PARTITION measurement_y2006m02;
--! sbdchd/squawk#528: DDL hidden in a DO block => K01
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'positive') THEN
    ALTER TABLE account ADD CONSTRAINT positive CHECK (balance > 0);
  END IF;
END $$;
--! sbdchd/squawk#638: no timeouts => X01 | raw
alter table t add column c text;
--! 3YOURMIND/django-migration-linter#115: the default is dropped again => X05 C06 C12
ALTER TABLE "T" ALTER COLUMN "C" SET DEFAULT '';
UPDATE "T" SET "C" = '' WHERE "C" IS NULL;
ALTER TABLE "T" ALTER COLUMN "C" SET NOT NULL;
ALTER TABLE "T" ALTER COLUMN "C" DROP DEFAULT;
--! 3YOURMIND/django-migration-linter#158: SET NOT NULL without a default => C06
ALTER TABLE "example" ALTER COLUMN "foo_id" SET NOT NULL;
--! 3YOURMIND/django-migration-linter#185: a default for a column that may be NULL, dropped again => nothing
BEGIN;
ALTER TABLE "profiles_customuser" ADD COLUMN "is_online" boolean DEFAULT false NULL;
ALTER TABLE "profiles_customuser" ALTER COLUMN "is_online" DROP DEFAULT;
COMMIT;
--! 3YOURMIND/django-migration-linter#326: NOT NULL with a default that stays => nothing
ALTER TABLE "example" ADD COLUMN "flag" boolean DEFAULT false NOT NULL;
--! 3YOURMIND/django-migration-linter#67: DROP NOT NULL is no NOT NULL => C07 I01 I01 X03
BEGIN;
ALTER TABLE "comment" ADD COLUMN "room2" varchar(32) NULL;
ALTER TABLE "comment" ALTER COLUMN "room" DROP NOT NULL;
CREATE INDEX "comment_room2" ON "comment" ("room2");
CREATE INDEX "comment_room2_like" ON "comment" ("room2" varchar_pattern_ops);
COMMIT;
--! 3YOURMIND/django-migration-linter#16: NOT NULL in a new table => nothing
CREATE TABLE a (id bigint PRIMARY KEY, name text NOT NULL, b bigint NOT NULL REFERENCES b (id) ON DELETE CASCADE);
CREATE INDEX ON a (b);
--! 3YOURMIND/django-migration-linter#282: IS NOT NULL in a trigger's condition => nothing
CREATE OR REPLACE TRIGGER t BEFORE UPDATE ON x FOR EACH ROW WHEN (NEW.a IS NOT NULL) EXECUTE FUNCTION f();
--! ankane/strong_migrations#128: a longer varchar => nothing
CREATE TABLE t (id bigint PRIMARY KEY, name varchar(255));
CREATE INDEX t_name_idx ON t (name);
--+
ALTER TABLE t ALTER COLUMN name TYPE varchar(500);
--! ankane/strong_migrations#174: text to citext without an index => nothing
CREATE TABLE t (id bigint PRIMARY KEY, name text);
--+
ALTER TABLE t ALTER COLUMN name TYPE citext;
--! ankane/strong_migrations#174: text to citext with an index, which is built anew => C08
CREATE TABLE t (id bigint PRIMARY KEY, name text);
CREATE INDEX t_name_idx ON t (name);
--+
ALTER TABLE t ALTER COLUMN name TYPE citext;
--! ankane/strong_migrations#50: a larger integer is no longer limit => C08
CREATE TABLE t (id bigint PRIMARY KEY, n integer);
--+
ALTER TABLE t ALTER COLUMN n TYPE bigint;
--! ankane/strong_migrations#59: a foreign key of a new column still reads the table => K02 K08
ALTER TABLE foos ADD COLUMN bar_id bigint;
ALTER TABLE foos ADD FOREIGN KEY (bar_id) REFERENCES bars (id);
--! ankane/strong_migrations#84: NOT VALID and VALIDATE in one migration => K03 | file=2_orders.up.sql
ALTER TABLE users ADD CONSTRAINT fk FOREIGN KEY (order_id) REFERENCES orders (id) NOT VALID;
ALTER TABLE users VALIDATE CONSTRAINT fk;
--! ankane/strong_migrations#170: a foreign key between two tables of which one is new => nothing
CREATE TABLE a (id bigint PRIMARY KEY, b_id bigint);
CREATE INDEX ON a (b_id);
ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b_id) REFERENCES b (id) ON DELETE CASCADE;
--! ariga/atlas#3467: a renamed column is renamed, not dropped and added => C11
ALTER TABLE mytable RENAME COLUMN mycol TO newname;
--! ariga/atlas#1851: CONCURRENTLY with a name that has a dot => nothing (Q08)
CREATE INDEX CONCURRENTLY "bookings.facid_memid" ON "cd"."bookings" ("facid", "memid");
--! ariga/atlas#3343: an index that is not concurrent => I01
CREATE INDEX "test1_idx" ON "test1" ("name");
--! flexprice/flexprice#2702: NOT NULL without default passes on an empty database only => C02
ALTER TABLE "tax_applieds" ADD COLUMN IF NOT EXISTS "tax_behavior" character varying(50) NOT NULL;
--! pganalyze/libpg_query#161: data after COPY are no SQL => nothing
CREATE TABLE bool_test (id bigint PRIMARY KEY, a bool);
COPY bool_test FROM STDIN NULL 'null';
1	TRUE
2	it's null; or
\.
CREATE INDEX ON bool_test (a);
--! sqlfluff/sqlfluff#7696: variables and commands of psql => nothing
\set source '/tmp/x'
CREATE TABLE tmp_table (id bigint PRIMARY KEY);
COPY tmp_table FROM :source WITH delimiter E'\t' csv;
\echo done
--! kortix-ai/suna#4762: placeholders of a tool => nothing
CREATE TABLE ${schema}.things (id bigint PRIMARY KEY, name text DEFAULT '${name}');
CREATE INDEX ON ${schema}.things (name);
--! margince/margince#5182: a self-reference that is added with lock_timeout => K08 | raw
BEGIN;
SET LOCAL lock_timeout = '3s';
ALTER TABLE suppression ADD COLUMN carried_from uuid REFERENCES suppression (id) ON DELETE SET NULL;
COMMIT;
--! e2b-dev/infra#2376: rows are deleted, then a key without NOT VALID => K02
BEGIN;
DELETE FROM active_builds b WHERE NOT EXISTS (SELECT 1 FROM envs e WHERE e.id = b.env_id);
ALTER TABLE active_builds ADD CONSTRAINT fk FOREIGN KEY (env_id) REFERENCES envs (id) ON DELETE CASCADE;
COMMIT;
