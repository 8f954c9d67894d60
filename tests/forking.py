"""The real command in a process of its own, again and again, without loading it each time.

In: a folder, words of the command line, variables of the environment. Out: how it ended and what it said, as
`subprocess.run` tells it. A process that has loaded the program and does nothing else forks a child for each command,
so that the child can be killed like any other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

LOADED = (
    "wgm_play.cli.application", "wgm_play.pipeline", "wgm_play.run.running", "wgm_play.planning.planner",
    "wgm_play.planning.prove", "wgm_play.execute.executor", "wgm_play.execute.backfill", "wgm_play.rollback.plan",
    "wgm_play.operations.online.retype", "wgm_play.report.text", "pglast",
)  # fmt: skip


class Command:
    """The command, ready to be run."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run it in `folder`; the code is -9 where it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"folder": str(folder), "words": words, "environ": environ}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(words, told["code"], told["out"], told["err"])

    def close(self) -> None:
        """End the process."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()


def _child(order: dict[str, Any], out: int, err: int) -> int:
    import importlib

    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(order["folder"])
    os.environ.update(order["environ"])
    from wgm_play import fault
    from wgm_play.cli.main import main

    importlib.reload(fault)  # it reads the environment once
    try:
        main(order["words"])
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    return 70


def _serve() -> None:
    import importlib

    for name in LOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            pid = os.fork()
            if pid == 0:
                code = _child(json.loads(line), out.fileno(), err.fileno())
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            said = []
            for file in (out, err):
                file.seek(0)
                said.append(file.read())
            sys.stdout.write(json.dumps({"code": code, "out": said[0], "err": said[1]}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _serve()
