"""A page on a terminal: wrapped at its width and coloured, through the pager where it is longer than the screen.

In: Markdown. Out: nothing; it is shown. rich is imported only here.
"""

from __future__ import annotations

import os
import shutil
import sys

# Lines of more characters are hard to read.
WIDEST = 100


def show(text: str) -> None:
    """Show a page."""
    from rich.console import Console
    from rich.markdown import Heading, Markdown
    from rich.text import Text
    from rich.theme import Theme

    class LeftHeading(Heading):
        """A heading at the left, without a box."""

        def __rich_console__(self, console: Console, options: object) -> object:  # type: ignore[override]
            level = int(self.tag[1])
            title = Text(self.text.plain, style="bold cyan" if level == 1 else "bold")
            if level > 1:
                yield Text("")
            yield title

    class TerminalPage(Markdown):
        """A page with such headings."""

    TerminalPage.elements = {**Markdown.elements, "heading_open": LeftHeading}

    size = shutil.get_terminal_size((80, 24))
    theme = Theme({"markdown.code": "bold yellow", "markdown.item.bullet": "dim", "markdown.code_block": ""})
    console = Console(width=min(size.columns, WIDEST), theme=theme, force_terminal=True, highlight=False)
    page = TerminalPage(text, code_theme="ansi_dark", hyperlinks=False)
    with console.capture() as captured:
        console.print(page)
    shown = captured.get()
    if shown.count("\n") < size.lines or not sys.stdin.isatty():
        sys.stdout.write(shown)
        return
    import pydoc

    os.environ.setdefault("LESS", "FRX")
    pydoc.pager(shown)
