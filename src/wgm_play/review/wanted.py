"""What plays declare, made in a scratch database of our own: the wanted catalog, without any database of theirs.

In: loaded plays. Out: a `Made` for each; its session is on the database that holds the objects, until the next is asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.reporter import Reporter
from wgm_play.review.compare import assumed, version_of
from wgm_play.review.work import ReviewWork, scratch_connections
from wgm_play.run.opening import Loaded
from wgm_play.shadow import Shadow, open_shadow

if TYPE_CHECKING:
    import psycopg

    from wgm_play.catalog.model import Catalog
    from wgm_play.options import Options
    from wgm_play.playbook.model import Declarations


@dataclass(frozen=True, slots=True)
class Made:
    """A play, made: its catalog, and a session of a role that may do nothing else on the scratch server."""

    loaded: Loaded
    folded: Declarations
    catalog: Catalog
    session: psycopg.Connection[Any]


def wanted(plays: Sequence[Loaded], options: Options) -> Generator[Made]:
    """Yield each play, made. Raise `Problems` where PostgreSQL refuses what it declares."""
    with ExitStack() as stack:
        shadows: dict[int, Shadow] = {}
        for loaded in plays:
            number, play, environment, playbook = loaded
            major, _ = version_of(environment)
            if major not in shadows:
                shadows[major] = stack.enter_context(open_shadow(scratch_connections(environment).scratch(major)))
            shadow = shadows[major]
            work = ReviewWork(
                options,
                Reporter(),
                environment,
                playbook,
                play,
                number,
                shadow=shadow,
                assumed=assumed(environment),
                flags_on=True,
            )
            with shadow.database() as session:
                work.session = session
                folded = work.fold_base()
                base = work.make_base(folded)
                yield Made(loaded, base.folded, base.wanted.catalog, session)
