CREATE SCHEMA s;
CREATE TABLE t (id integer, name text);
CREATE VIEW a AS SELECT id, name FROM t;
CREATE VIEW b WITH (security_barrier) AS SELECT id, name FROM t;
CREATE VIEW c AS SELECT id, name FROM t;
CREATE VIEW d AS SELECT id, name FROM t;
CREATE VIEW e AS SELECT id, name FROM t;
ALTER VIEW b ALTER COLUMN id SET DEFAULT 4;
-- alterations
ALTER VIEW a ALTER COLUMN id SET DEFAULT 3;
ALTER VIEW b ALTER COLUMN id DROP DEFAULT;
ALTER VIEW a RENAME COLUMN name TO named;
ALTER VIEW a SET (check_option = cascaded);
ALTER VIEW b RESET (security_barrier);
ALTER VIEW c OWNER TO pg_monitor;
ALTER VIEW d RENAME TO d2;
ALTER VIEW e SET SCHEMA s;
-- from 15
ALTER VIEW a SET (security_invoker = true);
