"""The documentation: pages, keys, search, and the site, which holds together without a server."""

from __future__ import annotations

import html.parser
import json
from collections import Counter
from pathlib import Path

import pytest

from wgm_play.cli.application import run
from wgm_play.errors import InputError
from wgm_play.playbook.kinds import KINDS
from wgm_play.reference import keys
from wgm_play.reference.pages import doc, pages, search
from wgm_play.reference.site import write


def test_a_key_has_a_page_of_its_own_with_its_values() -> None:
    assert "`cascade` | `set null`" in doc("table.columns.on_delete")
    assert "- `renamed_from`" in doc("table.columns") and doc("column") == doc("table.columns")
    with pytest.raises(InputError) as caught:
        doc("table.colums")
    assert "table has: name, schema, columns" in str(caught.value.hint)


def test_what_people_call_something_is_found() -> None:
    for word, place in (
        ("rename", "table.columns.renamed_from"), ("cascade", "table.columns.on_delete"), ("grant", "grant"),
        ("lock_timeout", "environment.policy.lock_timeout"), ("rollback", "plans: Trash and rollback"), ("C15", "C15"),
    ):  # fmt: skip
        assert place in [path for path, _ in search([word])], word
    assert search(["frobnicate"]) == []
    with pytest.raises(InputError) as caught:
        doc("rename")
    assert any("renamed_from" in line for line in caught.value.details)


@pytest.mark.parametrize("name", list(KINDS))
def test_every_key_says_something(name: str) -> None:
    """No key without a text, and none whose text only names its type."""
    empty = [path for path, key in keys.walk(pages()[name].keys, name) if len(key.text) < 8]
    assert empty == []


def test_no_list_of_keys_is_told_twice_on_a_page() -> None:
    for page in pages().values():
        lists = Counter(
            tuple(one.name for one in key.inner) for _, key in keys.walk(page.keys, "") if len(key.inner) > 6
        )
        assert [names for names, times in lists.items() if times > 2] == [], page.name


class Links(html.parser.HTMLParser):
    """The ids and the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids |= {found["id"]} if found.get("id") else set()
        address = found.get("href") or found.get("src")
        if address and not address.startswith(("data:", "http")):
            self.links.add(address)


def test_every_link_of_the_site_leads_somewhere_in_it(tmp_path: Path) -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in write(tmp_path)}
    parsed = {name: Links() for name in files if name.endswith(".html")}
    for name, links in parsed.items():
        links.feed(files[name])
    entries = json.loads(files["site.js"].partition("const INDEX = ")[2].partition(";\n")[0])
    wanted = {(name, link) for name, links in parsed.items() for link in links.links}
    wanted |= {("site.js", entry[1]) for entry in entries}
    broken = []
    for name, link in sorted(wanted):
        file, _, anchor = link.partition("#")
        target = file or name
        if target not in files or (anchor and target in parsed and anchor not in parsed[target].ids):
            broken.append(f"{name} -> {link}")
    assert broken == []
    assert "http://" not in "".join(files.values()).replace("http://www.w3.org", "")


def test_a_row_of_a_table_is_found_by_itself_and_a_command_without_a_page_leads_to_its_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doc", "search", "unused_indexes"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) < 170
    assert run(["doc", "rehearse"]) == 1
    told = capsys.readouterr().err
    assert "wgm-play rehearse --help" in told
    assert max(map(len, told.splitlines())) < 170
