"""Adopt a database: record its present state in the ledger as run 0. Nothing else is changed.

In: what the command line says. Out: nothing; a database that has runs already is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play import server
from wgm_play.catalog import introspect
from wgm_play.catalog.model import digest
from wgm_play.environment import Policy
from wgm_play.errors import InputError, Refused
from wgm_play.execute import guard
from wgm_play.ledger import Ledger, RunInfo

if TYPE_CHECKING:
    from typing import Any

    import psycopg

    from wgm_play.inspect.options import Inspection
    from wgm_play.reporter import Reporter


def adopt(options: Inspection, reporter: Reporter) -> None:
    """Record the present state as run 0, and mark the database with the environment's name."""
    url = options.url
    if url is None:
        raise InputError(
            "--baseline needs a database", hint="wgm-play inspect postgresql://USER@HOST/DATABASE --baseline"
        )
    policy = Policy()

    def connect(name: str) -> psycopg.Connection[Any]:
        return server.connect_to(url, policy=policy, application_name=name)

    with guard.run_lock(connect, policy=policy, reporter=reporter), connect("wgm-play baseline") as connection:
        ledger = Ledger(connection)
        last = next(iter(ledger.last_runs(1)), None)
        if last is not None:
            raise Refused(
                f"the database is adopted already: its last run is {last.id}",
                hint="its state is what `wgm-play check` compares with",
            )
        live = introspect.read(connection)
        mark = digest(live.rows)
        name = connection.info.dbname
        info = RunInfo(
            options.output or "", name, options.environment, "baseline", from_digest=mark, to_digest=mark, id=0
        )
        run = ledger.begin(info, before=live, marker=options.environment, restore_point=False)
        ledger.finish(run, "done", after=live)
    reporter.data("run", run)
    reporter.note(
        f"adopted: run {run} records {len(live.rows)} objects; the database is marked {options.environment!r}"
    )
