"""A run that changes nothing that a playbook declares: the trash is emptied, or something is brought back from it.

In: the groups of operations. Out: a run that the ledger records under the command's name; rollback does not take it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play.catalog.model import Catalog, digest
from wgm_play.ledger import Ledger, RunInfo
from wgm_play.plan import Group, Plan

if TYPE_CHECKING:
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession


def plan_of(work: PlaySession, groups: tuple[Group, ...], live: Catalog) -> Plan:
    """Return the plan of such a run: the catalog that it starts from is the one that it leads to."""
    mark = digest(live.rows)
    path, play, environment = work.playbook.path, work.play.name, work.environment.name
    return Plan(path, play, environment, live.version, mark, mark, work.playbook.digest, groups)


def run_of(work: PlaySession, groups: tuple[Group, ...], command: str, reporter: Reporter) -> None:
    """Run the groups under the run lock."""
    from wgm_play.execute import executor, guard
    from wgm_play.execute.session import open_session

    live = work.read_live()
    plan = plan_of(work, groups, live)
    with (
        guard.run_lock(work.connections.writing, policy=work.environment.policy, reporter=reporter) as lock,
        open_session(work.connections.writing, "run", work.environment.policy) as session,
    ):
        ledger = Ledger(session.connection)
        info = RunInfo(
            plan.playbook, plan.play, plan.environment, command, from_digest=plan.from_digest, to_digest=plan.to_digest
        )
        run = ledger.begin(info, before=live, readers=work.environment.readers, restore_point=False)
        executor.execute(
            plan, session=session, ledger=ledger, run=run, environment=work.environment, reporter=reporter, lock=lock
        )
        ledger.finish(run, "done", after=work.read_live())
