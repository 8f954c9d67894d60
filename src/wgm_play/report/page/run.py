"""A run on the page: what changed, the tables before and after, its operations in time with their locks and the load beside them, plans.

In: the ledger, the number of a run (the last one without). Out: `Story`, and the figures at the top.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import CLASSES, Catalog, Key, differing_fields
from wgm_play.commands.status import is_running, outcome
from wgm_play.errors import InputError
from wgm_play.ledger import UNKNOWN
from wgm_play.quantities import counted
from wgm_play.report.page.charts import charts
from wgm_play.report.page.diagram import draw, width_of
from wgm_play.report.page.locks import STOPS, STRENGTH, level
from wgm_play.report.page.model import Changed, ObjectGroup, Sent, Span, Story, Tile
from wgm_play.report.page.spans import longest, ticks, time_of
from wgm_play.run.load import KIND as LOAD

if TYPE_CHECKING:
    from wgm_play.ledger import Ledger
    from wgm_play.ledger.model import DoneOperation, RunChange, SentStatement

# More than a screen of one text is looked at elsewhere.
MOST_LINES = 200
# A picture up to this width, in pixels, has room beside another.
BESIDE = 640


def story_of(ledger: Ledger, number: int | None) -> Story | None:
    """Return a run, with those that it finished or that finished it; None where there is none yet."""
    if ledger.access() == "unknown":
        raise InputError(f"the runs cannot be read: {UNKNOWN}")
    changes = ledger.changes()
    change = next((one for one in changes if number is None or number in one.ids), None)
    if change is None:
        if number is None:
            return None
        known = f"{changes[-1].first.id} to {changes[0].last.id}" if changes else "none"
        raise InputError(f"there is no run {number}", hint=f"`wgm-play status` lists them: {known}")
    before = ledger.snapshot_of(change.first.id, "before") or Catalog()
    after = ledger.snapshot_of(change.last.id, "after") or before
    pictures = draw(before, after)
    done, sent = ledger.done_in(change.ids), ledger.sent_in(change.ids)
    began, ended = _bounds(change, done, sent)
    spans = _spans(done, sent, began, ended, before)
    return Story(
        number=change.last.id,
        status=outcome(change.last, running=is_running(ledger.connection)),
        facts=list(_facts(change)),
        changed=_changed(before, after),
        before=pictures[0],
        after=pictures[1],
        spans=spans,
        longest=longest(spans),
        ticks=ticks((ended - began).total_seconds()),
        error=change.last.error or "",
        wide=any(width_of(one) > BESIDE for one in pictures if one),
        charts=charts(
            (one.content for one in ledger.evidence_of(LOAD, change.ids)), began, (ended - began).total_seconds()
        ),
        began_from=change.first.from_digest,
        began=change.first.started_at,
        last_ended=change.last.ended_at if change is changes[0] else None,
    )


def _facts(change: RunChange) -> Iterator[tuple[str, str]]:
    run = change.last
    yield "Started", f"{change.first.started_at:%Y-%m-%d %H:%M:%S} UTC"
    if run.ended_at:
        yield "Ended", f"{run.ended_at:%Y-%m-%d %H:%M:%S} UTC"
    yield "Command", f"{run.command} {run.playbook}"
    yield "Play", run.play
    if len(change.ids) > 1:
        yield "Cut short and finished", f"runs {', '.join(map(str, change.ids))}"
    if run.rolls_back:
        yield "Takes back", f"runs {', '.join(map(str, run.rolls_back))}"
    yield "Role", run.role
    yield "Who, where", f"{run.os_user} on {run.host}"
    yield "wgm-play", run.version


def _bounds(
    change: RunChange, done: Sequence[DoneOperation], sent: Sequence[SentStatement]
) -> tuple[datetime, datetime]:
    """Return when the first began and the last ended of what was done; before that the run only looked."""
    times = [one.started_at for one in done] + [one.started_at for one in sent]
    ends = [one.ended_at for one in done] + [one.ended_at for one in sent if one.ended_at is not None]
    began = min(times, default=change.first.started_at)
    ended = max(ends, default=change.last.ended_at or began)
    return began, max(ended, began + timedelta(milliseconds=1))


def _spans(
    done: Sequence[DoneOperation],
    sent: Sequence[SentStatement],
    began: datetime,
    ended: datetime,
    before: Catalog,
) -> list[Span]:
    whole = (ended - began).total_seconds()
    by_operation: dict[tuple[int, int], list[SentStatement]] = {}
    for one in sent:
        by_operation.setdefault((one.run, one.operation), []).append(one)
    return [
        _span(one, by_operation.get((one.run, one.number), []), began, whole, fresh=_fresh(one, before)) for one in done
    ]


def _fresh(one: DoneOperation, before: Catalog) -> bool:
    """Tell whether an operation is on a table that the same run made: nobody waits for its lock."""
    key = Key(one.kind, tuple(one.name))
    table = key if one.kind == "table" else key.relation
    return table is not None and table not in before.rows


def _span(one: DoneOperation, sent: Sequence[SentStatement], began: datetime, whole: float, *, fresh: bool) -> Span:
    statements = [_sent(each, fresh=fresh) for each in sent]
    start = min([one.started_at, *(each.started_at for each in sent)])
    end = max([one.ended_at, *(each.ended_at for each in sent if each.ended_at)])
    seconds = max((end - start).total_seconds(), 0.0)
    strongest = min((each.lock for each in statements), key=STRENGTH.index, default="")
    waited = sum(each.waited for each in statements) / 1000
    left = min(100 * (start - began).total_seconds() / whole, 99.5)
    return Span(
        title=one.title,
        step=f"{one.step_name}{f' ({one.item})' if one.item else ''}",
        left=round(left, 2),
        width=round(min(100 * seconds / whole, 100 - left), 2),
        waited=round(min(100 * waited / seconds, 100), 1) if seconds else 0,
        told=time_of(seconds),
        stops=STOPS[strongest][0],
        lock=f"{strongest}Lock: {STOPS[strongest][1]}" if strongest else "",
        statements=statements,
        transaction=one.group_number + 1,
    )


def _sent(one: SentStatement, *, fresh: bool) -> Sent:
    lock = "" if fresh and "REFERENCES" not in one.sql else level(one.sql)
    milliseconds = (one.ended_at - one.started_at).total_seconds() * 1000 if one.ended_at else 0.0
    return Sent(
        one.sql,
        max(milliseconds, 0.0),
        one.lock_wait_ms,
        f"{lock}" if lock else "",
        STOPS[lock][0],
        one.attempts,
        one.error,
    )


# As many fit on a screen; of more, only how many there are is shown until somebody opens them.
MOST_AT_ONCE = 16


def _changed(before: Catalog, after: Catalog) -> list[ObjectGroup]:
    """Return the objects that differ, by kind; those of a table that is new or gone are within it."""
    found: dict[tuple[int, str, str], list[Changed]] = {}
    keys = [key for key in {*before.rows, *after.rows} if before.rows.get(key) != after.rows.get(key)]
    order = {kind: number for number, kind in enumerate(("table", *CLASSES))} | {"table": 0}
    for key in sorted(keys):
        table = key.relation
        whole = table is not None and (table in before.rows) != (table in after.rows)
        if whole or (key.kind == "owner" and (key in before.rows) != (key in after.rows)):
            continue
        how = "new" if key not in before.rows else "goes" if key not in after.rows else "changed"
        found.setdefault((order[key.kind], key.kind, how), []).append(_object(key, before, after))
    few = sum(map(len, found.values())) <= MOST_AT_ONCE
    return [
        ObjectGroup(
            how,
            _numbered(len(items), kind.replace("_", " ")),
            items,
            few or (kind == "table" and len(items) <= MOST_AT_ONCE),
        )
        for (_, kind, how), items in sorted(found.items(), key=lambda one: one[0])
    ]


def _numbered(number: int, kind: str) -> str:
    many = {"index": "indexes", "policy": "policies", "foreign key": "foreign keys"}.get(kind, f"{kind}s")
    return counted(number, kind, many)


def _object(key: Key, before: Catalog, after: Catalog) -> Changed:
    was, now = before.get(key), after.get(key)
    if was is None or now is None:
        return Changed(key.label, _parts(before if now is None else after, key))
    return Changed(key.label, *_difference(was, now))


def _parts(catalog: Catalog, key: Key) -> list[str]:
    """Return how many of each kind a table has."""
    numbers = Counter(one.kind for one in catalog.rows if one.relation == key) if key.kind == "table" else {}
    return [", ".join(_numbered(number, kind) for kind, number in sorted(numbers.items()))] if numbers else []


def _difference(was: Any, now: Any) -> tuple[list[str], str]:
    """Return a line for each short field that differs, and the difference of long texts."""
    lines: list[str] = []
    longer: list[str] = []
    for name in differing_fields(was, now):
        old, new = getattr(was, name), getattr(now, name)
        if isinstance(old, str) and isinstance(new, str) and "\n" in f"{old}{new}":
            longer += difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "after", lineterm="")
        else:
            lines.append(f"{name.replace('_', ' ')}: {_said(old)} → {_said(new)}")
    return lines, "\n".join(longer[:MOST_LINES])


def _said(value: Any) -> str:
    if value is None or value == "":
        return "none"
    return (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def tiles_of(story: Story) -> Iterator[Tile]:
    """Yield the figures at the top of the page of a run."""
    statements = [one for span in story.spans for one in span.statements]
    yield Tile(str(len(story.spans)), "operations")
    yield Tile(time_of(sum(one.milliseconds for one in statements) / 1000), "in statements")
    stopped = max((one.milliseconds - one.waited for one in statements if one.stops == "all"), default=0)
    yield Tile(time_of(stopped / 1000), "longest stop of reads and writes", "good" if stopped < 1000 else "fair")
    waited = sum(one.waited for one in statements)
    yield Tile(time_of(waited / 1000), "waited for locks", "good" if waited < 1000 else "fair")
