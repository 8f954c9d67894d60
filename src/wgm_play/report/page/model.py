"""What is on the page.

In: nothing. Out: dataclasses that `page.html` shows; texts are plain, and escaped there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from wgm_play.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from markupsafe import Markup

    from wgm_play.finding import Finding


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure at the top: its value, what it counts, and how it is (good, bad, fair or plain)."""

    value: str
    label: str
    mood: str = "plain"


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Rows for people below a title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Changed:
    """An object that a run changed: its name, lines on what differs, and the difference of a long text."""

    name: str
    details: Sequence[str] = ()
    difference: str = ""


@dataclass(frozen=True, slots=True)
class ObjectGroup:
    """Objects of one kind that changed in one way, under a title as `12 indexes`; `open` shows them at once."""

    how: str
    title: str
    items: Sequence[Changed]
    open: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement as it was sent: its time in milliseconds, of which it waited for locks, and the lock it took."""

    sql: str
    milliseconds: float
    waited: float
    lock: str
    stops: str
    attempts: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """An operation on the timeline: where it begins and how long it is, in percent of the run; `stops` is what its strongest lock does."""

    title: str
    step: str
    left: float
    width: float
    waited: float
    told: str
    stops: str
    lock: str
    statements: Sequence[Sent]
    transaction: int
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A line below the timeline, on its axis: what it counts, its picture, its highest value."""

    label: str
    picture: Markup
    most: str


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A query: what it cost before and after, in what way it is read, and both plans; `how` is same, other, slower or faster."""

    name: str
    how: str
    cost: str
    way: str
    before: Sequence[str]
    after: Sequence[str]


@dataclass(frozen=True, slots=True)
class Story:
    """One run: facts, what changed, the tables before and after as pictures (`wide`: below each other), operations in time, and
    of many those that took longest."""

    number: int
    status: str
    facts: Sequence[tuple[str, str]]
    changed: Sequence[ObjectGroup]
    before: Markup | None
    after: Markup | None
    spans: Sequence[Span]
    longest: Sequence[Span]
    ticks: Sequence[tuple[float, str]]
    error: str = ""
    wide: bool = False
    charts: Sequence[Chart] = ()
    plans: Sequence[ShownPlan] = ()
    # Of which catalog it began, when, and when it ended, where no run came after it.
    began_from: str | None = None
    began: datetime | None = None
    last_ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class RehearsalStory:
    """One rehearsal: its facts, its transactions in time with what they cost, what was said of it."""

    passed: bool
    facts: Sequence[tuple[str, str]]
    spans: Sequence[Span]
    longest: Sequence[Span]
    ticks: Sequence[tuple[float, str]]
    notes: Sequence[str] = ()
    found: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ForeseenOperation:
    """An operation of a plan: what it does (new, changed, goes, run), its strongest lock, how long it takes, what is to be said."""

    title: str
    how: str
    stops: str
    lock: str
    takes: str
    remarks: Sequence[str]
    statements: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReviewedPlay:
    """What a change does to one environment, or to several of which the same is said; `mark` tells it from the others."""

    mark: str
    name: str
    verdict: str
    mood: str
    sections: Sequence[tuple[str, Sequence[Finding]]]
    transactions: Sequence[tuple[str, Sequence[ForeseenOperation]]]
    before: Markup | None
    after: Markup | None
    wide: bool
    lists: Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class PageContent:
    """All that is on a page. `findings` is None where nothing was looked at."""

    title: str
    subtitle: str
    version: str
    made: str
    tiles: Sequence[Tile] = ()
    story: Story | None = None
    findings: Sequence[Finding] | None = None
    tables: Sequence[ReportTable] = field(default=())
    rehearsed: RehearsalStory | None = None
    reviewed: Sequence[ReviewedPlay] = ()
    notes: Sequence[str] = ()
