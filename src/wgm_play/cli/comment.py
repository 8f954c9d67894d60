"""`wgm-play comment`: one comment in a pull or merge request for each review, kept up to date.

In: the values of the command line; reviews as `diff --report json:FILE` writes them, maybe by a stranger's branch. Out: the exit code.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from wgm_play.errors import InputError
from wgm_play.reporter import Reporter


def run(
    reporter: Reporter,
    files: Sequence[str],
    *,
    github: bool = False,
    gitlab: bool = False,
    number: int | None = None,
    account: str | None = None,
    check: bool = False,
    verbosity: int = 0,
) -> int:
    """Write the comments; with `check` show what would be written, and ask nobody."""
    if github == gitlab and not (check and not github):
        raise InputError("say where: --github or --gitlab", hint="or --check, which shows the comments here")
    from wgm_play.report.review import data, markdown
    from wgm_play.review.comments import place
    from wgm_play.review.comments.keep import CommentText, keep
    from wgm_play.review.comments.web import Answered

    reviews = [data.read(Path(file)) for file in files]
    texts = [CommentText(markdown.write(review), review.quiet) for review in reviews]
    reporter.begin(None)
    if check:
        reporter.page("comments", "\n".join(text.body for text in texts).rstrip())
        return 0
    try:
        where = (place.github if github else place.gitlab)(os.environ, number, account)
        done = keep(where, texts)
    except place.Outdated as why:
        reporter.note(f"nothing is written: {why}")
        return 0
    except Answered as answered:
        raise place.refused(answered) from answered
    for line in done:
        reporter.note(line)
    reporter.data("comments", done)
    return 0
