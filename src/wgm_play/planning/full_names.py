"""What a playbook's expressions over rows mean, in words that mean the same under every search_path.

In: the conversions and fills that apply now, the catalogs before and after. Out: the same, where a text names something
outside pg_catalog in full names, as PostgreSQL itself writes it. Rules of tables come so out of the shadow; these
expressions are in no catalog, yet run in triggers and statements of ours that see an empty search_path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import closure
from wgm_play.catalog.kinds import AS_ROWS
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import InputError, Position, WgmError
from wgm_play.operations.base import Goal, PlanContext
from wgm_play.operations.online.spell import columns_named
from wgm_play.playbook.files import raise_all
from wgm_play.playbook.model import Convert, Declaration
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.shadow import names_of, send
from wgm_play.shadow.realise import schemas_of
from wgm_play.shadow.rebuild import statements_for
from wgm_play.shadow.remake import named_in
from wgm_play.sql import Sql

if TYPE_CHECKING:
    import psycopg

    from wgm_play.shadow import Shadow

# What every database has; its functions are in pg_catalog.
_ALWAYS = "plpgsql"
# undefined_function, undefined_table, undefined_object, invalid_schema_name
_NOT_THERE = ("42883", "42P01", "42704", "3F000")


def in_full_names(
    shadow: Callable[[], Shadow], situation: PlanContext, declarations: Mapping[Key, Declaration]
) -> Goal:
    """Return the goal with the conversions and fills that apply now in full names. Raises `Problems` where one of them means nothing."""
    current, wanted, goal = situation.current, situation.wanted, situation.goal
    fills = {key: text for key, text in goal.backfills.items() if _filled_now(key, current, wanted)}
    texts = [str(text) for one in goal.converts.values() for text in (one.using, one.back) if text]
    texts += map(str, fills.values())
    both = _both(current, wanted)
    if not texts:
        return goal
    columns = [key for table in {key.name[:2] for key in (*goal.converts, *fills)} for key in _columns(both, table)]
    part = closure(both, {*named_in(both, texts), *_others(both), *columns}) - {
        key for key in both.rows if key.kind in AS_ROWS
    }
    with shadow().database() as connection:
        if not _made(connection, statements_for(both.only(part))):
            return goal
        words = _Words(connection, schemas_of(declarations), current, wanted)
        converts = {key: words.conversion(key, one) for key, one in goal.converts.items()}
        said = {key: words.fill(key, one, _place(key, declarations)) for key, one in fills.items()}
    raise_all(words.problems)
    return replace(goal, converts=converts, backfills={**goal.backfills, **said})


def _filled_now(key: Key, current: Catalog, wanted: Catalog) -> bool:
    if key not in wanted.rows:
        return False
    return key not in current.rows or (wanted[key].not_null and not current[key].not_null)


def _place(key: Key, declarations: Mapping[Key, Declaration]) -> Position | None:
    table = declarations.get(Key("table", key.name[:2]))
    return table.parts[key].position if table is not None and key in table.parts else None


def _both(current: Catalog, wanted: Catalog) -> Catalog:
    """Return what is there before or after: an expression may name either."""
    return Catalog(
        {**current.rows, **wanted.rows},
        {**current.extras, **wanted.extras},
        current.edges | wanted.edges,
        version=wanted.version,
    )


def _others(catalog: Catalog) -> list[Key]:
    """Return what a text may mean without a word of it: operators of extensions and of the database's own."""
    return [
        key for key in catalog.rows if key.kind == "operator" or (key.kind == "extension" and key.name != (_ALWAYS,))
    ]


def _columns(catalog: Catalog, table: tuple[str, ...]) -> list[Key]:
    return list(catalog.of("column", *table))


def _made(connection: psycopg.Connection[Any], statements: Iterable[str]) -> bool:
    """Make what the expressions may name; False where that cannot be made alone: then they stay as they are written."""
    import psycopg as library

    try:
        for statement in statements:
            send(connection, statement)
    except library.Error as error:
        if error.sqlstate is None:
            raise
        return False
    return True


class _Words:
    """Asks a scratch database for an expression in full names; `problems` are those that PostgreSQL refuses."""

    def __init__(
        self, connection: psycopg.Connection[Any], schemas: Sequence[str], current: Catalog, wanted: Catalog
    ) -> None:
        self.connection = connection
        self.schemas = schemas
        self.current = current
        self.wanted = wanted
        self.problems: list[WgmError] = []

    def conversion(self, key: Key, one: Any) -> Any:
        """Return a conversion whose texts are in full names."""
        if not isinstance(one, Convert):
            return one
        told = self._told_of_conversion
        using = self._said(key, one.using, self._rows(key, self.current), one.position, told)
        back = one.back and self._said(key, one.back, self._rows(key, self.wanted), one.position, told)
        return replace(one, using=using, back=back)

    def fill(self, key: Key, text: Sql, where: Position | None) -> Sql:
        """Return the fill of a column, which speaks of the row as it is."""
        return self._said(
            key, text, {**self._rows(key, self.wanted), **self._rows(key, self.current)}, where, self._told_of_fill
        )

    def _told_of_fill(self, key: Key, text: Sql, error: psycopg.Error) -> tuple[str, str] | None:
        """Return what to say of a fill; None where it may name what a `sql` step makes before it."""
        table = key.name[:2]
        named = [Key("column", (*table, name)) for name in columns_named(str(text))]
        converted = [
            f"{one.name[2]} is {self.current[one].type} then"
            for one in named
            if one in self.current.rows and one in self.wanted.rows and self.current[one].type != self.wanted[one].type
        ]
        said = mask(error.diag.message_primary or str(error))
        if error.sqlstate in _NOT_THERE and not converted and not said.startswith("operator"):
            return None
        hint = "`backfill` is SQL over the row, with its new names, before its values are converted"
        hint += f": {', '.join(converted)}; or convert in a run before" if converted else ""
        return f"backfill of column {key.name[1]}.{key.name[2]}: {said}", hint

    def _rows(self, key: Key, catalog: Catalog) -> dict[str, Sql]:
        return {column.name[2]: Sql(catalog[column].type) for column in catalog.of("column", *key.name[:2])}

    def _told_of_conversion(self, key: Key, _: Sql, error: psycopg.Error) -> tuple[str, str] | None:
        said = mask(error.diag.message_primary or str(error))
        return f"convert of column {'.'.join(key.name[1:])}: {said}", "`using` is SQL over the row before, `back` after"

    def _said(
        self,
        key: Key,
        text: Sql,
        columns: Mapping[str, Sql],
        where: Position | None,
        told: Callable[[Key, Sql, psycopg.Error], tuple[str, str] | None],
    ) -> Sql:
        """Return an expression as it is written where it means the same without a search_path, else in full names."""
        import psycopg as library

        asked = render("shadow/expression.sql.j2", expression=text, table=key.name[1]).sql
        try:
            with self.connection.transaction(force_rollback=True):
                send(self.connection, render("shadow/rows.sql.j2", table=key.name[1], columns=columns).sql)
                plain = self._plain(asked)
                with names_of(self.connection, self.schemas):
                    send(self.connection, asked)
                full = self._written()
        except library.Error as error:
            if error.sqlstate is None:
                raise
            if where and (found := told(key, text, error)):
                self.problems.append(InputError(found[0], where=where, hint=found[1]))
            return text
        return text if plain == full else Sql(full)

    def _plain(self, asked: str) -> str | None:
        """Return what an expression means with an empty search_path; None where it means nothing."""
        import psycopg as library

        try:
            with self.connection.transaction(force_rollback=True):
                send(self.connection, asked)
                return self._written()
        except library.Error as error:
            if error.sqlstate is None:
                raise
            return None

    def _written(self) -> str:
        """Return the expression of the policy as PostgreSQL writes it: `(expression IS NULL)`."""
        row = self.connection.execute(render("shadow/expression_text.sql.j2").sql.encode()).fetchone()
        return str(row[0] if row else "").removeprefix("(").removesuffix(" IS NULL)")
