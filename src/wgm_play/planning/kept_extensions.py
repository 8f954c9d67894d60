"""Extensions that the trash needs stay: a column in it has a type of theirs, and nothing could bring its values back.

In: the live and the wanted catalog, what is known of the server. Out: the wanted catalog with the extensions that stay, and
why, told with the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.graph import reached
from wgm_play.catalog.model import Catalog, Key
from wgm_play.desired.model import DesiredState
from wgm_play.operations.base import Facts
from wgm_play.planning import live_facts

if TYPE_CHECKING:
    import psycopg


def keep(connection: psycopg.Connection[Any], facts: Facts, live: Catalog, wanted: DesiredState) -> None:
    """Let extensions stay that something in the trash needs, or that goes there by this plan."""
    gone = {key for key in live.of("extension") if key not in wanted.catalog.rows}
    if not gone:
        return
    users = dict(_users(connection, facts, live, wanted.catalog, gone))
    for key in sorted(reached(users, live.directly_needed)):
        if key in gone:
            _stay(live, wanted.catalog, key)
            why = users.get(key, "an extension that stays needs it")
            wanted.kept.append(f"{key} stays: {why}; it can go once `wgm-play purge` has emptied the trash")


def _users(
    connection: psycopg.Connection[Any], facts: Facts, live: Catalog, wanted: Catalog, gone: set[Key]
) -> Iterator[tuple[Key, str]]:
    """Yield the extensions that are needed, and by what."""
    for column, key in live_facts.columns_of_extensions(connection) if facts.trash else ():
        if key in gone and column in live.rows and column not in wanted.rows:
            yield key, f"{column}, which goes to the trash, is of its type"
    for key in gone:
        if user := facts.user_in_trash(live, key):
            yield key, f"{user}, in the trash, needs it"


def _stay(live: Catalog, wanted: Catalog, key: Key) -> None:
    for one in (key, Key("schema", (live[key].schema,))):
        if one in live.rows and one not in wanted.rows:
            wanted.rows[one] = live.rows[one]
            wanted.extras[one] = live.extra(one)
