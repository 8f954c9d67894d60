"""Plans of queries on a server of our own, before and after a change that was not made yet.

In: a play's plan, queries. Out: `Judged`: the queries that become slower, the plans, what is not known. Both states are made
with the same statistics, so that what differs is the change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wgm_play.analysis.compare import Slower, slower
from wgm_play.analysis.plans import Subject
from wgm_play.analysis.target import Plans, search_path_of
from wgm_play.catalog.model import Catalog, Key
from wgm_play.render import render

if TYPE_CHECKING:
    import psycopg

    from wgm_play.embedded.server import Server
    from wgm_play.operations.base import TableSize
    from wgm_play.planning.model import Planned
    from wgm_play.run.work import Work


@dataclass(slots=True)
class Judged:
    """What a change does to plans. `basis` says by which statistics that was judged."""

    slower: list[Slower] = field(default_factory=list)
    before: Plans = field(default_factory=Plans)
    after: Plans = field(default_factory=Plans)
    basis: str = ""


def judge(work: Work, planned: Planned, subjects: Sequence[Subject]) -> Judged:
    """Plan the queries with the live catalog and with the wanted one. Raise `Refused` where no server is to be had."""
    from wgm_play.rehearsal.stage import settings_of
    from wgm_play.rehearsal.synthetic import own_server

    judged = Judged()
    sizes = planned.situation.facts.sizes
    renamed = {wanted: sizes[live] for wanted, live in planned.situation.goal.renames.items() if live in sizes}
    path = search_path_of(work.reading)
    settings, _ = settings_of(work.reading)
    with own_server(planned.live.version, settings) as (server, _):
        for catalog, known, into in (
            (planned.live, sizes, judged.before),
            (planned.wanted.catalog, {**sizes, **renamed}, judged.after),
        ):
            with _made(work, server, catalog, known) as (connection, basis):
                connection.execute(render("analysis/set_path.sql.j2", path=path).sql.encode())
                into.take(connection, subjects)
                judged.basis = basis
    judged.slower = slower(subjects, judged.before.found, judged.after.found)
    return judged


@contextmanager
def _made(
    work: Work, server: Server, catalog: Catalog, sizes: Mapping[Key, TableSize]
) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """Give a connection to a scratch server that holds a catalog, and rows made from the target's statistics."""
    from wgm_play.backup import target
    from wgm_play.rehearsal.synthetic import fill

    made = fill(server, work.reading, catalog, sizes, work.environment.policy, work.reading.info.user)
    with target.connect(made.url, "wgm-play analyze") as connection:
        yield connection, "rows made from the statistics"
