"""`wgm-play doc [KIND|CODE]`: the reference of the playbook language, and the pages of hazards.

In: a kind of step, a hazard's code (C08), or nothing for all kinds. Out: a page on standard output.
"""

from __future__ import annotations

from wgm_play.report.base import Reporter


def run(reporter: Reporter, *, topic: str | None, verbosity: int) -> int:
    """Write a page of the reference."""
    from wgm_play.hazards import page as hazard_page
    from wgm_play.playbook.reference import doc

    found = hazard_page(topic) if topic else None
    if found is not None and topic is not None:
        reporter.page(topic.upper(), found)
        return 0
    page = doc(topic)
    reporter.page(topic or "reference", page)
    return 0
