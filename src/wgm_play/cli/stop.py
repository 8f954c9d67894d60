"""`wgm-play stop PLAYBOOK`: stop the embedded server of a project, and the one for scratch databases; their data stay.

In: the name of a playbook. Out: the exit code, 0 also where no server was running.
"""

from __future__ import annotations

from pathlib import Path

from wgm_play.cli.files import existing, found
from wgm_play.document.load import load_file
from wgm_play.environment import Embedded, Environment, load_environment
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(reporter: Reporter, *, playbook: str, inventory: str | None, verbosity: int) -> int:
    """Stop the servers of the environments that the playbook's plays name."""
    from wgm_play.playbook.files import project_of

    existing(playbook)
    path = found(playbook)
    project = project_of(path)
    reporter.begin(playbook)
    declared = {each.name: each.embedded for each in _environments(path, project, inventory) if each.embedded}
    stopped = {name: _stop(one, project) for name, one in declared.items()}
    shadows, used = _stop_scratch()
    if shadows:
        stopped["shadow"] = shadows
    if not stopped and not used:
        raise InputError(f"no environment of {playbook!r} is embedded", hint="there is nothing to stop")
    for name, pids in stopped.items():
        shown = ", ".join(map(str, pids))
        reporter.note(f"{name}: stopped (pid {shown})" if pids else f"{name}: no server was running")
    for pid in used:
        reporter.note(f"server for scratch databases: pid {pid} is in use by another command, it keeps running")
    reporter.data("stopped", stopped)
    return 0


def _stop(declared: Embedded, project: Path) -> list[int]:
    """Stop the servers of every major version that the project ever used there; return the pids they had."""
    from dataclasses import replace

    from wgm_play import embedded

    servers = embedded.running(declared, project)
    return [server.pid for server in servers if embedded.stop(replace(declared, version=server.version), project)]


def _stop_scratch() -> tuple[list[int], list[int]]:
    """Stop the servers for scratch databases; return the pids of those stopped, and of those that others use."""
    from wgm_play import embedded
    from wgm_play.shadow import in_use
    from wgm_play.user_folder import OURS, at_work

    servers = embedded.running_scratch()
    used = servers if at_work(OURS) else [server for server in servers if in_use(server.url)]
    return [one.pid for one in servers if one not in used and embedded.stop_scratch(one)], [one.pid for one in used]


def _environments(path: Path, project: Path, inventory: str | None) -> list[Environment]:
    plays = load_file(path, str(path))
    hosts = [play.get("hosts") for play in plays if isinstance(play, dict)] if isinstance(plays, list) else []
    names = dict.fromkeys(str(name) for name in hosts if name)
    return [load_environment(name, project, Path(inventory) if inventory else None) for name in names]
