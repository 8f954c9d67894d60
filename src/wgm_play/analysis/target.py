"""The plans of queries on the target, asked so that nothing can happen there.

In: who asks the target, statements. Out: their plans by name; why others have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play.analysis.plans import QueryPlan, Subject, UnplannedStatement, plan
from wgm_play.asking.ask import Asker, NotAsked
from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.secret import mask

if TYPE_CHECKING:
    import psycopg


@dataclass(slots=True)
class Plans:
    """Plans by the name of their query; `without` says why a query has none."""

    found: dict[str, QueryPlan] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)

    def take(self, connection: psycopg.Connection[Any], subjects: Iterable[Subject]) -> None:
        """Ask for the plans of these queries on a connection."""
        for one in subjects:
            try:
                self.found[one.name] = plan(connection, one)
            except UnplannedStatement as reason:
                self.without[one.name] = str(reason)


def plans_of(asker: Asker, subjects: Sequence[Subject]) -> Plans:
    """Return the plans on the target. What uses something that must not be called there is named."""
    made = Plans()
    if subjects and not _all(asker, subjects, made):
        for one in subjects:
            _each(asker, one, made)
    return made


def _all(asker: Asker, subjects: Sequence[Subject], made: Plans) -> bool:
    """Ask for all in one transaction; return whether each may be asked."""
    import psycopg

    try:
        with asker.transaction([one.text for one in subjects], path=None, planned=True) as connection:
            made.take(connection, subjects)
    except (NotAsked, InputError, psycopg.Error):
        return False
    return True


def _each(asker: Asker, one: Subject, made: Plans) -> None:
    import psycopg

    try:
        with asker.transaction([one.text], path=None, planned=True) as connection:
            made.take(connection, [one])
    except (NotAsked, InputError) as reason:
        made.without[one.name] = f"not asked: {reason}"
    except psycopg.Error as error:
        made.without[one.name] = mask(str(error.diag.message_primary or error).strip())


def search_path_of(reading: psycopg.Connection[Any]) -> str:
    """Return where names without a schema are looked for on the target, as the application does."""
    with reading.transaction(force_rollback=True):
        reading.execute(render("alerts/path.sql.j2").sql.encode())
        (found,) = reading.execute(render("analysis/search_path.sql.j2").sql.encode()).fetchone() or ("public",)
    return str(found)
