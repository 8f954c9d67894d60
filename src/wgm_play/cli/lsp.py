"""`wgm-play lsp`: for editors, over standard input and output.

In: the values of the command line. Out: the exit code.
"""

from __future__ import annotations

from wgm_play.errors import InputError
from wgm_play.reporter import Reporter
from wgm_play.untrusted import said


def run(reporter: Reporter, *, no_scratch: bool, live: str | None, verbosity: int) -> int:
    """Serve one editor until it ends."""
    try:
        from wgm_play.editor.server import start
    except ImportError as error:
        raise InputError(
            "what speaks with editors is not installed: pygls", hint="pip install 'wgm-play[lsp]'"
        ) from error
    if said() and live:
        raise InputError(
            "--live reaches a database, and WGM_UNTRUSTED says that nothing may", hint="leave one of them out"
        )
    start(scratch=not no_scratch and not said(), live=live)
    return 0
