"""`wgm-play diff`: what a change of a playbook will do, without any database.

In: the values of the command line. Out: 0 whatever it shows; 1 where nothing can be planned; 12 with --fail-on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from wgm_play.cli import target
from wgm_play.errors import InputError
from wgm_play.reporter import Reporter

if TYPE_CHECKING:
    from wgm_play.report.findings import Heading
    from wgm_play.review.model import Review


def run(
    reporter: Reporter,
    playbooks: Sequence[str],
    *,
    against: str | None = None,
    also_open: Sequence[str] = (),
    form: str = "text",
    reports: Sequence[str] = (),
    fail_on: str | None = None,
    **values: Any,
) -> int:
    """Write the review in one format, and to each file of `reports`."""
    _refuse_contradictions(playbooks, against, also_open)
    chosen = [target.options(playbook, may_be_gone=against is not None, **values) for playbook in playbooks]
    from wgm_play import pipeline
    from wgm_play.report.findings import check_reports, write_reports
    from wgm_play.report.review import WHOLE, from_root

    check_reports(reports, reporter)
    reporter.begin(playbooks[-1])
    review = pipeline.review(chosen, reporter, against=against, also_open=also_open)
    heading = _heading(review, fail_on)
    _say(reporter, review, form, heading)
    write_reports(
        reports,
        from_root(review).all_findings(),
        heading,
        whole={name: partial(write, review) for name, write in WHOLE.items()},
    )
    return pipeline.reviewed(review, fail_on)


def _say(reporter: Reporter, review: Review, form: str, heading: Heading) -> None:
    from wgm_play.report.review import from_root, written
    from wgm_play.report.review.data import document

    if form == "json":
        reporter.data("review", document(from_root(review)))
        reporter.page("review", written("text", review, heading))
    else:
        reporter.page("review", written(form, review, heading))


def _heading(review: Review, fail_on: str | None) -> Heading:
    from wgm_play.hazards import pages
    from wgm_play.report.findings import Heading
    from wgm_play.report.review import from_root
    from wgm_play.review.codes import CODES

    titles = {code: what for code, (what, *_) in pages().items()} | CODES
    file = from_root(review).subject
    return Heading("diff", file, fail_on, file=file, pages=tuple(titles.items()), rooted=bool(review.root))


def _refuse_contradictions(playbooks: Sequence[str], against: str | None, also_open: Sequence[str]) -> None:
    if against is None and len(playbooks) != 2:
        raise InputError(
            "there is nothing to compare with" if len(playbooks) == 1 else f"{len(playbooks)} playbooks are given",
            hint="wgm-play diff PLAYBOOK --against BRANCH, or wgm-play diff OLD.yml NEW.yml",
        )
    if against is not None and len(playbooks) != 1:
        raise InputError("--against takes one playbook", hint="run it for each")
    if also_open and against is None:
        raise InputError("--also-open goes with --against")
