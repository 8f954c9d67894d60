"""`wgm-play completion SHELL`: what a shell reads to complete words.

In: the name of a shell. Out: its script on standard output.
"""

from __future__ import annotations

from wgm_play.errors import InputError
from wgm_play.reporter import Reporter

SHELLS = ("bash", "zsh", "fish")


def run(reporter: Reporter, *, shell: str, verbosity: int) -> int:
    """Write the script of a shell; raise `InputError` for another one."""
    if shell not in SHELLS:
        raise InputError(f"no completion for {shell!r}", hint=f"known: {', '.join(SHELLS)}")
    import click
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise InputError(f"no completion for {shell!r}", hint="update click")
    found._check_version = staticmethod(lambda: None)  # type: ignore[attr-defined]  # asks the bash of the PATH
    reporter.page("completion", found(click.Command("wgm-play"), {}, "wgm-play", "_WGM_PLAY_COMPLETE").source())
    return 0
