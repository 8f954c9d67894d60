"""`wgm-play alerts PLAYBOOK drill NAME`: an alert is shown to fire, and to end, on a scratch server of our own.

In: an alert, the playbook that declares what it reads. Out: how long it took to fire and to end.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.alerts.drill import Connect, Drilled, NotDrilled, Recipe, drill, sent
from wgm_play.alerts.outside_values import NOTHING, OutsideValues
from wgm_play.environment import Embedded, Environment
from wgm_play.errors import Found, InputError, NoSuchRole, Problems, WgmError
from wgm_play.options import Options
from wgm_play.playbook.schema_rules import nearest
from wgm_play.render import render
from wgm_play.reporter import Reporter
from wgm_play.run.work import PlaySession
from wgm_play.secret import Secret

if TYPE_CHECKING:
    import psycopg

    from wgm_play.embedded import Server
    from wgm_play.playbook.model import Alert, Play

# Makes the database of a play at work what the play says.
Run = Callable[["PlaySession"], None]
DATABASE = "wgm_drill"
# What the drills of the library need of a server; the smallest that there is otherwise.
SETTINGS = {
    "wal_level": "logical",
    "max_wal_senders": "4",
    "max_replication_slots": "4",
    "max_connections": "25",
    "max_prepared_transactions": "2",
    "shared_buffers": "16MB",
    "archive_mode": "on",
    "archive_command": "true",
    "autovacuum": "off",
    "max_wal_size": "1GB",
}
# A lower threshold for what wgm-play itself knows: nobody waits for hours.
_SHORT = {"RunHangs": "> 0.2", "BackupOld": "> 1000000", "RestoreNotProved": "> 2678400"}
_TINY = "- name: Drill\n  hosts: drill\n  backup: {method: logical, verify: restore}\n"


class _Quiet(Reporter):
    """Says nothing."""


def run_drills(
    alerts: Sequence[Alert],
    names: Sequence[str],
    options: Options,
    reporter: Reporter,
    version: int,
    run: Run,
) -> list[Drilled]:
    """Drill the alerts with these names, or all that can be, on what the playbook declares and `run` makes. Raise `Found` where one does not fire, or does not end."""
    chosen = _chosen(alerts, names)
    with tempfile.TemporaryDirectory(prefix="wgm-drill-") as folder:
        embedded = Embedded(version=version, database=DATABASE, ephemeral=True, settings=SETTINGS)
        with scratch(embedded, Path(folder)) as server:
            reporter.note(f"scratch server: PostgreSQL {server.version}, of our own, gone afterwards")
            if any(not one.shipped for one in chosen):
                make(options, server, run)
            return [_one(one, server, Path(folder), reporter) for one in chosen]


@contextmanager
def scratch(embedded: Embedded, folder: Path) -> Iterator[Server]:
    """Hold a server for drills."""
    from wgm_play import embedded as servers

    with servers.session(embedded, folder) as server:
        yield server


def _chosen(alerts: Sequence[Alert], names: Sequence[str]) -> list[Alert]:
    known = {one.name: one for one in alerts}
    for name in names:
        if name not in known:
            raise InputError(
                f"the play has no alert {name!r}", hint=nearest(name, list(known)) or "wgm-play check lists them"
            )
    if not names:
        return [one for one in alerts if one.drill or one.source == "watch"]
    for one in (known[name] for name in names):
        if one.source == "promql":
            raise InputError(
                f"the alert {one.name!r} is one of Prometheus: no server of ours brings it about",
                where=one.position,
                hint="its rules are tried by: promtool test rules DIR/rules_test.yml",
            )
        if one.source == "query" and not one.drill:
            raise InputError(
                f"the alert {one.name!r} does not say how its condition comes about, and ends",
                where=one.position,
                hint="add `drill: {provoke: [SQL], resolve: [SQL]}`",
            )
    return [known[name] for name in names]


def make(options: Options, server: Server, run: Run) -> None:
    """Make on the scratch server what the playbook declares, and the roles that it names and does not declare.

    Of the environment it gets variables and secrets alone: nothing that the real database is behind is asked, paused,
    delivered to, or waited for.
    """
    from wgm_play.run.opening import load_plays

    book = replace(options, url=server.url, no_backup=True, check=False, tags=(), skip_tags=())
    made: set[str] = set()
    plays = load_plays(book)
    while True:
        try:
            for number, play, environment, playbook in plays:
                run(PlaySession(book, _Quiet(), _bare(environment, server), playbook, _plain(play), number))
            return
        except WgmError as error:
            problems = error.problems if isinstance(error, Problems) else (error,)
            lacking = {one.role for one in problems if isinstance(one, NoSuchRole)} - made
            if not lacking:
                raise Found(
                    f"what the alerts read cannot be made on a scratch server: {error.message}",
                    where=error.where,
                    details=error.details,
                    hint=error.hint,
                ) from error
        made |= lacking
        with _connecting(server.url)(None) as connection:
            for role in sorted(lacking):
                connection.execute(render("alerts/drill_role.sql.j2", role=role).sql)


def _bare(environment: Environment, server: Server) -> Environment:
    return Environment(
        environment.name,
        environment.path,
        environment.position,
        url=Secret(server.url),
        marker=DATABASE,
        variables=environment.variables,
        provided=environment.provided,
    )


def _plain(play: Play) -> Play:
    """Return a play that makes what it declares and looks at nothing else."""
    return replace(play, backup=None, alerts=(), invariants=(), after_changes=None, queries=(), gate=None, pool=None)


def _one(alert: Alert, server: Server, folder: Path, reporter: Reporter) -> Drilled:
    try:
        done = drilled(alert, server, folder)
    except NotDrilled as failed:
        raise Found(
            str(failed),
            where=alert.position,
            hint="is the threshold one that the condition reaches? `drill: {threshold: …}` gives a lower one",
        ) from failed
    reporter.note(
        f"{done.alert}: fires ({done.fired.value:g} {done.threshold}) after {done.fired_after:.1f} s, "
        f"ends after {done.resolved_after:.1f} s"
    )
    return done


def drilled(alert: Alert, server: Server, folder: Path) -> Drilled:
    """Drill one alert on a scratch server that runs. Raise `NotDrilled`."""
    connect = _connecting(server.url)
    tried = replace(alert, drill=alert.drill or ({"threshold": _SHORT[alert.name]} if alert.name in _SHORT else None))
    if alert.source == "query":
        recipe = RECIPES.get(alert.name) if alert.shipped else None
        return drill(tried, connect, NOTHING, recipe and recipe(alert, server.url))
    with _tiny_work(server, folder) as work:
        from wgm_play.commands.alerts import watched

        recipes = {"backup": _backup, "proof": _backup, "failed_run": _failed_run, "running": _running}
        return drill(
            tried, connect, OutsideValues(watched=lambda word: watched(work, word)), recipes[alert.query](work)
        )


def _connecting(url: str) -> Connect:
    import psycopg
    from psycopg.conninfo import make_conninfo

    def connect(database: str | None) -> psycopg.Connection[Any]:
        return psycopg.connect(make_conninfo(url, **({"dbname": database} if database else {})), autocommit=True)

    return connect


# Conditions that take more than statements


def _standby_behind(alert: Alert, url: str) -> Recipe:
    @contextmanager
    def recipe(connect: Connect) -> Iterator[None]:
        from wgm_play.alerts.standby import standby

        with standby(url), sent(alert.drill or {}, connect):
            yield

    return recipe


def _backup(work: PlaySession) -> Recipe:
    from wgm_play.commands.backups import take
    from wgm_play.run.gate import engine_of

    take(work, _Quiet())
    engine = engine_of(work)[1]

    @contextmanager
    def recipe(connect: Connect) -> Iterator[None]:
        for one in engine.own():
            shutil.rmtree(one.path)
        yield
        take(work, _Quiet())

    return recipe


def _failed_run(work: PlaySession) -> Recipe:
    @contextmanager
    def recipe(connect: Connect) -> Iterator[None]:
        with _run(work, connect):
            yield

    return recipe


def _running(work: PlaySession) -> Recipe:
    @contextmanager
    def recipe(connect: Connect) -> Iterator[None]:
        from wgm_play.execute.guard import run_lock

        policy = work.environment.policy
        with run_lock(work.connections.writing, policy=policy, reporter=_Quiet()), _run(work, connect):
            yield

    return recipe


@contextmanager
def _run(work: PlaySession, connect: Connect) -> Iterator[None]:
    """Record a run that begins, and ends only at the end of the block."""
    from wgm_play.ledger import Ledger, RunInfo

    with connect(None) as connection:
        ledger = Ledger(connection)
        number = ledger.begin(RunInfo(work.playbook.path, work.play.name, work.environment.name, "apply"))
        yield
        ledger.finish(number, "done")


@contextmanager
def _tiny_work(server: Server, folder: Path) -> Iterator[PlaySession]:
    """Return a play with a backup policy, at work on the scratch server."""
    from wgm_play.run.opening import open_plays

    project = folder / f"project-{time.monotonic_ns()}"
    (project / "environments").mkdir(parents=True)
    (project / "environments" / "drill.yml").write_text("{}\n", encoding="utf-8")
    (project / "drill.yml").write_text(_TINY, encoding="utf-8")
    (work,) = open_plays(Options(str(project / "drill.yml"), url=server.url), _Quiet())
    with work:
        yield work


# The conditions of alerts of the library that statements alone do not bring about.
RECIPES = {"StandbyBehind": _standby_behind}
