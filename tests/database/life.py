"""Life beside a change: the rows, the triggers, the privileges and the client that an application has while a run works.

In: a database that a case's `before` was applied to. Out: rows in every table, an audit trigger whose body names things
without a schema, a grant on a column, a publication, a client that writes and reads; afterwards what it met.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]
OURS = ("wgm", "wgm_trash", "pg_catalog", "information_schema", "pg_toast")
# Rows that nobody touches, in each table, before the client comes.
STILL = 12
# The client's rows have numbers from here on.
MOVING = 1000
# What the client has to have written while the change was under way, or the case says nothing.
WRITES = 100
# A role that may read one column of each table.
READER = "life_reader"
# What is published of every table with a key.
PUBLICATION = "life_published"

TABLES = """
SELECT c.oid, n.nspname, c.relname,
       (SELECT array_agg(a.attname ORDER BY k.place) FROM pg_index AS i, unnest(i.indkey) WITH ORDINALITY AS k (num, place), pg_attribute AS a
         WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.num) AS key
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT n.nspname = ANY (%s) AND n.nspname NOT LIKE 'pg\\_%%'
  AND c.relname NOT LIKE 'life\\_%%' AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.oid
"""
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text, t.typcategory::text,
       a.atthasdef OR a.attidentity <> '', a.attnotnull, a.attgenerated = '' AND a.attidentity <> 'a',
       (SELECT format('(SELECT %%I FROM %%s ORDER BY 1 OFFSET {n} %%%% 5 LIMIT 1)', r.attname, f.confrelid::regclass)
          FROM pg_constraint AS f JOIN pg_attribute AS r ON r.attrelid = f.confrelid AND r.attnum = f.confkey[array_position(f.conkey, a.attnum)]
         WHERE f.conrelid = a.attrelid AND f.contype = 'f' AND a.attnum = ANY (f.conkey) LIMIT 1),
       (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = coalesce(nullif(t.typbasetype, 0), t.oid))
FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and the SQL that makes a value of it of a number."""

    name: str
    type: str
    optional: bool
    writable: bool
    values: tuple[str, ...]


# Which columns a row is written with, and the value of each.
Shape = tuple[tuple[Column, str], ...]


@dataclass(slots=True)
class Table:
    """A table that the client knows: its columns as they were, its key, what it can do there."""

    schema: str
    name: str
    key: tuple[str, ...]
    columns: list[Column]
    shape: Shape | None = None
    audited: bool = False

    @property
    def place(self) -> str:
        return sql.Identifier(self.schema, self.name).as_string(None)

    def insert(self, shape: Shape, number: int) -> str:
        """Return an INSERT of the row with this number, which names its columns; it returns the key as text."""
        names = ", ".join(_name(column.name) for column, _ in shape)
        values = ", ".join(value.replace("{n}", str(number)) for _, value in shape)
        body = f"({names}) VALUES ({values})" if shape else "DEFAULT VALUES"
        return f"INSERT INTO {self.place} {body} RETURNING {self.which}"

    @property
    def which(self) -> str:
        """The key of a row as one text."""
        return f"ROW({', '.join(map(_name, self.key))})::text" if self.key else "NULL::text"


def _name(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _values(base: str, category: str, labels: list[str] | None, reference: str | None) -> tuple[str, ...]:
    """Return expressions for values of a type; `{n}` is a number. The first that a table takes is used."""
    if reference:
        return (reference,)
    if labels:
        return tuple(sql.Literal(label).as_string(None) for label in labels)
    if category == "N":
        return ("({n} %% 30000 + 1)".replace("%%", "%"), "1", "({n} % 9 + 1)", "0", "50")
    if category == "S":
        return ("'v{n}'", "'a'", "'b'", "'1'", "left('{n}', 1)", "'a@b.c'", "'{n}'", "md5('{n}')::uuid::text")
    if category == "B":
        return ("true", "false")
    if category == "D":
        return ("date '2024-01-01' + {n} % 900", "date '2024-01-01'", "now()", "time '10:00'")
    if category == "T":
        return ("interval '1 hour' * ({n} % 90)",)
    if category == "A":
        return ("'{}'",)
    if category == "R":
        return ("'empty'", f"{base}({{n}}, {{n}} + 1)", "'[2024-01-01,2024-02-01)'")
    if category == "C":
        return ("NULL", "ROW(NULL, NULL)")
    named = {
        "uuid": "md5('{n}')::uuid",
        "jsonb": "'{}'",
        "json": "'{}'",
        "inet": "'10.0.0.1'",
        "cidr": "'10.0.0.0/8'",
        "bytea": "'\\x00'",
        "tsvector": "''",
        "xml": "'<a/>'",
        "money": "1",
    }
    return (named.get(base, "NULL"), "NULL")


def tables(connection: Connection) -> list[Table]:
    """Return the tables that an application may write to."""
    found = []
    for oid, schema, name, key in connection.execute(TABLES, (list(OURS),)).fetchall():
        columns = []
        for column, kind, base, category, given, must, writable, reference, labels in connection.execute(
            COLUMNS, (oid,)
        ):
            values = _values(base, category, labels, reference)
            columns.append(Column(column, kind, bool(given or not must), bool(writable), values))
        found.append(Table(schema, name, tuple(key or ()), columns))
    return found


def own() -> Table:
    """Return a table that no case knows, for a case whose tables take no rows: the client is never idle."""
    number = Column("id", "integer", optional=False, writable=True, values=("{n}",))
    note = Column("note", "text", optional=True, writable=True, values=("'v{n}'",))
    return Table("public", "life_own", ("id",), [number, note], ((number, "{n}"), (note, "'v{n}'")))


def settle_in(connection: Connection, *, publish: bool = False) -> list[Table]:
    """Fill every table, put an audit beside each, grant a column of each; return the tables that take rows of a client.

    The audit's function names its table without a schema, as most do.
    """
    connection.execute(AUDIT)
    found = tables(connection)
    for number, table in enumerate(found):
        _fill(connection, table)
        place = table.place
        table.audited = not attempt(
            connection,
            f"CREATE TRIGGER life_audit_{number} AFTER INSERT OR UPDATE OR DELETE ON {place} FOR EACH ROW EXECUTE FUNCTION life_record()",
        )
        attempt(
            connection,
            f"CREATE TRIGGER life_stamp_{number} BEFORE UPDATE ON {place} FOR EACH ROW EXECUTE FUNCTION life_stamp()",
        )
        if table.columns:
            attempt(connection, f"GRANT SELECT ({_name(table.columns[-1].name)}) ON {place} TO {READER}")
    if publish:
        connection.execute(f"CREATE PUBLICATION {PUBLICATION}".encode())
        for table in found:
            if table.key:
                attempt(connection, f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {table.place}")
    return found


AUDIT = """
CREATE TABLE IF NOT EXISTS life_log (id bigserial PRIMARY KEY, place text, what text, who text, old jsonb, new jsonb);
CREATE TABLE IF NOT EXISTS life_stamps (id bigserial PRIMARY KEY, place text, who text);
CREATE TABLE IF NOT EXISTS life_own (id integer PRIMARY KEY, note text);
CREATE OR REPLACE FUNCTION life_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO life_log (place, what, who, old, new) VALUES (tg_table_name, tg_op, current_setting('application_name'),
        CASE WHEN tg_op <> 'INSERT' THEN to_jsonb(old) END, CASE WHEN tg_op <> 'DELETE' THEN to_jsonb(new) END);
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION life_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new IS DISTINCT FROM old THEN INSERT INTO life_stamps (place, who) VALUES (tg_table_name, current_setting('application_name')); END IF;
    RETURN new;
END $$;
"""


def attempt(connection: Connection, statement: str) -> psycopg.Error | None:
    """Run a statement in a savepoint of its own; return what was wrong with it."""
    try:
        with connection.transaction():
            connection.execute(statement.encode())
    except psycopg.Error as error:
        return error
    return None


def _fill(connection: Connection, table: Table) -> None:
    """Find a way in which the table takes rows, and put some in."""
    table.shape = next((shape for shape in _shapes(table) if takes(connection, table, shape)), None)
    fill(connection, [table])


def fill(connection: Connection, tables_: list[Table]) -> None:
    """Put rows into the tables that take some."""
    for table in tables_:
        if table.shape is not None:
            for number in range(1, STILL + 1):
                attempt(connection, table.insert(table.shape, number))
    connection.execute("TRUNCATE life_log, life_stamps")


def empty(connection: Connection, tables_: list[Table]) -> None:
    """Take all rows out of the tables."""
    for table in tables_:
        attempt(connection, f"TRUNCATE {table.place} CASCADE")


def _shapes(table: Table) -> Iterator[Shape]:
    """Yield ways of writing a row: which columns, and which value of each."""
    writable = [column for column in table.columns if column.writable]
    dice = random.Random(table.name)  # noqa: S311 - a load
    for turn in range(40):
        columns = (
            writable if turn % 2 == 0 else [column for column in writable if not column.optional or dice.random() < 0.3]
        )
        yield tuple(
            (column, column.values[0 if turn < 2 or column.name in table.key else dice.randrange(len(column.values))])
            for column in columns
        )


def takes(connection: Connection, table: Table, shape: Shape) -> bool:
    """Tell whether the table takes some rows of this shape that have not been there; they are not kept."""
    try:
        with connection.transaction(force_rollback=True):
            for number in (MOVING - 4, MOVING - 3, MOVING - 2, MOVING + 371, MOVING + 887):
                connection.execute(table.insert(shape, number).encode())
    except psycopg.Error as error:
        return bool(error.sqlstate and error.sqlstate.startswith("42"))  # a name that goes: that is the change
    return True


def fit(start: Connection, finished: Connection, tables_: list[Table]) -> None:
    """Have the client write only what is right before and after the change: it is told of new rules in advance."""
    for table in tables_:
        fitting = (shape for shape in _shapes(table) if takes(start, table, shape) and takes(finished, table, shape))
        table.shape = next(fitting, None)
    if not any(table.shape for table in tables_):
        tables_.append(own())


def still(connection: Connection, tables_: list[Table]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table that is still there under its name: column -> value as JSON, ours left out."""
    found = {}
    for table in tables_:
        if connection.execute("SELECT to_regclass(%s)", (table.place,)).fetchone() == (None,):
            continue
        rows = connection.execute(f"SELECT to_jsonb(t.*) FROM {table.place} AS t".encode()).fetchall()
        found[f"{table.schema}.{table.name}"] = [
            {name: value for name, value in row.items() if not name.startswith("wgm_")} for (row,) in rows
        ]
    return found


@dataclass(slots=True)
class Failure:
    """A statement of the client that failed."""

    statement: str
    state: str
    text: str


@dataclass(slots=True)
class Client:
    """An application: it inserts, updates and reads its own rows until it is told to stop."""

    url: str
    tables: list[Table]
    number: int = MOVING
    writes: int = 0
    reads: int = 0
    during: int = 0  # what it wrote while the run was at work
    rows: int = 0  # what its writes changed, in tables that have an audit
    failures: list[Failure] = field(default_factory=list)
    longest: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(60)
            assert not self._thread.is_alive(), "the client hangs"

    def _live(self) -> None:
        dice = random.Random(7)  # noqa: S311 - a load
        connection = self._connect()
        while not self._stop.is_set():
            for table in self.tables:
                self.number += 1
                connection = self._once(connection, table, self.number, dice)
            time.sleep(0.004)
        connection.close()

    def _connect(self) -> Connection:
        return psycopg.connect(self.url, autocommit=True, application_name="life", options="-c statement_timeout=30s")

    def _once(self, connection: Connection, table: Table, number: int, dice: random.Random) -> Connection:
        if table.shape is not None:
            key = self._send(connection, table.insert(table.shape, number), written=True, audited=table.audited)
            fields = [field for field in table.shape if field[0].name not in table.key]
            if key is not None and fields:
                column, value = dice.choice(fields)
                value = value.replace("{n}", str(number))
                literal = sql.Literal(key).as_string(None)
                self._send(
                    connection,
                    f"UPDATE {table.place} SET {_name(column.name)} = {value} WHERE {table.which} = {literal}",
                    written=True,
                    audited=table.audited,
                )
        self._send(connection, f"SELECT * FROM {table.place} LIMIT 3", written=False)
        return self._connect() if connection.closed else connection

    def _send(self, connection: Connection, statement: str, *, written: bool, audited: bool = False) -> str | None:
        begun = time.monotonic()
        try:
            answer = connection.execute(statement.encode(), prepare=not written)
            row = answer.fetchone() if answer.description else None
        except psycopg.Error as error:
            self.failures.append(Failure(statement, error.sqlstate or "", str(error)))
            if error.sqlstate == "0A000":  # an application connects again, or drops its plans
                connection.close()
            return None
        finally:
            self.longest = max(self.longest, time.monotonic() - begun)
        self.writes, self.reads = self.writes + written, self.reads + (not written)
        self.rows += max(answer.rowcount, 0) if written and audited else 0
        return row[0] if row and written else None

    def unexplained(self, *urls: str, cached_plans: bool) -> list[Failure]:
        """Return the failures that are no fault of the statement: sent again, it fails in none of these databases so."""
        odd = [failure for failure in self.failures if failure.state != "0A000" or not cached_plans]
        for url in urls:
            with psycopg.connect(url, autocommit=True, application_name="life") as connection:
                odd = [one for one in odd if getattr(attempt(connection, one.statement), "sqlstate", None) != one.state]
        return odd


@contextmanager
def living(url: str, tables_: list[Table], number: int = MOVING) -> Iterator[Client]:
    """Have a client work from before a change until after it, and for as long as it takes to have written enough."""
    client = Client(url, tables_, number)
    client.start()
    try:
        until = time.monotonic() + 5
        while not client.writes + client.reads and not client.failures and time.monotonic() < until:
            time.sleep(0.001)
        before = client.writes
        yield client
        client.during = client.writes - before
        until = time.monotonic() + 5
        while client.writes < WRITES and any(table.shape for table in tables_) and time.monotonic() < until:
            time.sleep(0.005)
    finally:
        client.stop()
