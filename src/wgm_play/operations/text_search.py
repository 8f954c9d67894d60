"""Text search configurations and dictionaries: create, alter, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

import re

from wgm_play.catalog.model import Key
from wgm_play.catalog.text_search import TextSearchConfiguration, TextSearchDictionary
from wgm_play.operations.base import PlanContext, command
from wgm_play.operations.defined import Defined, sql
from wgm_play.plan import Command
from wgm_play.sql import Sql, ident
from wgm_play.sqltext.scan import LITERAL, QUOTED


def make_configuration(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make a configuration with its mappings."""
    row: TextSearchConfiguration = situation.wanted[key]
    made = command("text_search_configuration/create", name=ident(key.name), source=None, parser=Sql(row.parser))
    return [made, *_map(key, row.mappings or [])]


def _map(key: Key, mappings: list[list[str]]) -> list[Command]:
    return [
        command("text_search_configuration/map", name=ident(key.name), token=ident(token), dictionaries=Sql(names))
        for token, names in mappings
    ]


def change_configuration(
    situation: PlanContext, key: Key, old: TextSearchConfiguration, new: TextSearchConfiguration
) -> list[Command] | None:
    """Map token types anew; a configuration keeps its parser (manual: ALTER TEXT SEARCH CONFIGURATION)."""
    if old.parser != new.parser:
        return None
    before = {token: names for token, names in old.mappings or ()}
    after = {token: names for token, names in new.mappings or ()}
    gone = [
        command("text_search_configuration/unmap", name=ident(key.name), token=ident(token))
        for token in before
        if token not in after
    ]
    return [*gone, *_map(key, [[token, names] for token, names in after.items() if before.get(token) != names])]


def make_dictionary(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statement that makes a dictionary."""
    row: TextSearchDictionary = situation.wanted[key]
    method, options = Sql(row.template), sql(row.options)
    return [command("text_search_dictionary/create", name=ident(key.name), method=method, options=options)]


# One option as the catalog writes it: name = 'value', with quotes doubled, the E form where there are backslashes.
_OPTION = re.compile(rf"\s*({QUOTED}|\w+)\s*=\s*(E?{LITERAL}|[^,\s]+)\s*(?:,|\Z)")


def dictionary_options(text: str | None) -> dict[str, str]:
    """Return the options of a dictionary, each as SQL, by their names as SQL."""
    return {found.group(1): found.group(2) for found in _OPTION.finditer(text or "")}


def change_dictionary(
    situation: PlanContext, key: Key, old: TextSearchDictionary, new: TextSearchDictionary
) -> list[Command] | None:
    """Set and take away options; a dictionary keeps its template."""
    if old.template != new.template:
        return None
    before, after = dictionary_options(old.options), dictionary_options(new.options)
    if list(before.items()) == list(after.items()):
        return None
    # All of them: what is given goes to the end of the list.
    options = [Sql(f"{name} = {value}") for name, value in after.items()]
    options += [Sql(name) for name in before if name not in after]
    return [command("text_search_dictionary/alter", name=ident(key.name), options=options)] if options else None


TEXT_SEARCH_CONFIGURATION = Defined(make_configuration, change_configuration)
TEXT_SEARCH_DICTIONARY = Defined(make_dictionary, change_dictionary)
