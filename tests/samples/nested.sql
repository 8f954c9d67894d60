-- An AND within an AND, and an OR within an OR: PostgreSQL keeps them, its pretty printing does not show them.
CREATE TABLE pallet (
    id integer PRIMARY KEY, a integer, b integer, r int4range, t varchar(9),
    good boolean GENERATED ALWAYS AS (a > 0 AND b BETWEEN 1 AND 9) STORED,
    many integer DEFAULT CASE WHEN 1 > 0 AND 2 BETWEEN 1 AND 9 THEN 1 END,
    CONSTRAINT pallet_ok CHECK (a > 0 AND b BETWEEN 1 AND 9),
    CONSTRAINT pallet_first CHECK (b BETWEEN 1 AND 9 AND a > 0 AND (t IN ('AND (', 'b') AND t <> '' OR (a = 1 OR b = 2))),
    CONSTRAINT pallet_pair CHECK (a IS NOT NULL AND (a, b) IN ((1, 2), (3, 4)) OR (a < 0 OR b < 0)),
    CONSTRAINT pallet_apart EXCLUDE USING gist (r WITH &&) WHERE (a > 0 AND b BETWEEN 1 AND 9)
);
CREATE INDEX pallet_good_idx ON pallet (id) WHERE a > 0 AND b BETWEEN 1 AND 9;
CREATE INDEX pallet_expr_idx ON pallet ((a > 0 AND b BETWEEN 1 AND 9), (b BETWEEN 1 AND 9 AND a > 0));
CREATE VIEW good_pallets AS SELECT id, (b BETWEEN 1 AND 9 AND a > 0) AS good FROM pallet WHERE a > 0 AND b BETWEEN 1 AND 9
    UNION SELECT count(*) FILTER (WHERE p.a > 0 AND p.b BETWEEN 1 AND 9), false FROM pallet p JOIN pallet q USING (id) HAVING count(*) > 1 AND min(p.a) BETWEEN 1 AND 9;
CREATE MATERIALIZED VIEW good_pallets_kept AS SELECT id FROM pallet WHERE a > 0 AND b BETWEEN 1 AND 9;
ALTER TABLE pallet ENABLE ROW LEVEL SECURITY;
CREATE POLICY good_only ON pallet USING (a > 0 AND b BETWEEN 1 AND 9) WITH CHECK (b BETWEEN 1 AND 9 AND a > 0);
CREATE DOMAIN share AS integer DEFAULT CASE WHEN 1 > 0 AND 2 BETWEEN 1 AND 9 THEN 1 END CHECK (VALUE <> 5 AND VALUE BETWEEN 1 AND 9);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER pallet_good BEFORE UPDATE ON pallet FOR EACH ROW WHEN (new.a > 0 AND new.b BETWEEN 1 AND 9) EXECUTE FUNCTION f();
CREATE FUNCTION g(a boolean DEFAULT (1 > 0 AND 2 BETWEEN 1 AND 3)) RETURNS boolean LANGUAGE sql AS 'SELECT a';
CREATE RULE quiet AS ON DELETE TO pallet WHERE old.a > 0 AND old.b BETWEEN 1 AND 9 DO INSTEAD NOTHING;
CREATE TABLE parts (a integer, b integer) PARTITION BY LIST ((a > 0 AND b BETWEEN 1 AND 9));
CREATE TABLE parts_yes PARTITION OF parts FOR VALUES IN (true);
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE far (a integer DEFAULT CASE WHEN 1 > 0 AND 2 BETWEEN 1 AND 9 THEN 1 END, b integer, CHECK (a > 0 AND b BETWEEN 1 AND 9)) SERVER nowhere;
