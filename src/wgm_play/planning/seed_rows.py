"""The rows that a seed's table has now, compared with those that are declared.

In: a `Seed`, the live and the wanted catalog. Out: `LiveSeedRows`, which answers what is live under a row's key and whether it
is as declared. Types may be made or changed by the same run: a value is spelled in a type that the live server knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wgm_play.asking.ask import Asker, NotAsked
from wgm_play.catalog.kinds import TYPES
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import PlanContext
from wgm_play.operations.column import under_domain
from wgm_play.operations.online.spell import replaced_columns
from wgm_play.planning.convert import value_after
from wgm_play.planning.literals import spell
from wgm_play.playbook.model import Seed, SeedRow
from wgm_play.render import Statement, render
from wgm_play.secret import mask
from wgm_play.shadow import names_of
from wgm_play.sql import Sql, ident, literal

if TYPE_CHECKING:
    import psycopg

# As many rows as one statement compares or inserts: a statement that is still read at a glance in a log.
BATCH = 200
# Numbers that have digits behind the point.
_FRACTIONS = re.compile(r"numeric|double precision|real|money")
# Types without an equality operator that tells what is written differently, compared as text.
_TEXTUAL = ("json", "jsonpath", "xml", "point", "polygon", "path", "box", "line", "circle")


@dataclass(frozen=True, slots=True)
class _LiveColumn:
    """A live column: its name there; the type in which a declared value is spelled; whether both are compared as text.

    `after` is its value once the plan has converted it, by the columns of `t`; `rounds` tells that a reader of JSON would round
    its numbers.
    """

    name: str
    type: str
    textual: bool
    after: Sql | None = None
    rounds: bool = False


class _NotConverted(Exception):
    """Live values cannot be asked for as they are after the plan."""


@dataclass(frozen=True, slots=True)
class LiveSeedRows:
    """A seed's live table, under the name that it has now; `columns` are those that it has, by their new names.

    `schemas` are those in which the types of extensions lie: with them go their operators.
    """

    connection: psycopg.Connection[Any]
    seed: Seed
    table: tuple[str, ...]
    columns: Mapping[str, _LiveColumn]
    schemas: frozenset[str]
    asker: Asker | None = None

    def rows(self, rows: Sequence[SeedRow]) -> dict[int, tuple[dict[str, Any], bool]]:
        """Return, by the row's id, what is live under its key and whether it is as declared."""
        if not self._has_key:
            return {}
        try:
            return self._found(rows)
        except _NotConverted:
            return self._as_text()._found(rows)

    def _found(self, rows: Sequence[SeedRow]) -> dict[int, tuple[dict[str, Any], bool]]:
        found: dict[int, tuple[dict[str, Any], bool]] = {}
        for columns, members in by_columns(rows).items():
            known = [name for name in columns if name in self.columns]
            for start in range(0, len(members), BATCH):
                part = members[start : start + BATCH]
                statement = render(
                    "seed/compare.sql.j2",
                    rows=[[Sql(f"{number}"), *self._spelled(row, known)] for number, row in enumerate(part)],
                    converted=self._converted,
                    columns=known,
                    table=self.table,
                    joins=[self._same(name, known.index(name), joining=True) for name in self.seed.key],
                    pairs=[self._same(name, number) for number, name in enumerate(known)],
                )
                for number, image, same in self._asked(statement):
                    found[id(part[number])] = (self._image(image), bool(same) and len(known) == len(columns))
        return found

    def others(self, rows: Sequence[SeedRow]) -> list[dict[str, Any]]:
        """Return the live rows under none of these rows' keys."""
        if not self._has_key:
            return []
        try:
            return self._others(rows)
        except _NotConverted:
            return self._as_text()._others(rows)

    def _others(self, rows: Sequence[SeedRow]) -> list[dict[str, Any]]:
        key = self.seed.key
        statement = render(
            "seed/others.sql.j2",
            table=self.table,
            converted=self._converted,
            columns=key,
            rows=[list(self._spelled(row, key)) for row in rows],
            joins=[self._same(name, number, joining=True) for number, name in enumerate(key)],
        )
        return [self._image(image) for (image,) in self._asked(statement)]

    def holding(self, columns: Sequence[str], values: Sequence[Mapping[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
        """Return the live rows that have these values, each with the number of the values."""
        if not values or not self._has_key or any(name not in self.columns for name in columns):
            return []
        try:
            return self._holding(columns, values)
        except _NotConverted:
            return self._as_text()._holding(columns, values)

    def _holding(self, columns: Sequence[str], values: Sequence[Mapping[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
        found: list[tuple[int, dict[str, Any]]] = []
        for start in range(0, len(values), BATCH):
            statement = render(
                "seed/holders.sql.j2",
                table=self.table,
                columns=columns,
                converted=self._converted,
                rows=[
                    [Sql(f"{number}"), *(spell(one[name], self.columns[name].type) for name in columns)]
                    for number, one in enumerate(values[start : start + BATCH], start)
                ],
                joins=[self._same(name, number, joining=True) for number, name in enumerate(columns)],
            )
            found += [(number, self._image(image)) for number, image in self._asked(statement)]
        return found

    def _as_text(self) -> LiveSeedRows:
        """Return the rows as they are now, for values that cannot be converted: their check shows them."""
        return replace(self, columns={name: replace(one, after=None) for name, one in self.columns.items()})

    @property
    def _converted(self) -> list[Sql]:
        """Return pairs of live name and value, of the columns that the plan converts, and of numbers: JSON would round them."""
        made = []
        for one in self.columns.values():
            value = one.after if one.after is not None else Sql(f"t.{ident(one.name)}")
            if one.rounds:
                made.append(Sql(f"{literal(one.name)}, ({value})::text"))
            elif one.after is not None:
                made.append(Sql(f"{literal(one.name)}, {value}"))
        return made

    @property
    def _has_key(self) -> bool:
        return all(name in self.columns for name in self.seed.key)

    def _spelled(self, row: SeedRow, names: Iterable[str]) -> Iterator[Sql]:
        return (spell(row.values[name], self.columns[name].type) for name in names)

    def _same(self, name: str, number: int, *, joining: bool = False) -> Sql:
        """Return the comparison of a live column with that of the declared rows, which stands at `number`."""
        column = self.columns[name]
        cast = "::text" if column.textual else ""
        live = f"({column.after})" if column.after is not None else f"t.{ident(column.name)}"
        return Sql(f"{live}{cast} {'=' if joining else 'IS NOT DISTINCT FROM'} v.wgm_{number + 1}{cast}")

    def _image(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a live row under the columns' new names."""
        new = {column.name: name for name, column in self.columns.items()}
        return {new.get(name, name): value for name, value in row.items()}

    def _asked(self, statement: Statement) -> list[Any]:
        import psycopg as library

        try:
            if self.asker is not None and any(one.after is not None for one in self.columns.values()):
                return self._asked_converted(statement, self.asker)
            with self._operators(self.connection):
                return self.connection.execute(statement.sql.encode()).fetchall()
        except library.errors.InsufficientPrivilege:
            raise
        except library.Error as error:
            if error.sqlstate is None or self.connection.broken:
                raise
            said = str(error.diag.message_primary or error)
            raise InputError(
                f"the rows of this seed cannot be compared with those of {self.seed.table}"
                + ("" if self.seed.no_log else f": {mask(said)}"),
                where=self.seed.position,
            ) from error

    def _asked_converted(self, statement: Statement, asker: Asker) -> list[Any]:
        """Return the answer to what holds expressions of the playbook. Raises `_NotConverted`."""
        import psycopg as library

        try:
            with asker.transaction([statement.sql]) as connection, self._operators(connection):
                return connection.execute(statement.sql.encode()).fetchall()
        except library.errors.InsufficientPrivilege:
            raise
        except NotAsked as error:
            raise _NotConverted from error
        except library.Error as error:
            if error.sqlstate is None:
                raise
            raise _NotConverted from error

    @contextmanager
    def _operators(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        with names_of(connection, sorted(self.schemas)) if self.schemas else nullcontext():
            yield


def there(
    connection: psycopg.Connection[Any],
    seed: Seed,
    live: Catalog,
    wanted: Catalog,
    types: Mapping[str, str],
    situation: PlanContext | None = None,
    asker: Asker | None = None,
) -> LiveSeedRows:
    """Return a seed's live table; `types` are those that its columns shall have, by the plan of `situation`."""
    renames = situation.goal.renames if situation is not None else {}
    table = renames.get(seed.table, seed.table)
    columns: dict[str, _LiveColumn] = {}
    schemas: set[str] = set()
    named = {str(ident(key.name)): key for key in wanted.rows if key.kind in TYPES}
    for name, wanted_type in types.items():
        old = renames.get(Key("column", (*seed.table.name, name)), Key("column", (*table.name, name)))
        if old not in live.rows:
            continue
        spelled, textual, after = wanted_type, wanted_type != live.value(old, "type"), None
        if situation is not None:
            after = _after(situation, live, Key("column", (*seed.table.name, name)))
        if name in seed.key or any(name in row.values for row in seed.rows):
            spelled, other = _known(connection, live, wanted, named, wanted_type, schemas)
            textual = other or (textual and after is None)
        held = under_domain(live, str(live.value(old, "type"))) if after is None else under_domain(wanted, wanted_type)
        rounds = bool(_FRACTIONS.match(held))
        columns[name] = _LiveColumn(old.name[2], spelled, textual, after, rounds)
    found = LiveSeedRows(connection, seed, table.name, columns, frozenset(schemas), asker)
    return replace(found, columns={name: _of_live(one, columns) for name, one in columns.items()})


def _of_live(one: _LiveColumn, columns: Mapping[str, _LiveColumn]) -> _LiveColumn:
    """Return a column whose value after the plan is told by the live names of the others."""
    if one.after is None:
        return one
    return replace(
        one, after=replaced_columns(one.after, {name: Sql(f"t.{ident(c.name)}") for name, c in columns.items()})
    )


def _after(situation: PlanContext, live: Catalog, key: Key) -> Sql | None:
    """Return the value of a column once the plan has converted it; None where it stays as it is."""
    current, renames = situation.current, situation.goal.renames
    if key not in current.rows or key in situation.goal.waiting:
        return None
    old, new = str(current.value(key, "type")), str(situation.wanted.value(key, "type"))
    if old != new or key in situation.goal.forced:
        return value_after(situation, live, key)
    enum = next((one for one in current.of("enum") if str(ident(one.name)) == old.removesuffix("[]")), None)
    was = live.get(renames.get(enum, enum)) if enum is not None else None
    if enum is None or was is None or len(was.labels or ()) != len(current[enum].labels or ()):
        return None
    renamed = [(one, now) for one, now in zip(was.labels or (), current[enum].labels or (), strict=True) if one != now]
    if not renamed:
        return None
    name = ident(key.name[2])
    if old.endswith("[]"):
        # By way of labels that nobody has: two may exchange their names.
        steps = [(one, f"wgm_{number}") for number, (one, _) in enumerate(renamed)]
        steps += [(f"wgm_{number}", now) for number, (_, now) in enumerate(renamed)]
        made = f"{name}::text[]"
        for one, now in steps:
            made = f"pg_catalog.array_replace({made}, {literal(one)}, {literal(now)})"
        return Sql(made)
    cases = " ".join(f"WHEN {literal(one)} THEN {literal(now)}" for one, now in renamed)
    return Sql(f"CASE {name}::text {cases} ELSE {name}::text END")


def _known(
    connection: psycopg.Connection[Any],
    live: Catalog,
    wanted: Catalog,
    named: Mapping[str, Key],
    spelled: str,
    schemas: set[str],
) -> tuple[str, bool]:
    """Return a type of the live server for values of a wanted one, and whether they are to be compared as text."""
    one = spelled.removesuffix("[]")
    array = spelled[len(one) :]
    if "." not in one:
        return spelled, one in _TEXTUAL
    key = named.get(one)
    if key is None:
        row = connection.execute(render("seed/type.sql.j2", name=one).sql.encode()).fetchone()
        known, compares, schema = row or (False, False, "")
        if not known:  # it comes with this run, in an extension
            return f"text{array}", True
        if compares:
            schemas.add(schema)
        return spelled, not compares
    if key.kind == "domain":  # the live one may have other rules
        base, textual = _known(connection, live, wanted, named, str(wanted[key].type), schemas)
        return base + array, textual or bool(array)
    if key.kind == "composite" or live.rows.get(key) != wanted.rows[key]:
        return f"text{array}", True
    return spelled, False


def by_columns(rows: Sequence[SeedRow]) -> dict[tuple[str, ...], list[SeedRow]]:
    """Return the rows by the columns that they name."""
    made: dict[tuple[str, ...], list[SeedRow]] = {}
    for row in rows:
        made.setdefault(tuple(row.values), []).append(row)
    return made
