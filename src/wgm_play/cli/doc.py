"""`wgm-play doc [KIND]`: the reference of the playbook language.

In: a kind of step, or nothing for all of them. Out: a page on standard output.
"""

from __future__ import annotations

from wgm_play.report.base import Reporter


def run(reporter: Reporter, *, topic: str | None, verbosity: int) -> int:
    """Write a page of the reference."""
    from wgm_play.playbook.reference import doc

    page = doc(topic)
    reporter.page(topic or "reference", page)
    return 0
