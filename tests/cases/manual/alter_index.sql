CREATE TABLE t (id integer PRIMARY KEY, name text, v text);
CREATE INDEX a ON t (name);
CREATE INDEX b ON t (name) WITH (fillfactor = 70);
CREATE INDEX c ON t (lower(name));
CREATE TABLE p (id integer, k text) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
-- alterations
ALTER INDEX a RENAME TO a2;
ALTER INDEX a2 SET (fillfactor = 80);
ALTER INDEX b RESET (fillfactor);
ALTER INDEX c ALTER COLUMN 1 SET STATISTICS 50;
ALTER INDEX t_pkey SET (fillfactor = 60);
-- not covered
CREATE INDEX pk ON ONLY p (k);
CREATE INDEX p1k ON p1 (k);
ALTER INDEX pk ATTACH PARTITION p1k;
