"""`wgm-play doc [PAGE|search WORD…|--html DIR]`: the documentation.

In: the name of a page (a kind of step, a topic, a hazard's code) or of a key (`table.columns`), or words to search for.
Out: a page on standard output, or the site in a folder.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from wgm_play.errors import InputError
from wgm_play.report import console
from wgm_play.reporter import Reporter


def run(reporter: Reporter, *, words: Sequence[str], html: str | None, verbosity: int) -> int:
    """Write a page, what a search finds, or the site."""
    if html is not None:
        return _site(reporter, Path(html))
    from wgm_play.reference.pages import doc

    if words[:1] == ("search",):
        return _search(reporter, list(words[1:]))
    if len(words) > 1:
        raise InputError(
            "one page at a time", hint=f"wgm-play doc {words[0]}, or wgm-play doc search {' '.join(words)}"
        )
    topic = words[0] if words else None
    _show(reporter, topic or "reference", _page(topic, doc))
    return 0


def _page(topic: str | None, doc: Callable[[str | None], str]) -> str:
    """Return a page; who asks for a command that has none is led to its help."""
    from wgm_play.cli.commands import COMMANDS

    try:
        return doc(topic)
    except InputError as error:
        if topic in COMMANDS:
            error.hint = f"wgm-play {topic} --help, or wgm-play doc search {topic}"
        raise


def _show(reporter: Reporter, name: str, text: str) -> None:
    from wgm_play.report.text import TextReporter

    told = isinstance(reporter, TextReporter) and name != "reference"
    if told and console.is_terminal(sys.stdout) and console.wants_colour(sys.stdout, reporter.no_color):  # type: ignore[attr-defined]
        from wgm_play.reference.terminal import show

        show(text)
    else:
        reporter.page(name, text)


def _search(reporter: Reporter, words: list[str]) -> int:
    from wgm_play.reference.pages import cut, search

    if not words:
        raise InputError("no word to search for", hint="wgm-play doc search rename")
    found = search(words)
    if not found:
        raise InputError(f"no page speaks of {' '.join(words)!r}", hint="wgm-play doc lists all pages")
    width = min(max(len(path) for path, _ in found), 44)
    _show(reporter, "reference", "\n".join(f"{path:<{width}}  {cut(text, 110)}" for path, text in found) + "\n")
    reporter.data("found", [path for path, _ in found])
    return 0


def _site(reporter: Reporter, folder: Path) -> int:
    from wgm_play.reference.site import write

    if folder.exists() and not folder.is_dir():
        raise InputError(f"{str(folder)!r} is a file", hint="name a folder")
    files = write(folder)
    reporter.data("files", [str(path) for path in files])
    reporter.note(f"{len(files)} files in {folder}: open {folder / 'index.html'}")
    return 0
