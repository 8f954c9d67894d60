-- One of each thing that the chapters of PostgreSQL's manual build: inheritance, rules, policies, partitions, operators, search.
CREATE SCHEMA myapp;
CREATE TABLE cities (name text, population real, elevation int);
CREATE TABLE capitals (state char(2) UNIQUE NOT NULL) INHERITS (cities);
CREATE TABLE person (name text, age int4, location point);
CREATE TABLE emp (salary int4, manager name) INHERITS (person) WITH (fillfactor = 70);
CREATE TABLE student (gpa float8) INHERITS (person);
CREATE TABLE stud_emp (percent int4) INHERITS (emp, student);
CREATE TABLE sal_emp (name text, pay_by_quarter integer[], schedule text[][], codes bit(8), flags bit varying(5), at time(3) with time zone, every interval day to second(2));
CREATE TYPE inventory_item AS (name text, supplier_id integer, price numeric);
CREATE TABLE on_hand (item inventory_item, count integer, items inventory_item[] DEFAULT ARRAY[]::inventory_item[]);
CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TABLE reservation (room int, during tsrange, height floatrange, CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&, height WITH &&));
CREATE DOMAIN us_postal_code AS text CHECK (VALUE ~ '^\d{5}$' OR VALUE ~ '^\d{5}-\d{4}$');
CREATE DOMAIN us_states AS us_postal_code DEFAULT '00000' NOT NULL CONSTRAINT not_zero CHECK (VALUE <> '1');
CREATE TABLE places (code us_postal_code, codes us_states[], primary_code us_states);
-- Rules
CREATE TABLE shoelace_data (sl_name text PRIMARY KEY, sl_avail integer, sl_color text, sl_len real, sl_unit text);
CREATE TABLE unit (un_name text PRIMARY KEY, un_fact real);
CREATE TABLE shoelace_log (sl_name text, sl_avail integer, log_who text, log_when timestamp);
CREATE VIEW shoelace AS
  SELECT s.sl_name, s.sl_avail, s.sl_color, s.sl_len, s.sl_unit, s.sl_len * u.un_fact AS sl_len_cm FROM shoelace_data s, unit u WHERE s.sl_unit = u.un_name;
CREATE RULE log_shoelace AS ON UPDATE TO shoelace_data WHERE NEW.sl_avail <> OLD.sl_avail
  DO INSERT INTO shoelace_log VALUES (NEW.sl_name, NEW.sl_avail, current_user, current_timestamp);
CREATE RULE shoelace_ins AS ON INSERT TO shoelace DO INSTEAD INSERT INTO shoelace_data VALUES (NEW.sl_name, NEW.sl_avail, NEW.sl_color, NEW.sl_len, NEW.sl_unit);
CREATE RULE shoelace_del AS ON DELETE TO shoelace DO INSTEAD (DELETE FROM shoelace_data WHERE sl_name = OLD.sl_name; NOTIFY gone);
CREATE RULE shoelace_data_protected AS ON DELETE TO unit DO INSTEAD NOTHING;
-- Triggers
CREATE TABLE emp_audit (operation char(1) NOT NULL, stamp timestamp NOT NULL, userid text NOT NULL, empname text NOT NULL, salary integer);
CREATE FUNCTION process_emp_audit() RETURNS trigger LANGUAGE plpgsql AS $emp_audit$
    BEGIN
        IF (TG_OP = 'DELETE') THEN
            INSERT INTO emp_audit SELECT 'D', now(), current_user, o.empname, o.salary FROM old_table o;
        ELSIF (TG_OP = 'UPDATE') THEN
            INSERT INTO emp_audit SELECT 'U', now(), current_user, n.empname, n.salary FROM new_table n;
        END IF;
        RETURN NULL; -- result is ignored since this is an AFTER trigger
    END;
$emp_audit$;
CREATE FUNCTION do_nothing() RETURNS trigger LANGUAGE plpgsql AS 'begin return null; end';
CREATE TRIGGER emp_audit_upd AFTER UPDATE ON emp_audit REFERENCING OLD TABLE AS old_table NEW TABLE AS new_table
  FOR EACH STATEMENT EXECUTE FUNCTION process_emp_audit();
CREATE CONSTRAINT TRIGGER checked AFTER INSERT OR UPDATE ON unit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.un_fact IS NULL) EXECUTE FUNCTION do_nothing();
CREATE TRIGGER instead INSTEAD OF UPDATE ON shoelace FOR EACH ROW EXECUTE FUNCTION do_nothing();
ALTER TABLE unit ENABLE ALWAYS TRIGGER checked;
-- Row security
CREATE TABLE passwd (user_name text UNIQUE NOT NULL, pwhash text, uid int PRIMARY KEY, gid int NOT NULL, real_name text NOT NULL, shell text NOT NULL);
ALTER TABLE passwd ENABLE ROW LEVEL SECURITY;
ALTER TABLE passwd FORCE ROW LEVEL SECURITY;
CREATE POLICY all_view ON passwd FOR SELECT USING (true);
CREATE POLICY user_mod ON passwd FOR UPDATE USING (current_user = user_name)
  WITH CHECK (current_user = user_name AND shell IN ('/bin/bash', '/bin/sh', '/bin/dash', '/bin/zsh', '/bin/tcsh'));
CREATE POLICY restrict_it ON passwd AS RESTRICTIVE TO public USING (pg_catalog.inet_client_addr() IS NULL);
GRANT SELECT (user_name, uid, gid), UPDATE (pwhash) ON passwd TO public;
-- Partitions
CREATE TABLE measurement (city_id int NOT NULL, logdate date NOT NULL, peaktemp int, unitsales int) PARTITION BY RANGE (logdate);
CREATE TABLE measurement_y2006 PARTITION OF measurement FOR VALUES FROM ('2006-01-01') TO ('2007-01-01') PARTITION BY LIST (city_id);
CREATE TABLE measurement_y2006_big PARTITION OF measurement_y2006 FOR VALUES IN (1, 2, NULL);
CREATE TABLE measurement_y2006_rest PARTITION OF measurement_y2006 DEFAULT;
CREATE TABLE measurement_other (city_id int CONSTRAINT measurement_city_id_not_null NOT NULL, logdate date CONSTRAINT measurement_logdate_not_null NOT NULL, peaktemp int CHECK (peaktemp < 60), unitsales int);
ALTER TABLE measurement ATTACH PARTITION measurement_other FOR VALUES FROM (MINVALUE) TO ('2006-01-01');
CREATE INDEX measurement_logdate ON measurement (logdate, city_id) WITH (fillfactor = 90);
ALTER TABLE measurement ADD CONSTRAINT measurement_key UNIQUE (logdate, city_id);
CREATE TABLE hashed (id bigint, a text COLLATE "C") PARTITION BY HASH (id, lower(a));
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0) WITH (autovacuum_enabled = false);
CREATE TABLE hashed_1 PARTITION OF hashed (a DEFAULT 'one') FOR VALUES WITH (MODULUS 2, REMAINDER 1);
-- Functions, aggregates, operators, casts
CREATE TYPE complex AS (r float8, i float8);
CREATE FUNCTION complex_add(complex, complex) RETURNS complex LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ROW($1.r + $2.r, $1.i + $2.i)::complex';
CREATE FUNCTION complex_abs_lt(complex, complex) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1.r < $2.r';
CREATE FUNCTION complex_abs_gt(complex, complex) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1.r > $2.r';
CREATE FUNCTION complex_abs_cmp(complex, complex) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT CASE WHEN $1.r < $2.r THEN -1 ELSE 1 END';
CREATE OPERATOR + (LEFTARG = complex, RIGHTARG = complex, FUNCTION = complex_add, COMMUTATOR = +);
CREATE OPERATOR <~ (LEFTARG = complex, RIGHTARG = complex, FUNCTION = complex_abs_lt, COMMUTATOR = >~, RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR >~ (LEFTARG = complex, RIGHTARG = complex, FUNCTION = complex_abs_gt, COMMUTATOR = <~);
CREATE OPERATOR FAMILY complex_abs_family USING btree;
CREATE OPERATOR CLASS complex_abs_ops FOR TYPE complex USING btree FAMILY complex_abs_family AS
  OPERATOR 1 <~, OPERATOR 5 >~, FUNCTION 1 complex_abs_cmp(complex, complex);
CREATE AGGREGATE sum(complex) (SFUNC = complex_add, STYPE = complex, INITCOND = '(0,0)');
CREATE FUNCTION complex_text(complex) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1.r || ''+'' || $1.i || ''i''';
CREATE CAST (complex AS text) WITH FUNCTION complex_text(complex) AS ASSIGNMENT;
CREATE FUNCTION mleast(VARIADIC arr numeric[]) RETURNS numeric LANGUAGE sql AS 'SELECT min($1[i]) FROM generate_subscripts($1, 1) g(i)';
CREATE FUNCTION make_array2(anyelement, anyelement) RETURNS anyarray LANGUAGE sql AS 'SELECT ARRAY[$1, $2]';
CREATE FUNCTION sum_n_product_with_tab(x int) RETURNS TABLE (sum int, product int) LANGUAGE sql ROWS 50 LEAKPROOF AS 'SELECT $1 + unit.un_fact::int, $1 FROM unit';
CREATE FUNCTION concat_lower_or_upper(a text, b text, uppercase boolean DEFAULT false) RETURNS text LANGUAGE sql IMMUTABLE STRICT
  AS $$ SELECT CASE WHEN $3 THEN upper($1 || ' ' || $2) ELSE lower($1 || ' ' || $2) END $$;
CREATE FUNCTION refs(refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$ BEGIN OPEN $1 FOR SELECT * FROM cities; RETURN $1; END $$;
CREATE PROCEDURE triple(INOUT x int, b boolean DEFAULT NULL) LANGUAGE plpgsql AS $$ BEGIN x := x * 3; COMMIT; END $$;
-- Text search
CREATE TABLE pgweb (title text, body text, day date, textsearchable tsvector GENERATED ALWAYS AS (to_tsvector('english', coalesce(title, '') || ' ' || coalesce(body, ''))) STORED);
CREATE INDEX pgweb_idx ON pgweb USING gin (to_tsvector('english', title || ' ' || body));
CREATE INDEX textsearch_idx ON pgweb USING gin (textsearchable) WITH (fastupdate = off);
CREATE INDEX pgweb_brin ON pgweb USING brin (day) WITH (pages_per_range = 32);
CREATE INDEX pgweb_hash ON pgweb USING hash (title);
CREATE TEXT SEARCH DICTIONARY english_stem_nostop (TEMPLATE = snowball, Language = english);
CREATE TEXT SEARCH CONFIGURATION public.pg (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION pg ALTER MAPPING FOR asciiword, word WITH english_stem_nostop, simple;
ALTER TEXT SEARCH CONFIGURATION pg DROP MAPPING FOR email, url;
-- The rest
CREATE STATISTICS s1 (dependencies, ndistinct) ON city_id, logdate FROM measurement;
CREATE COLLATION german FROM "C";
CREATE UNLOGGED TABLE cache (key text PRIMARY KEY, value jsonb) WITH (autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_enabled = off);
ALTER TABLE cache ALTER value SET STORAGE EXTERNAL, ALTER value SET STATISTICS 1000, ALTER value SET (n_distinct = -0.5);
ALTER TABLE cities ALTER name SET STATISTICS 0;
CREATE UNIQUE INDEX cache_partial ON cache (key) INCLUDE (value) WHERE value IS NOT NULL;
ALTER TABLE passwd REPLICA IDENTITY USING INDEX passwd_user_name_key;
ALTER TABLE cities REPLICA IDENTITY FULL;
ALTER TABLE cache CLUSTER ON cache_pkey;
CREATE SEQUENCE serial AS smallint START 101 INCREMENT BY -1 MINVALUE -5 MAXVALUE 200 CACHE 3 CYCLE;
CREATE FOREIGN DATA WRAPPER dummy OPTIONS (debug 'true');
CREATE SERVER films_server TYPE 'a' VERSION '1' FOREIGN DATA WRAPPER dummy OPTIONS (host 'foo', dbname 'foodb');
CREATE FOREIGN TABLE films (code char(5) OPTIONS (column_name 'c') NOT NULL, title varchar(40) COLLATE "C" DEFAULT 'x', len interval hour to minute CHECK (len > '0')) SERVER films_server OPTIONS (t '1');
CREATE MATERIALIZED VIEW rental_summary WITH (fillfactor = 50) AS SELECT sl_color AS color, count(*) FILTER (WHERE sl_avail > 0) AS n FROM shoelace GROUP BY ROLLUP (sl_color) WITH NO DATA;
CREATE VIEW windowed AS SELECT name, rank() OVER w, lag(population) OVER (PARTITION BY elevation ORDER BY name ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM ONLY cities WINDOW w AS (ORDER BY population DESC);
CREATE RECURSIVE VIEW myapp.nums (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM nums WHERE n < 10;
CREATE VIEW lateral_one AS SELECT c.name, x.* FROM cities c CROSS JOIN LATERAL (SELECT v.* FROM (VALUES (1, 'a'), (2, 'b')) AS v (num, letter) WHERE v.num < c.elevation) x;
CREATE FUNCTION snitch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END; $$;
CREATE EVENT TRIGGER snitch ON ddl_command_start WHEN TAG IN ('DROP TABLE', 'CREATE TABLE') EXECUTE FUNCTION snitch();
ALTER EVENT TRIGGER snitch DISABLE;
CREATE PUBLICATION mypublication FOR TABLE passwd, measurement WITH (publish = 'insert, update', publish_via_partition_root = true);
ALTER DEFAULT PRIVILEGES IN SCHEMA myapp GRANT SELECT ON TABLES TO public;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM public;
