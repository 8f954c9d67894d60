"""`wgm-play alerts`: the alerts of a play as files, compared with metrics that there are, tried out.

In: options. Out: files; findings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.errors import Found, InputError
from wgm_play.quantities import counted
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from wgm_play.commands.alert_drill import Run
    from wgm_play.environment import Environment
    from wgm_play.options import Options
    from wgm_play.playbook.model import Play
    from wgm_play.reporter import Reporter

# What exporters are written for where nothing says how old the server is.
NEWEST = 18


def render(
    options: Options,
    reporter: Reporter,
    names: tuple[str, ...],
    output: str | None,
    *,
    exporter: str,
    database: str | None,
    version: int | None,
    against: str | None,
    run: Run,
) -> int:
    """Write the files for Prometheus, Alertmanager, exporters and Grafana; no database is asked."""
    from wgm_play.alerts.rendered import rendered, write_all

    play, environment = _only(options, reporter)
    files = rendered(
        play.alerts,
        environment.name,
        database_of(environment, database),
        _version(environment, version) * 10000,
        exporter,
    )
    folder = Path(output or ".")
    changed = write_all(files, folder)
    told = ", ".join(name for name, other in changed.items() if other) or "all as they were"
    reporter.note(f"{folder}: {told} ({counted(len(play.alerts), 'alert')})")
    reporter.data("files", {str(folder / name): other for name, other in changed.items()})
    return 0


def lint(
    options: Options,
    reporter: Reporter,
    names: tuple[str, ...],
    output: str | None,
    *,
    exporter: str,
    database: str | None,
    version: int | None,
    against: str | None,
    run: Run,
) -> int:
    """Compare what the rules name with pages of metrics. Raise `Found` for what is missing there."""
    from wgm_play.alerts.lint import missing, read_pages

    play, environment = _only(options, reporter)
    pages = read_pages((against or "").split(","))
    found = missing(play.alerts, environment.name, database_of(environment, database), exporter, pages)
    if found:
        raise Found(f"{counted(len(found), 'rule')} can never fire", details=found)
    reporter.note(f"{counted(len(play.alerts), 'alert')}: all that the rules name is there")
    return 0


def drill(
    options: Options,
    reporter: Reporter,
    names: tuple[str, ...],
    output: str | None,
    *,
    exporter: str,
    database: str | None,
    version: int | None,
    against: str | None,
    run: Run,
) -> int:
    """Show on a scratch server that alerts fire, and end. Raise `Found` where one does not."""
    from wgm_play.commands.alert_drill import run_drills
    from wgm_play.untrusted import refuse_run

    refuse_run(options)
    play, environment = _only(options, reporter)
    done = run_drills(play.alerts, names, options, reporter, _version(environment, version), run)
    reporter.data(
        "drills",
        [
            {
                "alert": one.alert,
                "threshold": one.threshold,
                "fired_after": one.fired_after,
                "ended_after": one.resolved_after,
            }
            for one in done
        ],
    )
    return 0


ACTIONS: Mapping[str, Callable[..., int]] = {"render": render, "lint": lint, "drill": drill}


def _only(options: Options, reporter: Reporter) -> tuple[Play, Environment]:
    """Return the only play and its environment; secrets need not be at hand."""
    from wgm_play.run.opening import said_unset, with_placeholders

    plays, lacking = with_placeholders(options)
    if lacking:
        reporter.warn(said_unset(lacking))
    if len(plays) != 1:
        raise InputError(
            f"{options.playbook} has {len(plays)} plays; this command takes one", hint="name the environment with -l"
        )
    _, play, environment, _ = plays[0]
    return play, environment


def database_of(environment: Environment, given: str | None) -> str:
    """Return the name of the database. Raise `InputError` where nothing says it."""
    if given:
        return given
    if environment.embedded is not None:
        return environment.embedded.database
    if environment.url is not None:
        from psycopg.conninfo import conninfo_to_dict

        name = conninfo_to_dict(reveal(environment.url)).get("dbname")
        if name:
            return str(name)
    raise InputError(
        f"{environment.path} does not say which database it is, and its name is written down",
        where=environment.position,
        hint="--database NAME",
    )


def _version(environment: Environment, given: int | None) -> int:
    return given or (environment.embedded.version if environment.embedded is not None else NEWEST)
