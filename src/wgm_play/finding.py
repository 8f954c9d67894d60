"""One thing found: a hazard, a difference, an ailment, an alert, a line that lint stops at.

In: whoever looks makes them. Out: `Finding`s, which `report/findings/` writes in the formats of other tools.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from wgm_play.errors import Position
from wgm_play.lazy_dataclass import dataclass

# From the least to the worst. "info" is advice: nothing is wrong.
SEVERITIES = ("info", "warning", "error")
INFO, WARNING, ERROR = SEVERITIES


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    `code` is a word or code that has a page or a name (C08, invalid_indexes, drift); `object` what it is about, as SQL
    writes it (public.tasks), and `attribute` what of it (a column, a role, an action); `remedy` the exact thing to type;
    `evidence` are lines (offending rows, figures, a difference). `where` is its place in a file, if it has one.
    `source` says who found it (drift, health, alerts, backup, lint, review). `acknowledged` is the reason with which
    somebody took it on: it is shown and counts no more.
    """

    code: str
    severity: str
    message: str
    object: str = ""
    attribute: str = ""
    remedy: str = ""
    evidence: tuple[str, ...] = ()
    where: Position | None = None
    source: str = ""
    acknowledged: str = ""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"no severity: {self.severity!r}")

    @property
    def fingerprint(self) -> str:
        """The same for the same thing found again, wherever its line has moved to (32 hexadecimal digits)."""
        told = "\0".join((self.source, self.code, self.object, self.attribute))
        return hashlib.sha256(told.encode()).hexdigest()[:32]


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return the worst first, and those of one severity by place, code and object; acknowledged ones last."""
    return sorted(
        findings,
        key=lambda one: (
            bool(one.acknowledged),
            -SEVERITIES.index(one.severity),
            one.where or Position(""),
            one.code,
            one.object,
            one.attribute,
        ),
    )


def at_least(findings: Iterable[Finding], severity: str) -> list[Finding]:
    """Return what counts at this severity or above; what somebody acknowledged does not count."""
    least = SEVERITIES.index(severity)
    return [one for one in findings if not one.acknowledged and SEVERITIES.index(one.severity) >= least]


def tally(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many there are of each severity, the worst first; acknowledged ones under that name, where any are."""
    told = dict.fromkeys((*reversed(SEVERITIES), "acknowledged"), 0)
    for one in findings:
        told["acknowledged" if one.acknowledged else one.severity] += 1
    if not told["acknowledged"]:
        del told["acknowledged"]
    return told
