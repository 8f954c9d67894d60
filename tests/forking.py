"""The real command in a process of its own, again and again, without loading it each time.

In: a folder, words of the command line, variables of the environment. Out: how it ended and what it said, as
`subprocess.run` tells it. A process that has loaded the program and does nothing else forks a child for each command,
so that the child can be killed like any other, and ends as a Python of its own ends. That the command starts by itself
is held by tests/cli/test_usage.py and tests/docs.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

# What the first word of a command is: as `python -m wgm_play` has it, and as a shell that finds it on the PATH.
MODULE = str(Path(__file__).parents[1] / "src" / "wgm_play" / "__main__.py")
ON_THE_PATH = str(Path(sys.executable).with_name("wgm-play"))
LOADED = (
    "wgm_play.cli.application",
    "wgm_play.pipeline",
    "wgm_play.run.running",
    "wgm_play.planning.planner",
    "wgm_play.planning.prove",
    "wgm_play.execute.executor",
    "wgm_play.execute.backfill",
    "wgm_play.rollback.plan",
    "wgm_play.operations.online.retype",
    "wgm_play.report.text",
    "pglast",
    "yaml",
    "jinja2",
    "jsonschema",
)
# What Python itself reads from the environment as it starts.
AT_START = ("PYTHON", "LC_", "LANG")
_idle: list[Command] = []
_asking = threading.Lock()


def run(
    *words: str,
    folder: Path,
    environ: dict[str, str] | None = None,
    merged: bool = False,
    timeout: float = 120,
    program: str = MODULE,
) -> subprocess.CompletedProcess[str]:
    """Run `wgm-play WORDS` to its end, without a terminal, as `subprocess.run` would.

    `environ` is the whole environment (this process's by default); `merged` puts errors where the output is. Several
    threads may run commands at the same time.
    """
    environ = dict(os.environ if environ is None else environ)
    if any(name.startswith(AT_START) and environ.get(name) != os.environ.get(name) for name in {*environ, *os.environ}):
        return subprocess.run(
            [sys.executable, "-m", "wgm_play", *words],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            timeout=timeout,
            check=False,
        )
    with _asking:
        command = _idle.pop() if _idle else Command()
    try:
        return command.ask(folder, words, environ, merged=merged, timeout=timeout, program=program)
    finally:
        with _asking:
            _idle.append(command)


class Command:
    """The command, ready to be run."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def run(self, folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run it in `folder`, with further variables; the code is -9 where it was killed."""
        return self.ask(folder, words, {**os.environ, **environ})

    def ask(
        self,
        folder: Path,
        words: tuple[str, ...],
        environ: dict[str, str],
        *,
        merged: bool = False,
        timeout: float = 600,
        program: str = MODULE,
    ) -> subprocess.CompletedProcess[str]:
        """Run it in `folder` with this environment; TimeoutExpired where it took longer, and it is killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {
            "folder": str(folder),
            "program": program,
            "words": words,
            "environ": environ,
            "merged": merged,
            "timeout": timeout,
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        if told["late"]:
            raise subprocess.TimeoutExpired(words, timeout, told["out"], told["err"])
        return subprocess.CompletedProcess(words, told["code"], told["out"], None if merged else told["err"])

    def close(self) -> None:
        """End the process."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()


@atexit.register
def _close() -> None:
    while _idle:
        _idle.pop().close()


def _child(order: dict[str, Any], out: int, err: int) -> None:
    """Be the command: does not return."""
    import importlib

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(out if order["merged"] else err, 2)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    from wgm_play import fault
    from wgm_play.cli.main import main

    sys.argv = [order["program"], *order["words"]]
    importlib.reload(fault)  # it reads the environment once
    main(order["words"])


def _await(pid: int, seconds: float) -> tuple[int, bool]:
    """Return how a child ended, and whether it had to be killed because it took too long."""
    late = False

    def kill(*_: object) -> None:
        nonlocal late
        late = True
        os.kill(pid, signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    _, status = os.waitpid(pid, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return os.waitstatus_to_exitcode(status), late


def _serve() -> None:
    import importlib

    sys.path.pop(0)  # the folder of the tests
    for name in LOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        with tempfile.TemporaryFile("w+b") as out, tempfile.TemporaryFile("w+b") as err:
            pid = os.fork()
            if pid == 0:
                _child(order, out.fileno(), err.fileno())
            code, late = _await(pid, order["timeout"])
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read().decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n"))
        told = {"code": code, "out": said[0], "err": said[1], "late": late}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
