"""The words of a review that all its formats share: the verdict, the titles of its sections, what is said of all environments.

In: a `Review` or a part of it. Out: lines of plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from wgm_play.finding import ERROR, INFO, WARNING
from wgm_play.quantities import counted
from wgm_play.report.plan_text import tally
from wgm_play.review.model import BLOCKS, DATA, OTHER, REFUSED, SECURITY, SLOWER, PlayReview, Review

TITLES = {
    REFUSED: "A run is refused",
    SECURITY: "Security",
    DATA: "Data that goes, and SQL of the playbook's own",
    BLOCKS: "Who waits",
    SLOWER: "Queries that get slower",
    OTHER: "Hazards and advice",
}
NOTHING = "no database changes"


def title(review: Review) -> str:
    """Return what is compared."""
    return f"{review.subject} {review.against}"


def verdict(play: PlayReview) -> str:
    """Return one line: what is done, how much of it must be read, and on which server that was found out."""
    if play.gone:
        return "the play is in no file any more: its database stays as it is, and nobody changes it"
    if play.quiet:
        return NOTHING
    counts = [f"{count} to {word}" for word, count in tally(play.plan).items() if count]
    parts = [", ".join(counts) or "no statement"]
    refused, security, data, waits, slower = (
        [one for one in play.findings.get(section, ()) if one.severity != INFO]
        for section in (REFUSED, SECURITY, DATA, BLOCKS, SLOWER)
    )
    parts += [f"refused for {counted(len(refused), 'reason')}"] if refused else []
    parts += [f"{len(security)} of security"] if security else []
    parts += [f"{len(data)} of data that goes"] if data else []
    parts += [counted(len(waits), "long wait")] if waits else []
    parts += [counted(len(slower), "slower query", "slower queries")] if slower else []
    lasting = len(play.rollback.irreversible)
    parts += [f"{lasting} cannot be undone" if lasting else "can be taken back"] if play.plan.groups else []
    return f"{'new: ' if play.new else ''}{'; '.join(parts)}"


def server(play: PlayReview) -> str:
    """Return on which server both states were made."""
    found = f"PostgreSQL {play.version}"
    if play.said_by == "server_version":
        return (
            found
            if play.version == play.wanted_version
            else f"{found}: this machine has no PostgreSQL {play.wanted_version}"
        )
    if play.said_by == "stats":
        return (
            f"{found}, as the statistics say"
            if play.version == play.wanted_version
            else f"{found}: this machine has no PostgreSQL {play.wanted_version}, which the statistics are of"
        )
    if play.said_by == "embedded":
        return found if play.version == play.wanted_version else f"{found}, not {play.wanted_version}"
    return f"{found}, the embedded server's: environments/{play.environment}.yml does not say `server_version:`"


def assumptions(plays: Sequence[PlayReview]) -> str:
    """Return what a review cannot know, in one sentence."""
    known = dict.fromkeys(play.sizes for play in plays if play.sizes)
    large = "every table that is there is taken for a large one in use, its"
    if known:
        told = f"sizes and times are those of the {', of the '.join(known)}"
        others = [play for play in plays if not play.sizes]
        large = f"{told}{f'; for {names(others)} each table is taken for a large one' if others else ''};"
    return f"Without a database: {large} rows and the rights of the role that runs are not looked at."


def worst(play: PlayReview) -> str:
    """Return the worst severity of a play, of what stands above the folds; empty for none."""
    loud = (REFUSED, SECURITY, DATA, BLOCKS, SLOWER)
    found = {one.severity for section in loud for one in play.findings.get(section, ())}
    return next((one for one in (ERROR, WARNING) if one in found), "")


def alike(
    plays: Sequence[PlayReview], what: Callable[[PlayReview], Hashable]
) -> list[tuple[list[PlayReview], PlayReview]]:
    """Return the plays in groups of which `what` is the same: it is said once for each group."""
    found: dict[Hashable, list[PlayReview]] = {}
    for play in plays:
        found.setdefault(what(play), []).append(play)
    return [(group, group[0]) for group in found.values()]


def names(plays: Sequence[PlayReview]) -> str:
    """Return the environments of some plays, and when what is said of them is so."""
    return ", ".join(dict.fromkeys(" ".join(filter(None, [play.environment, play.given])) for play in plays))
