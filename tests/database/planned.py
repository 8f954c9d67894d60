"""A database whose plans are compared: rows that are spread unevenly, each kind of index, queries of each kind.

In: a connection to an empty database. Out: it is filled; its queries.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from wgm_play.catalog import introspect
from wgm_play.catalog.model import Catalog
from wgm_play.environment import Policy
from wgm_play.server import connect_to

FOLDER = Path(__file__).parents[1] / "samples" / "plans"
QUERIES = (FOLDER / "queries.sql").read_text().splitlines()


def fill(database: psycopg.Connection[Any], rows: int) -> None:
    """Make the tables, and so many sales."""
    database.execute((FOLDER / "schema.sql").read_bytes())
    for statement in (FOLDER / "fill.sql").read_text().replace("ROWS", str(rows)).split(";\n"):
        database.execute(statement.encode())


def catalog_of(url: str) -> Catalog:
    """Read the catalog as a run does."""
    with connect_to(url, policy=Policy(), application_name="test") as connection:
        return introspect.read(connection)
