-- needs pg_trgm
-- needs hstore
CREATE SCHEMA s;
CREATE EXTENSION pg_trgm VERSION '1.3';
CREATE EXTENSION hstore;
-- alterations
ALTER EXTENSION pg_trgm UPDATE TO '1.4';
ALTER EXTENSION hstore SET SCHEMA s;
COMMENT ON EXTENSION hstore IS 'Pairs';
