"""What acts on rows besides who writes them: the application's triggers stay out of our batches, or are named.

In: a table, the columns that batches write. Out: how the batches keep its triggers from acting. Where the role may set
session_replication_role they do that. Otherwise each trigger gets a condition that is false in our batches, and loses it when they
are through (`keep_out`, `let_act`); it is true for whoever only sets `wgm.batch`, because it asks for the run's login too.
What cannot be kept out is a hazard that needs consent.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence

from wgm_play.catalog.graph import children, descendants
from wgm_play.catalog.model import Key
from wgm_play.catalog.trigger import Trigger
from wgm_play.lazy_dataclass import dataclass
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    SHARE_ROW_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    comments,
    hazard,
)
from wgm_play.operations.trigger import enable
from wgm_play.plan import Command, Hazard, Lock
from wgm_play.render import render
from wgm_play.sql import Sql, ident


@dataclass(frozen=True, slots=True, order=True)
class Actor:
    """A trigger, or a rule on UPDATE: `columns` are those of UPDATE OF; `clone` came from the parent of a partition.

    `usable` tells whether this role may make a trigger with its function again; `whole_rows`, whether its function
    seems to take rows as a whole, with columns that it does not know.
    """

    key: Key
    table: Key
    enabled: str
    on_update: bool
    columns: tuple[str, ...]
    constraint: bool
    clone: bool
    usable: bool
    whole_rows: bool
    function: str


@dataclass(frozen=True, slots=True)
class Keeping:
    """How batches keep out what acts: by the server's setting (`replica`), by conditions of the triggers `kept`; `left` is what acts."""

    replica: bool
    kept: tuple[Actor, ...]
    left: tuple[Actor, ...]


def keeping(situation: PlanContext, table: Key, columns: Collection[str]) -> Keeping:
    """Return how batches that write some columns of a table keep what acts on it out."""
    family = _family(situation, table)
    actors = sorted(one for one in situation.facts.acting if one.table in family and one.on_update)
    actors = [one for one in actors if not one.columns or set(one.columns) & set(columns)]
    # Under session_replication_role = replica nothing keeps foreign keys and deferrable keys either.
    replica = situation.facts.may_replicate and not any(_keyed(situation, one, columns) for one in family)
    acts = [one for one in actors if one.enabled in ("AR" if replica else "AO")]
    kept = tuple(one for one in acts if one.key in situation.current.rows and one.key.kind == "trigger" and one.usable)
    clones = {(one.key.name[-1], one.function) for one in kept if situation.current[one.table].partition_by}
    left = [one for one in acts if one not in kept and not (one.clone and (one.key.name[-1], one.function) in clones)]
    return Keeping(replica, kept, tuple(left))


def _family(situation: PlanContext, table: Key) -> set[Key]:
    """Return a table with its partitions and children: an UPDATE of it reaches them all."""
    return {table, *descendants(children(situation.current), table)}


def _keyed(situation: PlanContext, table: Key, columns: Collection[str]) -> bool:
    """Tell whether a trigger of the server's own watches over some columns: a foreign key, or a key that is deferrable."""
    own = {Key("column", (*table.name, column)) for column in columns}
    for key, column in situation.current.edges:
        if column in own and key.kind == "constraint":
            row = situation.current.get(key)
            if row is not None and (row.type == "f" or " DEFERRABLE" in row.definition):
                return True
    return False


def kept_out(situation: PlanContext, ordered: Sequence[Change]) -> list[Change]:
    """Put what keeps triggers from acting before the fills of an ordered plan, and what lets them act again after these.

    Between two fills of a table the triggers stay out, unless something else than a preparation comes in between.
    """
    made: list[Change] = []
    done: set[Key] = set()
    waiting: dict[Key, tuple[tuple[Actor, ...], Change]] = {}
    for change in ordered:
        filled = change.operation.payload.get("backfill") or {}
        table = Key("table", tuple(filled.get("table", ())))
        kept = keeping(situation, table, filled["columns"]).kept if filled.get("alone") else ()
        kept = tuple(one for one in kept if one.key not in done or one.key in situation.wanted.rows)
        if change.unit or not change.operation.alone or (kept and table in waiting and waiting[table][0] != kept):
            made += [back for _, back in waiting.values()]
            waiting.clear()
        if kept and table not in waiting:
            made.append(_out(situation, table, kept, change, done))
        made.append(change)
        done |= change.makes | change.removes
        if kept:
            waiting[table] = kept, _back(situation, table, kept, change)
    return made + [back for _, back in waiting.values()]


def _out(situation: PlanContext, table: Key, kept: tuple[Actor, ...], fill: Change, done: set[Key]) -> Change:
    commands = []
    for one in kept:
        catalog = situation.wanted if one.key in done else situation.current
        commands += keep_out(situation, one, catalog[one.key])
    change = alter(
        situation,
        table,
        f"keep triggers of {table.label} from acting in batches: {_named(kept)}",
        commands,
        alone=True,
        step=fill.operation.step,
        hazards=(hazard("V01", "they fire for the application as before: only batches of this role are left out"),),
    )
    change.make_only()
    return change


def _back(situation: PlanContext, table: Key, kept: tuple[Actor, ...], fill: Change) -> Change:
    change = alter(
        situation,
        table,
        f"let triggers of {table.label} act in batches again: {_named(kept)}",
        [let_act(one.key.name) for one in kept],
        alone=True,
        step=fill.operation.step,
    )
    change.make_only()
    return change


def _named(actors: Iterable[Actor]) -> str:
    return ", ".join(one.key.name[2] for one in actors)


def keep_out(situation: PlanContext, actor: Actor, row: Trigger) -> list[Command]:
    """Return the commands that give a trigger a condition which is false in our batches."""
    key = actor.key
    definition = guarded(row.definition, situation.facts.login)
    in_place = (
        situation.facts.version >= 140000 and not actor.constraint and not situation.current[actor.table].partition_by
    )
    table = Key("table", key.name[:2])
    if in_place:
        lock = Lock(SHARE_ROW_EXCLUSIVE, table.label)
        made = [command("trigger/create", lock, definition=Sql("CREATE OR REPLACE" + definition[6:]), shadow=False)]
    else:
        lock = Lock(ACCESS_EXCLUSIVE, table.label)
        made = [
            command("trigger/drop", lock, name=key.name[2], table=key.name[:2], shadow=False),
            command("trigger/create", lock, definition=Sql(definition), shadow=False),
            *comments(key, row.comment),
        ]
    return made + ([enable(key, row.enabled)] if row.enabled != "O" else [])


def let_act(name: Sequence[str]) -> Command:
    """Return the command that takes this condition away, where a trigger has it."""
    table = (name[0], name[1])
    lock = Lock(ACCESS_EXCLUSIVE, Key("table", table).label)  # that of a constraint trigger, and before 14 of each
    about = f"COMMENT ON TRIGGER {ident(name[2])} ON {ident(table)} IS ".replace("%", "%%") + "%L"
    return command(
        "online/let_act", lock, table=table, table_text=str(ident(table)), name=name[2], comment=about, shadow=False
    )


def guarded(definition: str, login: str) -> str:
    """Return a trigger's statement with the condition before its own."""
    from pglast.parser import scan

    depth, opened, body = 0, None, 0
    tokens = list(scan(definition))
    for token, following in itertools.pairwise(tokens):
        if token.name == "ASCII_40":
            depth += 1
        elif token.name == "ASCII_41":
            depth -= 1
        elif not depth and token.name == "WHEN":
            opened = token.end + 1
        elif not depth and token.name == "EXECUTE" and following.name in ("FUNCTION", "PROCEDURE"):
            body = token.start
            break
    condition = render("online/keep_out.sql.j2", login=login).sql
    if opened is None:
        return f"{definition[:body]}WHEN {condition} {definition[body:]}"
    return f"{definition[:opened]} ({condition} AND{definition[opened:body].rstrip()}) {definition[body:]}"


def task(situation: PlanContext, table: Key, columns: Collection[str]) -> dict[str, object]:
    """Return what the batches do about triggers: `replica` sets the server's setting; `login` is whom conditions name."""

    found = keeping(situation, table, columns)
    situation.findings.used_helpers.update(guard_mark(one.key.name) for one in found.kept)
    return {"replica": found.replica, "login": situation.facts.login if found.kept else None}


def hazards(situation: PlanContext, table: Key, columns: Collection[str]) -> tuple[Hazard, ...]:
    """Return what a fill says of the triggers of a table."""
    found = keeping(situation, table, columns)
    made = []
    if found.replica and any(
        one.table == table and one.enabled == "O" and one.on_update for one in situation.facts.acting
    ):
        made.append(hazard("V01", "triggers do not act in the batches (session_replication_role = replica)"))
    if found.left:
        listed = ", ".join(f"{one.key.kind} {one.key.name[-1]} ({_why(one)})" for one in found.left)
        made.append(
            hazard(
                "V01",
                f"these act in the batches, for each row: {listed}",
                "an administrator may GRANT SET ON PARAMETER session_replication_role (PostgreSQL 15); or let their functions"
                " return at once where current_setting('wgm.batch', true) = 'on'",
                consent=True,
            )
        )
    return tuple(made)


def _why(actor: Actor) -> str:
    if actor.key.kind == "rule":
        return "a rule has no condition for it"
    if actor.clone:
        return "it belongs to the parent's"
    return "this role may not use its function" if not actor.usable else "it belongs to an extension"


def whole_rows(situation: PlanContext, table: Key) -> tuple[Hazard, ...]:
    """Return the hazard of triggers that take rows as a whole, with columns of ours in them."""
    named = sorted(
        {
            f"{one.key.name[-1]} ({one.function})"
            for one in situation.facts.acting
            if one.table == table and one.whole_rows
        }
    )
    if not named:
        return ()
    return (
        hazard(
            "V08",
            f"triggers that take whole rows see columns named wgm_…: {', '.join(named)}",
            "leave such names out in their functions, as the audit of `wgm-play init` does",
        ),
    )


def read(rows: Iterable[Sequence[object]]) -> tuple[Actor, ...]:
    """Return what `templates/catalog/acting.sql` lists."""
    return tuple(
        Actor(
            Key(str(kind), (str(schema), str(table), str(name))),
            Key("table", (str(schema), str(table))),
            str(enabled),
            bool(on_update),
            tuple(columns),  # type: ignore[arg-type]
            bool(constraint),
            bool(clone),
            bool(usable),
            bool(whole),
            str(function),
        )
        for kind, schema, table, name, enabled, on_update, columns, constraint, clone, usable, whole, function in rows
    )


def guard_mark(trigger: Sequence[str]) -> str:
    """Return under which name a plan says that it keeps a trigger from acting."""
    return f"guard of {'.'.join(trigger)}"
