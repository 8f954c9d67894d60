"""What a database holds: `Key` names one object, `Catalog` holds the rows that describe them.

In: rows of the catalog queries (`introspect.py`). Out: one type for live and wanted alike; equal rows are equal
objects. Rows stay tuples until a kind's dataclass is asked for, because most of them are only compared.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, NamedTuple

from wgm_play.catalog.kinds import CLUSTER, KINDS, OF_OBJECT, ROUTINES, WITH_TABLE
from wgm_play.lazy_dataclass import dataclass

# The dataclass of each kind: `wgm_play.catalog` lists them.
CLASSES: dict[str, Any] = {}


class Key(NamedTuple):
    """The identity of an object: its kind and its qualified name, as ("column", ("public", "nodes", "x")).

    Shapes by kind: schema, extension (name,); table, view, materialized_view, sequence, enum, domain, index
    (schema, name); function, procedure (schema, name, identity arguments); column, constraint, trigger
    (schema, table, name); rule and policy like a trigger; aggregate like a function; operator (schema, name, left type, right type);
    operator_class, operator_family (schema, name, access method); cast (source type, target type); user_mapping (server,
    user); publication_table (publication, schema, table); publication_schema (publication, schema); attribute (schema, type, name), which has no row; event_trigger,
    publication, foreign_data_wrapper, server (name,); the other types and text search (schema, name); domain_constraint (schema, domain, name); setting (database, role, parameter), where an
    empty text means all databases or all roles; grant (kind, *name, grantee), owner (kind, *name), security_label (kind,
    *name, provider).
    """

    kind: str
    name: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind.replace('_', ' ')} {self.label}"

    @property
    def label(self) -> str:
        """The name as people say it: without the schema where that is `public`."""
        if self.kind in ROUTINES:
            schema, name, arguments = self.name
            return f"{'' if schema == 'public' else schema + '.'}{name}({arguments})"
        if self.kind == "operator":
            schema, sign, left, right = self.name
            return f"{'' if schema == 'public' else schema + '.'}{sign}({left}, {right})"
        if self.kind == "cast":
            return f"({self.name[0]} as {self.name[1]})"
        if self.kind == "user_mapping":
            return f"of {self.name[1]} on {self.name[0]}"
        if self.kind == "setting":
            database, role, parameter = self.name
            return " ".join(part for part in (role and f"role {role}", database and "database", parameter) if part)
        if self.kind == "security_label":
            kind, *rest, provider = self.name
            return f"{provider} on {Key(kind, tuple(rest)) if rest else kind}"
        if self.kind in (OF_OBJECT - {"security_label"}):
            kind, *rest = self.name
            grantee = f" to {rest.pop()}" if self.kind == "grant" else ""
            return f"{'on' if grantee else 'of'} {Key(kind, tuple(rest)) if rest else kind}{grantee}"
        if self.kind == "membership":
            return f"of {self.name[1]} in {self.name[0]}"
        parts = self.name[1:] if len(self.name) > 1 and self.name[0] == "public" else self.name
        return ".".join(parts)

    @property
    def relation(self) -> Key | None:
        """The table that a column, constraint or trigger belongs to."""
        return Key("table", self.name[:2]) if self.kind in WITH_TABLE else None


def differing_fields(old: Any, new: Any) -> list[str]:
    """Return the names of the fields in which two objects of one kind differ, in their order."""
    return [name for name in old.__slots__ if getattr(old, name) != getattr(new, name)]


def told_fields(was: Any, now: Any) -> str:
    """Return in words what differs between two objects of one kind: `type was 'text', is 'date'`."""
    names = differing_fields(was, now)
    return ", ".join(f"{name} was {getattr(was, name)!r}, is {getattr(now, name)!r}" for name in names)


def row_of(value: Any) -> Row:
    """Return the row of an object."""
    return tuple(getattr(value, name) for name in value.__slots__)


def field_of(kind: str, row: Row, field_name: str) -> Any:
    """Return one field of a row by its name."""
    return row[place_of(kind, field_name)]


def with_fields(kind: str, row: Row, **values: Any) -> Row:
    """Return a row in which some fields are otherwise."""
    made = list(row)
    for field_name, value in values.items():
        made[place_of(kind, field_name)] = value
    return tuple(made)


def expressions_differ(kind: str, one: Row, other: Row) -> bool:
    """Tell whether two rows of one kind differ in an expression."""
    return any(field_of(kind, one, name) != field_of(kind, other, name) for name in KINDS[kind].expressions)


class Extra(NamedTuple):
    """What is known of a live object but not compared: its oid, owner, privileges and position.

    The `owner` of a column is the sequence behind its identity, where that has a name which PostgreSQL would not make.
    """

    oid: int = 0
    class_oid: int = 0
    owner: str | None = None
    acl: tuple[str, ...] | None = None
    number: int = 0


Row = tuple[Any, ...]


@functools.cache
def place_of(kind: str, field_name: str) -> int:
    """Return where a field stands in the rows of a kind."""
    return int(CLASSES[kind].__slots__.index(field_name))


class Rows(dict[Key, Row]):
    """Rows by key, with an index by kind and the first parts of the name that is made when it is asked for."""

    __slots__ = ("_by_value", "_index")

    def __init__(self, rows: Mapping[Key, Row] | Iterable[tuple[Key, Row]] = ()) -> None:
        super().__init__(rows)
        self._index: dict[tuple[str, int], dict[tuple[str, ...], list[Key]]] = {}
        self._by_value: dict[tuple[str, str], dict[Any, list[Key]]] = {}

    def below(self, kind: str, prefix: tuple[str, ...]) -> list[Key]:
        """Return the keys of one kind whose names begin with `prefix`, in order."""
        size = len(prefix)
        found = self._index.get((kind, size))
        if found is None:
            found = {}
            for key in sorted(key for key in self if key.kind == kind):
                found.setdefault(key.name[:size], []).append(key)
            self._index[kind, size] = found
        return list(found.get(prefix, ()))

    def having(self, kind: str, field_name: str, value: Any) -> list[Key]:
        """Return the keys of one kind whose rows have a value in a field, in order; a list is asked for as a tuple."""
        found = self._by_value.get((kind, field_name))
        if found is None:
            place, found = place_of(kind, field_name), {}
            for key in self.below(kind, ()):
                held = self[key][place]
                found.setdefault(tuple(held) if isinstance(held, list) else held, []).append(key)
            self._by_value[kind, field_name] = found
        return list(found.get(value, ()))

    def __setitem__(self, key: Key, row: Row) -> None:
        self._by_value.clear()
        if self._index and key not in self:
            self._index.clear()
        super().__setitem__(key, row)

    def __delitem__(self, key: Key) -> None:
        self._index.clear()
        self._by_value.clear()
        super().__delitem__(key)

    def pop(self, key: Key, *default: Any) -> Any:
        """Take out a row."""
        self._index.clear()
        self._by_value.clear()
        return super().pop(key, *default)

    def _changed(self, *_: Any, **__: Any) -> Any:
        raise TypeError("rows of a catalog are set and taken out one by one")

    update = setdefault = popitem = clear = __ior__ = _changed


@dataclass(slots=True)
class Catalog:
    """The objects of one database.

    `rows[key]` is compared; `extras[key]` is not; `edges` are (dependent, referenced) pairs and are read only when
    an order is needed; `unmodelled` names what the server holds and we do not model.
    """

    rows: dict[Key, Row] = field(default_factory=dict)
    extras: dict[Key, Extra] = field(default_factory=dict)
    edges: frozenset[tuple[Key, Key]] = frozenset()
    unmodelled: tuple[str, ...] = ()
    version: int = 0
    _needs: tuple[Any, dict[Key, list[Key]]] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.rows = Rows(self.rows)

    def __contains__(self, key: Key) -> bool:
        return key in self.rows

    def __iter__(self) -> Iterator[Key]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Key) -> Any:
        """Return the object of the kind's dataclass."""
        return CLASSES[key.kind](*self.rows[key])

    def get(self, key: Key) -> Any:
        """Return the object, or None where there is none."""
        return self[key] if key in self.rows else None

    def value(self, key: Key, field_name: str) -> Any:
        """Return one field of an object by its name: as `self[key].field_name`, without making the object."""
        return self.rows[key][place_of(key.kind, field_name)]

    def extra(self, key: Key) -> Extra:
        """Return owner, privileges and position of an object; empty for one that is not live."""
        return self.extras.get(key) or Extra()

    def of(self, kind: str, *prefix: str) -> list[Key]:
        """Return the keys of one kind, those below a qualified name where `prefix` is given, in order."""
        rows = self.rows
        return rows.below(kind, prefix) if isinstance(rows, Rows) else Rows(rows).below(kind, prefix)

    def having(self, kind: str, field_name: str, value: Any) -> list[Key]:
        """Return the keys of one kind whose objects have a value in a field, in order; a list is asked for as a tuple."""
        rows = self.rows
        return (rows if isinstance(rows, Rows) else Rows(rows)).having(kind, field_name, value)

    def needs(self, key: Key) -> list[Key]:
        """Return what an object depends on directly, in order."""
        return sorted(self.directly_needed(key))

    def directly_needed(self, key: Key) -> Sequence[Key]:
        """Return what an object depends on directly, in no order."""
        if self._needs is None or self._needs[0] is not self.edges:
            found: dict[Key, list[Key]] = {}
            for dependent, referenced in self.edges:
                found.setdefault(dependent, []).append(referenced)
            self._needs = (self.edges, found)
        return self._needs[1].get(key, ())

    def only(self, keys: Iterable[Key]) -> Catalog:
        """Return the part of the catalog with these keys."""
        wanted = set(keys) & self.rows.keys()
        return Catalog(
            {key: row for key, row in self.rows.items() if key in wanted},
            {key: extra for key, extra in self.extras.items() if key in wanted},
            frozenset(edge for edge in self.edges if edge[0] in wanted and edge[1] in wanted),
            self.unmodelled,
            self.version,
        )

    def copy(self) -> Catalog:
        """Return a catalog whose rows can be changed without changing this one."""
        return Catalog(dict(self.rows), dict(self.extras), self.edges, self.unmodelled, self.version)


def digest(rows: Mapping[Key, Row]) -> str:
    """Return the SHA-256 of the rows, in the order of their keys: two equal catalogs have equal digests."""
    made = hashlib.sha256()
    for key in sorted(rows):
        if key.kind in CLUSTER:  # they are the whole cluster's, where others are at work too
            continue
        made.update(repr((key.kind, key.name, rows[key])).encode())
    return made.hexdigest()
