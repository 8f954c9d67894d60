"""A small project that the tests of servers and roles run as people do: by the command, on a database with rows.

In: a folder, a URL. Out: `Orders`, whose `play` runs a command and returns what it said.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml

import forking

BEFORE = """
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount integer NOT NULL, note text);
INSERT INTO orders (amount) SELECT g FROM generate_series(1, 300) g;
ANALYZE orders
"""
COLUMNS: dict[str, Any] = {
    "id": {"type": "bigint", "identity": "always", "primary_key": True},
    "amount": {"type": "integer", "not_null": True},
    "note": "text",
}
FLAG: dict[str, Any] = {"flag": {"type": "boolean", "not_null": True, "default": False}}


@dataclass(frozen=True, slots=True)
class Orders:
    """A project with one playbook, `prod.yml`, whose database has the table `orders`."""

    folder: Path
    url: str

    def write(self, columns: dict[str, Any] | None = None, policy: str = "", **play: Any) -> Orders:
        """Write the playbook: the table as it is, with further or other columns."""
        for name in ("environments", "playbooks"):
            (self.folder / name).mkdir(exist_ok=True)
        (self.folder / "environments/prod.yml").write_text('url: "{{ env.DATABASE_URL }}"\n' + policy)
        steps = [{"name": "Orders", "table": {"name": "orders", "columns": {**COLUMNS, **(columns or {})}}}]
        made = [{"name": "Shop", "hosts": "prod", "steps": steps, **play}]
        (self.folder / "playbooks/prod.yml").write_text(yaml.safe_dump(made, sort_keys=False))
        return self

    def play(self, *words: str, url: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `wgm-play WORDS`; what it said is in `stdout`, with its errors and warnings."""
        environ = {**os.environ, "DATABASE_URL": url or self.url, **environ}
        return forking.run(*words, folder=self.folder, environ=environ, merged=True)

    def columns(self) -> list[str]:
        """Return the names of the table's columns now."""
        with psycopg.connect(self.url) as connection:
            return [column.name for column in connection.execute("SELECT * FROM orders LIMIT 0").description or ()]


def with_orders(folder: Path, url: str) -> Orders:
    """Make the table with its rows in an empty database, and the project that adds the column `flag`."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(BEFORE)
    return Orders(folder, url).write(FLAG)
