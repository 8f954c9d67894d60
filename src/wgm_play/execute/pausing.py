"""A transaction under a paused pool: the application waits for a moment, and nothing of it fails.

In: the console of PgBouncer that the environment names, the groups of a plan that ask for it. Out: a `with` block in which no
transaction of the pool is open. The pool is let go at the end of the block, at the deadline, and where this process dies.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import field
from typing import IO, cast

from wgm_play.environment import Pool
from wgm_play.errors import StepFailed
from wgm_play.execute.interrupt import undisturbed
from wgm_play.execute.watchdog import let_go
from wgm_play.lazy_dataclass import dataclass
from wgm_play.plan import Group
from wgm_play.secret import mask
from wgm_play.sql import reveal

# The key of an operation's payload that asks for it.
ASKED = "pause_pool"
_HINT = "end the transaction, or wait for its end; the same command resumes. `pool: {deadline: …}` of the environment is how long is waited"


def asks(group: Group) -> bool:
    """Tell whether a group is to run while the pool is paused: what is no transaction takes too long for that."""
    return group.transactional and any(ASKED in operation.payload for operation in group.operations)


@dataclass(slots=True)
class Pauses:
    """The pool of one environment; its watchdog is started when it is first needed. `warn` tells people."""

    pool: Pool
    database: str
    warn: Callable[[str], None]
    _dog: subprocess.Popen[str] | None = field(default=None, init=False)

    @contextmanager
    def around(self, group: Group) -> Iterator[None]:
        """Keep the pool paused for a block, where the group asks for it. Raise `StepFailed` where it cannot be paused."""
        if not asks(group):
            yield
            return
        self._pause()
        try:
            yield
        finally:
            with undisturbed():
                self._resume()

    def close(self) -> None:
        """End the watchdog."""
        if self._dog is not None:
            with suppress(OSError):  # it may be gone
                cast(IO[str], self._dog.stdin).close()
            with suppress(subprocess.TimeoutExpired):
                self._dog.wait(self.pool.deadline)
            cast(IO[str], self._dog.stdout).close()
            self._dog = None

    def _pause(self) -> None:
        said = self._ask("pause")
        if said != "paused":
            failed = mask(said.removeprefix("failed ")) or "its watchdog ended"
            raise StepFailed(f"the pool of {self.database!r} could not be paused: {failed}", hint=_HINT)

    def _resume(self) -> None:
        said = self._ask("resume")
        if said == "late":  # it was let go at the deadline, and is now let go once more
            self.warn(
                f"the pool of {self.database!r} was let go after {self.pool.deadline:g} s, before the transaction ended"
            )
            said = self._answer()
        if said != "resumed":  # the watchdog is gone
            left = let_go(self.pool, self.database)
            if left:
                raise StepFailed(
                    f"the pool of {self.database!r} is still paused: {mask(left)}",
                    hint=f'on PgBouncer\'s console: RESUME "{self.database}"',
                )

    def _ask(self, word: str) -> str:
        try:
            dog = self._started()
            print(word, file=dog.stdin, flush=True)
        except OSError:
            return ""
        return self._answer()

    def _answer(self) -> str:
        return cast(IO[str], self._dog.stdout).readline().strip() if self._dog is not None else ""

    def _started(self) -> subprocess.Popen[str]:
        if self._dog is None:
            # A session of its own: what is sent to the runner's terminal or group does not reach it.
            self._dog = subprocess.Popen(
                [sys.executable, "-m", "wgm_play.execute.watchdog"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            given = {"admin": reveal(self.pool.admin), "database": self.database, "deadline": self.pool.deadline}
            print(json.dumps(given), file=self._dog.stdin, flush=True)
        return self._dog
