CREATE SCHEMA s;
CREATE FUNCTION eq(integer, text) RETURNS boolean LANGUAGE sql AS 'select true';
CREATE FUNCTION eq2(text, integer) RETURNS boolean LANGUAGE sql AS 'select true';
CREATE OPERATOR === (FUNCTION = eq, LEFTARG = integer, RIGHTARG = text, RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR ==== (FUNCTION = eq, LEFTARG = integer, RIGHTARG = text);
CREATE OPERATOR ===== (FUNCTION = eq, LEFTARG = integer, RIGHTARG = text);
CREATE OPERATOR =!= (FUNCTION = eq2, LEFTARG = text, RIGHTARG = integer);
-- alterations
ALTER OPERATOR === (integer, text) SET (RESTRICT = NONE);
ALTER OPERATOR === (integer, text) SET (JOIN = neqjoinsel);
ALTER OPERATOR ==== (integer, text) OWNER TO pg_monitor;
ALTER OPERATOR ===== (integer, text) SET SCHEMA s;
-- from 17
ALTER OPERATOR === (integer, text) SET (COMMUTATOR = =!=);
ALTER OPERATOR === (integer, text) SET (HASHES, MERGES);
