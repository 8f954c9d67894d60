"""The error tree: what went wrong, where, what to type next, and the exit code that scripts rely on.

In: nothing. Out: exceptions that `cli/main.py` turns into a message and an exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file. `line` and `column` count from 1; 0 means that only the file is known."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])


class WgmError(Exception):
    """Base of all errors that are shown to a user without a traceback.

    `message` says what (with the quoted name), `where` says where, `step` names the step, `hint` says
    what to type next, `details` are further lines (offending rows, the difference, the blocker).
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        where: Position | None = None,
        step: str | None = None,
        hint: str | None = None,
        details: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.step = step
        self.hint = hint
        self.details = tuple(details)
        # The line of the file holds what must not be shown (a step with `no_log`).
        self.private = False


class InputError(WgmError):
    """Bad input or usage: nothing was touched."""

    exit_code = 1


class NoSuchRole(InputError):
    """Something that is wanted names a role that the server lacks: `role`."""

    def __init__(self, role: str, message: str, **more: Any) -> None:
        super().__init__(message, **more)
        self.role = role


class Unset(InputError):
    """An environment variable that is read and not set: `name`."""

    def __init__(self, name: str, message: str, **more: Any) -> None:
        super().__init__(message, **more)
        self.name = name


def unset_names(error: InputError) -> set[str]:
    """Return the names of the environment variables that these errors lack."""
    found = error.problems if isinstance(error, Problems) else (error,)
    return {one.name for one in found if isinstance(one, Unset)}


class Problems(InputError):
    """All errors of a playbook at once, in the order of their positions."""

    def __init__(self, problems: Sequence[WgmError]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.where is None, p.where or Position(""))))
        super().__init__(f"{len(self.problems)} errors" if len(self.problems) != 1 else self.problems[0].message)


class StepFailed(WgmError):
    """A step failed, or the connection was lost, after something was done: the same command resumes."""

    exit_code = 2


class Unreachable(WgmError):
    """The database cannot be reached or refuses us, before the first change."""

    exit_code = 4


class Refused(WgmError):
    """Refused by policy, a gate, a marker, an invariant or data that break what is declared: nothing was touched."""

    exit_code = 11


class Refusals(Refused):
    """All that stops a plan, at once."""

    def __init__(self, problems: Sequence[Refused]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "; ".join(one.message for one in problems), details=[line for one in problems for line in one.details]
        )


class Found(WgmError):
    """A finding: drift, ill health, an alert that fires, a lint error."""

    exit_code = 12


class Locked(WgmError):
    """Another run holds the run lock, or a lock was not to be had and nothing was done: try again."""

    exit_code = 13


class Interrupted(WgmError):
    """Interrupted by the user: cancelled on the server too, resumable."""

    exit_code = 130
