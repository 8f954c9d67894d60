"""Look at the rows before anything is changed: which of them would break what is declared.

In: what asks the live database, the situation. Out: nothing, or one refusal that shows the rows.
The rows are seen as they will be: under their new names, converted, filled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any

from wgm_play.asking.ask import LONGEST, NotAsked
from wgm_play.catalog.constraint import NOT_NULL
from wgm_play.catalog.graph import relation_of
from wgm_play.catalog.model import Catalog, Key, field_of
from wgm_play.checks import exclusion
from wgm_play.checks.data import (
    SHOWN_ROWS,
    as_lines,
    check_expression,
    count_rows,
    fails_without_rows,
    read_rows,
    rows_breaking_check,
    rows_breaking_foreign_key,
    rows_breaking_not_null,
    rows_breaking_unique,
    rows_failing_expression,
)
from wgm_play.errors import Position, Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import PlanContext
from wgm_play.operations.column import by_text, cast, coercible, cuts_by_itself, fits, limiting_type, value_type
from wgm_play.operations.composite import reordered, retyped
from wgm_play.operations.default_partition import made_beside
from wgm_play.operations.online.spell import columns_named
from wgm_play.operations.trash import COLUMN_PREFIX
from wgm_play.planning import domain_rows
from wgm_play.planning.convert import known_type, value_after
from wgm_play.planning.held_values import Asked, ValueHolder, holding, one_of
from wgm_play.planning.hidden_rows import HiddenRows
from wgm_play.playbook.model import Declaration
from wgm_play.quantities import counted
from wgm_play.render import Statement, render
from wgm_play.sql import Sql, ident, literal

if TYPE_CHECKING:
    from wgm_play.asking.ask import Asker

_PRIVILEGE = "42501"
# What is counted of a rule that forbids that two rows have the same.
SHARED = ("value that several rows have", "values that several rows have")
# Classes of SQLSTATE: data exception, integrity constraint violation.
_IN_THE_DATA = ("22", "23")


@dataclass(slots=True)
class RowChecks:
    """Looks at the rows of one live database. `renames` maps new keys of tables and columns to the live ones.

    `rewritten` are live tables of which the plan puts rows back before their values go: PostgreSQL looks at these, which the
    conditions of `put_back` tell.
    """

    asker: Asker
    situation: PlanContext
    live: Catalog
    renames: Mapping[Key, Key]
    hidden: frozenset[int] = frozenset()
    declarations: Mapping[Key, Declaration] = field(default_factory=dict)
    rewritten: frozenset[Key] = frozenset()
    put_back: Mapping[Key, Sql] = field(default_factory=dict)
    looked_at: set[Key] = field(default_factory=set)  # live tables
    may_fill: bool = False  # whether `convert:` or `backfill:` of the column helps as well
    _hidden_rows: HiddenRows | None = None

    def problems(self) -> tuple[list[str], list[str]]:
        """Return (lines that show offending rows, what could not be looked at)."""
        lines: list[str] = []
        unknown: list[str] = []
        broken: set[Key] = set()
        for key in self._retyped():
            found = self._guarded(unknown, key, lambda key=key: self._conversion(key))
            if found:
                self.may_fill = True
                broken.add(Key("table", key.name[:2]))
                lines += found
        for key in self._checked():
            table = Key("table", relation_of(self.situation.wanted, key) or key.name[:2])
            if table in broken or self._live_table(table) is None:
                continue
            lines += self._guarded(unknown, key, lambda key=key, table=table: self._one(key, table, broken))
        for table, conditions in self.situation.findings.bounds.items():
            for condition, joining in conditions:
                if self._live_table(table) is not None:
                    lines += self._guarded(
                        unknown,
                        table,
                        lambda table=table, what=condition, joining=joining: self._outside(table, what, joining),
                    )
        for default, joining, within in made_beside(self.situation.current, self.situation.wanted):
            lines += self._guarded(
                unknown,
                default,
                lambda default=default, joining=joining, within=within: self._of_a_new_partition(
                    default, joining, within
                ),
            )
        for enum, labels in self._gone_labels():
            lines += self._guarded(unknown, enum, lambda enum=enum, labels=labels: self._held(enum, labels))
        for composite in reordered(self.situation):
            lines += self._guarded(unknown, composite, partial(self._within_others, composite))
        for composite, attribute, new_type in retyped(self.situation):
            look = partial(self._attribute, composite, attribute, self._known_type(new_type))
            lines += self._guarded(unknown, composite, look)
        for domain, words, rule in domain_rows.new_rules(self.situation):
            lines += self._guarded(unknown, domain, partial(domain_rows.broken, self, domain, words, rule))
        if self.looked_at:
            with suppress(NotAsked):  # then nothing was looked at: each rule says so
                unknown += self._hiding().told(self.looked_at)
        return lines, unknown

    def _hiding(self) -> HiddenRows:
        if self._hidden_rows is None:
            with self.asker.transaction(()) as connection:
                self._hidden_rows = HiddenRows.read(connection)
        return self._hidden_rows

    def _of_a_new_partition(self, default: Key, joining: Key, within: Sql) -> list[str]:
        """Return the rows of a default partition that belong to a partition which is made, and how they are moved."""
        found = self._outside(default, Sql(f"({within}) IS NOT TRUE"), joining)
        if not found:
            return []
        live = self.renames.get(default, default)
        moved = f"WITH moved AS (DELETE FROM {ident(live.name)} WHERE {within} RETURNING *)"
        into = f"INSERT INTO {ident(joining.name)} SELECT * FROM moved"
        return [
            *found,
            f"    to move them: make {joining.label} a table of its own in a run before, move them by"
            f" `{moved} {into}`, then declare it the partition again",
        ]

    def _gone_labels(self) -> list[tuple[Key, list[str]]]:
        """Return the live enums that lose values, under the names that they have in the plan, with these values."""
        current, wanted = self.situation.current, self.situation.wanted
        changed = [key for key in wanted.of("enum") if key in current.rows and current.rows[key] != wanted.rows[key]]
        found = [(key, [one for one in current[key].labels if one not in wanted[key].labels]) for key in changed]
        return [(key, labels) for key, labels in found if labels]

    def _within_others(self, composite: Key) -> list[str]:
        """Return the rows that hold a composite type's values within another type: they go through their text, by position."""
        made: list[str] = []
        for one, live, column in self.holders(composite, lambda value: f"({value})::pg_catalog.text IS NOT NULL"):
            row = self.situation.current.get(column)
            if row is None or str(row.type) == str(ident(composite.name)) or live in self.rewritten:
                continue
            if column not in self.situation.wanted.rows or row.type != self.situation.wanted.value(column, "type"):
                continue
            self.looked_at.add(live)
            keys = self.live_keys(Key("table", column.name[:2]))
            rule = Sql(f"({one.condition}) IS NOT TRUE")
            relation, shown = Sql(f"ONLY {ident(live.name)}"), [*keys, one.column.name[2]] if keys else []
            what = (
                f"{column} holds values of {composite} within {row.type}, which cannot get the new attributes in order"
            )
            found = self._show(what, partial(rows_breaking_check, relation, rule, shown), column)
            if found:
                found.append(
                    "    declare a new type under another name, and give the column that type, with `convert:`"
                )
            made += found
        return made

    def _attribute(self, composite: Key, name: str, new_type: str) -> list[str]:
        """Return the rows with a value of an attribute that does not become one of its new type."""
        made: list[str] = []

        def converted(value: str) -> str:
            return f"({value}).{ident(name)}::pg_catalog.text::{new_type} IS NULL"

        def too_long(value: str) -> str:
            fitting = fits(Sql(f"(({value}).{ident(name)})::pg_catalog.text"), new_type)
            return "false" if fitting is None else f"NOT ({fitting})"

        for asked in (converted, too_long):
            for one, live, column in self.holders(composite, asked):
                if column not in self.situation.wanted.rows or live in self.rewritten:
                    continue
                self.looked_at.add(live)
                keys = self.live_keys(Key("table", column.name[:2]))
                relation, shown = Sql(f"ONLY {ident(live.name)}"), [*keys, one.column.name[2]] if keys else []
                what = f"attribute {name} of {composite} in {column} cannot be converted to {new_type}"
                if asked is converted:
                    failing = self._failing(what, relation, one.condition, column, Key("table", column.name[:2]))
                else:
                    what = f"attribute {name} of {composite} in {column} is too long for {new_type}"
                    rule = Sql(f"({one.condition}) IS NOT TRUE")
                    failing = self._show(what, partial(rows_breaking_check, relation, rule, shown), column)
                made += failing
            if made:
                break
        return made

    def _held(self, enum: Key, labels: Sequence[str]) -> list[str]:
        """Return the rows that hold values which go from an enum."""
        made: list[str] = []
        listed = ", ".join(repr(label) for label in labels)
        for one, live, column in self.holders(enum, one_of(labels)):
            if not self._stays(enum, column) or live in self.rewritten:
                continue
            self.looked_at.add(live)
            table, name = Key("table", column.name[:2]), one.column.name[2]
            relation = Sql(f"ONLY {ident(live.name)}")
            keys = self.live_keys(table)
            shown = [*keys, name] if keys else []
            rule = Sql(f"({one.condition}) IS NOT TRUE")
            what = f"{column} holds {listed}, which {'is' if len(labels) == 1 else 'are'} removed from {enum}"
            found = self._show(what, partial(rows_breaking_check, relation, rule, shown), column)
            if found:
                found.append(
                    f"    to change them: a `backfill` step of {table.label} with `set: {{{name}: ...}}` in a run before"
                )
                found += self._renamed_labels(enum, labels)
            made += found
        return made

    def _renamed_labels(self, enum: Key, labels: Sequence[str]) -> list[str]:
        """Return how to say that the values have other names now, where as many are new."""
        old, new = self.situation.current[enum].labels, self.situation.wanted[enum].labels
        added = [one for one in new if one not in old]
        if len(added) != len(labels):
            return []
        said = ", ".join(f"{{name: {now}, renamed_from: {was}}}" for was, now in zip(labels, added, strict=True))
        return [f"    or is it a rename? Then write {said} under `values`"]

    def holders(self, kind: Key, asked: Asked, *, trashed: bool = False) -> Iterator[tuple[ValueHolder, Key, Key]]:
        """Yield what holds values of a type: the live column, its table, and how the plan calls it; columns in the trash
        only where they are asked for (see `trashed_users`)."""
        names = {old: new for new, old in self.renames.items()}
        with self.asker.transaction(()) as connection:
            found = list(holding(connection, self.renames.get(kind, kind), asked))
        for one in found:
            if one.column.name[2].startswith(COLUMN_PREFIX) and not trashed:
                continue
            live = Key("table", one.column.name[:2])
            table = names.get(live, live)
            yield one, live, names.get(one.column, Key("column", (*table.name, one.column.name[2])))

    def _stays(self, enum: Key, column: Key) -> bool:
        """Tell whether a column is carried over to the enum without its values: the plan does not convert it to another type."""
        current, wanted = self.situation.current, self.situation.wanted
        if column in current.rows and column not in wanted.rows:
            return False  # it goes with the enum that it has
        if column not in wanted.rows or column not in current.rows:
            return Key("table", column.name[:2]) in wanted.rows
        return bool(
            current.value(column, "type") == wanted.value(column, "type") and column not in self.situation.goal.converts
        )

    def live_keys(self, table: Key) -> list[str]:
        """Return the live names of the columns by which people find rows; those of a partition are its parent's."""
        row = self.situation.current.get(table)
        found = self._key_columns(table)
        if not found and row is not None and row.bound:
            return self.live_keys(Key("table", tuple(row.parents[0])))
        return [self.renames.get(key, key).name[2] for key in (Key("column", (*table.name, name)) for name in found)]

    def _outside(self, table: Key, condition: Sql, joining: Key) -> list[str]:
        """Return the rows of a table that becomes a partition, or of the default one beside it, which lie elsewhere."""
        own = f"{table} holds rows outside of the bound that it gets"
        what = own if table == joining else f"{table}, the default partition, holds rows that belong to {joining}"
        shown = dict.fromkeys([*self._key_columns(table), *self._named_now(table, str(condition))])
        return self._show(what, partial(rows_breaking_check, self._renamed(table), condition, list(shown)), table)

    def _named_now(self, table: Key, condition: str) -> list[str]:
        words = set(re.findall(r"[\w$]+", condition))
        return [key.name[2] for key in self.situation.current.of("column", *table.name) if key.name[2] in words]

    def _guarded(self, unknown: list[str], key: Key, look: Any) -> list[str]:
        import psycopg as library

        try:
            return list(look())
        except NotAsked as reason:
            unknown.append(f"the rows that {key} speaks of: {reason}")
            return []
        except library.Error as error:
            if error.sqlstate is None:  # the connection was lost
                raise
            if error.sqlstate == _PRIVILEGE:
                unknown.append(f"the rows that {key} speaks of: this role may not read them")
            else:
                held = "".join(f"; {who}" for who in getattr(error, "holders", ())[:1])
                unknown.append(f"the rows that {key} speaks of: {error.diag.message_primary}{held}")
            return []

    def _retyped(self) -> list[Key]:
        current, wanted = self.situation.current, self.situation.wanted
        return sorted(
            key
            for key, row in wanted.rows.items()
            if key.kind == "column" and key in current.rows and _converted(self.situation, key)
        )

    def _checked(self) -> list[Key]:
        current, wanted = self.situation.current, self.situation.wanted
        keys = []
        for key, row in wanted.rows.items():
            old = current.rows.get(key)
            if old == row:
                continue
            if (
                (
                    key.kind == "constraint"
                    and field_of("constraint", row, "type") != NOT_NULL
                    and field_of("constraint", row, "validated")
                    and (old is None or self._says_more(key))
                )
                or (key.kind == "index" and old is None)
                or (
                    key.kind == "index"
                    and old is not None
                    and current.value(key, "definition") != wanted.value(key, "definition")
                )
                or (
                    key.kind == "column"
                    and wanted.value(key, "not_null")
                    and (old is None or not current.value(key, "not_null"))
                )
                or self._is_computed(key)
            ):
                keys.append(key)
        return sorted(keys, key=lambda key: (key.kind != "column", key))

    def _new_type(self, key: Key) -> str:
        return str(self.situation.wanted.value(key, "type"))

    def _says_more(self, key: Key) -> bool:
        """Tell whether a constraint is another one, or is held by the rows from now on."""
        old, new = self.situation.current[key], self.situation.wanted[key]
        return (old.type, old.definition) != (new.type, new.definition) or not old.validated

    def _is_computed(self, key: Key) -> bool:
        """Tell whether a new column gets a value that is computed from each row."""
        if key.kind != "column" or key in self.situation.current.rows:
            return False
        return self.situation.wanted[key].generated == "s" or key in self.situation.goal.backfills

    def _live_table(self, table: Key) -> Key | None:
        found = self.renames.get(table, table)
        return found if found in self.live.rows and table in self.situation.current.rows else None

    def _conversion(self, key: Key) -> list[str]:
        table = Key("table", key.name[:2])
        expression = self._expression(key)
        relation = self._renamed(table)
        labels = self._labels(key)
        if labels is not None:
            return self._unlabelled(key, table, labels)
        if key in self.situation.goal.uncastable:
            empty = Sql(f"{ident(key.name[2])} IS NULL")
            what = f"{key} cannot be converted to {self.situation.wanted.value(key, 'type')}: there is no cast from its type"
            filled_rows = partial(rows_breaking_check, relation, empty, [*self._key_columns(table), key.name[2]])
            return self._show(what, filled_rows, key)
        what = f"{key} cannot be converted to {self.situation.wanted.value(key, 'type')}"
        failing = self._failing(what, relation, expression, key, table)
        if failing:
            return failing
        known = self._known_type(self._new_type(key))
        limiting = limiting_type(self.situation.wanted, known)
        if limiting != known and key not in self.situation.goal.converts:  # a cast to the domain has cut it
            expression = cast(ident(key.name[2]), limiting, value_type(self.situation.current, key))
        if cuts_by_itself(limiting) and key not in self.situation.goal.converts:
            expression = by_text(ident(key.name[2]), value_type(self.situation.current, key), limiting)
        condition = fits(expression, limiting)
        if condition is None:
            return []
        shown = dict.fromkeys([*self._key_columns(table), key.name[2]])
        found = partial(rows_breaking_check, relation, condition, list(shown))
        return self._show(f"{key} is too long for {self.situation.wanted.value(key, 'type')}", found, key)

    def _failing(
        self, what: str, relation: Sql, expression: Sql, key: Key, table: Key, *, only_data: bool = False
    ) -> list[str]:
        """Return the rows for which an expression raises an error; `only_data`: one that lies in the data, others are unknown.

        An error that comes without any row is not in the data: the expression names what the plan makes, as a value of an enum.
        """
        asked = render("checks/converts.sql.j2", relation=relation, expression=expression, rows=True).sql
        with self.asker.transaction([asked], seconds=LONGEST) as connection:
            rows = rows_failing_expression(connection, relation, expression, self._key_columns(table))
            early = fails_without_rows(connection, relation, expression) if rows else None
        if early is not None:
            raise NotAsked(early.diag.message_primary or str(early))
        if only_data and rows and rows[0].sqlstate[:2] not in _IN_THE_DATA:
            raise NotAsked(rows[0].error)
        count = f"{len(rows)} or more rows" if len(rows) >= SHOWN_ROWS else counted(len(rows), "row")
        return self._told(what, as_lines(rows, masked=self.situation.step_of(key) in self.hidden), key, count)

    def _labels(self, key: Key) -> list[str] | None:
        """Return the values of an enum that a column gets by their text, None for another type."""
        named = self._new_type(key).removesuffix("[]")
        for one in self.situation.wanted.of("enum"):
            if str(ident(one.name)) == named and (one not in self.live.rows or key in self.situation.goal.uncastable):
                return list(self.situation.wanted[one].labels or ())
        return None

    def _unlabelled(self, key: Key, table: Key, labels: Sequence[str]) -> list[str]:
        convert = self.situation.goal.converts.get(key)
        value = convert.using if convert else ident(key.name[2])
        listed = ", ".join(str(literal(label)) for label in labels)
        rule = f"({value})::text = ANY (ARRAY[{listed}]::text[])"
        if self._new_type(key).endswith("[]"):
            rule = f"({value})::text[] <@ ARRAY[{listed}]::text[]"
        shown = [*self._key_columns(table), key.name[2]]
        what = f"{key} holds what {self.situation.wanted.value(key, 'type')} does not"
        return self._show(what, partial(rows_breaking_check, self._renamed(table), Sql(rule), shown), key)

    def _one(self, key: Key, table: Key, broken: set[Key]) -> list[str]:
        wanted = self.situation.wanted
        relation, keys = self._relation(table), self._key_columns(table)
        if self._is_computed(key):
            what = f"{key} cannot be computed"
            row = wanted[key]
            computed = (
                Sql(f"({row.expression})::{self._known_type(row.type)}") if row.generated else self._expression(key)
            )
            failing = self._failing(what, self._renamed(table), computed, key, table, only_data=True)
            if failing:
                return failing
            condition = fits(Sql(f"({row.expression})"), self._known_type(row.type)) if row.generated else None
            if condition is not None:
                shown = [*keys, *(name for name in self._named(table, str(row.expression)) if name not in keys)]
                breaking = partial(rows_breaking_check, self._renamed(table), condition, shown)
                return self._show(f"{key} is too long for {row.type}", breaking, key)
        if key.kind == "column":
            if not wanted[key].not_null:
                return []
            if key not in self.situation.current.rows and self.situation.wanted[key].default is not None:
                return []
            if (wanted[key].identity and key not in self.situation.current.rows) or wanted[key].generated:
                return []
            missing = partial(rows_breaking_not_null, relation, key.name[2], keys)
            found = self._show(f"{key} must not be NULL", missing, key)
            self.may_fill |= bool(found)
            return found
        if key.kind == "index":
            return self._raising_index(key, relation, table) or self._unique_index(key, relation)
        definition = str(wanted.value(key, "definition"))
        node = _constraint(definition)
        words = f"{key}: {definition}"
        if wanted.value(key, "type") == "c":
            shown = [*keys, *(name for name in self._named(table, definition) if name not in keys)]
            return self.broken_by(words, relation, check_expression(definition), shown, key, table)
        if wanted.value(key, "type") in ("p", "u"):
            columns = [str(one.sval) for one in node.keys or ()]
            return self._show(
                words,
                partial(
                    rows_breaking_unique,
                    relation,
                    columns,
                    nulls_not_distinct=bool(getattr(node, "nulls_not_distinct", False)),
                ),
                key,
                SHARED,
            )
        if wanted.value(key, "type") == "x":
            if not exclusion.may_compare(node, self.situation.rows(table)):
                raise NotAsked("too many to compare each with each")
            return self._show(words, partial(exclusion.rows_in_conflict, relation, node, keys), key)
        if wanted.value(key, "type") == "f":
            parent = Key("table", (node.pktable.schemaname or "public", node.pktable.relname))
            if parent in broken or self._live_table(parent) is None:
                return []
            own, theirs = [str(one.sval) for one in node.fk_attrs], [str(one.sval) for one in node.pk_attrs or ()]
            statement = partial(
                rows_breaking_foreign_key,
                relation,
                own,
                self._relation(parent),
                theirs,
                match="full" if node.fk_matchtype == "f" else "simple",
                key_columns=keys,
            )
            found = self._show(words, statement, key)
            return self._may_be_hidden(found, self.renames.get(parent, parent)) if found else []
        return []

    def broken_by(
        self, words: str, relation: Sql, expression: Sql, shown: Sequence[str], key: Key, table: Key
    ) -> list[str]:
        """Return the rows for which a check is false, or raises an error."""
        import psycopg as library

        try:
            return self._show(words, partial(rows_breaking_check, relation, expression, shown), key)
        except library.Error as error:
            if (error.sqlstate or "")[:2] not in _IN_THE_DATA:
                raise
        return self._failing(words, relation, expression, key, table, only_data=True)

    def _may_be_hidden(self, found: list[str], parent: Key) -> list[str]:
        """Return the rows without a parent, none where PostgreSQL sees parents that we do not."""
        hidden = self._hiding()
        if parent in hidden.tables - hidden.own:
            return []
        return [*found, *(f"    {line}" for line in hidden.told([parent]))]

    def _named(self, table: Key, definition: str) -> list[str]:
        """Return the columns of a table that a check names."""
        words = set(re.findall(r"[\w$]+", definition))
        return [key.name[2] for key in self.situation.wanted.of("column", *table.name) if key.name[2] in words]

    def _raising_index(self, key: Key, relation: Sql, table: Key) -> list[str]:
        """Return the rows for which the condition or an expression of an index raises an error."""
        from pglast import parse_sql
        from pglast.stream import RawStream

        statement: Any = parse_sql(str(self.situation.wanted.value(key, "definition")))[0].stmt
        where = f"({RawStream()(statement.whereClause)})" if statement.whereClause else ""
        computed = [f"({RawStream()(one.expr)})" for one in statement.indexParams if one.expr]
        if where:
            computed = [where, *(f"CASE WHEN {where} THEN {one} END" for one in computed)]
        for one in computed:
            failing = self._failing(f"{key} cannot be built", relation, Sql(one), key, table, only_data=True)
            if failing:
                return failing
        return []

    def _unique_index(self, key: Key, relation: Sql) -> list[str]:
        from pglast import parse_sql
        from pglast.stream import RawStream

        statement: Any = parse_sql(str(self.situation.wanted.value(key, "definition")))[0].stmt
        if not statement.unique:
            return []
        columns: list[str] = []
        for one in statement.indexParams:
            columns.append(exclusion.element(one) if one.collation or one.expr else str(one.name))
        where = Sql(RawStream()(statement.whereClause)) if statement.whereClause else None
        found = partial(
            rows_breaking_unique,
            relation,
            columns,
            where=where,
            nulls_not_distinct=bool(getattr(statement, "nulls_not_distinct", False)),
        )
        return self._show(f"{key} must be unique", found, key, SHARED)

    def _show(
        self, what: str, rows_breaking: Callable[..., Statement], key: Key, noun: tuple[str, str] = ("row", "rows")
    ) -> list[str]:
        masked = self.situation.step_of(key) in self.hidden
        statement = rows_breaking(limit=SHOWN_ROWS)
        with self.asker.transaction([statement.sql], seconds=LONGEST) as connection:
            rows = read_rows(connection, statement)
            count = len(rows) if len(rows) < SHOWN_ROWS else count_rows(connection, rows_breaking(limit=None))
        return self._told(what, as_lines(rows, masked=masked), key, counted(count, *noun))

    def _told(self, what: str, lines: Sequence[str], key: Key, count: str) -> list[str]:
        """Return the rule with its place, the number of rows that break it, and the first of them."""
        if not lines:
            return []
        where = self._where(key)
        found = count + (", the first:" if count.split(maxsplit=1)[0] != str(len(lines)) else ":")
        return [f"{what} ({where}): {found}" if where else f"{what}: {found}", *(f"    {line}" for line in lines)]

    def _where(self, key: Key) -> Position | None:
        """Return where the playbook asks for a rule: on its own line, on its only column's, on its table's."""
        declared = self.declarations
        if key in declared:
            return declared[key].position
        table = declared.get(Key("table", key.name[:2]))
        if table is None:
            return None
        if key in table.parts:
            return table.parts[key].position
        definition = str(self.situation.wanted.value(key, "definition")) if key.kind == "constraint" else ""
        names = self._named(table.key, definition.partition(" REFERENCES ")[0])
        column = Key("column", (*table.key.name, *names))
        return table.parts[column].position if column in table.parts else table.position

    # The rows as they will be

    def _relation(self, table: Key) -> Sql:
        """Return a FROM item that gives the table's rows as they will be when the constraint is added."""
        columns = self.situation.wanted.of("column", *table.name)
        expressions = {key: self._expression(key) for key in columns}
        if (
            all(str(made) == str(ident(key.name[2])) for key, made in expressions.items())
            and self.renames.get(table, table) == table
        ):
            self.looked_at.add(table)
            return self._of_live(table)
        listed = ", ".join(f"{made} AS {ident(key.name[2])}" for key, made in expressions.items())
        return Sql(f"(SELECT {listed} FROM {self._renamed(table)}) AS wgm_rows")

    def _renamed(self, table: Key) -> Sql:
        live = self.renames.get(table, table)
        self.looked_at.add(live)
        listed = []
        changed = False
        for key in self.situation.current.of("column", *table.name):
            was = self.renames.get(key, key).name[2]
            if Key("column", (*live.name[:2], was)) not in self.live.rows:
                continue  # it comes back from the trash
            changed = changed or was != key.name[2]
            listed.append(f"{ident(was)} AS {ident(key.name[2])}" if was != key.name[2] else str(ident(was)))
        if not changed:
            return self._of_live(live)
        listed += self._trash_columns(table)
        return Sql(f"(SELECT {', '.join(listed)} FROM {self._of_live(live)}) AS wgm_named")

    def _of_live(self, live: Key) -> Sql:
        """Return a live table without the rows that the plan puts back."""
        if live not in self.put_back:
            return ident(live.name)
        return Sql(f"(SELECT * FROM {ident(live.name)} WHERE ({self.put_back[live]}) IS NOT TRUE) AS wgm_left")

    def _trash_columns(self, table: Key) -> list[str]:
        """Return the columns in the trash from which values come back: the catalog does not hold them."""
        own = {key.name[2] for key in self.situation.current.of("column", *table.name)}
        named = [
            name
            for key, convert in self.situation.goal.converts.items()
            if key.name[:2] == table.name
            for name in columns_named(str(convert.using))
        ]
        named += [one.place for key, one in self.situation.goal.waiting.items() if key.name[:2] == table.name]
        return [str(ident(name)) for name in dict.fromkeys(named) if name.startswith(COLUMN_PREFIX) and name not in own]

    def _expression(self, key: Key) -> Sql:
        return value_after(self.situation, self.live, key)

    def _known_type(self, spelled: str) -> str:
        return known_type(self.situation.wanted, self.live.rows, spelled)

    def _key_columns(self, table: Key) -> list[str]:
        """Return the columns of the primary key, by which people find the offending rows."""
        for key in self.situation.current.of("constraint", *table.name):
            if self.situation.current.value(key, "type") == "p":
                node = _constraint(str(self.situation.current.value(key, "definition")))
                return [str(one.sval) for one in node.keys or ()]
        return []


def _converted(situation: PlanContext, key: Key) -> bool:
    old, new = situation.current.value(key, "type"), situation.wanted.value(key, "type")
    return key in situation.goal.forced or (old != new and not coercible(old, new))


def _constraint(definition: str) -> Any:
    from pglast import parse_sql

    text = f"ALTER TABLE t ADD CONSTRAINT c {definition.replace(' NOT ENFORCED', '')}"
    statement: Any = parse_sql(text)[0].stmt
    return statement.cmds[0].def_


def refuse_bad_rows(looker: RowChecks) -> list[str]:
    """Raise `Refused` with the offending rows; return what could not be looked at."""
    lines, unknown = looker.problems()
    if lines:
        count = sum(not line.startswith(" ") for line in lines)
        raise Refused(
            f"the data break {count} rule{'s' if count != 1 else ''} of what is declared; nothing was touched",
            details=lines,
            hint="correct the rows (a `sql` step before, or by hand)"
            + (", or give the column `convert:` or `backfill:`" if looker.may_fill else ""),
        )
    return unknown
