"""What a play says is to be tried in the state that is wanted: functions that fail only when they are called.

In: `exercise:` of a play, a URL of the scratch server. Out: a finding for each that fails; everything is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from wgm_play.finding import ERROR, Finding
from wgm_play.playbook.model import Exercise
from wgm_play.rehearsal.budget import SHOWN, SOURCE
from wgm_play.secret import mask
from wgm_play.sql import reveal

if TYPE_CHECKING:
    import psycopg


def exercise(connection: psycopg.Connection[Any], exercises: Sequence[Exercise]) -> Iterator[Finding]:
    """Try each in a transaction of its own."""
    import psycopg

    for one in exercises:
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(reveal(one.sql).encode())
                told = "" if one.holds is None else _held(connection, one.holds)
        except psycopg.Error as error:
            told = f"it fails: {error.diag.message_primary or error}"
            if error.diag.context:
                told += f" ({' '.join(error.diag.context.split())})"
        if told:
            text = " ".join(reveal(one.sql).split())[:SHOWN]
            yield Finding("exercise", ERROR, mask(f"{text}: {told}"), object=text, where=one.position, source=SOURCE)


def _held(connection: psycopg.Connection[Any], query: str) -> str:
    rows = connection.execute(reveal(query).encode()).fetchmany(2)
    if len(rows) == 1 and rows[0][0] is True:
        return ""
    shown = ", ".join(map(str, rows[0])) if len(rows) == 1 else f"{len(rows)} rows"
    return f"what must hold after it does not: {' '.join(reveal(query).split())[:SHOWN]} returned {shown}"
