"""The command `wgm-play`: answers --version and --help at once, hands everything else to `application.py`.

In: the words of the command line. Out: the process ends with the exit code of the design's table. Imports nothing
heavy: start-up counts (tests/benchmarks/startup.py).
"""

from __future__ import annotations

import gc
import sys

from wgm_play import __version__

# The many objects of a large playbook and its catalog are no garbage: look for some only after as many new ones.
OBJECTS = 200_000
HELP_WORDS = ("--help", "-h")


def main(arguments: list[str] | None = None) -> None:
    """Run one command line and end the process with its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _at_once(words)
        if code is None:
            gc.set_threshold(OBJECTS, 50, 50)
            from wgm_play.cli.application import run

            code = run(words)
    except KeyboardInterrupt:
        from wgm_play.report.console import write

        write("interrupted\n", error=True)
        code = 130
    raise SystemExit(code)


def _at_once(words: list[str]) -> int | None:
    """Answer what needs neither click nor a playbook; None where it does."""
    if "--version" in words and words[0].startswith("-"):
        from wgm_play.report.console import lost, write

        write(f"wgm-play {__version__}\n")
        return 2 if lost() else 0
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    if words and words[-1] in HELP_WORDS and len(words) <= 2:
        from wgm_play.cli.commands import COMMANDS, PLAY

        spec = PLAY if len(words) == 1 else COMMANDS.get(words[0])
        if spec is not None:
            from wgm_play.cli.help import page
            from wgm_play.report.console import lost, wants_colour, write

            write(page(spec, wants_colour(sys.stdout)))
            return 2 if lost() else 0
    return None
