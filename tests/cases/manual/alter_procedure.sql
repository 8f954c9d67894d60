CREATE SCHEMA s;
CREATE PROCEDURE a(x integer) LANGUAGE sql SET work_mem TO '2MB' AS 'select 1';
CREATE PROCEDURE b(x integer) LANGUAGE sql AS 'select 1';
CREATE PROCEDURE c(x integer) LANGUAGE sql AS 'select 1';
CREATE PROCEDURE d(x integer) LANGUAGE sql AS 'select 1';
-- alterations
ALTER PROCEDURE b(integer) SECURITY DEFINER;
ALTER PROCEDURE b(integer) SET work_mem TO '1MB';
ALTER PROCEDURE a(integer) RESET ALL;
ALTER PROCEDURE b(integer) RENAME TO b2;
ALTER PROCEDURE c(integer) OWNER TO pg_monitor;
ALTER PROCEDURE d(integer) SET SCHEMA s;
