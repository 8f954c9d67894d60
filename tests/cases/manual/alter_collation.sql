CREATE SCHEMA s;
CREATE COLLATION a (provider = libc, locale = 'C');
CREATE COLLATION b (provider = libc, locale = 'C');
CREATE COLLATION c (provider = libc, locale = 'C');
-- alterations
ALTER COLLATION a RENAME TO a2;
ALTER COLLATION b OWNER TO pg_monitor;
ALTER COLLATION c SET SCHEMA s;
