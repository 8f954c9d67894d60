"""The documentation: pages, keys, search, and the site, which holds together without a server."""

from __future__ import annotations

import html.parser
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from wgm_play.cli.application import run
from wgm_play.errors import InputError
from wgm_play.playbook.kinds import KINDS
from wgm_play.playbook.validate import definitions
from wgm_play.reference import keys
from wgm_play.reference.other_words import WORDS
from wgm_play.reference.pages import doc, pages, places, search
from wgm_play.reference.site import write


def test_a_key_has_a_page_of_its_own_with_its_values() -> None:
    assert "`cascade` | `set null`" in doc("table.columns.on_delete")
    assert "- `renamed_from`" in doc("table.columns") and doc("column") == doc("table.columns")
    with pytest.raises(InputError) as caught:
        doc("table.colums")
    assert "table has: name, schema, columns" in str(caught.value.hint)


def test_what_people_call_something_is_found() -> None:
    for word, place in (
        ("rename", "table.columns.renamed_from"),
        ("cascade", "table.columns.on_delete"),
        ("grant", "grant"),
        ("lock_timeout", "environment.policy.lock_timeout"),
        ("rollback", "plans: Trash and rollback"),
        ("C15", "C15"),
    ):
        assert place in [path for path, _ in search([word])], word
    assert search(["frobnicate"]) == []
    with pytest.raises(InputError) as caught:
        doc("rename")
    assert any("renamed_from" in line for line in caught.value.details)


def test_what_other_tools_call_so_is_found_first() -> None:
    known = {path for path, _ in places()}
    for phrase, answers in WORDS.items():
        assert [path for path, _ in answers if path not in known] == [], phrase
        for asked in ([phrase], phrase.split()):
            assert search(asked)[: len(answers)] == list(answers), phrase
    assert search(["Many-to-many"]) and search(["SOFT", "DELETE"])


def schema_keys(rules: Mapping[str, Any], path: str, depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each key below a schema with its rules, as the schema itself has them, shared definitions included."""
    if "$ref" in rules:
        rules = {**definitions()[rules["$ref"].rpartition("/")[2]], **rules}
    for branch in (*rules.get("anyOf", ()), *rules.get("oneOf", ()), *([rules["items"]] if "items" in rules else ())):
        yield from schema_keys(branch, path, depth)
    if isinstance(rules.get("additionalProperties"), Mapping):
        yield from schema_keys(rules["additionalProperties"], path, depth)
    for name, one in rules.get("properties", {}).items():
        yield f"{path}.{name}", one
        if depth < 4:
            yield from schema_keys(one, f"{path}.{name}", depth + 1)


@pytest.mark.parametrize("name", list(KINDS))
def test_a_kind_has_three_examples_and_each_key_and_value_of_its_schema(name: str) -> None:
    page = pages()[name]
    assert len(page.examples) >= 3 and all(one.text.strip() for one in page.examples)
    text = doc(name).lower()
    for path, rules in schema_keys(KINDS[name].schema, name):
        told = keys.find(page.keys, path.split(".")[1:])
        assert told is not None, f"{path} is in the schema and in no page"
        for value in keys.resolved(rules).get("enum", ()):
            assert str(value).lower() in text + doc(path).lower(), f"{path} does not list {value!r}"
    for path, key in keys.walk(page.keys, name):
        assert not key.same_as or f"Keys as under `{name}.{key.same_as}`." in doc(path)


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
