"""Long work made visible: a bar on a terminal, a line now and then elsewhere.

In: a `Progress` that the caller updates. Out: what `say` or the terminal shows while it runs. rich is imported only
on a terminal, and only for work that lasts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from wgm_play.reporter import Progress

# Work that ends sooner needs no bar; a bar that flashes disturbs.
SHOW_AFTER = 0.6
# How often a log gets a line.
LINE_EVERY = 15.0
_REFRESH = 0.2


class ProgressThread:
    """A thread that shows one `Progress` until it is stopped."""

    def __init__(self, progress: Progress, say: Callable[[str], None], *, terminal: bool) -> None:
        self.progress = progress
        self.say = say
        self.terminal = terminal
        self.began = time.monotonic()
        self._ended = threading.Event()
        self._bar: Any = None
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End, and take the bar away."""
        self._ended.set()
        self._thread.join()

    def print(self, text: str) -> bool:
        """Write `text` above the bar; False where there is no bar."""
        bar = self._bar
        if bar is None:
            return False
        from rich.text import Text

        bar.console.print(Text.from_ansi(text), soft_wrap=True)
        return True

    def _run(self) -> None:
        if self.terminal:
            if not self._ended.wait(SHOW_AFTER):
                self._show_bar()
            return
        while not self._ended.wait(LINE_EVERY):
            self.say(line(self.progress, time.monotonic() - self.began))

    def _show_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Bar(
            *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
        ) as bar:
            task = bar.add_task(self.progress.label, total=self.progress.total or None)
            self._bar = bar
            while not self._ended.wait(_REFRESH):
                bar.update(task, completed=self.progress.done, total=self.progress.total or None)
            self._bar = None


def line(progress: Progress, seconds: float) -> str:
    """Say how far long work is: `index sessions_user_idx: 45 %, 1200 of 2660 blocks, 31 s`."""
    unit = f" {progress.unit}" if progress.unit else ""
    parts = []
    if progress.total > 0:
        parts += [
            f"{min(progress.done / progress.total, 1):.0%}",
            f"{progress.done:,.0f} of {progress.total:,.0f}{unit}",
        ]
    elif progress.done:
        parts.append(f"{progress.done:,.0f}{unit}")
    return f"{progress.label}: {', '.join([*parts, f'{seconds:.0f} s'])}"
