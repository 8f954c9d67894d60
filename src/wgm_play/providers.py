"""Secrets that a password manager gives: `secrets: {NAME: {command: [pass, show, db]}}` of an environment file.

In: commands by name, the process environment. Out: a mapping that runs a command when its name is first read as `env.NAME`. What
the process environment has comes first; no shell is asked, and nothing is run where a name is not read.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from wgm_play.errors import InputError, Position

SECONDS = 60.0
_given: dict[tuple[str, ...], str] = {}  # within one command: each is asked once


class Provided(Mapping[str, str]):
    """The process environment, with the names that commands give."""

    def __init__(self, commands: Mapping[str, Sequence[str]], where: Mapping[str, Position]) -> None:
        self.commands = commands
        self.where = where

    def __getitem__(self, name: str) -> str:
        if name in os.environ or name not in self.commands:
            return os.environ[name]
        words = tuple(self.commands[name])
        if words not in _given:
            _given[words] = run(name, words, self.where.get(name))
        return _given[words]

    def __iter__(self) -> Iterator[str]:
        return iter({*os.environ, *self.commands})

    def __len__(self) -> int:
        return len({*os.environ, *self.commands})


def run(name: str, words: Sequence[str], where: Position | None) -> str:
    """Run a command; return what it writes, without the line break at its end. Raise `InputError`."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"the command for {name} takes longer than {SECONDS:g} s", where=where) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"the command for {name} cannot be run: {words[0]}: {reason}",
            where=where,
            hint=f"install it, or export {name}=...",
        ) from None
    value = done.stdout.rstrip("\r\n")
    if done.returncode or not value:
        said = done.stderr.strip().splitlines()[-3:]
        what = f"ended with {done.returncode}" if done.returncode else "wrote nothing"
        raise InputError(
            f"the command for {name} {what}", where=where, details=said, hint=f"try it by hand, or export {name}=..."
        )
    return value
