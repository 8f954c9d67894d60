"""Databases of applications are adopted: inspected, run on themselves, rebuilt, edited there and back.

In: `python tests/benchmarks/adoption.py URL LOG [NAME...]`: a superuser's URL of a server of one's own and the file of its log
(`log_statement` is set to `all`); PostgreSQL's programs on the PATH. `tests/applications/*.sql` and `tests/samples/*.sql` are the databases.
Out: a line for each: objects, kinds, what a run on the source sends, edits; exit 1 where a promise is broken.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "database")]

from roundtrip import Heard, apply, catalog, difference, dump, fill, inspect  # noqa: E402

from wgm_play import pipeline  # noqa: E402
from wgm_play.catalog.model import Catalog  # noqa: E402
from wgm_play.options import Options  # noqa: E402

# What a statement of a run that finds nothing to do may begin with.
_READING = re.compile(
    r"(?is)\s*(SELECT|WITH|SHOW|BEGIN|COMMIT|ROLLBACK|SET|RESET|START|DISCARD|SAVEPOINT|RELEASE|EXPLAIN|--|/\*)"
)
_STATEMENT = re.compile(r"(?:statement|execute [^:]+): (.*)\Z", re.DOTALL)
SMALLEST, KINDS = 60, 12


def edits(table: str) -> list[dict[str, Any]]:
    """Return ten edits of a playbook, each a step that is added at its end; `table` is qualified."""
    quoted = ".".join(f'"{part}"' for part in table.split("."))
    made: list[dict[str, Any]] = [
        {"table": {"name": table, "columns": {"added_1": "text"}}},
        {"table": {"name": table, "columns": {"added_2": {"type": "integer", "not_null": True, "default": 7}}}},
        {"table": {"name": table, "columns": {"added_3": {"type": "text", "one_of": ["a", "b"], "comment": "Said"}}}},
        {"table": {"name": table, "constraints": {"added_4": {"check": "1 < 2"}}}},
        {"table": {"name": table, "comment": "Otherwise"}},
        {"enum": {"name": "added_6", "values": ["x", "y"]}},
        {
            "table": {
                "name": "added_7",
                "columns": {"id": {"type": "bigint", "identity": "always", "primary_key": True}},
            }
        },
        {"view": {"name": "added_8", "query": f"SELECT count(*) AS n FROM {quoted}"}},
        {
            "function": {
                "name": "added_9",
                "returns": "bigint",
                "language": "sql",
                "body": f"SELECT count(*) FROM {quoted}",
            }
        },
        {"grant": {"on": f"table {quoted}", "to": "pg_read_all_data", "privileges": ["select"]}},
    ]
    return [{"name": f"Edit {number}", **one} for number, one in enumerate(made, 1)]


def statements(log: Path, database: str, since: int) -> list[str]:
    """Return what was sent in a database since a place of the server's log."""
    entries = re.split(r"^@@(\w*)@", log.read_text(errors="replace")[since:], flags=re.MULTILINE)
    found = []
    for name, entry in zip(entries[1::2], entries[2::2], strict=True):
        said = _STATEMENT.search(entry) if name == database else None
        if said:
            found.append(said.group(1))
    return found


def main(url: str, log: Path, names: list[str]) -> int:
    """Adopt each database; return 1 where something is not as promised."""
    sources = [*sorted((ROOT / "applications").glob("*.sql")), *sorted((ROOT / "samples").glob("style_*.sql"))]
    bad = 0
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("log_statement = 'all'", "log_line_prefix = '@@%d@'"):
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        connection.execute("SELECT pg_reload_conf()")
    for source in sources:
        if not names or source.stem in names:
            try:
                print(source.stem, adopt(url, log, source), flush=True)
            except Exception as error:
                bad += 1
                print(
                    source.stem,
                    "BROKEN",
                    type(error).__name__,
                    str(error)[:2000],
                    *getattr(error, "details", ()),
                    flush=True,
                )
    return int(bool(bad))


def adopt(url: str, log: Path, source: Path) -> str:
    """Adopt one database. Raise `AssertionError` where a promise is broken."""
    live, empty = f"adopt_{source.stem}", f"adopt_{source.stem}_2"
    with psycopg.connect(url, autocommit=True) as connection:
        for name in (live, empty):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {name}".encode())
    base = url.rstrip("/")
    folder = Path(tempfile.mkdtemp(prefix="wgm-adoption-"))
    programs = Path(shutil.which("pg_dump") or "pg_dump").resolve().parent
    try:
        fill(f"{base}/{live}", source.read_text())
        return _adopted(log, f"{base}/{live}", f"{base}/{empty}", folder, programs)
    finally:
        shutil.rmtree(folder)
        with psycopg.connect(url, autocommit=True) as connection:
            for name in (live, empty):
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def _adopted(log: Path, live: str, empty: str, folder: Path, programs: Path) -> str:
    began = time.monotonic()
    playbook = inspect(live, folder)
    found = catalog(live)
    objects, kinds = size(found)
    before = len(log.read_text(errors="replace"))
    assert apply(playbook, live) == 0, "the source is not what was read of it"
    name = live.rpartition("/")[2]
    sent = [one for one in statements(log, name, before) if not _READING.match(one)]
    assert sent == [], f"more than reading was sent: {sent[:3]}"
    assert apply(playbook, empty) > 0
    same(catalog(live), catalog(empty))
    same(dump(live, programs), dump(empty, programs))
    assert apply(playbook, empty) == 0, "a second run changed something"
    done = _edited(playbook, empty, programs)
    return f"{objects} objects of {kinds} kinds, {done} edits there and back, {time.monotonic() - began:.0f} s"


def same(one: Any, other: Any) -> None:
    """Raise `AssertionError` with what differs."""
    found = difference(one, other)
    assert found == "", found


def size(found: Catalog) -> tuple[int, int]:
    """Return how many objects and kinds a catalog has, columns left out."""
    rows = [key for key in found.rows if key.kind not in ("column", "owner", "role", "membership")]
    return len(rows), len({key.kind for key in rows})


def _edited(playbook: Path, url: str, programs: Path) -> int:
    """Make each edit, and take it back."""
    found = catalog(url)
    tables = [
        key
        for key in found.of("table")
        if found[key].bound is None and not found[key].parents and not any("." in part for part in key.name)
    ]
    table = max(tables, key=lambda key: len(found.of("constraint", *key.name)))
    before, text = dump(url, programs), playbook.read_text()
    count = 0
    for step in edits(".".join(table.name)):
        (playbook.parent / "schema" / "edit.yml").write_text(yaml.safe_dump([step], sort_keys=False))
        playbook.write_text(f"{text}    - import_steps: schema/edit.yml\n")
        changed = apply(playbook, url)
        assert changed == 1, f"{step}: {changed} steps changed"
        pipeline.rollback(Options(str(playbook), url=url, no_backup=True, no_trash=True), Heard())
        same(before, dump(url, programs))
        playbook.write_text(text)
        count += 1
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
