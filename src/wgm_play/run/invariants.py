"""The queries of a play that must return no rows: before a run, during it and after it.

In: a `PlaySession`. Out: what could not be asked; one that is broken is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play.asking.ask import NotAsked
from wgm_play.errors import InputError, Refused, StepFailed
from wgm_play.playbook.fold import fold
from wgm_play.shadow.realise import schemas_of

if TYPE_CHECKING:
    from wgm_play.run.work import PlaySession

# A table, a column, a function, a type or a schema that there is not.
_MISSING = ("42P01", "42703", "42883", "42704", "3F000")


def ask(work: PlaySession, *, before: bool, after: bool = False) -> list[str]:
    """Ask each invariant; raise `Refused` before a run, `StepFailed` during and after it. Return what was not asked.

    Until the run's end, what they speak of may still be missing.
    """
    if not work.invariants:
        return []
    import psycopg as library

    unasked: list[str] = []
    schemas = schemas_of(fold(work.play.steps).declarations)
    for invariant in work.invariants:
        try:
            answer = work.asker.ask(invariant.query, schemas=schemas, where=invariant.position, most=10)
        except NotAsked as reason:
            unasked.append(f"the invariant {invariant.name!r}: {reason}")
            continue
        except library.Error as error:
            if not after and error.sqlstate in _MISSING:
                continue  # what it speaks of is made by this run
            raise InputError(str(error.diag.message_primary or error), where=invariant.position) from error
        if answer.rows:
            kind = Refused if before else StepFailed
            raise kind(
                f"the invariant {invariant.name!r} is broken {'before' if before else 'by'} the run",
                where=invariant.position,
                details=[", ".join(map(str, row)) for row in answer.rows],
            )
    return unasked
