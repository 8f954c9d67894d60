"""Keep one comment for a review: found by its mark, updated in place, duplicates removed.

In: a `RequestComments`, texts that begin with a mark. Out: what was done. Only comments of our own account that begin with the mark are
changed or removed, whatever others write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from wgm_play.lazy_dataclass import dataclass
from wgm_play.review.comments.place import RequestComment, RequestComments

_MARK = re.compile(r"<!-- wgm-play review (\S+) (\S*) -->\s*(?:\r?\n|\Z)")


@dataclass(frozen=True, slots=True)
class CommentText:
    """The text of a comment, which begins with its mark; a `quiet` one says that nothing changes."""

    body: str
    quiet: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """What a comment is about: a playbook and its environments."""

    subject: str
    environments: frozenset[str]

    @classmethod
    def of(cls, body: str) -> Mark | None:
        """Return the mark that a text begins with."""
        found = _MARK.match(body)
        return cls(found[1], frozenset(found[2].split(","))) if found else None

    def meets(self, other: Mark) -> bool:
        """Tell whether two are about the same: an environment that was added or taken away makes no second comment."""
        return self.subject == other.subject and bool(self.environments & other.environments)


def keep(place: RequestComments, texts: Iterable[CommentText]) -> list[str]:
    """Let each text be there once; return what was done."""
    account = place.account()
    done: list[str] = []
    for text in texts:
        mark = Mark.of(text.body)
        assert mark is not None  # noqa: S101 - every review begins with its mark
        done.append(f"{mark.subject}: {_keep(place, account, text, mark)}")
    return done


def _keep(place: RequestComments, account: str, text: CommentText, mark: Mark) -> str:
    there = _ours(place, account, mark)
    if not there:
        if text.quiet:
            return "nothing to say"
        place.make(text.body)
        there = _ours(place, account, mark)  # another job may have done the same at the same moment
        if len(there) <= 1:
            return "commented"
    first, *others = there
    for one in others:
        place.remove(one)
    if _same(first.body, text.body):
        return "is up to date"
    if not place.change(first, text.body):
        place.make(text.body)
    return "updated"


def _ours(place: RequestComments, account: str, mark: Mark) -> list[RequestComment]:
    found = []
    for one in place.comments():
        known = Mark.of(one.body) if one.author == account else None
        if known is not None and known.meets(mark):
            found.append(one)
    return sorted(found, key=lambda one: one.id)


def _same(one: str, other: str) -> bool:
    return one.replace("\r\n", "\n").strip() == other.strip()
