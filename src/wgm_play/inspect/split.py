"""Which file each step goes to: by domain (tables that refer to one another), by schema, or by kind.

In: `Inspected`. Out: files in the order in which they are imported, each with its steps in theirs.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from wgm_play.catalog.graph import object_of
from wgm_play.catalog.kinds import IN_TABLE, OF_OBJECT, ON_TABLE, RELATIONS, TYPES, VIEWS, WITH_BODY
from wgm_play.inspect.entry import Entry, Inspected
from wgm_play.inspect.options import SCHEMA
from wgm_play.sqltext.scan import qualified, words

# A domain of more tables is taken apart at the tables to which very many refer.
LARGE = 15
# As many tables refer to such a one.
MANY = 5
# What is said for all domains comes before the tables, or after them.
BEFORE = ("roles", "schemas", "extensions", "types", "sequences", "functions", "operators", "text_search", "foreign")
AFTER = (
    "tables",
    "partitions",
    "indexes",
    "views",
    "triggers",
    "policies",
    "rules",
    "statistics",
    "privileges",
    "publications",
    "event_triggers",
    "settings",
)
Name = tuple[str, ...]


def split(said: Inspected, how: str) -> dict[str, list[Entry]]:
    """Return the steps of each file, by the file's name without its ending."""
    if how == SCHEMA:
        return _in_order(said, {id(entry): _schema_file(entry) for entry in said.entries})
    domain = domains(said)
    place: dict[int, str] = {}
    for entry in said.entries:
        table = _table_of(said, entry)
        if table in domain:
            place[id(entry)] = domain[table]
    for _ in range(3):  # a view over a view, a type within a type
        for entry in said.entries:
            if id(entry) not in place:
                found = _used_by(said, entry, place) if _is_need(entry) else _uses(said, entry, domain)
                if found is not None:
                    place[id(entry)] = found
                    if entry.kind in RELATIONS:
                        domain[entry.key.name] = found
    home = {one.key.name: place.get(id(one), one.concern) for one in said.entries if one.kind in RELATIONS}
    for entry in said.entries:
        place.setdefault(id(entry), home.get(_table_of(said, entry) or (), entry.concern))
    return _in_order(said, place)


def _schema_file(entry: Entry) -> str:
    """Return the file of a step's schema; what lies in no schema has the file of its kind."""
    if entry.keywords or entry.concern in (
        "roles",
        "schemas",
        "extensions",
        "settings",
        "publications",
        "event_triggers",
        "operators",
    ):
        return entry.concern
    key = object_of(entry.key) if entry.kind in OF_OBJECT else entry.key
    return _file(key.name[0]) if len(key.name) > 1 else entry.concern


def _in_order(said: Inspected, place: dict[int, str]) -> dict[str, list[Entry]]:
    files: dict[str, list[Entry]] = defaultdict(list)
    for entry in beside_their_table(said):
        files[place[id(entry)]].append(entry)
    return {name: files[name] for name in _imported(said, files)}


def _imported(said: Inspected, files: dict[str, list[Entry]]) -> list[str]:
    """Return the files so that each follows those that it refers to, as far as that goes; people read them so."""
    own = [name for name in files if name not in BEFORE and name not in AFTER]
    of = {entry.key.name: name for name in own for entry in files[name] if entry.kind == "table"}
    needs = {name: {of[b] for a, b in _references(said) if of.get(a) == name and b in of} - {name} for name in own}
    made: list[str] = []
    while len(made) < len(own):
        left = [name for name in own if name not in made]
        ready = [name for name in left if not needs[name] - set(made)]
        made.append(min(ready or left, key=lambda name: (len(needs[name] - set(made)), name)))
    return [*(one for one in BEFORE if one in files), *made, *(one for one in AFTER if one in files)]


def beside_their_table(said: Inspected) -> list[Entry]:
    """Return the steps with what belongs to a table right behind it, what others need before them."""
    from wgm_play.inspect.document import in_order

    beside: dict[Name, list[Entry]] = defaultdict(list)
    relations = {entry.key.name for entry in said.entries if entry.kind in RELATIONS}
    rest = []
    for entry in in_order(said):
        table = _table_of(said, entry)
        if table in relations and entry.kind not in RELATIONS:
            beside[table].append(entry)
        else:
            rest.append(entry)
    return [one for entry in rest for one in (entry, *(beside[entry.key.name] if entry.kind in RELATIONS else ()))]


def _table_of(said: Inspected, entry: Entry) -> Name | None:
    """Return the name of the relation that a step is about."""
    if entry.kind in RELATIONS:
        return entry.key.name
    if entry.kind in ON_TABLE:
        return entry.key.name[:2]
    if entry.kind == "index":
        return (entry.key.name[0], str(said.catalog[entry.key].table))
    if entry.kind in OF_OBJECT:
        if entry.keywords:
            return None  # a loop over several
        held = object_of(entry.key)
        return held.name[:2] if held.kind in RELATIONS else None
    if entry.key.kind in IN_TABLE:
        return entry.key.name[:2]
    if entry.kind == "sequence":
        owned = said.catalog[entry.key].owned_by if entry.key in said.catalog.rows else None
        return tuple(owned[:2]) if owned else None
    if entry.kind == "statistics":
        given = str(entry.spec.get("table", ""))
        schema, _, name = given.rpartition(".")
        return (schema or "public", name) if given else None
    return None


def _is_need(entry: Entry) -> bool:
    return entry.kind in TYPES | WITH_BODY | {"sequence"}


def _used_by(said: Inspected, entry: Entry, place: dict[int, str]) -> str | None:
    """Return the only domain whose steps name a type or function."""
    name = entry.key.name[1]
    found = {
        place.get(id(one), "")
        for one in said.entries
        if one is not entry and one.kind not in OF_OBJECT | {"comment"} and name in _words(one)
    }
    return found.pop() if len(found) == 1 and "" not in found else None


def _uses(said: Inspected, entry: Entry, domain: dict[Name, str]) -> str | None:
    """Return the only domain whose tables a view names."""
    if entry.kind not in VIEWS:
        return None
    mentioned = _words(entry)
    found = {file for name, file in domain.items() if name[1] in mentioned}
    return found.pop() if len(found) == 1 else None


def _words(entry: Entry) -> frozenset[str]:
    """Return the names that a step may mention."""
    return words(repr(entry.spec).replace("'", " ").replace('"', " "))


# Domains ------------------------------------------------------------------------------------------------------


def domains(said: Inspected) -> dict[Name, str]:
    """Return the file of each table: those that refer to one another share one, which has the name of the chief of them."""
    tables = [entry.key.name for entry in said.entries if entry.kind == "table"]
    edges = [(one, other) for one, other in _references(said) if one != other]
    made: dict[Name, str] = {}
    taken: set[str] = {*BEFORE, *AFTER}
    alone = []
    for group in _groups(tables, edges):
        if len(group) == 1:
            alone += group
            continue
        name = _free(_file(_chief(group, edges)[1]), taken)
        made |= dict.fromkeys(group, name)
    for group in _by_first_word(alone):
        name = _free(_file(group[0][1].split("_")[0] if len(group) > 1 else group[0][1]), taken)
        made |= dict.fromkeys(group, name)
    return made


def _references(said: Inspected) -> Iterator[tuple[Name, Name]]:
    """Yield which table refers to which: by a foreign key, as a partition, as a child."""
    catalog = said.catalog
    for key in catalog.rows:
        if key.kind == "constraint" and catalog.value(key, "type") == "f":
            target, _ = qualified(catalog[key].definition.partition(" REFERENCES ")[2])
            yield key.name[:2], target if len(target) == 2 else ("public", target[0])
        elif key.kind == "table":
            for parent in catalog[key].parents or ():
                yield key.name, tuple(parent)


def _groups(tables: list[Name], edges: list[tuple[Name, Name]]) -> list[list[Name]]:
    """Return the tables in groups; a large group without the edges to those that nearly all refer to."""
    made: list[list[Name]] = []
    for group in _connected(tables, edges):
        inside = [edge for edge in edges if edge[0] in group and edge[1] in group]
        if len(group) <= LARGE:
            made.append(sorted(group))
            continue
        counts = Counter(other for _, other in set(inside))
        hubs = {name for name, count in counts.items() if count >= max(MANY, len(group) // 6)}
        smaller = _connected(group, [edge for edge in inside if edge[1] not in hubs])
        made += [sorted(one) for one in _joined(smaller, inside, hubs)]
    return sorted(made, key=lambda one: (-len(one), one))


def _joined(groups: list[set[Name]], edges: list[tuple[Name, Name]], hubs: set[Name]) -> list[set[Name]]:
    """Put each table that is left alone to the hub that it refers to."""
    home = {name: group for group in groups for name in group}
    for name in sorted(name for group in groups for name in group if len(group) == 1 and name not in hubs):
        near = sorted(other for one, other in edges if one == name and other in hubs)
        if near:
            home[near[0]].add(name)
            groups.remove(home[name])
            home[name] = home[near[0]]
    return groups


def _connected(tables: Iterable[Name], edges: list[tuple[Name, Name]]) -> list[set[Name]]:
    group: dict[Name, set[Name]] = {name: {name} for name in tables}
    for one, other in edges:
        if one in group and other in group and group[one] is not group[other]:
            joined = group[one] | group[other]
            for name in joined:
                group[name] = joined
    return list({id(one): one for one in group.values()}.values())


def _chief(group: list[Name], edges: list[tuple[Name, Name]]) -> Name:
    """Return the table of a group to which most others refer."""
    inside = {edge for edge in edges if edge[0] in group}
    referred = Counter(other for _, other in inside)
    degree = referred + Counter(one for one, _ in inside)
    return max(sorted(group), key=lambda name: (referred[name], degree[name]))


def _by_first_word(tables: list[Name]) -> list[list[Name]]:
    """Return tables that refer to nothing, together where their names begin alike."""
    found: dict[tuple[str, str], list[Name]] = defaultdict(list)
    for name in sorted(tables):
        found[name[0], name[1].split("_")[0]].append(name)
    return list(found.values())


def _file(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")[:60] or "objects"


def _free(name: str, taken: set[str]) -> str:
    number, made = 2, name
    while made in taken:
        made, number = f"{name}_{number}", number + 1
    taken.add(made)
    return made
