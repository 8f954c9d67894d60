"""`report` and `check --report html:FILE`: one file that loads nothing, says all, and breaks by no name.

In: runs with names and texts that would break a page. Out: the page as a parser and Debian's Chromium read it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from wgm_play import pipeline
from wgm_play.catalog.model import Catalog
from wgm_play.errors import Found, InputError
from wgm_play.finding import ERROR, Finding
from wgm_play.options import Options, ReportOptions
from wgm_play.report.findings import Heading, written
from wgm_play.report.page.diagram import draw
from wgm_play.report.page.locks import level
from wgm_play.report.review import written as review_written
from wgm_play.reporter import Reporter
from wgm_play.run import load

EVIL = "<script>alert(1)</script>"
STEPS = """
    - name: "{evil} & people"
      table:
        name: people
        columns:
          id: {{type: bigint, identity: always, primary_key: true}}
          '"><img src=x onerror=alert(1)>': text
          boss: {{type: bigint, references: people(id)}}
        comment: "{evil} \\"quoted\\""
    - name: Orders
      table:
        name: orders
        columns: {{id: {{type: bigint, primary_key: true}}, person: {{type: bigint, references: people(id)}}{more}}}
    - name: By person
      index: {{name: orders_person, table: orders, columns: [person]}}
"""
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Elements(HTMLParser):
    """What a browser would make of a page: its elements, its text, and whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def read(page: str) -> Elements:
    """Parse a page, and see that it can do nothing and asks nobody."""
    found = Elements(page)
    assert not found.open
    assert not {"script", "img", "iframe", "object", "link", "form"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    loaded = [
        value for name, value in found.attributes if name in ("src", "srcset", "href", "xlink:href", "action", "data")
    ]
    assert all((value or "").startswith("#") for value in loaded)
    assert not re.search(r"url\(|@import", page)
    assert "default-src 'none'" in page
    return found


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Iterator[Options]:
    """A project with two runs: made, then a column more and one that goes."""
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.yml").write_text(
        "url: postgresql://nowhere\npolicy: {allow_destructive: true}\n"
    )
    book = tmp_path / "book.yml"
    alerts = '  alerts:\n    - {name: Any, query: select count(*) as value from orders, threshold: "> 5"}\n'
    for more in (", note: text", ", paid: timestamptz"):
        book.write_text(f"- name: Shop\n  hosts: production\n{alerts}  steps:{STEPS.format(evil=EVIL, more=more)}")
        pipeline.apply(Options(str(book), url=database_url, assume_no_renames=True), Reporter())
    yield Options(str(book), url=database_url)


def report(shop: Options, run: int | None = None) -> str:
    path = Path(shop.playbook).with_name("report.html")
    pipeline.report(shop, Reporter(), output=str(path), run=run)
    return path.read_text(encoding="utf-8")


@pytest.mark.every_server
def test_a_report_tells_what_a_run_did_and_escapes_every_name(shop: Options) -> None:
    first = read(report(shop, run=1))
    for told in (
        f"{EVIL} & people",
        '"><img src=x onerror=alert(1)>',
        "CREATE TABLE public.orders",
        "none of these tables was there",
    ):
        assert told in first.text, told
    last = read(report(shop))
    assert last.tags.count("svg") == 2
    for told in ("orders.paid", "ADD COLUMN paid", "AccessExclusiveLock: stops reads and writes", "Any", "run 2"):
        assert told in last.text, told
    assert {"#run", "#changed", "#tables", "#timeline", "#findings", "#alerts", "#runs"} <= {
        value for name, value in last.attributes if name == "href"
    }


def test_a_run_that_is_not_there_is_an_error_and_a_new_database_has_none(shop: Options, database: Any) -> None:
    with pytest.raises(InputError, match="there is no run 99"):
        report(shop, run=99)
    with pytest.raises(InputError, match="needs a file"):
        pipeline.report(shop, Reporter())
    database.execute("drop schema wgm cascade")
    assert "What changed" not in read(report(shop)).text


def test_findings_are_a_page_of_their_own(shop: Options, database: Any, tmp_path: Path) -> None:
    database.execute("alter table orders disable trigger all")
    with pytest.raises(Found):
        pipeline.check(Options(shop.playbook, url=shop.url, reports=(f"html:{tmp_path / 'c.html'}",)), Reporter())
    told = read((tmp_path / "c.html").read_text(encoding="utf-8")).text
    assert "ALTER TABLE public.orders ENABLE TRIGGER ALL;" in told
    hostile = Finding("x", ERROR, EVIL, EVIL, EVIL, EVIL, (EVIL,), acknowledged="")
    assert read(written("html", [hostile], Heading("check", EVIL))).text.count(EVIL) >= 5


def test_tables_that_refer_to_each_other_in_circles_are_drawn(database: Any) -> None:
    from wgm_play.catalog import introspect

    database.execute(
        "create table a (id int primary key, b int); create table b (id int primary key, a int references a)"
    )
    database.execute("alter table a add foreign key (b) references b; create table c (id int primary key references c)")
    database.execute(f'create table "{EVIL}" ("{EVIL}" int references a, {", ".join(f"c{n} int" for n in range(40))})')
    live = introspect.read(database)
    before, after = draw(Catalog(), live)
    assert before is None and after is not None
    assert after.count('class="link"') == 4
    assert "… 27 more" in after
    assert draw(live, live) == (None, None)


WAIT = """
    - name: Wait
      sql: {text: "do $$ begin while not pg_try_advisory_xact_lock(77) loop perform pg_sleep(0.01); end loop; end $$", irreversible: true}
"""
QUERIES = """
  queries:
    - {name: Paid orders, sql: select id from orders where paid > $1}
"""


def test_the_load_beside_a_run_its_plans_and_its_rehearsal_are_shown(
    shop: Options, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on when it was looked at twice, and no earlier."""
    noted = load.LoadWatch._note
    seen: list[float] = []

    def note(self: load.LoadWatch, at: float, row: Any) -> None:
        noted(self, at, row)
        seen.append(at)
        if len(seen) == 2:
            database.execute("select pg_advisory_unlock(77)")

    monkeypatch.setattr(load, "FIRST", 0.0)
    monkeypatch.setattr(load, "EVERY", 0.01)
    monkeypatch.setattr(load.LoadWatch, "_note", note)
    book = Path(shop.playbook)
    steps = STEPS.format(evil=EVIL, more=", paid: timestamptz")
    index = "    - {name: Paid, index: {name: orders_paid, table: orders, columns: [paid]}}\n"
    book.write_text(f"- name: Shop\n  hosts: production\n{QUERIES}  steps:{steps}{index}{WAIT}")
    pipeline.rehearse(
        Options(shop.playbook, url=shop.url),
        Reporter(),
        synthetic=True,
        told=ReportOptions((f"html:{book.parent / 'r.html'}",)),
    )
    rehearsed = read((book.parent / "r.html").read_text(encoding="utf-8"))
    assert "made-up rows" in rehearsed.text and "create index orders_paid" in rehearsed.text
    database.execute("select pg_advisory_lock(77)")
    pipeline.apply(Options(shop.playbook, url=shop.url), Reporter())
    page = read(report(shop))
    for told in (
        "transactions a second",
        "sessions waiting for a lock",
        "Paid orders",
        "Plans of queries",
        "made-up rows",
    ):
        assert told in page.text, told
    assert page.tags.count("svg") == 2 + 3
    assert "made-up rows" not in read(report(shop, run=1)).text


def test_a_review_is_a_page_too(shop: Options, tmp_path: Path) -> None:
    was, now = tmp_path / "book.yml", tmp_path / "new.yml"
    now.write_text(was.read_text().replace(", paid: timestamptz", f', paid: date, "{EVIL}": text'))
    review = pipeline.review([Options(str(was)), Options(str(now))], Reporter())
    page = read(review_written("html", review, Heading("diff", "new.yml")))
    assert page.tags.count("svg") == 2
    for told in (
        EVIL,
        "Who waits",
        "Rollback",
        "AccessExclusive on orders: stops reads and writes",
        "can be taken back",
    ):
        assert told in page.text, told
    assert read(review_written("html", replace(review, plays=()), Heading("diff", "new.yml"))).tags


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TABLE public.t (a int)", ""),
        ("-- why\nCREATE INDEX CONCURRENTLY i ON public.t (a)", "ShareUpdateExclusive"),
        ("CREATE UNIQUE INDEX i ON public.t (a)", "Share"),
        ("ALTER TABLE public.t ADD COLUMN a int", "AccessExclusive"),
        ("ALTER TABLE public.t VALIDATE CONSTRAINT c", "ShareUpdateExclusive"),
        (
            "ALTER TABLE ONLY public.t\n  ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (b) NOT VALID",
            "ShareRowExclusive",
        ),
        ("UPDATE public.t SET a = 1", "RowExclusive"),
        ("SELECT pg_catalog.set_config('a', 'b', true)", ""),
    ],
)
def test_a_statement_tells_its_lock(sql: str, expected: str) -> None:
    assert level(sql) == expected


def test_chromium_shows_the_page_and_asks_nobody(shop: Options, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium here")
    page = tmp_path / "page.html"
    page.write_text(report(shop), encoding="utf-8")
    words = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--enable-logging=stderr",
        "--window-size=390,800",
        f"--screenshot={tmp_path / 'page.png'}",
        "--dump-dom",
    ]
    done = subprocess.run([*words, page.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    assert "CONSOLE" not in done.stderr, done.stderr
    assert "<svg" in done.stdout and "orders.paid" in done.stdout
    assert (tmp_path / "page.png").stat().st_size > 10_000
