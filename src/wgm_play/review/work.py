"""A play at work on a scratch database that holds the base: the stages are those of a run.

In: a play as it was and as it is, the scratch server. Out: `Compared`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wgm_play.asking.ask import Asker
from wgm_play.cache.store import Cache
from wgm_play.catalog.model import Catalog, Key
from wgm_play.connections import Connections
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import Ledger
from wgm_play.planning.imperative import Imperative
from wgm_play.planning.model import Choices, LastRun, Planned
from wgm_play.planning.request import PlanRequest
from wgm_play.playbook.fold import fold
from wgm_play.playbook.model import Declarations, Invariant, Play, Step
from wgm_play.review import base as bases
from wgm_play.review.assumed import AssumedLedger, Nobody, ReviewedImperative
from wgm_play.review.excerpt import Excerpt
from wgm_play.review.statistics import sizes
from wgm_play.review.target import LARGE, Assumed, ReviewTarget
from wgm_play.run import flags, last_run
from wgm_play.run.plans import expand_again
from wgm_play.run.work import PlaySession
from wgm_play.server import Target

if TYPE_CHECKING:
    import psycopg

    from wgm_play.environment import Environment
    from wgm_play.errors import Refused
    from wgm_play.shadow import Shadow
    from wgm_play.stats.file import StatisticsFile

# What a planner would connect to a target with: it is given the scratch server instead.
NO_TARGET = cast("Connections", None)


@dataclass(slots=True)
class ReviewWork(PlaySession):
    """One play on the scratch database behind `session`; nothing of it asks a target."""

    session: psycopg.Connection[Any] | None = None
    shadow: Shadow | None = None
    assumed: Assumed = field(default_factory=lambda: Assumed("", ""))
    base: bases.BaseCatalog | None = None
    excerpt: Excerpt | None = None
    refused: list[Refused] = field(default_factory=list)
    request: PlanRequest | None = None
    plan_answers: ReviewTarget | None = None
    statistics: StatisticsFile | None = None
    flags_on: bool = False
    # The digests of what the base says; the steps that were folded last, and what they declare.
    said_before: Mapping[Key, str] = field(default_factory=dict)
    own: tuple[Sequence[Step], Declarations] | None = None

    @property
    def reading(self) -> psycopg.Connection[Any]:
        """The session on the scratch database."""
        assert self.session is not None  # noqa: S101 - opened with the work
        return self.session

    @property
    def connections(self) -> Connections:
        """None: what is planned here has no target."""
        raise AssertionError("a review connects to no target")

    @property
    def asker(self) -> Asker:
        """Nobody."""
        return Nobody(lambda: self.reading)

    @property
    def cache(self) -> Cache:
        """None is used: the names of scratch roles are others each time."""
        return Cache(None)

    def choices(self) -> Choices:
        """Return what a review allows: everything, and says what a run would not."""
        return Choices(allow_destructive=self.environment.policy.allow_destructive, check=True)

    def read_live(self, last: LastRun | None = None) -> Catalog:
        """Return the base."""
        assert self.base is not None  # noqa: S101 - made first
        return self.base.catalog

    def kept_last_run(self) -> LastRun | None:
        """Return what a run of the base would have left."""
        return self.base.last if self.base else None

    def moved_on(self) -> bool:
        """Nothing moves in a scratch database."""
        return False

    def check_marker(self) -> None:
        """A scratch database has no marker."""

    def refuse_unwritable_backups(self) -> None:
        """Backups are written elsewhere."""

    def refuse_frozen(self, planned: Planned) -> None:
        """A scratch database is never frozen."""

    @property
    def invariants(self) -> Sequence[Invariant]:
        """None is asked."""
        return ()

    def imperative(self, folded: Declarations, choices: Choices) -> Imperative:
        """Return what is run and asked, of the play or of its excerpt."""
        made = self._whole_imperative(folded)
        return self.excerpt.asked(made) if self.excerpt else made

    def _whole_imperative(self, folded: Declarations) -> ReviewedImperative:
        handlers = fold(self.play.handlers, handlers=True)
        before = self.base.folded if self.base else Declarations({})
        ledger = AssumedLedger(self.reading, self.play.name, before, folded)
        return ReviewedImperative(
            self.play,
            folded,
            handlers,
            ledger,
            self.reading,
            self.asker,
            before=before,
            base=self.base.catalog if self.base else None,
        )

    def request_for(self, folded: Declarations, choices: Choices, imperative: Imperative, live: Catalog) -> PlanRequest:
        """Return what is to be planned of this play, or of its excerpt."""
        if self.excerpt is not None:
            folded = self.excerpt.of(folded)
            imperative.folded = replace(imperative.folded, declarations=folded.declarations, said=folded.said, seeds=())
        request = super().request_for(folded, choices, imperative, live)
        self.request = replace(request, play=imperative.play)
        return self.request

    def plan_target(self) -> ReviewTarget:
        """Return what answers in place of a database."""
        self.refused.clear()
        known = self.statistics
        self.plan_answers = ReviewTarget(
            self.reading,
            NO_TARGET,
            self.cache,
            made_in=self.shadow,
            assumed=self.assumed,
            before=self.base.folded if self.base else None,
            refused=self.refused,
            sized=(lambda found: dict.fromkeys(found.of("table"), LARGE))
            if known is None
            else partial(sizes, known, otherwise=LARGE),
        )
        return self.plan_answers

    def wait_for_flags(self) -> None:
        """Take each flag of the application for off, or for on long enough: nobody is asked."""
        ever, now = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        self.flags = {one.name: flags.FlagState(one.name, self.flags_on, ever, now) for one in self.play.flags}
        self.play, self.waiting = flags.waiting(self.play, self.flags, self.waiting)

    def folded(self, known: LastRun | None) -> Declarations:
        """Return what the steps declare, folded once: what the base says too was found right there."""
        if self.own is None or self.own[0] is not self.play.steps:
            self.own = self.play.steps, fold(self.play.steps, known=self.said_before)
        return self.own[1]

    def fold_base(self) -> Declarations:
        """Return what this play declares; what waits for other steps is taken for done."""
        self.wait_for_flags()
        if any(step.deferred for step in self.play.steps):
            done = {"changed": True, "operations": [], "skipped": False}
            expand_again(self, {step.register: done for step in self.play.steps if step.register})
        return fold(self.play.steps)

    def make_base(self, folded: Declarations) -> bases.BaseCatalog:
        """Make what this play declares, as it is folded, in its empty database."""
        folded = self.excerpt.of(folded) if self.excerpt is not None else folded
        choices = self.choices()
        imperative = Imperative(
            self.play, folded, fold(self.play.handlers, handlers=True), Ledger(self.reading), self.reading, self.asker
        )
        empty = bases.empty(self.reading)
        request = super().request_for(folded, choices, imperative, empty)
        facts = "" if self.excerpt is not None else last_run.facts(self, folded, imperative.mark())
        return bases.make(request, self.plan_target(), facts)


def flags_waited_for(plays: Sequence[Play]) -> tuple[str, ...]:
    """Return the flags of the application for which a step of these plays waits."""
    steps = [step for play in plays for step in (*play.steps, *play.handlers)]
    return tuple(dict.fromkeys(step.after_flag for step in steps if step.after_flag is not None))


def scratch_connections(environment: Environment) -> Connections:
    """Return what starts the scratch server, for an environment whose database is not asked."""
    return Connections(environment, Path(), Target("", ""), trusted=False)
