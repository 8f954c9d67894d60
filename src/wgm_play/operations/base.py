"""What every kind's operations are built from: the situation they are planned in, commands from templates, locks.

In: `PlanContext`. Out: `Change`s, which `order.py` puts in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from wgm_play.catalog.access import PUBLIC, labels_of, parse
from wgm_play.catalog.kinds import BY_METHOD, KINDS, ON_TABLE, ROUTINES
from wgm_play.catalog.model import Catalog, Extra, Key, Row
from wgm_play.environment import Policy
from wgm_play.lazy_dataclass import dataclass
from wgm_play.plan import Command, Hazard, Lock, Operation
from wgm_play.playbook.model import Convert
from wgm_play.render import render
from wgm_play.sql import Sql, ident, literal

# Lock levels as pg_locks names them, without "Lock" (manual: "Explicit Locking").
ACCESS_SHARE = "AccessShare"
ROW_SHARE = "RowShare"
ROW_EXCLUSIVE = "RowExclusive"
SHARE_UPDATE_EXCLUSIVE = "ShareUpdateExclusive"
SHARE = "Share"
SHARE_ROW_EXCLUSIVE = "ShareRowExclusive"
EXCLUSIVE = "Exclusive"
ACCESS_EXCLUSIVE = "AccessExclusive"
# Weakest first.
LOCK_LEVELS = (
    ACCESS_SHARE,
    ROW_SHARE,
    ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    SHARE,
    SHARE_ROW_EXCLUSIVE,
    EXCLUSIVE,
    ACCESS_EXCLUSIVE,
)


@dataclass(frozen=True, slots=True)
class TableSize:
    """How large a live table is: `rows` as estimated by the server (-1: never analysed), `bytes` with its TOAST."""

    rows: float = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class TrashedColumn:
    """A column in the trash: its name there, its row when it is back, the change that brings it back."""

    place: str
    row: Row
    back: Change


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the server before anything is planned, read once.

    `trash` tells whether what goes is kept there, `trash_names` what is in it,
    `trash_needs` what that depends on (by class and oid), with what does. `helpers` are what online forms made in the
    live database (valid or not). `login` is who logged in, `may_replicate` whether he may set session_replication_role.
    `tablespace` is that of the database, in which everything lies that names none. `acting` are the triggers and rules of
    the live tables (`online/acting.py`). `attached` are the keys of partitions whose index is attached to an index of the
    parent, by that index. `identity_sequences` are the names of the sequences behind identity columns that go. `unfilled` are
    the live materialized views that hold no data.
    """

    policy: Policy
    version: int
    sizes: Mapping[Key, TableSize] = field(default_factory=dict)
    trash: bool = True
    trash_names: frozenset[str] = frozenset()
    trash_needs: Mapping[tuple[int, int], str] = field(default_factory=dict)
    identity_sequences: Mapping[Key, str] = field(default_factory=dict)
    attached: Mapping[Key, tuple[Key, ...]] = field(default_factory=dict)
    unfilled: frozenset[Key] = frozenset()
    helpers: Mapping[Any, bool] = field(default_factory=dict)
    acting: Sequence[Any] = ()
    role: str = ""
    login: str = ""
    superuser: bool = False
    may_replicate: bool = False
    database: str = "postgres"
    tablespace: str = "pg_default"

    def user_in_trash(self, catalog: Catalog, key: Key) -> str | None:
        """Return what lies in the trash and needs a live object, None where nothing does."""
        extra = catalog.extra(key)
        return self.trash_needs.get((extra.class_oid, extra.oid))


@dataclass(frozen=True, slots=True)
class Returning:
    """What comes back from the trash in place of another: its name there, its rows."""

    place: str
    rows: Mapping[Key, Row]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked for beside the wanted catalog: which step asks, and how values get there.

    `renames` gives the live key of what the plan renames. `converts` are those that apply now; `forced` are the columns
    among them whose type stays while the values change, and types that are made anew because others return from the trash. `uncastable` are columns whose old and new type have no cast
    between them: they change while they hold nothing. `waiting` are live generated columns of which a rollback brings the
    plain ones back from the trash, `returned` what it brings back, `returning` the types and collations that come back in
    place of those that took their places. `let_go` are foreign keys that go before the tables that
    they belong to.
    """

    steps: Mapping[Key, int] = field(default_factory=dict)
    backfills: Mapping[Key, Sql] = field(default_factory=dict)
    given: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)
    renames: Mapping[Key, Key] = field(default_factory=dict)
    converts: Mapping[Key, Convert] = field(default_factory=dict)
    forced: frozenset[Key] = frozenset()
    uncastable: frozenset[Key] = frozenset()
    passwords: Mapping[Key, str] = field(default_factory=dict)
    waiting: Mapping[Key, TrashedColumn] = field(default_factory=dict)
    returned: frozenset[Key] = frozenset()
    returning: Mapping[Key, Returning] = field(default_factory=dict)
    let_go: frozenset[Key] = frozenset()


@dataclass(slots=True)
class Findings:
    """What is found out while operations are chosen: nothing reads it before, and only what chooses adds to it.

    `used_helpers` and `trash_names` are the names that the plan uses. `obstacles` say why a column of a large table changes
    in its plain form. `nested` are, by the type that is swapped, the domains and other types over it, which are swapped
    with it. `prepared` are all changes that prepare swaps: no transaction can hold them; `delayed` are columns that are
    renamed in the swap of their values, with the changes before it, which still use the old name, and the swap. `bounds`
    are what the rows of tables must meet when partitions join, each with the partition that joins. `fills` are the tables
    that are filled in batches, each with its fill, after which new triggers come. `apart` are foreign keys that go by
    themselves before the tables that they belong to, and sequences that stay when these go.
    """

    used_helpers: set[str] = field(default_factory=set)
    trash_names: set[str] = field(default_factory=set)
    obstacles: dict[Key, str] = field(default_factory=dict)
    nested: dict[Key, tuple[Key, ...]] = field(default_factory=dict)
    prepared: list[Change] = field(default_factory=list)
    delayed: dict[Key, tuple[tuple[Change, ...], tuple[Change, ...]]] = field(default_factory=dict)
    bounds: dict[Key, list[tuple[Sql, Key]]] = field(default_factory=dict)
    fills: list[tuple[Key, Change]] = field(default_factory=list)
    apart: set[Key] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What operations are chosen from: the two catalogs, what is known, what is asked for; and what that finds out."""

    current: Catalog
    wanted: Catalog
    facts: Facts
    goal: Goal = field(default_factory=Goal)
    findings: Findings = field(default_factory=Findings)

    def step_of(self, key: Key) -> int:
        """Return the step that asks for an object: its own, its table's, or -1."""
        found = self.goal.steps.get(key)
        if found is None and len(key.name) > 2:
            found = self.goal.steps.get(Key("table", key.name[:2]))
        return -1 if found is None else found

    def extra(self, key: Key) -> Extra:
        """Return the owner and privileges that an object had, for making it again: the live ones, else the wanted."""
        live = self.current.extra(key)
        return live if live.oid else self.wanted.extra(key)

    def is_new(self, table: Key) -> bool:
        """Tell whether a table does not exist yet: nothing can be blocked by locking it."""
        return table not in self.current.rows

    def rows(self, table: Key) -> float:
        """Return about how many rows a live table has."""
        return self.facts.sizes.get(table, TableSize()).rows

    def online(self, table: Key) -> bool:
        """Tell whether changes to this table use their online form."""
        if self.is_new(table) or self.facts.policy.online == "never":
            return False
        if self.facts.policy.online == "always":
            return True
        size = self.facts.sizes.get(table, TableSize())
        return size.rows > self.facts.policy.small_rows or size.bytes > self.facts.policy.small_bytes


@dataclass(slots=True)
class Change:
    """An operation with what decides its place: what exists after it, and what must have gone before it ends.

    `makes` are objects in their wanted form after it; `removes` are objects whose old form is gone after it, so that
    all that depended on the old form must have gone before. `rank` orders changes that nothing else orders. `unit`
    (not 0) is that of changes which commit together; ordering fills it in.
    """

    operation: Operation
    makes: frozenset[Key] = frozenset()
    removes: frozenset[Key] = frozenset()
    after: tuple[Change, ...] = ()
    rank: int = 0
    needs: frozenset[Key] = frozenset()
    unit: int = 0

    # Who changes the place of a change that is made already says so by one of these.

    def wait_for(self, *others: Change) -> None:
        """Come after others too."""
        self.after = (*self.after, *others)

    def wait_only_for(self, *others: Change) -> None:
        """Come after others, whatever it waited for before."""
        self.after = others

    def need(self, *keys: Key) -> None:
        """Come after what makes these objects."""
        self.needs |= frozenset(keys)

    def not_need(self, *keys: Key) -> None:
        """Come without what makes these objects."""
        self.needs -= frozenset(keys)

    def remove(self, *keys: Key) -> None:
        """Take the old form of these objects away too."""
        self.removes |= frozenset(keys)

    def make_only(self, *keys: Key) -> None:
        """Make these objects and no others: it is a step on the way to the others."""
        self.makes = frozenset(keys)

    def stand_for(self, keys: Iterable[Key]) -> None:
        """Take the old form of these objects away, and make their wanted one."""
        self.makes = self.removes = frozenset(keys)


def command(template: str, *locks: Lock, **values: Any) -> Command:
    """Render a template into a command. Keywords that `Command` has (`wait`, `scans`, …) go there, others to Jinja."""
    own = {
        name: values.pop(name)
        for name in ("wait", "transactional", "rewrites", "scans", "done", "shadow")
        if name in values
    }
    return Command(render(template + ".sql.j2", **values).sql, locks=locks, **own)


def operation(
    situation: PlanContext, verb: str, key: Key, title: str, commands: Iterable[Command], **more: Any
) -> Operation:
    """Make an operation that belongs to the step which asks for `key`."""
    step = more.pop("step", None)
    return Operation(verb, key, title, tuple(commands), situation.step_of(key) if step is None else step, **more)


def create(situation: PlanContext, key: Key, title: str, commands: Iterable[Command], **more: Any) -> Change:
    """Make a change after which `key` exists."""
    made = frozenset(more.pop("makes", ())) | {key}
    after = more.pop("after", ())
    rank = more.pop("rank", 0)
    verb = more.pop("verb", "create")
    return Change(operation(situation, verb, key, title, commands, **more), makes=made, after=tuple(after), rank=rank)


def drop(situation: PlanContext, key: Key, title: str, commands: Iterable[Command], **more: Any) -> Change:
    """Make a change after which `key` is gone."""
    gone = frozenset(more.pop("removes", ())) | {key}
    after = more.pop("after", ())
    rank = more.pop("rank", 0)
    verb = more.pop("verb", "drop")
    return Change(operation(situation, verb, key, title, commands, **more), removes=gone, after=tuple(after), rank=rank)


def alter(
    situation: PlanContext, key: Key, title: str, commands: Iterable[Command], *, hard: bool = False, **more: Any
) -> Change:
    """Make a change of `key`; `hard` means that what depends on its old form must be gone while it runs."""
    made = frozenset(more.pop("makes", ())) | {key}
    gone = frozenset(more.pop("removes", ())) | ({key} if hard else frozenset())
    after = more.pop("after", ())
    rank = more.pop("rank", 0)
    verb = more.pop("verb", "alter")
    return Change(operation(situation, verb, key, title, commands, **more), made, gone, tuple(after), rank)


def name_of(key: Key) -> Sql:
    """Return the qualified, quoted name of an object."""
    if key.kind in ROUTINES:
        return Sql(f"{ident(key.name[:2])}({key.name[2] or ('*' if key.kind == 'aggregate' else '')})")
    return ident(key.name)


def what_of(key: Key) -> Sql:
    """Return how statements such as COMMENT ON name an object."""
    if key.kind == "constraint":
        return Sql(f"CONSTRAINT {ident(key.name[2])} ON {ident(key.name[:2])}")
    if key.kind == "domain_constraint":
        return Sql(f"CONSTRAINT {ident(key.name[2])} ON DOMAIN {ident(key.name[:2])}")
    if key.kind in ON_TABLE:
        return Sql(f"{key.kind.upper()} {ident(key.name[2])} ON {ident(key.name[:2])}")
    if key.kind == "operator":
        return Sql(f"OPERATOR {ident(key.name[0])}.{key.name[1]} ({key.name[2]}, {key.name[3]})")
    if key.kind in BY_METHOD:
        return Sql(f"{key.kind.replace('_', ' ').upper()} {ident(key.name[:2])} USING {ident(key.name[2])}")
    if key.kind == "cast":
        return Sql(f"CAST ({key.name[0]} AS {key.name[1]})")
    if key.kind == "user_mapping":
        user = "PUBLIC" if key.name[1] == "public" else ident(key.name[1])
        return Sql(f"USER MAPPING FOR {user} SERVER {ident(key.name[0])}")
    return Sql(f"{KINDS[key.kind].word} {name_of(key)}")


def comment(key: Key, text: str | None) -> Command:
    """Return the command that sets or removes a comment."""
    return command("object/comment", what=what_of(key), text=text)


def comments(key: Key, text: str | None) -> list[Command]:
    """Return the command that sets a comment, or nothing where there is none."""
    return [comment(key, text)] if text is not None else []


def number(value: int) -> Sql:
    """Return a whole number as the clauses of DDL take it: -1, where a literal of an expression would be (-1)."""
    return Sql(str(int(value)))


def options(pairs: Iterable[str] | None) -> list[Sql]:
    """Return storage parameters "name=value" as SQL, the value quoted."""
    made = []
    for pair in pairs or ():
        name, _, value = pair.partition("=")
        made.append(Sql(f"{'.'.join(str(ident(part)) for part in name.split('.'))} = {literal(value)}"))
    return made


def option_names(pairs: Iterable[str]) -> list[Sql]:
    """Return the names of storage parameters."""
    return [Sql(".".join(str(ident(part)) for part in pair.partition("=")[0].split("."))) for pair in pairs]


def changed_options(old: list[str] | None, new: list[str] | None) -> tuple[list[str], list[str]]:
    """Return (to set, to reset) for two lists of "name=value"."""
    before = dict(pair.split("=", 1) for pair in old or ())
    after = dict(pair.split("=", 1) for pair in new or ())
    return (
        [f"{name}={value}" for name, value in after.items() if before.get(name) != value],
        [name for name in before if name not in after],
    )


def label(situation: PlanContext, target: Key, provider: str, text: str | None) -> Command:
    """Return the command that gives an object a security label, or takes it away."""
    what = {"database": f"DATABASE {ident(situation.facts.database)}", "role": f"ROLE {ident(target.name)}"}.get(
        target.kind
    )
    table = {"table": target, "column": Key("table", target.name[:2])}.get(target.kind)
    locks = [Lock(SHARE_UPDATE_EXCLUSIVE, table.label)] if table else []
    return command(
        "object/security_label",
        *locks,
        what=Sql(what) if what else what_of(target),
        provider=provider,
        text=text,
        shadow=False,
    )


def kept_labels(situation: PlanContext, key: Key) -> list[Command]:
    """Return the commands that give a made-again object the labels that it had and keeps."""
    labels = [one for one in labels_of(situation.current, key) if one in situation.wanted.rows]
    return [label(situation, key, one.name[-1], situation.wanted[one].label) for one in labels]


def grants(what: Sql, item: str, owner: str) -> list[Command]:
    """Return the GRANT commands of one aclitem, as "reader=r*w/owner"."""
    grantee, column, found = parse(item)
    if grantee == owner:
        return []
    of = f" ({column})" if column else ""
    plain = [name + of for name, option in found.items() if not option]
    with_option = [name + of for name, option in found.items() if option]
    to = Sql("PUBLIC") if grantee == PUBLIC else ident(grantee)
    return [
        command(
            "object/grant", what=what, privileges=Sql(", ".join(names)), grantee=to, grant_option=option, shadow=False
        )
        for names, option in ((plain, False), (with_option, True))
        if names
    ]


def hazard(code: str, what: str, instead: str = "", *, consent: bool = False) -> Hazard:
    """Name a hazard by its stable code; one that needs `consent` stops the plan until a step accepts it."""
    return Hazard(code, what, instead, consent)
