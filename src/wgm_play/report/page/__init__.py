"""One self-contained HTML page: a run, and how the database is now.

In: `PageContent`, all that is on the page. Out: its text. Everything is escaped by the template; nothing is loaded from anywhere.
"""

from __future__ import annotations

from pathlib import Path

from wgm_play.report.page.model import PageContent
from wgm_play.secret import mask

_FOLDER = Path(__file__).parent


def page(told: PageContent) -> str:
    """Return the page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["masked"] = mask
    style = Markup((_FOLDER / "style.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    return mask(environment.get_template("page.html").render(told=told, style=style))
