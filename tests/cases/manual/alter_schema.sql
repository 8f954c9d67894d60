CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.t (id integer);
-- alterations
ALTER SCHEMA a RENAME TO a2;
ALTER SCHEMA b OWNER TO pg_monitor;
ALTER SCHEMA public OWNER TO pg_monitor;
