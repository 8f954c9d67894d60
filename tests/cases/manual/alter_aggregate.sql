CREATE SCHEMA s;
CREATE FUNCTION add_up(integer, integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2';
CREATE AGGREGATE total(integer) (SFUNC = add_up, STYPE = integer);
CREATE AGGREGATE total2(integer) (SFUNC = add_up, STYPE = integer);
CREATE AGGREGATE total3(integer) (SFUNC = add_up, STYPE = integer);
-- alterations
ALTER AGGREGATE total(integer) RENAME TO sum_up;
ALTER AGGREGATE total2(integer) OWNER TO pg_monitor;
ALTER AGGREGATE total3(integer) SET SCHEMA s;
