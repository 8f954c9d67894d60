"""Changes of a large table under load, side by side: the plain statement, the best hand-written sequence, wgm-play.

In: `--url` of a server whose role may create databases, `--rows`, which changes, with and without a reader that holds
the table. Out: for each a line with the longest stall of a client and when it began, the longest transaction, p99,
failed transactions and the duration; first one of the load alone, which tells how quiet the machine is. Load is open-loop:
a transaction that comes late because the one before was stalled counts the whole time since it was due. Where the stall
is much longer than the longest transaction, the machine was too busy to send what was due.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

CLIENTS, RATE = 4, 100
READER_SECONDS = 6.0
# How long the load is watched while nothing changes: how much the machine itself stalls.
QUIET_SECONDS = 10.0
BATCH = 2000


@dataclass(slots=True)
class Load:
    """Clients that update and read single rows by key, at fixed times; what they saw."""

    url: str
    rows: int
    key: Callable[[int], Any]
    table: str = "items"
    clients: int = CLIENTS
    rate: int = RATE
    waits: list[tuple[float, float]] = field(default_factory=list)
    longest: list[tuple[float, float]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._client, args=(n,), daemon=True) for n in range(self.clients)]
        for thread in self._threads:
            thread.start()
        time.sleep(1.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(30)

    def _client(self, number: int) -> None:
        choose = random.Random(number)
        connection = psycopg.connect(self.url, autocommit=True, application_name="load")
        due = time.perf_counter() + number / (self.clients * self.rate)
        while not self._end.is_set():
            now = time.perf_counter()
            if due > now:
                time.sleep(due - now)
            key = self.key(choose.randrange(1, self.rows + 1))
            try:
                with connection.transaction():
                    connection.execute(f"UPDATE {self.table} SET hits = hits + 1 WHERE id = %s", (key,))
                    connection.execute(f"SELECT name, hits FROM {self.table} WHERE id = %s", (key,)).fetchone()
            except psycopg.Error as error:
                self.failed.append(f"{error.sqlstate}: {error}".splitlines()[0])
                if connection.closed:
                    connection = psycopg.connect(self.url, autocommit=True, application_name="load")
            ended = time.perf_counter()
            self.waits.append((due, ended - due))
            self.longest.append((due, ended - max(due, now)))
            # An open loop owes what it could not send, but not for ever: what was due during a stall is one stall.
            due = max(due + 1 / self.rate, ended - 0.5) if ended - due > 1 else due + 1 / self.rate
        connection.close()

    def between(self, began: float, ended: float) -> list[tuple[float, float]]:
        """Return when each transaction was due while the change was under way, and how long it took from then."""
        return [(due, wait) for due, wait in self.waits if began - 0.2 <= due <= ended + 0.2]

    def sent_between(self, began: float, ended: float) -> float:
        """Return how long the longest of them took from when it was sent: without what it owed from before."""
        return max((took for due, took in self.longest if began - 0.2 <= due <= ended + 0.2), default=0.0)


@dataclass(frozen=True, slots=True)
class Change:
    """One change: how its table is made, its plain statement, the best sequence by hand, the columns we declare."""

    name: str
    plain: str
    hand: Callable[[psycopg.Connection[Any]], None]
    declared: dict[str, str]
    more: str = ""
    prepare: str = ""
    key: str = "int"


def quick(connection: psycopg.Connection[Any], sql: str) -> None:
    """Run catalog changes as a careful person does: a lock timeout of 50 ms, tried again until it works."""
    while True:
        try:
            with connection.transaction():
                connection.execute("SET LOCAL lock_timeout = '50ms'")
                connection.execute(sql)
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            time.sleep(random.uniform(0.2, 0.5))


def batches(connection: psycopg.Connection[Any], table: str, assign: str, rows: int, key: str = "id") -> None:
    """Fill in batches of fixed size with a rest between them: what a person writes."""
    for low in range(0, rows, BATCH):
        connection.execute(f"UPDATE {table} SET {assign} WHERE {key} > {low} AND {key} <= {low + BATCH}")
        time.sleep(0.03)


def uuid_batches(connection: psycopg.Connection[Any], table: str, assign: str) -> None:
    """Fill a table whose key is a uuid as text."""
    last = ""
    while True:
        row = connection.execute(
            f"SELECT max(id) FROM (SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT {BATCH}) x", (last,)
        ).fetchone()
        if row is None or row[0] is None:
            return
        connection.execute(f"UPDATE {table} SET {assign} WHERE id > %s AND id <= %s", (last, row[0]))
        last = row[0]
        time.sleep(0.03)


ROWS = 0


def _hand_default(c: psycopg.Connection[Any]) -> None:
    quick(c, "ALTER TABLE items ADD COLUMN mark uuid; ALTER TABLE items ALTER mark SET DEFAULT gen_random_uuid()")
    batches(c, "items", "mark = coalesce(mark, gen_random_uuid())", ROWS)
    _prove(c, "items", "mark")


def _prove(c: psycopg.Connection[Any], table: str, column: str) -> None:
    quick(c, f"ALTER TABLE {table} ADD CONSTRAINT nn CHECK ({column} IS NOT NULL) NOT VALID")
    c.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT nn")
    quick(c, f"ALTER TABLE {table} ALTER {column} SET NOT NULL; ALTER TABLE {table} DROP CONSTRAINT nn")


def _hand_index(c: psycopg.Connection[Any]) -> None:
    c.execute("CREATE INDEX CONCURRENTLY items_name ON items (name)")


def _hand_key(c: psycopg.Connection[Any]) -> None:
    quick(c, "ALTER TABLE items ADD CONSTRAINT items_owner FOREIGN KEY (owner_id) REFERENCES owners (id) NOT VALID")
    c.execute("ALTER TABLE items VALIDATE CONSTRAINT items_owner")


def _hand_not_null(c: psycopg.Connection[Any]) -> None:
    _prove(c, "items", "owner_id")


def _hand_bigint(c: psycopg.Connection[Any]) -> None:
    quick(
        c,
        "ALTER TABLE items ADD COLUMN n2 bigint;"
        "CREATE FUNCTION s() RETURNS trigger LANGUAGE plpgsql AS 'begin new.n2 := new.number; return new; end';"
        "CREATE TRIGGER s BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION s()",
    )
    batches(c, "items", "n2 = number", ROWS)
    quick(
        c,
        "DROP TRIGGER s ON items; DROP FUNCTION s(); ALTER TABLE items RENAME number TO number_old;"
        "ALTER TABLE items RENAME n2 TO number",
    )


def _hand_uuid(c: psycopg.Connection[Any]) -> None:
    tables = {"items": ["id"], "tags": ["item_id"], "notes": ["item_id"]}
    for table, (column,) in tables.items():
        quick(
            c,
            f"ALTER TABLE {table} ADD COLUMN u uuid;"
            f"CREATE FUNCTION s_{table}() RETURNS trigger LANGUAGE plpgsql AS 'begin new.u := new.{column}::uuid; return new; end';"
            f"CREATE TRIGGER s BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION s_{table}()",
        )
        uuid_batches(c, table, f"u = {column}::uuid")
    c.execute("CREATE UNIQUE INDEX CONCURRENTLY items_u ON items (u)")
    quick(c, "ALTER TABLE items ADD CONSTRAINT nn CHECK (u IS NOT NULL) NOT VALID")
    c.execute("ALTER TABLE items VALIDATE CONSTRAINT nn")
    quick(
        c,
        "LOCK TABLE items, notes, tags IN ACCESS EXCLUSIVE MODE;"
        + "".join(f"DROP TRIGGER s ON {t}; DROP FUNCTION s_{t}();" for t in tables)
        + "ALTER TABLE tags DROP CONSTRAINT tags_item; ALTER TABLE notes DROP CONSTRAINT notes_item;"
        "ALTER TABLE items ALTER u SET NOT NULL; ALTER TABLE items DROP CONSTRAINT nn;"
        "ALTER TABLE items DROP CONSTRAINT items_pkey; ALTER TABLE items ALTER id DROP DEFAULT, ALTER id DROP NOT NULL;"
        "ALTER TABLE items RENAME id TO id_old; ALTER TABLE items RENAME u TO id;"
        "ALTER TABLE items ALTER id SET DEFAULT gen_random_uuid();"
        "ALTER TABLE items ADD CONSTRAINT items_pkey PRIMARY KEY USING INDEX items_u;"
        "ALTER TABLE tags RENAME item_id TO i_old; ALTER TABLE tags RENAME u TO item_id;"
        "ALTER TABLE notes RENAME item_id TO i_old; ALTER TABLE notes RENAME u TO item_id;"
        "ALTER TABLE tags ADD CONSTRAINT tags_item FOREIGN KEY (item_id) REFERENCES items (id) NOT VALID;"
        "ALTER TABLE notes ADD CONSTRAINT notes_item FOREIGN KEY (item_id) REFERENCES items (id) NOT VALID",
    )
    c.execute("ALTER TABLE tags VALIDATE CONSTRAINT tags_item")
    c.execute("ALTER TABLE notes VALIDATE CONSTRAINT notes_item")


def _hand_unique(c: psycopg.Connection[Any]) -> None:
    c.execute("CREATE UNIQUE INDEX CONCURRENTLY items_code ON items (code)")
    quick(c, "ALTER TABLE items ADD CONSTRAINT items_code UNIQUE USING INDEX items_code")


def _hand_drop_column(c: psycopg.Connection[Any]) -> None:
    quick(c, "ALTER TABLE items DROP COLUMN filler")


def _hand_drop_table(c: psycopg.Connection[Any]) -> None:
    quick(c, "DROP TABLE others")


COLUMNS = {
    "id": "{type: integer, identity: by_default, primary_key: true}",
    "name": "{type: text, not_null: true}",
    "number": "{type: integer, not_null: true}",
    "owner_id": "integer",
    "code": "{type: text, not_null: true}",
    "hits": "{type: integer, not_null: true, default: 0}",
    "filler": "text",
}
UUID = "{type: varchar, primary_key: true, default: gen_random_uuid()}"
CONVERTED = "{type: uuid, primary_key: true, default: gen_random_uuid(), convert: {from: varchar, using: 'id::uuid', back: 'id::text'}}"

CHANGES = [
    Change("volatile default", "ALTER TABLE items ADD COLUMN mark uuid NOT NULL DEFAULT gen_random_uuid()", _hand_default,
           {"mark": "{type: uuid, not_null: true, default: gen_random_uuid()}"}),
    Change("index", "CREATE INDEX items_name ON items (name)", _hand_index, {},
           "    - name: Index\n      index: {name: items_name, table: items, columns: [name]}\n"),
    Change("foreign key", "ALTER TABLE items ADD CONSTRAINT items_owner FOREIGN KEY (owner_id) REFERENCES owners (id)",
           _hand_key, {"owner_id": "{type: integer, references: owners(id)}"}),
    Change("not null", "ALTER TABLE items ALTER owner_id SET NOT NULL", _hand_not_null,
           {"owner_id": "{type: integer, not_null: true}"}),
    Change("int to bigint", "ALTER TABLE items ALTER number TYPE bigint", _hand_bigint,
           {"number": "{type: bigint, not_null: true}"}),
    Change("key varchar to uuid", "ALTER TABLE tags DROP CONSTRAINT tags_item; ALTER TABLE notes DROP CONSTRAINT notes_item;"
           "ALTER TABLE items ALTER id DROP DEFAULT; ALTER TABLE items ALTER id TYPE uuid USING id::uuid;"
           "ALTER TABLE tags ALTER item_id TYPE uuid USING item_id::uuid; ALTER TABLE notes ALTER item_id TYPE uuid USING item_id::uuid;"
           "ALTER TABLE tags ADD CONSTRAINT tags_item FOREIGN KEY (item_id) REFERENCES items (id);"
           "ALTER TABLE notes ADD CONSTRAINT notes_item FOREIGN KEY (item_id) REFERENCES items (id)",
           _hand_uuid, {"id": CONVERTED}, key="uuid"),
    Change("unique constraint", "ALTER TABLE items ADD CONSTRAINT items_code UNIQUE (code)", _hand_unique,
           {"code": "{type: text, not_null: true, unique: true}"}),
    Change("drop column", "ALTER TABLE items DROP COLUMN filler", _hand_drop_column, {"filler": "{state: absent}"}),
    Change("drop table", "DROP TABLE others", _hand_drop_table, {},
           "    - name: Others\n      table: {name: others, state: absent}\n"),
]  # fmt: skip


def key_of(kind: str) -> Callable[[int], Any]:
    """Return how a row's number becomes its key: itself, or a uuid that is made of it."""
    if kind == "int":
        return lambda number: number
    return lambda number: f"00000000-0000-4000-8000-{number:012d}"


def build(connection: psycopg.Connection[Any], change: Change, rows: int) -> None:
    """Make and fill the tables."""
    uuid = change.key == "uuid"
    identity = (
        "varchar PRIMARY KEY DEFAULT gen_random_uuid()"
        if uuid
        else "integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"
    )
    connection.execute("CREATE TABLE owners (id integer PRIMARY KEY, name text)")
    connection.execute("INSERT INTO owners SELECT g, 'owner' FROM generate_series(1, 1000) g")
    connection.execute(
        f"CREATE TABLE items (id {identity}, name text NOT NULL, number integer NOT NULL, owner_id integer, code text NOT NULL,"
        " hits integer NOT NULL DEFAULT 0, filler text) WITH (fillfactor = 90)"
    )
    value = "format('00000000-0000-4000-8000-%s', lpad(g::text, 12, '0'))" if uuid else "g"
    connection.execute(
        f"INSERT INTO items SELECT {value}, 'name ' || md5(g::text), g, g % 1000 + 1, 'code' || g, 0, repeat('x', 90)"
        f" FROM generate_series(1, {rows}) g"
    )
    if uuid:
        for table, share in (("tags", 1), ("notes", 2)):
            connection.execute(f"CREATE TABLE {table} (id varchar PRIMARY KEY, item_id varchar, text text)")
            connection.execute(f"INSERT INTO {table} SELECT id, id, 'text' FROM items LIMIT {rows // (2 * share)}")
            connection.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_item FOREIGN KEY (item_id) REFERENCES items (id);"
                f"CREATE INDEX {table}_item ON {table} (item_id)"
            )
    else:
        connection.execute("SELECT setval(pg_get_serial_sequence('items', 'id'), %s)", (rows,))
    connection.execute("CREATE TABLE others AS SELECT * FROM items LIMIT 100000")
    connection.execute("VACUUM (ANALYZE)")
    connection.execute("CHECKPOINT")


def playbook(change: Change, after: bool) -> str:
    """Return the playbook of the tables, with the change or without it."""
    columns = dict(COLUMNS)
    if change.key == "uuid":
        columns["id"] = UUID
    columns = columns | change.declared if after else columns
    lines = "".join(f"          {name}: {text}\n" for name, text in columns.items())
    made = "- name: Shop\n  hosts: bench\n  steps:\n    - name: Owners\n      table: {name: owners, columns: {id: {type: integer, primary_key: true}, name: text}}\n"
    made += f"    - name: Items\n      table:\n        name: items\n        columns:\n{lines}"
    if change.key == "uuid":
        kind = "{type: uuid, references: items(id), convert: {from: varchar, using: 'item_id::uuid', back: 'item_id::text'}}"
        for table in ("tags", "notes"):
            item = kind if after else "{type: varchar, references: items(id)}"
            made += f"    - name: {table}\n      table: {{name: {table}, columns: {{id: {{type: varchar, primary_key: true}}, item_id: {item}, text: text}}}}\n"
    return made + (change.more if after else "")


def ours(url: str, change: Change, folder: Path) -> str:
    """Run wgm-play; return what it says when it fails."""
    (folder / "environments").mkdir(exist_ok=True)
    (folder / "environments" / "bench.yml").write_text('url: "{{ env.DATABASE_URL }}"\npolicy: {check_data: true}\n')
    (folder / "shop.yml").write_text(playbook(change, after=True))
    command = [sys.executable, "-m", "wgm_play", "shop.yml"]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "DATABASE_URL": url}, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout[-600:] + done.stderr[-1500:]


def read_for(url: str, seconds: float, table: str) -> threading.Thread:
    """Hold the table with a reader's lock for a while."""

    def hold() -> None:
        with psycopg.connect(url) as connection:
            connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone()
            time.sleep(seconds)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    time.sleep(0.3)
    return thread


@dataclass(frozen=True, slots=True)
class Result:
    """What one measurement saw: seconds, and the failures by their text."""

    change: str
    how: str
    reader: bool
    stall: float
    p99: float
    failed: int
    seconds: float
    at: float = 0.0
    sent: float = 0.0
    said: str = ""
    failures: tuple[str, ...] = ()


def measure(admin: str, template: str, change: Change, how: str, rows: int, *, reader: bool) -> Result:
    """Measure one change in one way on a fresh copy of the tables."""
    base, _, _ = admin.rpartition("/")
    name = f"{template}_run"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        connection.execute("CHECKPOINT")
    url, said = f"{base}/{name}", ""
    with Load(url, rows, key_of(change.key)) as load, tempfile.TemporaryDirectory() as folder:
        held = read_for(url, READER_SECONDS, "others" if change.name == "drop table" else "items") if reader else None
        began = time.perf_counter()
        if how == "nothing":
            time.sleep(QUIET_SECONDS)
        elif how == "wgm-play":
            said = ours(url, change, Path(folder))
        else:
            with psycopg.connect(url, autocommit=True) as connection:
                if how == "plain":
                    connection.execute(change.plain)
                else:
                    change.hand(connection)
        ended = time.perf_counter()
        time.sleep(0.5)
        if held is not None:
            held.join()
    seen = load.between(began, ended) or [(began, 0.0)]
    waits = [wait for _, wait in seen]
    worst = max(seen, key=lambda one: one[1])
    p99 = statistics.quantiles(waits, n=100)[-1] if len(waits) > 1 else waits[0]
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    kinds = tuple(sorted(set(load.failed)))[:3]
    name = "-" if how == "nothing" else change.name
    return Result(
        name,
        how,
        reader,
        worst[1],
        p99,
        len(load.failed),
        ended - began,
        worst[0] - began,
        load.sent_between(began, ended),
        said,
        kinds,
    )


def line(one: Result) -> str:
    """Return a result as a line of the table."""
    reader = "with a reader" if one.reader else ""
    return f"{one.change:20} {one.how:9} {reader:14} {one.stall * 1000:9.0f} ms at {one.at:5.1f} s {one.sent * 1000:9.0f} ms {one.p99 * 1000:9.1f} ms {one.failed:7} {one.seconds:9.1f} s"


def main(words: Iterable[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="a database of a server on which databases may be made")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--only", default="", help="changes whose name holds this text, by commas")
    parser.add_argument("--how", default="plain,by hand,wgm-play")
    parser.add_argument("--reader", choices=("both", "with", "without"), default="both")
    given = parser.parse_args(list(words) if words is not None else None)
    global ROWS
    ROWS = given.rows
    readers = {"both": (False, True), "with": (True,), "without": (False,)}[given.reader]
    print(
        f"{'change':20} {'how':9} {'':14} {'stall':>23} {'transaction':>12} {'p99':>12} {'failed':>7} {'duration':>11}",
        flush=True,
    )
    wanted = [part for part in given.only.split(",") if part]
    base, _, _ = given.url.rpartition("/")
    bad = 0
    for kind in ("int", "uuid"):
        chosen = [
            one for one in CHANGES if one.key == kind and (not wanted or any(part in one.name for part in wanted))
        ]
        if not chosen:
            continue
        template = f"wgm_bench_{os.getpid()}"
        with psycopg.connect(given.url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {template}")
            admin.execute(f"CREATE DATABASE {template}")
        with psycopg.connect(f"{base}/{template}", autocommit=True) as connection:
            build(connection, chosen[0], given.rows)
        print(line(measure(given.url, template, chosen[0], "nothing", given.rows, reader=False)), flush=True)
        for change in chosen:
            for reader in readers:
                for how in given.how.split(","):
                    result = measure(given.url, template, change, how, given.rows, reader=reader)
                    print(line(result), flush=True)
                    for text in (*result.failures, result.said):
                        if text:
                            print(f"    {text}", flush=True)
                    bad += bool(result.said)
        with psycopg.connect(given.url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {template}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
