"""`inspect --split`: a project that people can go on with; every way of laying it out says the same.

In: a database of two domains. Out: its files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from roundtrip import Heard, apply, catalog, difference, fill

from wgm_play import pipeline
from wgm_play.document.load import load_file
from wgm_play.inspect.options import Inspection

SHOP = """
CREATE SCHEMA stock;
CREATE TYPE state AS ENUM ('open', 'paid');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$;
CREATE TABLE customers (id int PRIMARY KEY, name text, at timestamptz);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, state state, at timestamptz);
CREATE TABLE order_lines (order_id int REFERENCES orders, number int, at timestamptz, PRIMARY KEY (order_id, number),
    CONSTRAINT number_is_one_that_counts CHECK (number > 0 AND number < 1000000 AND number <> 13 AND number <> 666 AND number <> 4711));
CREATE INDEX order_lines_at ON order_lines (at);
CREATE VIEW paid AS SELECT id, customer_id FROM orders WHERE state = 'paid';
CREATE TABLE stock.shelves (id int PRIMARY KEY, at timestamptz);
CREATE TABLE stock.places (id int PRIMARY KEY, shelf int REFERENCES stock.shelves, at timestamptz);
CREATE TABLE log_entries (id int); CREATE TABLE log_files (id int); CREATE TABLE alone (id int);
CREATE TRIGGER touch_customers BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch_orders BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch_order_lines BEFORE UPDATE ON order_lines FOR EACH ROW EXECUTE FUNCTION touch();
GRANT SELECT ON customers, orders, order_lines, stock.shelves, stock.places TO pg_monitor;
GRANT INSERT ON log_files TO pg_monitor;
"""


@pytest.fixture
def owner(database: psycopg.Connection[object]) -> Iterator[str]:
    """A role that owns the tables of the shop."""
    name = f"{database.info.dbname}_owner"
    database.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    yield name
    database.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(name)))
    database.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def shop(database_url: str, owner: str) -> str:
    """The URL of a shop."""
    fill(
        database_url, SHOP + "".join(f"ALTER TABLE {one} OWNER TO {owner};" for one in ("customers", "orders", "alone"))
    )
    return database_url


def project(url: str, folder: Path, split: str) -> Path:
    """Inspect a database into a project; return its steps' folder."""
    pipeline.inspect(Inspection(url, str(folder), split=split), Heard())
    return folder / "playbooks" / "schema"


FILES = {
    "by-domain": ["alone", "functions", "log", "orders", "privileges", "roles", "schemas", "shelves"],
    "by-schema": ["privileges", "public", "roles", "schemas", "stock"],
    "by-kind": ["functions", "indexes", "privileges", "roles", "schemas", "tables", "triggers", "types", "views"],
}


@pytest.mark.parametrize("split", FILES)
def test_each_layout_says_the_same(
    split: str, tmp_path: Path, shop: str, owner: str, new_database: Callable[..., str]
) -> None:
    schema = project(shop, tmp_path, split)
    found = sorted(path.stem for path in schema.iterdir())
    assert set(found) - {"functions", "orders", "types"} == set(FILES[split]) - {"functions", "orders", "types"}
    playbook = tmp_path / "playbooks" / "production.yml"
    assert apply(playbook, shop) == 0
    empty = new_database()
    assert apply(playbook, empty) > 0
    assert difference(catalog(shop), catalog(empty)) == ""
    fill(empty, f"DROP OWNED BY {owner} CASCADE")
    for path in tmp_path.rglob("*.*"):
        long = [line for line in path.read_text().splitlines() if len(line) > 120] if path.is_file() else []
        assert long == [], path.name


def test_a_domain_holds_what_belongs_to_its_tables(tmp_path: Path, shop: str, owner: str) -> None:
    schema = project(shop, tmp_path, "by-domain")
    steps = load_file(schema / "orders.yml")
    kinds = [next(key for key in step if key not in ("name", "loop")) for step in steps]
    assert kinds == ["enum", "function", "table", "table", "table", "index", "trigger", "view"]
    [trigger] = [step for step in steps if "trigger" in step]
    assert trigger["loop"] == ["customers", "orders", "order_lines"]
    assert trigger["trigger"]["name"] == "touch_{{ item }}"
    assert (schema / "orders.yml").read_text().count('owner: "{{ owner }}"') == 2
    [play] = load_file(tmp_path / "playbooks" / "production.yml")
    assert play["vars"] == {"owner": owner}
    assert play["backup"]["before_changes"] == "new"
    privileges = load_file(schema / "privileges.yml")
    assert privileges[0]["name"] == "What pg_monitor may do with 5 tables"
    assert "grant: {on: table log_files" in (schema / "log.yml").read_text()
    readme = (tmp_path / "README.md").read_text()
    assert "- `orders.yml`: customers, orders, order_lines" in readme
