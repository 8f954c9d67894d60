"""What a review says.

In: nothing. Out: `Review` with a `PlayReview` for each play.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from wgm_play.catalog.model import Catalog
from wgm_play.finding import Finding, ordered
from wgm_play.lazy_dataclass import dataclass
from wgm_play.plan import Operation, Plan

# In the order in which they must be read: what a run refuses, who may do more, what goes, who waits, what gets slower, the rest.
REFUSED, SECURITY, DATA, BLOCKS, SLOWER, OTHER = SECTIONS = ("refused", "security", "data", "blocks", "slower", "other")


@dataclass(frozen=True, slots=True)
class Rollback:
    """How the change would be taken back: operations in their order; what cannot be, with the reason of each.

    The `converted` among them bring back the old values of a column, as they are kept; by which statements, is known when
    it is their turn.
    """

    operations: tuple[Operation, ...] = ()
    converted: tuple[Operation, ...] = ()
    titles: tuple[str, ...] = ()
    irreversible: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PlayReview:
    """What a change does to one environment.

    `version` is the major version of the server on which both states were made, `wanted_version` the one that
    `said_by` asks for (server_version, embedded, or nothing does). `new` tells that the base has no such play, `gone`
    that only the base has it. `left_alone` are objects that no step mentions any more and that stay. `checklist` are the points
    of a deployment, where the environment is promoted. `given` says when it is so, where that is not at once: once flags are on.
    """

    play: str
    environment: str
    version: int
    wanted_version: int
    said_by: str
    plan: Plan
    findings: Mapping[str, tuple[Finding, ...]]
    affected: tuple[str, ...] = ()
    rollback: Rollback = Rollback()
    diagram: str = ""
    left_alone: tuple[str, ...] = ()
    new: bool = False
    gone: bool = False
    checklist: tuple[str, ...] = ()
    # Whose sizes were taken, and what they say of statements, by their number.
    sizes: str = ""
    times: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    given: str = ""
    # Both states, where they are at hand: a page draws them.
    catalogs: tuple[Catalog, Catalog] | None = field(default=None, compare=False, repr=False)

    def all_findings(self) -> Iterator[Finding]:
        """Yield the findings of all sections, in the order of these."""
        for section in SECTIONS:
            yield from self.findings.get(section, ())

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to say of this environment."""
        return not (self.plan.groups or self.affected or self.left_alone or self.gone or any(self.findings.values()))


@dataclass(frozen=True, slots=True)
class Also:
    """Another branch that changes the same objects."""

    ref: str
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """What a change of a playbook does.

    `against` says what it is compared with; `broken` are errors that let nothing be planned; `root` is the repository's
    folder, where there is one, and `path` the playbook as it is named there.
    """

    subject: str
    against: str
    plays: tuple[PlayReview, ...] = ()
    notes: tuple[str, ...] = ()
    also: tuple[Also, ...] = ()
    broken: tuple[Finding, ...] = ()
    root: str = ""
    path: str = ""

    def all_findings(self) -> list[Finding]:
        """Return the findings of all environments, each once, the worst first; what differs between them names its own."""
        found: dict[tuple[str, str, str], Finding] = {}
        for one in (*self.broken, *(each for play in self.plays for each in play.all_findings())):
            found.setdefault((one.fingerprint, one.message, str(one.where)), one)
        return ordered(found.values())

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to say."""
        return not self.broken and all(play.quiet for play in self.plays)
