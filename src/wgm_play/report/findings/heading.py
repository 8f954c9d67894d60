"""What a report of findings is about.

In: the command that looked. Out: `Heading`.
"""

from __future__ import annotations

from wgm_play import __version__
from wgm_play.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """`command` is the word after wgm-play (check, lint, diff); `subject` what was looked at (production, a file).

    `fail_on` is the severity from which the command exits with 12, or None where it never does; `pages` are the titles
    of the codes' pages, by code. `file` stands for a finding that has no place of its own; `rooted` says that files are named from the root of the
    repository, and not from where this runs; `below` is the folder there of the project, where it is not the root.
    """

    command: str
    subject: str
    fail_on: str | None = "warning"
    file: str = ""
    pages: tuple[tuple[str, str], ...] = ()
    version: str = __version__
    rooted: bool = False
    below: str = ""

    @property
    def title(self) -> str:
        """One line, as `wgm-play check: production`."""
        return f"wgm-play {self.command}: {self.subject}"
