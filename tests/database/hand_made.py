"""Plans written by hand, and a runner around the executor as the pipeline calls it.

In: SQL texts. Out: `Plan`s; `apply` runs one with lock, ledger and session. As a program (`python hand_made.py URL
FILE [COUNT]`) it runs the plan in a JSON file, leaving out what the database already has: what a new plan would do.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg

from wgm_play.catalog.model import Key
from wgm_play.environment import Environment, Policy
from wgm_play.errors import Position, WgmError
from wgm_play.execute.executor import Outcome, execute
from wgm_play.execute.guard import run_lock
from wgm_play.execute.session import open_session
from wgm_play.ledger import Ledger, RunInfo
from wgm_play.plan import Command, Group, Operation, Plan
from wgm_play.reporter import Reporter

QUICK = Policy(lock_timeout=0.3, lock_budget=1.0, statement_timeout=10.0)


class Listening(Reporter):
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.retries: list[str] = []
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def retry(self, text: str) -> None:
        self.retries.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def connector(url: str) -> Callable[[str], psycopg.Connection[Any]]:
    """Return the `connect(application_name)` of a database."""

    def connect(application_name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            url,
            autocommit=True,
            application_name=application_name,
            options="-c search_path= -c timezone=UTC",
        )

    return connect


def environment(policy: Policy = QUICK) -> Environment:
    return Environment("test", "environments/test.yml", Position("environments/test.yml"), policy=policy)


def operation(*sql: str | Command, name: str = "thing", step: int = 0, **values: Any) -> Operation:
    commands = tuple(one if isinstance(one, Command) else Command(one) for one in sql)
    return Operation("create", Key("table", ("public", name)), f"create {name}", commands, step, **values)


def by_itself(sql: str) -> Command:
    """Return a command that is not sent together with its ledger rows: it reads a table."""
    return Command(sql, scans=True)


def concurrently(sql: str, done: str | None = None) -> Command:
    return Command(sql, wait="long", transactional=False, done=done)


def plan(
    *groups: Group | Sequence[str], names: Sequence[str] = ("First step", "Second step"), digest: str = "d"
) -> Plan:
    made = tuple(group if isinstance(group, Group) else Group((operation(*group),), 0) for group in groups)
    return Plan("test.yml", "Test", "test", 150000, "from", "to", digest, made, step_names=tuple(names))


def apply(
    url: str,
    made: Plan,
    *,
    policy: Policy = QUICK,
    reporter: Reporter | None = None,
    info: RunInfo | None = None,
    **values: Any,
) -> tuple[int, Outcome]:
    """Run a plan as the pipeline does; return the run's number and what was done."""
    connect, say = connector(url), reporter or Reporter()
    with run_lock(connect, policy=policy, reporter=say) as lock, open_session(connect, policy=policy) as session:
        ledger = Ledger(session.connection)
        number = ledger.begin(info or RunInfo("test.yml", "Test", "test", "apply", plan_digest=made.playbook_digest))
        skip = ledger.groups_done(number)
        outcome = execute(
            made,
            session=session,
            ledger=ledger,
            run=number,
            environment=environment(policy),
            reporter=say,
            lock=lock,
            skip_groups=skip,
            **values,
        )
        ledger.finish(number, "done")
        return number, outcome


def to_json(made: Plan) -> str:
    """Write a plan's statements, for `main`."""
    return json.dumps(
        [
            [
                group.transactional,
                [[op.key.name[1], [[c.sql, c.wait, c.done, c.scans] for c in op.commands]] for op in group.operations],
            ]
            for group in made.groups
        ]
    )


def from_json(text: str) -> Plan:
    """Read what `to_json` wrote."""
    groups = []
    for transactional, operations in json.loads(text):
        made = tuple(
            operation(
                *(Command(sql, wait, (), transactional, scans=scans, done=done) for sql, wait, done, scans in commands),
                name=name,
            )
            for name, commands in operations
        )
        groups.append(Group(made, 0, transactional))
    return plan(*groups, digest=hashlib.sha256(text.encode()).hexdigest())


def main() -> int:
    """Run the plan in a file; the exit code is the error's."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    policy = Policy(lock_timeout=2.0, lock_budget=20.0)
    try:
        apply(sys.argv[1], from_json(Path(sys.argv[2]).read_text()), policy=policy)
    except WgmError as error:
        sys.stderr.write(f"{error.message}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
