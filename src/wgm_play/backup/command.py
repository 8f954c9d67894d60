"""A command of the environment that has to do with backups: a list of arguments, which no shell reads.

In: its words, what stands for the places in them. Out: what it wrote, or `Refused` with what it said.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from wgm_play.errors import Refused
from wgm_play.secret import mask

# A branch, or a copy over a network, may take its time.
COMMAND_SECONDS = 3600.0
_PLACE = re.compile(r"\{(\w+)\}")


def run(words: Sequence[str], what: str, /, **values: str) -> str:
    """Run a command; return what it wrote. `what` it is for people, `values` by the names of its places. Raise `Refused`."""
    filled = [_PLACE.sub(lambda found: values.get(found[1], found[0]), word) for word in words]
    try:
        done = subprocess.run(
            filled,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"{what} takes longer than {COMMAND_SECONDS:g} s") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Refused(f"{what} cannot be run: {filled[0]}: {reason}") from error
    if done.returncode:
        said = [mask(line) for line in done.stderr.strip().splitlines()[-3:]]
        how = f"ended with {done.returncode}" if done.returncode > 0 else f"was ended by signal {-done.returncode}"
        raise Refused(f"{what} {how}", details=said)
    return done.stdout
