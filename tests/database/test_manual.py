"""Every alteration of PostgreSQL's manual pages ALTER …, page by page: `tests/cases/manual/PAGE.sql`.

In: a page: what is there before, then, after `-- alterations`, one statement of the manual a line; `-- from N` and
`-- needs NAME` before those for which the server must be that new, or offer that extension; `-- not covered` before those
whose reason is in the README. Out: each statement is seen in the catalog, inspection writes what rebuilds the altered
database, and its playbook makes the same of the one before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from roundtrip import apply, catalog, difference, dump, fill, inspect, programs_with_dump

from fix_postgres import Postgres

PAGES = sorted((Path(__file__).parents[1] / "cases" / "manual").glob("*.sql"))
FREELY = {"allow_destructive": True, "assume_no_renames": True, "no_trash": True}


def alterations(text: str, version: int) -> Iterator[str]:
    """Yield the statements for a server version."""
    for line in text.partition("-- alterations\n")[2].splitlines():
        if line == "-- not covered":
            return
        found = re.match(r"-- from (\d+)", line)
        if found and version < int(found[1]):
            return
        if not line.startswith("--"):
            yield line


def _needs(url: str, text: str) -> None:
    with psycopg.connect(url) as connection:
        there = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
    if missing := set(re.findall(r"-- needs (\w+)", text)) - there:
        pytest.skip(f"the server lacks {', '.join(sorted(missing))}")


@pytest.mark.share(3)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_alteration_is_seen_and_comes_back(
    page: Path, server: Postgres, new_database: Callable[..., str], tmp_path: Path
) -> None:
    text = page.read_text()
    altered, before, empty = (new_database() for _ in range(3))
    _needs(altered, text)
    for url in (altered, before):
        fill(url, text.partition("-- alterations\n")[0])
    was = catalog(altered)
    for statement in alterations(text, server.major):
        fill(altered, statement)
        now = catalog(altered)
        assert now.rows != was.rows, f"not seen: {statement}"
        was = now
    playbook = inspect(altered, tmp_path)
    apply(playbook, empty)
    assert difference(catalog(altered), catalog(empty)) == ""
    programs = programs_with_dump()
    if programs is not None:
        assert difference(dump(altered, programs), dump(empty, programs)) == ""
    playbook.write_text(playbook.read_text().replace("  steps:", "  prune: true\n  steps:", 1))
    apply(playbook, before, **FREELY)
    kept = _kept_privileges(page)
    assert difference(catalog(altered).only(kept(altered)), catalog(before).only(kept(before))) == ""


def _kept_privileges(page: Path) -> Callable[[str], list[object]]:
    """Return what is compared: privileges that no step names stay as they are."""
    left = {"default_privileges", "grant"} if page.stem == "alter_default_privileges" else set()
    return lambda url: [key for key in catalog(url).rows if key.kind not in left]
