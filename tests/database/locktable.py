"""The lock truth table: which lock each statement takes on which table, and whether it writes the table anew.

In: nothing. Out: `TRUTH`, whose rows are traced on real servers (tests/database/test_locks.py). `t` and `p` are tables of
two rows, `c` refers to `p`; locks are those of pg_locks without "Lock". Versions that differ have a row of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

AE, E, SRE, SUE, S, RE, RS = (
    "AccessExclusive",
    "Exclusive",
    "ShareRowExclusive",
    "ShareUpdateExclusive",
    "Share",
    "RowExclusive",
    "RowShare",
)


@dataclass(frozen=True, slots=True)
class Truth:
    """One statement: its hazard, what must be there before, the strongest lock on each table, whether it rewrites."""

    code: str
    sql: str
    locks: dict[str, str]
    rewrites: bool = False
    before: str = ""
    versions: str = ">=13"


CHECKED = "ALTER TABLE t ADD CONSTRAINT k CHECK (a IS NOT NULL) NOT VALID"
PARTS = """CREATE TABLE h (id int NOT NULL, p_id int) PARTITION BY RANGE (id);
CREATE TABLE h1 PARTITION OF h FOR VALUES FROM (0) TO (100); CREATE TABLE h2 (id int NOT NULL, p_id int);
INSERT INTO h VALUES (1, 1); CREATE INDEX h1_i ON h1 (p_id)"""
VIEWED = "CREATE VIEW v AS SELECT id FROM t; CREATE MATERIALIZED VIEW mv AS SELECT id FROM t; CREATE UNIQUE INDEX mv_i ON mv (id)"
TYPED = "CREATE TYPE ct AS (x int); CREATE TABLE o OF ct; CREATE DOMAIN d AS int; CREATE TABLE u (n d); INSERT INTO u VALUES (1)"
ENUM = "CREATE TYPE y AS ENUM ('a', 'b'); CREATE TABLE ye (s y); INSERT INTO ye VALUES ('a')"
UNPROVEN = "ALTER TABLE t ADD CONSTRAINT k NOT NULL a NOT VALID"
KEYED = "ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id) NOT VALID"

TRUTH = (
    Truth("C01", "ALTER TABLE t ADD COLUMN n uuid", {"t": AE}),
    Truth("C01", "ALTER TABLE t ADD COLUMN n int DEFAULT 1", {"t": AE}),
    Truth("C01", "ALTER TABLE t ADD COLUMN n timestamptz DEFAULT now()", {"t": AE}),
    Truth("C01", "ALTER TABLE t ADD COLUMN n uuid DEFAULT gen_random_uuid()", {"t": AE}, rewrites=True),
    Truth("C03", "ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS IDENTITY", {"t": AE}, rewrites=True),
    Truth("C03", "ALTER TABLE t ALTER id ADD GENERATED ALWAYS AS IDENTITY", {"t": AE}),
    Truth("C04", "ALTER TABLE t ADD COLUMN n int REFERENCES p", {"t": AE, "p": SRE}),
    Truth("C05", "ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS (a + 1) STORED", {"t": AE}, rewrites=True),
    Truth("C05", "ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS (a + 1) VIRTUAL", {"t": AE}, versions=">=18"),
    Truth("C06", "ALTER TABLE t ALTER a SET NOT NULL", {"t": AE}),
    Truth("C07", "ALTER TABLE t ALTER id DROP NOT NULL", {"t": AE}, before="ALTER TABLE t DROP CONSTRAINT t_pkey"),
    Truth("C08", "ALTER TABLE t ALTER a TYPE bigint", {"t": AE}, rewrites=True),
    Truth("C08", "ALTER TABLE t ALTER v TYPE varchar(30)", {"t": AE}),
    Truth("C08", "ALTER TABLE t ALTER v TYPE text", {"t": AE}),
    Truth("C08", "ALTER TABLE t ALTER w TYPE timestamptz", {"t": AE}, before="SET LOCAL timezone = 'UTC'"),
    Truth("C08", "ALTER TABLE t ALTER w TYPE timestamptz", {"t": AE}, rewrites=True, before="SET LOCAL timezone = 'Europe/Paris'"),
    Truth("C08", "ALTER TABLE t ALTER w TYPE timestamptz USING w AT TIME ZONE 'UTC'", {"t": AE}, rewrites=True,
          before="SET LOCAL timezone = 'UTC'"),
    Truth("C08", "ALTER TABLE t ALTER m TYPE numeric(12,2)", {"t": AE}),
    Truth("C10", "ALTER TABLE t DROP COLUMN v", {"t": AE}),
    Truth("C11", "ALTER TABLE t RENAME COLUMN v TO y", {"t": AE}),
    Truth("C12", "ALTER TABLE t ALTER v SET DEFAULT 'x'", {"t": AE}),
    Truth("C14", "ALTER TABLE t ALTER v SET STATISTICS 500", {"t": SUE}),
    Truth("C14", "ALTER TABLE t ALTER v SET STORAGE EXTERNAL", {"t": AE}),
    Truth("C17", "ALTER TABLE t SET (fillfactor = 80)", {"t": SUE}),
    Truth("K01", "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)", {"t": AE}),
    Truth("K01", CHECKED, {"t": AE}),
    Truth("K01", "ALTER TABLE t VALIDATE CONSTRAINT k", {"t": SUE}, before=CHECKED),
    Truth("K02", "ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id)", {"c": SRE, "p": SRE}),
    Truth("K02", KEYED, {"c": SRE, "p": SRE}),
    Truth("K02", "ALTER TABLE c VALIDATE CONSTRAINT f", {"c": SUE, "p": RS}, before=KEYED),
    Truth("K04", "ALTER TABLE t ADD CONSTRAINT k UNIQUE (a)", {"t": AE}),
    Truth("K04", "ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX i", {"t": AE}, before="CREATE UNIQUE INDEX i ON t (a)"),
    Truth("K05", "ALTER TABLE q ADD PRIMARY KEY USING INDEX i", {"q": AE}, before="CREATE UNIQUE INDEX i ON q (a)"),
    Truth("K06", "ALTER TABLE t ADD CONSTRAINT k EXCLUDE USING btree (a WITH =)", {"t": AE}),
    Truth("K09", "ALTER TABLE c DROP CONSTRAINT f", {"c": AE, "p": AE}, before=KEYED),
    Truth("K13", "ALTER TABLE c ALTER CONSTRAINT f DEFERRABLE", {"c": AE}, before=KEYED),
    Truth("I01", "CREATE INDEX i ON t (a)", {"t": S}),
    Truth("I05", "DROP INDEX i", {"t": AE}, before="CREATE INDEX i ON t (a)"),
    Truth("I14", "ALTER INDEX t_pkey RENAME TO other", {}),
    Truth("T01", "DROP TABLE c", {"c": AE, "p": AE}, before=KEYED),
    Truth("T02", "ALTER TABLE t RENAME TO u", {"u": AE}),
    Truth("T06", "ALTER TABLE t SET UNLOGGED", {"t": AE}, rewrites=True),
    Truth("V01", "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", {"t": SRE}),
    Truth("V01", "CREATE OR REPLACE TRIGGER g AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", {"t": SRE}, versions=">= 14",
          before="CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"),
    Truth("V01", "DROP TRIGGER g ON t", {"t": AE},
          before="CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"),
    Truth("V05", "ALTER TABLE t ENABLE ROW LEVEL SECURITY", {"t": AE}),
    Truth("V05", "CREATE POLICY y ON t USING (true)", {"t": AE}),
    Truth("X05", "UPDATE t SET a = a", {"t": RE}),
    Truth("C08", "ANALYZE t", {"t": SUE}),
    Truth("C05", "ALTER TABLE t ALTER n DROP EXPRESSION", {"t": AE},
          before="ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS (a + 1) STORED"),
    Truth("C13", "ALTER TABLE t ALTER n SET EXPRESSION AS (a + 2)", {"t": AE}, rewrites=True, versions=">=17",
          before="ALTER TABLE t ADD COLUMN n int GENERATED ALWAYS AS (a + 1) STORED"),
    Truth("C18", "ALTER TABLE t ADD COLUMN n d", {"t": AE}, before=TYPED, versions=">=13"),
    Truth("C18", "ALTER TABLE t ADD COLUMN n d", {"t": AE}, rewrites=True,
          before=TYPED + "; ALTER DOMAIN d ADD CHECK (value > 0)"),
    Truth("C06", UNPROVEN, {"t": AE}, versions=">=18"),
    Truth("C06", "ALTER TABLE t VALIDATE CONSTRAINT k", {"t": SUE}, before=UNPROVEN, versions=">=18"),
    Truth("C06", "ALTER TABLE t ALTER a SET NOT NULL", {"t": AE}, before=UNPROVEN, versions=">=18"),
    Truth("K02", "ALTER TABLE h ADD FOREIGN KEY (p_id) REFERENCES p (id)", {"h": SRE, "h1": SRE, "p": SRE}, before=PARTS),
    Truth("K02", "ALTER TABLE h ADD FOREIGN KEY (p_id) REFERENCES p (id) NOT VALID", {"h": SRE, "h1": SRE, "p": SRE},
          before=PARTS, versions=">=18"),
    Truth("K06", "ALTER TABLE t ADD COLUMN n int4range, ADD COLUMN z int4range, ADD UNIQUE (z, n WITHOUT OVERLAPS)", {"t": AE}, versions=">=18"),
    Truth("I08", "CREATE INDEX i ON ONLY h (p_id)", {"h": S}, before=PARTS),
    Truth("I08", "ALTER INDEX i ATTACH PARTITION h1_i", {},
          before=PARTS + "; CREATE INDEX i ON ONLY h (p_id)"),
    Truth("I08", "CREATE INDEX i ON h (id)", {"h": S, "h1": S}, before=PARTS),
    Truth("T05", "ALTER TABLE t CLUSTER ON t_pkey", {"t": SUE}),
    Truth("T11", "ALTER TABLE h2 INHERIT c2", {"h2": AE, "c2": SUE}, before=PARTS + "; CREATE TABLE c2 (id int NOT NULL)"),
    Truth("P01", "ALTER TABLE h ATTACH PARTITION h2 FOR VALUES FROM (100) TO (200)", {"h": SUE, "h2": AE}, before=PARTS),
    Truth("P02", "ALTER TABLE h DETACH PARTITION h1", {"h": AE, "h1": AE}, before=PARTS, versions=">=14"),
    Truth("P02", "ALTER TABLE h DETACH PARTITION h1", {"h": AE, "h1": SUE}, before=PARTS, versions="<14"),
    Truth("P03", "CREATE TABLE h3 PARTITION OF h FOR VALUES FROM (100) TO (200)", {"h": AE, "h3": AE}, before=PARTS),
    Truth("V03", "REFRESH MATERIALIZED VIEW mv", {"mv": AE}, before=VIEWED, rewrites=True),
    Truth("V03", "REFRESH MATERIALIZED VIEW CONCURRENTLY mv", {"mv": E}, before=VIEWED),
    Truth("V04", "CREATE OR REPLACE VIEW v AS SELECT id, 1 AS one FROM t", {"v": AE}, before=VIEWED),
    Truth("V07", "CREATE RULE y AS ON UPDATE TO t DO ALSO NOTHING", {"t": AE}),
    Truth("Y05", "ALTER DOMAIN d ADD CONSTRAINT k CHECK (value > 0)", {"u": S}, before=TYPED),
    Truth("Y05", "ALTER DOMAIN d VALIDATE CONSTRAINT k", {"u": S}, versions="<19",
          before=TYPED + "; ALTER DOMAIN d ADD CONSTRAINT k CHECK (value > 0) NOT VALID"),
    Truth("Y06", "ALTER TYPE ct ADD ATTRIBUTE y int CASCADE", {"o": AE}, before=TYPED),
    Truth("R01", "ALTER TABLE t REPLICA IDENTITY FULL", {"t": AE}),
    Truth("C02", "ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 0", {"t": AE}),
    Truth("C09", "DROP VIEW v", {"v": AE}, before="CREATE VIEW v AS SELECT a FROM t"),
    Truth("C16", "ALTER TABLE t ADD COLUMN n int UNIQUE", {"t": AE}),
    Truth("C16", "ALTER TABLE t ADD COLUMN n int CHECK (n > 0)", {"t": AE}),
    Truth("K03", f"{CHECKED}; ALTER TABLE t VALIDATE CONSTRAINT k", {"t": AE}),
    Truth("K07", "CREATE TABLE o (p_id int REFERENCES p)", {"o": AE, "p": SRE}),
    Truth("K10", "ALTER TABLE t ADD CONSTRAINT k CHECK (w < now()) NOT VALID", {"t": AE}),
    Truth("K11", "ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id) NOT ENFORCED", {"c": SRE, "p": SRE},
          versions=">=18"),
    Truth("K11", "ALTER TABLE c ALTER CONSTRAINT f ENFORCED", {"c": AE, "p": SRE}, versions=">=18",
          before="ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id) NOT ENFORCED"),
    Truth("I06", "ALTER TABLE t DROP CONSTRAINT t_pkey", {"t": AE}),
    Truth("I07", "REINDEX TABLE t", {"t": S}),
    Truth("I07", "REINDEX INDEX t_pkey", {"t": S}),
    Truth("I12", "ALTER INDEX i SET (fillfactor = 80)", {}, before="CREATE INDEX i ON t (a)"),
    Truth("I15", "ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey", {"t": AE}),
    Truth("P05", "ALTER TABLE h ADD COLUMN n int", {"h": AE, "h1": AE}, before=PARTS),
    Truth("P05", "ALTER TABLE h ALTER p_id SET NOT NULL", {"h": AE, "h1": AE}, before=PARTS),
    Truth("P06", "ALTER TABLE h ADD UNIQUE (id)", {"h": AE, "h1": S}, before=PARTS, versions="<18"),
    Truth("P06", "ALTER TABLE h ADD UNIQUE (id)", {"h": AE, "h1": AE}, before=PARTS, versions=">=18"),
    Truth("P06", "ALTER TABLE ONLY h ADD CONSTRAINT k UNIQUE (id)", {"h": AE}, before=PARTS),
    Truth("P06", "ALTER INDEX k ATTACH PARTITION k1", {}, versions=">=13",
          before=PARTS + "; ALTER TABLE ONLY h ADD CONSTRAINT k UNIQUE (id); ALTER TABLE h1 ADD CONSTRAINT k1 UNIQUE (id)"),
    Truth("P01", "ALTER TABLE h ATTACH PARTITION h2 FOR VALUES FROM (100) TO (200)", {"h": SUE, "h2": AE, "h3": AE},
          before=PARTS + "; CREATE TABLE h3 PARTITION OF h DEFAULT"),
    Truth("R02", "CREATE PUBLICATION b FOR TABLE t", {"t": SUE}),
    Truth("R04", "ALTER PUBLICATION b ADD TABLE t", {"t": SUE}, before="CREATE PUBLICATION b"),
    Truth("T03", "ALTER TABLE t SET SCHEMA z", {}, before="CREATE SCHEMA z"),
    Truth("T04", "TRUNCATE t", {"t": AE}, rewrites=True),
    Truth("T05", "CLUSTER t USING t_pkey", {"t": AE}, rewrites=True),
    Truth("T07", "ALTER TABLE t SET TABLESPACE pg_default", {"t": AE}),
    Truth("T09", "ALTER TABLE t SET (autovacuum_enabled = false)", {"t": SUE}),
    Truth("V02", "ALTER TABLE t DISABLE TRIGGER ALL", {"t": SRE}),
    Truth("V06", "CREATE OR REPLACE FUNCTION fn() RETURNS int LANGUAGE sql AS 'select 2'", {},
          before="CREATE FUNCTION fn() RETURNS int LANGUAGE sql AS 'select 1'"),
    Truth("X03", "ALTER TABLE t ADD COLUMN n int; ALTER TABLE p ADD COLUMN n int", {"t": AE, "p": AE}),
    Truth("X04", "LOCK TABLE t", {"t": AE}),
    Truth("X06", "ALTER TABLE t ADD COLUMN n int; UPDATE t SET n = 1", {"t": AE}),
    Truth("X08", "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID, ALTER v SET STATISTICS 500", {"t": AE}),
    Truth("X08", "ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id) NOT VALID, ADD COLUMN n int",
          {"c": AE, "p": SRE}),
    Truth("Y01", "ALTER TYPE y ADD VALUE 'c' AFTER 'a'", {}, before=ENUM),
    Truth("Y03", "ALTER TYPE y RENAME VALUE 'b' TO 'c'", {}, before=ENUM),
    Truth("Y04", "ALTER TABLE ye ALTER s TYPE y2 USING s::text::y2", {"ye": AE}, rewrites=True,
          before=ENUM + "; CREATE TYPE y2 AS ENUM ('a')"),
    Truth("G03", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", {}),
    Truth("S13", "DROP TABLE p CASCADE", {"p": AE, "c": AE}, before=KEYED),
    Truth("G05", "GRANT SELECT ON t TO PUBLIC", {}),
    Truth("I10", "CREATE STATISTICS st ON id, a FROM t", {"t": SUE}),
    Truth("T10", "ALTER TABLE t OWNER TO CURRENT_USER", {"t": AE}),
    Truth("V01", "ALTER TABLE t DISABLE TRIGGER USER", {"t": SRE}),
    Truth("X05", "COMMENT ON TABLE t IS 'x'", {"t": SUE}),
)  # fmt: skip
