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
    Truth("G05", "GRANT SELECT ON t TO PUBLIC", {}),
    Truth("I10", "CREATE STATISTICS st ON id, a FROM t", {"t": SUE}),
    Truth("T10", "ALTER TABLE t OWNER TO CURRENT_USER", {"t": AE}),
    Truth("V01", "ALTER TABLE t DISABLE TRIGGER USER", {"t": SRE}),
    Truth("X05", "COMMENT ON TABLE t IS 'x'", {"t": SUE}),
)  # fmt: skip
