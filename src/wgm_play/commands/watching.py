"""`--watch`: tell when a file of the project changed.

In: `Options`. Out: one item at once, then one for every saved change.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wgm_play.options import Options
    from wgm_play.reporter import Reporter

FOLDERS = ("playbooks", "environments", "templates")
# Short enough to feel immediate, long enough to cost nothing.
PAUSE = 0.3
# An editor that saves several files does so within this time.
SETTLE = 0.1


def changes(options: Options, reporter: Reporter) -> Iterator[None]:
    """Yield once at the start and after each saved change, until Ctrl-C while nothing is being done."""
    from wgm_play.playbook.expand import project_of
    from wgm_play.run.opening import find_playbook

    playbook = find_playbook(options.playbook)
    project = project_of(playbook)
    seen: dict[Path, tuple[float, int]] = {}
    while True:
        changed = _stamps(project, playbook) != seen
        if changed:
            time.sleep(SETTLE)
            seen = _stamps(project, playbook)
            yield
        try:
            if changed:
                reporter.note("waiting for changes (Ctrl-C ends)")
            time.sleep(PAUSE)
        except KeyboardInterrupt:
            return


def _stamps(project: Path, playbook: Path) -> dict[Path, tuple[float, int]]:
    found: dict[Path, tuple[float, int]] = {}
    files = [playbook, *playbook.parent.glob("*.yml")]
    for folder in FOLDERS:
        files += [path for path in (project / folder).rglob("*") if path.is_file()]
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            continue
        found[path] = (stat.st_mtime, stat.st_size)
    return found
