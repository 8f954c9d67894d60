"""The tables that a change is about, as an entity diagram of Mermaid (its manual: "Entity Relationship Diagrams").

In: the catalog before and after. Out: a text of at most 25 entities, or nothing. What the playbook says reaches it only as
letters, digits and underscores, or within quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from wgm_play.catalog.kinds import HOLDING_VALUES, INDEXES
from wgm_play.catalog.model import Catalog, Key

MOST = 25
# What marks keys in Mermaid is no name of a column there.
_MARKS = frozenset(["pk", "fk", "uk"])
_COLUMNS = 12


def draw(before: Catalog, after: Catalog) -> str:
    """Return the diagram; empty where no table changes."""
    changed = _changed(before, after)
    if not changed:
        return ""
    shown = sorted(changed)[:MOST]
    links = sorted(set(_links(before, after, shown)))
    beside = sorted({table for link in links for table in link[:2]} - set(shown))[: MOST - len(shown)]
    names = _names([*shown, *beside])
    lines = ["erDiagram"]
    for table in shown:
        lines += _entity(before, after, table, changed[table], names[table])
    lines += [f"    {names[table]}[{_text(table.label)}]" for table in beside]
    for child, parent, name in links:
        if child in names and parent in names:
            lines.append(f"    {names[parent]} ||--o{{ {names[child]} : {_text(name)}")
    if len(changed) > MOST:
        lines.append(f"    %% and {len(changed) - MOST} more")
    return "\n".join(lines)


def _names(tables: Iterable[Key]) -> dict[Key, str]:
    """Return a word for each table, no two alike."""
    found: dict[Key, str] = {}
    for table in tables:
        word, number = f"t_{_word(table.label)}", 2  # a bare word may be one of Mermaid's own: end, class, style
        while word in found.values():
            word, number = f"t_{_word(table.label)}_{number}", number + 1
        found[table] = word
    return found


def _changed(before: Catalog, after: Catalog) -> dict[Key, list[Key]]:
    """Return the tables that change, each with its columns that do."""
    found: dict[Key, list[Key]] = {}
    for key in {*before.rows, *after.rows}:
        if before.rows.get(key) == after.rows.get(key):
            continue
        if key.kind == "table":
            found.setdefault(key, [])
        elif key.kind == "column":
            found.setdefault(Key("table", key.name[:2]), []).append(key)
        elif key.kind == "constraint":
            found.setdefault(Key("table", key.name[:2]), [])
    return {key: sorted(columns) for key, columns in found.items() if key in before.rows or key in after.rows}


def _entity(before: Catalog, after: Catalog, table: Key, columns: list[Key], name: str) -> list[str]:
    fate = "" if table in before.rows and table in after.rows else " (new)" if table in after.rows else " (goes)"
    lines = [f"    {name}[{_text(table.label + fate)}] {{"]
    order = sorted(columns, key=lambda key: ((after if key in after.rows else before).extra(key).number, key))
    for key in order[:_COLUMNS]:
        was, now = before.get(key), after.get(key)
        one = now if now is not None else was
        told = (
            "new"
            if was is None
            else "goes"
            if now is None
            else f"was {was.type}"
            if was.type != now.type
            else "changes"
        )
        lines.append(
            f"        {_word(one.type)} {_word(key.name[2])} {_text('' if fate else told)}".rstrip().removesuffix(' ""')
        )
    if len(columns) > _COLUMNS:
        lines.append(f"        and {len(columns) - _COLUMNS}_more")
    return [*lines, "    }"]


def _links(before: Catalog, after: Catalog, tables: Iterable[Key]) -> Iterable[tuple[Key, Key, str]]:
    """Yield child, parent and name of the foreign keys of tables and to them."""
    wanted = set(tables)
    for catalog in (after, before):
        for dependent, referenced in catalog.edges:
            if dependent.kind != "constraint" or referenced.kind not in (INDEXES | HOLDING_VALUES):
                continue
            if dependent not in catalog.rows or catalog.value(dependent, "type") != "f":
                continue
            child = Key("table", dependent.name[:2])
            parent = referenced if referenced.kind == "table" else Key("table", referenced.name[:2])
            if parent not in catalog.rows or (parent == child and referenced.kind in HOLDING_VALUES):
                continue
            if child in wanted or parent in wanted:
                yield child, parent, dependent.name[2]


def _word(text: str) -> str:
    made = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "column"
    if made.lower() in _MARKS:
        return f"{made}_"
    return made if made[0].isalpha() else f"c_{made}"


def _text(text: str) -> str:
    flat = re.sub(r'["\n\r%;{}]', " ", text)
    return f'"{flat[:60]}"'


# A line as `draw` writes it: names are words, everything else is within quotes.
_LINE = re.compile(
    r'erDiagram|    \w+\["[^"]*"\](?: \{)?|        \w+ \w+(?: "[^"]*")?|    \}|    \w+ \|\|--o\{ \w+ : "[^"]*"|    %% and \d+ more'
)


def is_ours(text: str) -> bool:
    """Tell whether a diagram that came from elsewhere is one that `draw` could have written."""
    return all(_LINE.fullmatch(line) for line in text.split("\n"))
