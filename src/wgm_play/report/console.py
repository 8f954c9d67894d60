"""Standard output and standard error, which may be a terminal, a pipe that closes, or a full disk.

In: text. Out: the same text written, secrets masked, control characters made visible. A reader that goes away
(`wgm-play … | head`) must not stop a run half-way: writing stops, the work goes on. Imported by `--help`:
keep it light.
"""

from __future__ import annotations

import os
import sys

# What a database, a file name or an error may hold must not steer a terminal: C0, DEL and C1, but tab and newline.
_VISIBLE = {n: f"\\x{n:02x}" for n in [*range(0x20), *range(0x7F, 0xA0)] if n not in (0x09, 0x0A)}
# Nor show a text in another order than it has (Unicode, annex 9: "Explicit Directional Formatting Characters").
_VISIBLE |= {n: f"\\u{n:04x}" for n in [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]}

BOLD, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, DIM = "1", "31", "32", "33", "34", "35", "36", "2"

_lost: list[OSError] = []


def visible(text: str) -> str:
    """Return `text` with registered secrets masked and control characters written out."""
    from wgm_play.secret import mask

    return mask(str(text)).translate(_VISIBLE)


def without_commands(text: str) -> str:
    """Return `text` with nothing that the log of a CI job takes for a command of the job.

    GitHub and TeamCity look at the beginnings of lines (`::error::`, `##teamcity[`), Azure anywhere (`##vso[`).
    """
    if "::" not in text and "##" not in text:
        return text
    lines = [_broken(line) if line.lstrip().startswith("::") else line for line in text.split("\n")]
    return (
        "\n".join(lines)
        .replace("##[", "#\\x23[")
        .replace("##vso[", "#\\x23vso[")
        .replace("##teamcity[", "#\\x23teamcity[")
    )


def _broken(line: str) -> str:
    return line.replace("::", ":\\x3a", 1)


def styled(text: str, style: str, colour: bool) -> str:
    """Return `text` in an ANSI style where `colour` says so."""
    return f"\033[{style}m{text}\033[0m" if colour and text and style else text


def wants_colour(stream: object, forbidden: bool = False) -> bool:
    """Say whether `stream` gets colour: a terminal that can, or FORCE_COLOR; neither with `--no-color` nor NO_COLOR."""
    if forbidden or os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR")
    return forced != "0" if forced else is_terminal(stream) and os.environ.get("TERM") != "dumb"


def is_terminal(stream: object) -> bool:
    """Say whether somebody looks at `stream`."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty())


def write(text: str, *, error: bool = False) -> None:
    """Write `text` to standard output or standard error and flush it; go on in silence when the reader is gone."""
    stream = sys.stderr if error else sys.stdout
    if stream is None:
        return
    try:
        if error and sys.stdout is not None:
            sys.stdout.flush()
        stream.write(text)
        stream.flush()
    except UnicodeEncodeError:
        write(text.encode("ascii", "backslashreplace").decode("ascii"), error=error)
    except (OSError, ValueError) as failure:
        if isinstance(failure, OSError) and not isinstance(failure, BrokenPipeError) and not error:
            _lost.append(failure)
        _silence(stream)


def lost() -> OSError | None:
    """Return why output was lost, but for a reader that went away; None where all was written."""
    return _lost[0] if _lost else None


def _silence(stream: object) -> None:
    """Point the stream at nothing, so that the interpreter's last flush does not complain either."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())  # type: ignore[attr-defined]
        os.close(nothing)
    except (OSError, ValueError, AttributeError):
        pass
