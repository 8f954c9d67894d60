"""Rows that break what a domain demands from now on: its checks and NOT NULL hold for what tables have of it already.

In: a situation, what looks at the rows. Out: lines that show the rows. PostgreSQL adds no rule to a domain of which a
table has values within another type (an array, a composite type): that is said of the column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol

from wgm_play.catalog.model import Key
from wgm_play.checks.data import check_expression
from wgm_play.operations.base import PlanContext
from wgm_play.operations.trash import COLUMN_PREFIX, SCHEMA
from wgm_play.planning.held_values import Asked, ValueHolder
from wgm_play.sql import Sql, ident
from wgm_play.sqltext.scan import IN_QUOTES


class DomainRows(Protocol):
    """What looks at the rows of a live database: see `datacheck.RowChecks`."""

    situation: PlanContext
    rewritten: frozenset[Key]
    looked_at: set[Key]

    def holders(self, kind: Key, asked: Asked, *, trashed: bool = False) -> Iterator[tuple[ValueHolder, Key, Key]]:
        """Yield what holds values of a type: the live column, its table, and how the plan calls it."""

    def live_keys(self, table: Key) -> list[str]:
        """Return the live names of the columns by which people find rows."""

    def broken_by(
        self, words: str, relation: Sql, expression: Sql, shown: Sequence[str], key: Key, table: Key
    ) -> list[str]:
        """Return the rows for which a check is false, or raises an error."""


# VALUE as a word of a check; text in quotes is passed over.
_VALUE = re.compile(rf"{IN_QUOTES}|(?<![\w$.])VALUE(?![\w$(])")


def new_rules(situation: PlanContext) -> Iterator[tuple[Key, str, Asked]]:
    """Yield (domain, its rule in words, the condition on a value) for what live domains demand from now on."""
    current, wanted = situation.current, situation.wanted
    for key in wanted.of("domain_constraint"):
        domain = Key("domain", key.name[:2])
        old, new = current.get(key), wanted[key]
        if domain not in current.rows or not new.validated:
            continue
        if old is None or not old.validated or old.definition != new.definition:
            yield domain, f"{key}: {new.definition}", partial(_checked, new.definition, wanted[domain].type)
    for domain in wanted.of("domain"):
        if domain in current.rows and wanted[domain].not_null and not current[domain].not_null:
            yield domain, f"{domain} must not be NULL", lambda value: f"({value}) IS NOT NULL"


def _checked(definition: str, base: str, value: str) -> str:
    inner = str(check_expression(definition))
    return _VALUE.sub(lambda found: f"(({value})::{base})" if found[0] == "VALUE" else found[0], inner)


def broken(looker: DomainRows, domain: Key, words: str, rule: Asked) -> list[str]:
    """Return the lines for the rows that break a rule, in live tables and in the trash: PostgreSQL looks at both."""
    made: list[str] = []
    for one, live, column in looker.holders(domain, rule, trashed=True):
        if column in looker.situation.wanted.rows:
            made += _of_column(looker, domain, words, one, live, column)
        elif place := _trash_of(looker.situation, live, column):
            made += _of_trash(looker, domain, words, one, live, f"{column}, which {place} the trash")
    return made


def _trash_of(situation: PlanContext, live: Key, column: Key) -> str | None:
    if live.name[0] == SCHEMA or column.name[2].startswith(COLUMN_PREFIX):
        return "is in"
    return "goes to" if column in situation.current.rows and situation.facts.trash else None


def _of_trash(looker: DomainRows, domain: Key, words: str, one: ValueHolder, live: Key, what: str) -> list[str]:
    way = "    the rule can come when `wgm-play purge` has emptied the trash; or give a domain of another name to what stays"
    if one.inside:
        return [f"{words}: {what}, has values within another type (0A000)", way]
    found = looker.broken_by(f"{what}, {words}", ident(live.name), one.condition, [one.column.name[2]], domain, live)
    return [*found, way] if found else []


def _of_column(looker: DomainRows, domain: Key, words: str, one: ValueHolder, live: Key, column: Key) -> list[str]:
    situation = looker.situation
    if column in situation.current.rows and situation.current[column].type != situation.wanted[column].type:
        return []  # it is converted: its values are looked at there
    if one.inside:
        if situation.current[domain].type != situation.wanted[domain].type:
            return []  # it is made again, and its columns with it
        return [
            f"{words}: PostgreSQL adds no rule to a domain of which {column} has values within another type"
            " (0A000): declare a domain of another name, and give the column that one"
        ]
    if live in looker.rewritten:
        return []  # rows are put back first: PostgreSQL looks at these
    looker.looked_at.add(live)
    table = Key("table", column.name[:2])
    shown = list(dict.fromkeys([*looker.live_keys(table), one.column.name[2]]))
    return looker.broken_by(f"{column}, {words}", ident(live.name), one.condition, shown, column, table)
