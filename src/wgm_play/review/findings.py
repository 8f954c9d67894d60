"""What a planned change means, told in the order in which it must be read.

In: a play planned from its base. Out: `PlayReview`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wgm_play.catalog.kinds import HOLDING_VALUES, IN_TABLE, INSIDE, OF_OBJECT, ROUTINES, STORED, WITH_BODY
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Position
from wgm_play.finding import ERROR, INFO, WARNING, Finding, ordered
from wgm_play.impact import Impact, written_down
from wgm_play.operations.base import LOCK_LEVELS, SHARE
from wgm_play.plan import Command, Operation
from wgm_play.playbook.model import Declarations
from wgm_play.quantities import counted
from wgm_play.review import affected, checklist, diagram, security
from wgm_play.review.compare import ComparedPlay
from wgm_play.review.model import BLOCKS, DATA, OTHER, REFUSED, SECTIONS, SECURITY, SLOWER, PlayReview
from wgm_play.review.rollback import rollback
from wgm_play.review.statistics import outlook, sizes
from wgm_play.review.target import LARGE
from wgm_play.secret import mask

if TYPE_CHECKING:
    from wgm_play.analysis.stage import JudgedChange

# Where an object is declared; a helper of an online form stands where its step does.
Place = Callable[..., Position | None]
_WRITERS_WAIT = LOCK_LEVELS.index(SHARE)
_EVERYBODY_WAITS = len(LOCK_LEVELS) - 1
# Seconds that an application does not notice.
MOMENT = 1.0
# What fails where the table has rows, which nobody has looked at here.
_MAY_FAIL = frozenset(["C02"])
# The codes of hazards that are about who may do what.
_OF_SECURITY = ("G", "V06")
# Statements of a playbook's own that take rows away.
_TAKES = re.compile(r"\b(DELETE\s+FROM|TRUNCATE|DROP\s+TABLE)\b", re.IGNORECASE)


def told(one: ComparedPlay) -> PlayReview:
    """Return what a change does to one environment."""
    before, after = one.base.catalog, one.planned.wanted.catalog
    operations = one.planned.plan.operations
    place = placing(one)
    found: dict[str, list[Finding]] = {section: [] for section in SECTIONS}
    found[REFUSED] += _refused(one)
    found[SECURITY] += security.look(before, after, place)
    found[SECURITY] += affected.environment(one)
    found[DATA] += _data(operations, before, place, one.play.hidden)
    met = _outlook(one)
    found[BLOCKS] += _blocks(operations, before, place, met)
    for hazard in _hazards(operations, place):
        found[SECURITY if hazard.code.startswith(_OF_SECURITY) else OTHER].append(hazard)
    found[OTHER] += _irreversible(operations, place)
    if one.judged is not None:
        found[SLOWER] += _slower(one, one.judged)
    plan = replace(one.planned.plan, unknown=_unknown(one))
    back = rollback(one)
    return PlayReview(
        play=one.play.name,
        environment=one.environment.name,
        version=one.version,
        wanted_version=one.wanted_version,
        said_by=one.said_by,
        plan=plan,
        findings={section: tuple(_once(findings)) for section, findings in found.items()},
        affected=tuple(affected.look(one)),
        rollback=back,
        diagram=diagram.draw(before, after),
        left_alone=tuple(_left_alone(one)),
        new=one.before is None,
        checklist=tuple(checklist.look(one, back)),
        sizes=one.statistics.about() if one.statistics is not None else "",
        times=written_down(plan, met),
        given=one.given,
        catalogs=(before, after),
    )


def _slower(one: ComparedPlay, judged: JudgedChange) -> list[Finding]:
    """Return the queries that get slower plans, and those of which nobody knows; what the play acknowledges is no news."""
    from wgm_play.analysis.compare import CODE, UNKNOWN
    from wgm_play.analysis.stage import told as of_queries
    from wgm_play.commands.acknowledged import acknowledged

    titles = [each.title for each in one.planned.plan.operations]
    found = acknowledged(one.play, of_queries(judged, titles, "with this change"), of_queries=True)
    return [each for each in found if each.code in (CODE, UNKNOWN) and not each.acknowledged]


def _outlook(one: ComparedPlay) -> Impact:
    """Return what statements meet, as far as statistics tell."""
    if one.statistics is None:
        return Impact()
    return outlook(one.statistics, sizes(one.statistics, one.base.catalog, LARGE), LARGE)


def placing(one: ComparedPlay) -> Place:
    """Return what tells where an object is declared: its own line, else that of what it belongs to, else its step."""
    folded, steps = one.folded, {step.index: step.position for step in (*one.play.steps, *one.play.handlers)}
    asked = one.planned.wanted.steps

    def place(key: Key, step: int = -1) -> Position | None:
        found = _declared(folded, key)
        if found is None and key.kind in OF_OBJECT:
            found = _declared(folded, Key(key.name[0], key.name[1:] if key.kind == "owner" else key.name[1:-1]))
        if found is None and key.relation is not None:
            found = _declared(folded, key.relation)
        return found or steps.get(asked.get(key, step))

    return place


def _declared(folded: Declarations, key: Key) -> Position | None:
    declaration = folded.declarations.get(key)
    if declaration is not None:
        return declaration.position
    owner = folded.declarations.get(Key("table", key.name[:2])) if len(key.name) > 2 else None
    if owner is not None and key in owner.parts:
        return owner.parts[key].position
    if key.kind in ROUTINES:
        return next(
            (d.position for k, d in folded.declarations.items() if k.kind == key.kind and k.name[:2] == key.name[:2]),
            None,
        )
    return None


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings in order, each once."""
    found: dict[tuple[str, str, str], Finding] = {}
    for one in findings:
        masked = replace(
            one, message=mask(one.message), evidence=tuple(map(mask, one.evidence)), remedy=mask(one.remedy)
        )
        found.setdefault((one.code, one.object, one.message), masked)
    return ordered(found.values())


def _refused(one: ComparedPlay) -> Iterator[Finding]:
    ledger = one.planned.imperative.ledger
    steps = {step.name: step.position for step in (*one.play.steps, *one.play.handlers)}
    for refused in one.refused:
        yield Finding(
            "refused",
            ERROR,
            f"a run is refused: {refused.message}",
            attribute=refused.message,
            remedy=refused.hint or "",
            evidence=refused.details,
            where=refused.where or steps.get(refused.step or ""),
            source="review",
        )
    for sql in getattr(ledger, "changed", ()):
        yield Finding(
            "refused",
            ERROR,
            f"a run is refused where it ran already: the SQL of the step {sql.name!r} is another",
            object=f"step {sql.name}",
            remedy="put the old text back and add a new step, or say `rerun: changed`",
            where=sql.position,
            source="review",
        )


def _data(operations: Sequence[Operation], before: Catalog, place: Place, hidden: Collection[int]) -> Iterator[Finding]:
    for one in operations:
        key, where = one.key, place(one.key, one.step)
        if one.verb == "trash":
            what = f"{key} goes to the trash with what it holds"
            yield Finding("data_goes", WARNING, what, str(key), where=where, source="review")
        elif one.verb == "drop" and _holds_values(key, before):
            yield Finding("data_goes", ERROR, f"{key} is dropped for good", str(key), where=where, source="review")
        elif one.verb == "run":
            yield from _ran(one, place(Key("step", ()), one.step) or where, one.step in hidden)
        elif key.kind == "column" and one.irreversible and one.verb == "alter":
            what = f"{one.title}: {one.irreversible}"
            yield Finding("values_change", WARNING, what, str(key), where=where, source="review")


def _holds_values(key: Key, before: Catalog) -> bool:
    """Tell whether something holds values that are nowhere else."""
    if key not in before.rows or (key.kind == "column" and before[key].generated):
        return False
    return key.kind in HOLDING_VALUES or key.kind == "sequence"


def _ran(one: Operation, where: Position | None, hidden: bool) -> Iterator[Finding]:
    """Yield what rows and SQL of a step do; of a `hidden` step no value is shown."""
    key = one.key
    gone = [row for row in one.payload.get("row_changes", ()) if row["after"] is None]
    if gone:
        shown = [", ".join(f"{name}={value}" for name, value in row["key"].items()) for row in gone[:10]]
        yield Finding(
            "rows_go",
            WARNING,
            f"{counted(len(gone), 'row')} of {key} {'goes' if len(gone) == 1 else 'go'}",
            str(key),
            "rows",
            evidence=() if hidden else tuple(shown),
            where=where,
            source="review",
        )
    if key.kind == "sql":
        takes = any(_TAKES.search(command.sql) for command in one.commands if command.wait == "data")
        what = f"the step {key.name[1]!r} runs SQL of its own" + (" that takes rows away" if takes else "")
        yield Finding("sql", WARNING if takes else INFO, what, f"step {key.name[1]}", where=where, source="review")


def _blocks(operations: Sequence[Operation], before: Catalog, place: Place, outlook: Impact) -> Iterator[Finding]:
    """Yield what waits: for as long as a table is read or written, or for a moment."""
    labels = {key.label: key for key in before.rows if key.kind in STORED}
    long: dict[tuple[str, str], tuple[Operation, Command]] = {}
    moments: dict[str, list[Operation]] = {}
    for one in operations:
        for command in one.commands:
            for lock in command.locks:
                strength = LOCK_LEVELS.index(lock.level) if lock.level in LOCK_LEVELS else 0
                if lock.relation not in labels or strength < _WRITERS_WAIT:
                    continue
                if _lasts(command, outlook):
                    long.setdefault((lock.relation, lock.level), (one, command))
                else:
                    moments.setdefault(lock.relation, []).append(one)
    for (relation, level), (one, longest) in sorted(long.items(), key=lambda item: item[0]):
        who = "reads and writes" if LOCK_LEVELS.index(level) == _EVERYBODY_WAITS else "writes"
        how = "is written anew" if any(command.rewrites for command in one.commands) else "is read"
        about = outlook.about(longest)
        how += f", {about}" if about else ""
        yield Finding(
            "blocks",
            ERROR if who != "writes" else WARNING,
            f"{who} of {relation} wait for as long as the table {how}: {one.title}",
            str(labels[relation]),
            level,
            where=place(one.key, one.step),
            source="review",
        )
    for relation, ones in sorted(moments.items()):
        titles = list(dict.fromkeys(one.title for one in ones))
        yield Finding(
            "blocks_briefly",
            INFO,
            f"{relation} is locked for a moment by {counted(len(titles), 'operation')}; a lock that is not had soon is given up and tried again",
            str(labels[relation]),
            evidence=tuple(titles[:10]),
            where=place(ones[0].key, ones[0].step),
            source="review",
        )


def _lasts(command: Command, outlook: Impact) -> bool:
    """Tell whether a statement reads or writes a table that is not known to be small."""
    seconds = outlook.seconds(command)
    small = seconds is not None and seconds * outlook.spread < MOMENT
    return (command.rewrites or command.scans) and not small


def _hazards(operations: Sequence[Operation], place: Place) -> Iterator[Finding]:
    for one in operations:
        for hazard in one.hazards:
            warns = hazard.code[0] in "RV" or hazard.code in _MAY_FAIL
            severity = ERROR if hazard.consent else WARNING if warns else INFO
            yield Finding(
                hazard.code,
                severity,
                f"{one.title}: {hazard.what}",
                str(one.key),
                remedy=hazard.instead,
                where=place(one.key, one.step),
                source="review",
                acknowledged=hazard.accepted or "",
            )


def _irreversible(operations: Sequence[Operation], place: Place) -> Iterator[Finding]:
    for one in operations:
        if one.irreversible:
            yield Finding(
                "irreversible",
                WARNING,
                f"{one.title}: {one.irreversible}",
                str(one.key),
                "irreversible",
                where=place(one.key, one.step),
                source="review",
            )


# What is true of each review, and said in its first lines.
_ALWAYS = ("not proved: ",)


def _unknown(one: ComparedPlay) -> tuple[str, ...]:
    """Return what the plan does not know, without what no review knows."""
    return tuple(
        text for text in one.planned.plan.unknown if not text.startswith(_ALWAYS) and "no database is asked" not in text
    )


def _left_alone(one: ComparedPlay) -> Iterator[str]:
    """Yield what the base declares and no step mentions any more, and that stays."""
    after, managed = one.planned.wanted.catalog, one.planned.wanted.managed
    said: Mapping[Key, str] = one.folded.said
    parts = IN_TABLE | INSIDE | OF_OBJECT | {"default_privileges"}
    waiting = {step.name for step in one.play.steps if step.deferred or (step.skipped and step.name in one.waited)}
    names = one.base.step_names
    mentioned = {key.name[:2] for key in one.folded.declarations}
    for key in sorted(one.base.wanted.managed):
        if key in managed or key in said or key not in after.rows or key.kind in parts:
            continue
        if key.kind == "sequence" and after[key].owned_by:
            continue
        if names.get(one.base.wanted.steps.get(key, -1)) in waiting:
            continue
        if key.name[:2] in mentioned and key.kind in WITH_BODY:
            continue
        yield str(key)
