"""A play as a library: two databases planned and changed in one process, in two threads, with nothing printed.

In: two environments whose secrets have one name. Out: two plans that know nothing of one another.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import psycopg
import pytest

from wgm_play.ledger import Ledger
from wgm_play.options import Options
from wgm_play.rollback.command import request_of, target_of
from wgm_play.rollback.plan import plan as plan_rollback
from wgm_play.run import play
from wgm_play.secret import resolve

BOOK = """
- name: One
  hosts: {name}
  steps:
    - name: Table
      table: {{name: of_{name}, columns: {{id: {{type: int}}, note: {{type: text, default: "'{{{{ words }}}}'"}}}}}}
    - name: Index
      index: {{name: of_{name}_note, table: of_{name}, columns: [note]}}
"""


@pytest.fixture
def books(tmp_path: Path, new_database: Callable[..., str]) -> dict[str, str]:
    """Two playbooks, each with its own database and its own secret of the same name; their addresses by playbook."""
    made = {}
    (tmp_path / "environments").mkdir()
    for name in ("north", "south"):
        url = new_database()
        secrets = f"secrets: {{WORDS: {{command: [echo, secret-of-{name}]}}}}\n"
        text = f"url: {url}\n{secrets}variables: {{words: '{{{{ env.WORDS }}}}'}}\n"
        (tmp_path / "environments" / f"{name}.yml").write_text(text)
        book = tmp_path / f"{name}.yml"
        book.write_text(BOOK.format(name=name))
        made[str(book)] = url
    return made


def test_two_databases_in_two_threads(books: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    together = Barrier(len(books), timeout=60)

    def all_of_it(book: str) -> tuple[list[str], list[str], list[str]]:
        options = Options(book, no_backup=True)
        together.wait()
        planned = play.plan(options)
        together.wait()
        done = play.run(options)
        assert not play.run(options).groups
        with play.opened(options) as work:
            together.wait()
            assert resolve("${env.WORDS}") == f"secret-of-{Path(book).stem}"
            change = Ledger(work.reading).state_before_last_change()
            assert change is not None
            back = plan_rollback(request_of(work, work.read_live()), target_of(work), Ledger(work.reading), [change])
            told = [[one.title for one in made.operations] for made in (planned, done, back.plan)]
        return told[0], told[1], told[2]

    with ThreadPoolExecutor(len(books)) as threads:
        results = dict(zip(books, threads.map(all_of_it, books), strict=True))
    for book, (planned, done, back) in results.items():
        name = Path(book).stem
        assert planned == done == [f"create table of_{name}", f"create index of_{name}_note"]
        assert back == [f"move table of_{name} to the trash"]
        with psycopg.connect(books[book]) as connection:
            row = connection.execute(
                "SELECT column_default FROM information_schema.columns WHERE column_name = 'note' AND table_schema = 'public'"
            ).fetchone()
        assert row == (f"'secret-of-{name}'::text",)
    assert capsys.readouterr() == ("", "")
