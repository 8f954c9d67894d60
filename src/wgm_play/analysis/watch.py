"""What queries cost and how they are planned at a moment, kept in the ledger: before a run, so that it can be judged after it.

In: a play's work. Out: `QuerySnapshot`; a row of `wgm.query_record`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from wgm_play.analysis import statements
from wgm_play.analysis.plans import Subject, rewritten, subject_of
from wgm_play.analysis.statements import Count, Statements, dearest
from wgm_play.analysis.target import Plans, plans_of
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.ledger.install import written
from wgm_play.ledger.query_records import record

if TYPE_CHECKING:
    from psycopg import Connection

    from wgm_play.run.work import PlaySession

# As many of the server's dearest statements are judged with a run, and as many counts are kept.
TOP, KEPT = 10, 500


@dataclass(frozen=True, slots=True)
class QuerySnapshot:
    """The queries, their plans and counts at one moment."""

    subjects: Sequence[Subject]
    plans: Plans
    counts: Statements


def top_subjects(declared: Sequence[Subject], counts: Iterable[Count], number: int) -> list[Subject]:
    """Return the statements that took most time, as what is planned, without those that the play declares."""
    known = {one.key for one in declared}
    others = [one for one in counts if one.key not in known and not _own(one.text)]
    return [
        Subject(" ".join(one.text.split()), rewritten(one.text), declared=False, key=one.key)
        for one in dearest(others, number)
    ]


def _own(text: str) -> bool:
    """Tell whether a statement reads nothing but the catalog, or what is ours: nobody's application sends it."""
    return "pg_catalog." in text or "wgm." in text or "pg_stat_statements" in text


def subjects_of(work: PlaySession, top: int = TOP) -> list[Subject]:
    """Return the play's queries and, of a trusted playbook's, the server's dearest statements."""
    declared = [subject_of(one) for one in work.play.queries]
    counts = statements.read(work.reading).counts.values() if work.trusted else ()
    return [*declared, *top_subjects(declared, counts, top)]


def look(work: PlaySession, top: int = TOP) -> QuerySnapshot:
    """Look at the play's queries and the server's dearest now."""
    counts = statements.read(work.reading)
    declared = [subject_of(one) for one in work.play.queries]
    subjects = [*declared, *top_subjects(declared, counts.counts.values(), top)]
    return QuerySnapshot(subjects, plans_of(work.asker, subjects), counts)


def keep(work: PlaySession, seen: QuerySnapshot, run: int | None, connection: Connection[object] | None = None) -> None:
    """Write one record, by the run's own connection or one that is opened for it."""
    plans = {name: plan.data() for name, plan in seen.plans.found.items()}
    counts = [one.data() for one in seen.counts.dearest(KEPT)]
    said = (work.environment.name, work.play.name, run, seen.counts.reset, counts, plans)
    if connection is not None:
        record(connection, *said)
        return
    with work.connections.writing("wgm-play/analyze") as own, own.transaction():
        Ledger(own).ensure(work.environment.readers)
        with written():
            record(own, *said)
