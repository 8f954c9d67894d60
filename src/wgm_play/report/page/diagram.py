"""The tables that a change is about as a picture: an entity diagram in SVG, drawn by ourselves.

In: the catalog before and after. Out: two pictures with the same places, so that the eye finds what differs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from html import escape

from markupsafe import Markup

from wgm_play.catalog.model import Catalog, Key
from wgm_play.lazy_dataclass import dataclass
from wgm_play.sqltext.scan import NAME

MOST_TABLES = 24
MOST_COLUMNS = 14
# Pixels: a row, the head of a table, the room between tables, a letter.
ROW, HEAD, PAD = 19, 28, 7
GAP_X, GAP_Y, LETTER = 84, 24, 6.7
NARROWEST, WIDEST, HIGHEST = 150, 300, 860
# Types as people write them.
_TYPES = {
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "character varying": "varchar",
    "time without time zone": "time",
}

_REFERENCES = re.compile(rf"FOREIGN KEY \((.*?)\) REFERENCES (?:ONLY )?(?:({NAME})\.)?({NAME})\(")


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key: from a column of a table to a table."""

    child: Key
    column: str
    parent: Key
    name: str


@dataclass(frozen=True, slots=True)
class DiagramColumn:
    """A column as it is shown: its mark (key, reference), and how it is (new, goes, changed, "")."""

    text: str
    type: str
    mark: str
    how: str


@dataclass(slots=True)
class Box:
    """A table in a picture."""

    key: Key
    lines: list[DiagramColumn]
    how: str
    more: int = 0
    x: float = 0
    y: float = 0
    width: float = NARROWEST
    height: float = HEAD


def draw(before: Catalog, after: Catalog) -> tuple[Markup | None, Markup | None]:
    """Return the pictures of before and after; None where no table is concerned, or none of them was there."""
    concerned = _concerned(before, after)
    if not concerned:
        return None, None
    links = {catalog_name: _links(catalog) for catalog_name, catalog in (("before", before), ("after", after))}
    shown = sorted(concerned)[:MOST_TABLES]
    beside = {
        end
        for link in (*links["before"], *links["after"])
        if concerned & {link.child, link.parent}
        for end in (link.child, link.parent)
    }
    shown += sorted(beside - set(shown))[: MOST_TABLES - len(shown)]
    boxes = {
        name: _boxes(shown, here, other, links[name], name)
        for name, here, other in (("before", before, after), ("after", after, before))
    }
    _place(shown, boxes, [*links["before"], *links["after"]])
    left = len(concerned) - len([key for key in shown if key in concerned])
    made = [
        _picture(boxes[name], links[name], name, left)
        if any(box.how != "absent" for box in boxes[name].values())
        else None
        for name in ("before", "after")
    ]
    return made[0], made[1]


def width_of(picture: Markup) -> int:
    """Return the width of a picture in pixels."""
    return int(picture.split('viewBox="0 0 ', 1)[1].split(" ", 1)[0])


def _concerned(before: Catalog, after: Catalog) -> set[Key]:
    """Return the tables of which something changes: a column, a constraint, an index, a trigger, a policy."""
    found = set()
    for key in {*before.rows, *after.rows}:
        if before.rows.get(key) != after.rows.get(key) and len(key.name) >= 2:
            table = Key("table", tuple(key.name[:2]))
            if key.kind == "index":
                table = Key("table", (key.name[0], (before if key in before.rows else after)[key].table))
            if table in before.rows or table in after.rows:
                found.add(table)
    return found


def _links(catalog: Catalog) -> list[Link]:
    found = []
    for key in catalog.of("constraint"):
        row = catalog[key]
        told = _REFERENCES.match(row.definition) if row.type == "f" else None
        if told is None:
            continue
        parent = Key("table", (_plain(told[2] or "public"), _plain(told[3])))
        child = Key("table", tuple(key.name[:2]))
        if parent in catalog.rows and child in catalog.rows:
            found.append(Link(child, _plain(told[1].split(", ")[0]), parent, str(key.name[2])))
    return found


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _boxes(
    tables: Iterable[Key], here: Catalog, other: Catalog, links: Collection[Link], moment: str
) -> dict[Key, Box]:
    keys = {name for key in here.of("constraint") for name in _key_columns(here, key)}
    references = {(link.child, link.column) for link in links}
    found = {}
    for table in tables:
        if table not in here.rows:
            found[table] = Box(table, [], "absent")
            continue
        alone = table not in other.rows
        lines = []
        for column in sorted(here.of("column", *table.name), key=lambda key: (here.extra(key).number or 0, key)):
            how = _how(column, here, other, moment) if not alone else ""
            mark = "key" if column.name in keys else "reference" if (table, column.name[2]) in references else ""
            lines.append(DiagramColumn(str(column.name[2]), _type(here[column].type), mark, how))
        kept = [one for one in lines if one.mark or one.how] if len(lines) > MOST_COLUMNS else lines
        kept = [*kept, *(one for one in lines if one not in kept)][:MOST_COLUMNS]
        kept.sort(key=lines.index)
        how = ("new" if moment == "after" else "goes") if alone else "changed" if any(one.how for one in lines) else ""
        found[table] = Box(table, kept, how, len(lines) - len(kept))
    return found


def _type(text: str) -> str:
    for long, short in _TYPES.items():
        text = text.replace(long, short)
    return text


def _key_columns(catalog: Catalog, constraint: Key) -> list[tuple[str, ...]]:
    row = catalog[constraint]
    if row.type != "p":
        return []
    names = row.definition.partition("(")[2].partition(")")[0].split(", ")
    return [(*constraint.name[:2], _plain(name)) for name in names]


def _how(column: Key, here: Catalog, other: Catalog, moment: str) -> str:
    if column not in other.rows:
        return "new" if moment == "after" else "goes"
    return "changed" if here.rows[column] != other.rows[column] else ""


def _place(tables: list[Key], boxes: Mapping[str, dict[Key, Box]], links: Iterable[Link]) -> None:
    """Give each table one place for both pictures: what is referred to stands left of what refers to it."""
    parents: dict[Key, set[Key]] = {table: set() for table in tables}
    for link in links:
        if link.child in parents and link.parent in parents and link.child != link.parent:
            parents[link.child].add(link.parent)
    depth: dict[Key, int] = {}

    def deep(table: Key, above: frozenset[Key]) -> int:
        if table not in depth:
            around = [one for one in parents[table] if one not in above]
            depth[table] = 1 + max((deep(one, above | {table}) for one in around), default=-1)
        return depth[table]

    for table in tables:
        deep(table, frozenset((table,)))
    layers: dict[int, list[Key]] = {}
    for table in tables:
        layers.setdefault(depth[table], []).append(table)
    for both in tables:
        sizes = [_size(boxes[name][both]) for name in ("before", "after")]
        for name in ("before", "after"):
            boxes[name][both].width = max(width for width, _ in sizes)
            boxes[name][both].height = max(height for _, height in sizes)
    at, x = dict[Key, float](), 1.0
    for number in sorted(layers):
        around = {table: [at[one] for one in parents[table] if one in at] for table in layers[number]}
        order = sorted(layers[number], key=lambda key: (sum(around[key]) / len(around[key]) if around[key] else 0, key))
        y, width = 1.0, 0.0
        for table in order:
            if y > 1 and y + boxes["after"][table].height > HIGHEST:  # a layer that is too high goes on beside itself
                x, y, width = x + width + GAP_X / 2, 1.0, 0.0
            for name in ("before", "after"):
                boxes[name][table].x, boxes[name][table].y = x, y
            at[table] = y
            y += boxes["after"][table].height + GAP_Y
            width = max(width, boxes["after"][table].width)
        x += width + GAP_X


def _size(box: Box) -> tuple[float, float]:
    texts = [len(one.text) + len(one.type) + 4 for one in box.lines] + [len(box.key.label) + 6]
    width = min(max(max(texts) * LETTER + 2 * PAD, NARROWEST), WIDEST)
    return width, HEAD + ROW * (len(box.lines) + bool(box.more)) + (PAD if box.lines else 0)


def _picture(boxes: Mapping[Key, Box], links: Iterable[Link], name: str, left: int) -> Markup:
    width = max(box.x + box.width for box in boxes.values()) + 40
    height = max(box.y + box.height for box in boxes.values()) + (22 if left else 2)
    drawn = [_line(link, boxes) for link in links if link.child in boxes and link.parent in boxes]
    drawn += [_box(box) for box in boxes.values()]
    if left:
        drawn.append(f'<text x="2" y="{height - 5:.0f}" class="more">and {left} more tables</text>')
    told = ", ".join(
        f"{box.key.label} ({box.how})" if box.how else box.key.label for box in boxes.values() if box.how != "absent"
    )
    text = (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px;min-width:{width * 0.6:.0f}px" role="img"'
        f' aria-label="{escape(f"The tables {name}: {told}", quote=True)}">{"".join(drawn)}</svg>'
    )
    return Markup(text)  # noqa: S704 - each text in it is escaped


def _box(box: Box) -> str:
    place = f'x="{box.x:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{box.height:.0f}" rx="6"'
    if box.how == "absent":
        return f'<rect {place} class="ghost"/>'
    parts = [
        f'<g class="box {box.how}"><title>{escape(box.key.label)}</title><rect {place} class="body"/>',
        f'<path d="M{box.x:.0f} {box.y + HEAD:.0f}v-{HEAD - 6}q0-6 6-6h{box.width - 12:.0f}q6 0 6 6v{HEAD - 6}z" class="head"/>',
        f'<text x="{box.x + PAD:.0f}" y="{box.y + 19:.0f}" class="name">{escape(_short(box.key.label, box.width, 7.6))}</text>',
    ]
    for number, one in enumerate(box.lines):
        parts.append(_column(one, box, box.y + HEAD + PAD / 2 + ROW * number))
    if box.more:
        y = box.y + HEAD + ROW * len(box.lines) + 16
        parts.append(f'<text x="{box.x + PAD + 14:.0f}" y="{y:.0f}" class="more">… {box.more} more</text>')
    return "".join([*parts, "</g>"])


_SIGNS = {"new": "+", "goes": "\N{MINUS SIGN}", "changed": "~"}


def _column(one: DiagramColumn, box: Box, y: float) -> str:
    mark = {"key": "◆", "reference": "◇"}.get(one.mark, "")
    room = box.width - 2 * PAD - 14
    type_ = _short(one.type, room / 2 + 20, LETTER)
    text = _short(one.text, room - len(type_) * LETTER - 4, LETTER)
    back = (
        f'<rect x="{box.x + 1:.0f}" y="{y:.0f}" width="{box.width - 2:.0f}" height="{ROW}" class="row"/>'
        if one.how
        else ""
    )
    sign = _SIGNS.get(one.how, mark)
    return (
        f'<g class="{one.how} {one.mark}"><title>{escape(f"{one.text} {one.type}")}</title>{back}'
        f'<text x="{box.x + PAD:.0f}" y="{y + 14:.0f}" class="sign">{sign}</text>'
        f'<text x="{box.x + PAD + 14:.0f}" y="{y + 14:.0f}" class="column">{escape(text)}</text>'
        f'<text x="{box.x + box.width - PAD:.0f}" y="{y + 14:.0f}" class="type">{escape(type_)}</text></g>'
    )


def _short(text: str, room: float, letter: float) -> str:
    most = max(int(room / letter), 3)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _line(link: Link, boxes: Mapping[Key, Box]) -> str:
    child, parent = boxes[link.child], boxes[link.parent]
    if "absent" in (child.how, parent.how):
        return ""
    row = next((number for number, one in enumerate(child.lines) if one.text == link.column), None)
    y1 = child.y + (HEAD / 2 if row is None else HEAD + PAD / 2 + ROW * row + ROW / 2)
    y2 = parent.y + HEAD / 2
    if child.x > parent.x:
        x1, x2 = child.x, parent.x + parent.width
        bend = max((x1 - x2) / 2, 30)
        path = f"M{x1:.0f} {y1:.0f}C{x1 - bend:.0f} {y1:.0f} {x2 + bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
        foot = f"M{x1:.0f} {y1 - 4:.0f}l-9 4l9 4"
    else:
        x1, x2 = child.x + child.width, parent.x + parent.width
        far = max(x1, x2) + 26
        path = f"M{x1:.0f} {y1:.0f}C{far:.0f} {y1:.0f} {far:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
        foot = f"M{x1:.0f} {y1 - 4:.0f}l9 4l-9 4"
    told = escape(f"{link.name}: {link.child.label}.{link.column} refers to {link.parent.label}")
    return f'<g class="link"><title>{told}</title><path d="{path}"/><path d="{foot}"/><circle cx="{x2:.0f}" cy="{y2:.0f}" r="2.5"/></g>'
