"""The diagram of a review is one that Mermaid reads, whatever tables and columns are called."""

from __future__ import annotations

import re

from wgm_play.catalog import CLASSES
from wgm_play.catalog.model import Catalog, Key
from wgm_play.review.diagram import MOST, draw, is_ours

NAMES = ("users", "a b@x", "ünï<img>", "end", "class", "style", "1st", "{x}", 'q"uote', "%%", "direction", "o")


def catalog(names: tuple[str, ...], columns: tuple[str, ...]) -> Catalog:
    made = Catalog()
    row = tuple(None for _ in CLASSES["table"].__slots__)
    for name in names:
        made.rows[Key("table", ("public", name))] = row
        for column in columns:
            shape = tuple("timestamp(3) with time zone[]" if n == "type" else None for n in CLASSES["column"].__slots__)
            made.rows[Key("column", ("public", name, column))] = shape
    return made


def test_no_name_is_a_word_of_mermaids_or_ends_a_text() -> None:
    text = draw(Catalog(), catalog(NAMES, (*NAMES, "PK", "fk", "title")))
    assert is_ours(text)
    entities = re.findall(r"^    (\w+)\[", text, re.MULTILINE)
    assert len(set(entities)) == len(NAMES) and all(one.startswith("t_") for one in entities)
    assert not re.search(r"^ {8}\w+ (pk|fk|uk)\b(?!_)", text, re.MULTILINE | re.IGNORECASE)


def test_there_are_no_more_entities_than_people_can_look_at() -> None:
    text = draw(Catalog(), catalog(tuple(f"t{n}" for n in range(100)), ("id",)))
    assert text.count("{\n") == MOST and text.endswith("%% and 75 more") and is_ours(text)


def test_what_somebody_else_wrote_is_no_diagram_of_ours() -> None:
    for text in (
        'erDiagram\n    click t_a "javascript:alert(1)"',
        "flowchart TD\n  a-->b",
        'erDiagram\n    t_a["x"] {\n%%{init: {}}%%',
    ):
        assert not is_ours(text)
