"""What the alerts of a play become is put where the environment says, after a run.

In: a play's work. Out: files that are other than they were, a Prometheus that has read them; findings where that fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.errors import InputError
from wgm_play.finding import WARNING, Finding
from wgm_play.quantities import counted
from wgm_play.sql import reveal

if TYPE_CHECKING:
    from wgm_play.alerts.prometheus_server import PrometheusServer
    from wgm_play.run.work import PlaySession

# Prometheus says that it has read its files a little before it evaluates what is in them.
_SECONDS, _PAUSE = 5.0, 0.1


def deliver(work: PlaySession) -> list[Finding]:
    """Write the files that differ, let Prometheus read them, and look whether it has them. A failure is a finding."""
    if not work.environment.deliver or work.options.check:
        return []
    return list(_delivered(work))


def foretell(work: PlaySession) -> None:
    """Say which files a run would write."""
    for path, text in _files(work).items() if work.environment.deliver else ():
        if not (path.is_file() and path.read_bytes() == text.encode()):
            work.reporter.note(f"{path}: the run writes it (deliver)")


def _delivered(work: PlaySession) -> Iterator[Finding]:
    from wgm_play.alerts.files import replace_file

    changed: list[str] = []
    for path, text in _files(work).items():
        try:
            if replace_file(path, text):
                changed.append(str(path))
        except InputError as error:
            yield _failed(f"{error.message}", f"let {path.parent} be written by this account")
    if changed:
        work.reporter.note(f"delivered: {', '.join(changed)}")
    work.reporter.data("delivered", changed)
    url = work.environment.deliver.get("reload")
    if url:
        yield from _reloaded(work, reveal(url), bool(changed))


def _files(work: PlaySession) -> dict[Path, str]:
    """Return the text of each file that the environment names; relative paths are the project's."""
    from wgm_play.alerts.dashboard import dashboard
    from wgm_play.alerts.prometheus import rules

    place = (work.play.alerts, work.environment.name, work.reading.info.dbname)
    made: dict[str, Callable[..., str]] = {"rules": rules, "dashboard": dashboard}
    return {
        work.home / Path(work.environment.deliver[key]).expanduser(): write(*place)
        for key, write in made.items()
        if key in work.environment.deliver
    }


def _reloaded(work: PlaySession, url: str, changed: bool) -> Iterator[Finding]:
    from wgm_play.alerts.prometheus import group_name, rule_list
    from wgm_play.alerts.prometheus_server import NotAnswered, PrometheusServer

    server = PrometheusServer(url)
    place = (work.environment.name, work.reading.info.dbname)
    wanted = {one["alert"]: one for one in rule_list(work.play.alerts, *place)}
    try:
        if server.base is None:
            if changed:
                server.reload()
            return
        if not changed and not _missing(server, group_name(*place), wanted):
            return
        server.reload()
        missing = _wait(server, group_name(*place), wanted)
    except NotAnswered as error:
        yield _failed(
            f"Prometheus was not reloaded: {error}", "start it with --web.enable-lifecycle; the next run tries again"
        )
        return
    if missing:
        yield _failed(
            f"Prometheus was reloaded and has not {counted(len(missing), 'rule')}: {', '.join(missing[:5])}",
            f"name {work.environment.deliver.get('rules', 'the file')} below rule_files: of prometheus.yml",
        )
    else:
        work.reporter.note(f"Prometheus has the {counted(len(wanted), 'rule')}")


def _wait(server: PrometheusServer, group: str, wanted: Mapping[str, Any]) -> list[str]:
    begun = time.monotonic()
    while (missing := _missing(server, group, wanted)) and time.monotonic() - begun < _SECONDS:
        time.sleep(_PAUSE)
    return missing


def _missing(server: PrometheusServer, group: str, wanted: Mapping[str, Any]) -> list[str]:
    """Return the rules that Prometheus has not, or has otherwise."""
    found = server.rules(group)

    def told(rule: Mapping[str, Any]) -> tuple[Any, ...]:
        seconds = float(str(rule.get("for", rule.get("duration", 0))).removesuffix("s"))
        return seconds, rule.get("labels"), rule.get("annotations")

    return [name for name, rule in wanted.items() if name not in found or told(found[name]) != told(rule)]


def _failed(message: str, remedy: str) -> Finding:
    return Finding("delivery", WARNING, message, remedy=remedy, source="alerts")
