"""Foreign-data wrappers, servers, user mappings, foreign tables: create, alter, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.column import own_storage
from wgm_play.catalog.foreign import ForeignDataWrapper, ForeignServer, ForeignTable, UserMapping
from wgm_play.catalog.model import Key
from wgm_play.errors import Refused
from wgm_play.operations.base import (
    ACCESS_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    changed_options,
    command,
    create,
    drop,
    what_of,
)
from wgm_play.operations.base import option_names as base_option_names
from wgm_play.operations.base import options as base_options
from wgm_play.operations.column_definition import STORAGE
from wgm_play.operations.defined import Defined, option, option_changes, sql
from wgm_play.plan import Command, Lock
from wgm_play.secret import is_secret
from wgm_play.sql import Sql, ident, literal
from wgm_play.sqltext.scan import LITERAL, QUOTED, text_of


def _options(key: Key, old: list[str] | None, new: list[str] | None) -> list[Command]:
    items = option_changes(old, new)
    return [command("object/options", what=what_of(key), options=items)] if items else []


def make_wrapper(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statement that makes a foreign-data wrapper."""
    row: ForeignDataWrapper = situation.wanted[key]
    return [
        command(
            "foreign_data_wrapper/create",
            name=ident(key.name),
            handler=sql(row.handler),
            validator=sql(row.validator),
            options=[option(one) for one in row.options or ()],
        )
    ]


def change_wrapper(
    situation: PlanContext, key: Key, old: ForeignDataWrapper, new: ForeignDataWrapper
) -> list[Command] | None:
    """Change handler, validator and options."""
    functions = []
    for name in ("handler", "validator"):
        if getattr(old, name) != getattr(new, name):
            given = getattr(new, name)
            functions.append(Sql(f"{name.upper()} {given}" if given else f"NO {name.upper()}"))
    commands = []
    if functions:
        commands.append(command("foreign_data_wrapper/functions", name=ident(key.name), functions=functions))
    return commands + _options(key, old.options, new.options)


def make_server(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statement that makes a foreign server."""
    row: ForeignServer = situation.wanted[key]
    return [
        command(
            "server/create",
            name=ident(key.name),
            wrapper=ident(row.wrapper),
            type=_text(row.type),
            version=_text(row.version),
            options=[option(one) for one in row.options or ()],
        )
    ]


def _text(value: str | None) -> Sql | None:
    return None if value is None else literal(value)


def change_server(situation: PlanContext, key: Key, old: ForeignServer, new: ForeignServer) -> list[Command] | None:
    """Change version and options; wrapper and type are fixed (manual: ALTER SERVER)."""
    if (old.wrapper, old.type) != (new.wrapper, new.type):
        return None
    commands = []
    if old.version != new.version:
        commands.append(command("server/version", name=ident(key.name), version=literal(new.version)))
    return commands + _options(key, old.options, new.options)


def _given(situation: PlanContext, key: Key) -> list[str] | None:
    """Return the options as the playbook gives them, with the values that the catalog rows do not show."""
    found = situation.goal.given.get(key)
    return list(found["options"]) if found is not None else None


_UNKNOWN = "the secret that the user mapping held is recorded nowhere"


def create_mapping(situation: PlanContext, key: Key) -> list[Change]:
    """Create a user mapping; with options from the playbook, or those of an earlier state that hold no secret."""
    row: UserMapping = situation.wanted[key]
    given = _given(situation, key)
    if given is None and any(map(is_secret, row.options or ())):
        raise Refused(
            f"{key} must be made again, and {_UNKNOWN}",
            hint="declare it with its options, or drop it first and make it again by hand",
        )
    options = given if given is not None else list(row.options or ())
    made = command(
        "user_mapping/create",
        user=user_of(key),
        server=ident(key.name[0]),
        options=[option(one) for one in options],
        shadow=False,
    )
    return [create(situation, key, f"create {key}", [made], rank=5)]


def alter_mapping(situation: PlanContext, key: Key) -> list[Change]:
    """Change the options of a user mapping."""
    old, new = situation.current[key], situation.wanted[key]
    given = dict(one.split("=", 1) for one in _given(situation, key) or ())
    items = []
    for item, plain in zip(
        option_changes(old.options, new.options), option_names(old.options, new.options), strict=True
    ):
        verb, _, _ = item.partition(" ")
        value = given.get(plain)
        if verb != "DROP" and value is not None:
            items.append(Sql(f"{verb} {ident(plain)} {literal(value)}"))
        elif verb == "DROP" or not is_secret(f"{plain}="):
            items.append(item)
    commands = [command("object/options", what=what_of(key), options=items, shadow=False)] if items else []
    secret = any(is_secret(one) for one in {*(old.options or ())} ^ {*(new.options or ())})
    return [alter(situation, key, f"alter {key}", commands, irreversible=_UNKNOWN if secret else None)]


def option_names(old: list[str] | None, new: list[str] | None) -> list[str]:
    """Return the names of the options that differ, in the order of `option_changes`."""
    before = dict(pair.split("=", 1) for pair in old or ())
    after = dict(pair.split("=", 1) for pair in new or ())
    gone = [name for name in before if name not in after]
    return gone + [name for name, value in after.items() if before.get(name) != value]


def drop_mapping(situation: PlanContext, key: Key) -> list[Change]:
    """Drop a user mapping."""
    held = any(is_secret(one) for one in situation.current[key].options or ())
    made = command("object/drop", what=what_of(key), shadow=False)
    return [drop(situation, key, f"drop {key}", [made], rank=40, irreversible=_UNKNOWN if held else None)]


def user_of(key: Key) -> Sql:
    """Return the user of a mapping as SQL."""
    return Sql("PUBLIC") if key.name[1] == "public" else ident(key.name[1])


def hidden(key: Key, pairs: list[str]) -> list[str]:
    """Return options as the catalog query shows them: a digest stands for a secret."""
    import hashlib

    made = []
    for pair in pairs:
        name = pair.partition("=")[0]
        digest = hashlib.sha256(f"{key.name[0]}/{key.name[1]}/{pair}".encode()).hexdigest()[:8]
        made.append(f"{name}={digest}" if is_secret(pair) else pair)
    return sorted(made)


# Foreign tables


def _column(column: list[str | None]) -> Sql:
    name, type_, collation, not_null, default, generated, options = column[:7]
    parts = [str(ident(str(name))), str(type_)]
    parts += [f"OPTIONS ({options})"] if options else []
    parts += [f"COLLATE {collation}"] if collation else []
    parts += ["NOT NULL"] if not_null else []
    parts += [f"DEFAULT {default}"] if default is not None else []
    parts += [f"GENERATED ALWAYS AS ({generated}) STORED"] if generated is not None else []
    return Sql(" ".join(parts))


def make_table(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statements that make a foreign table with its columns and checks."""
    row: ForeignTable = situation.wanted[key]
    elements = [_column(one) for one in row.columns or ()]
    checks = [(ident(str(name)), str(text)) for name, text, _ in row.checks or ()]
    elements += [Sql(f"CONSTRAINT {name} {text}") for name, text in checks if not text.endswith(" NOT VALID")]
    later = [f"ADD CONSTRAINT {name} {text}" for name, text in checks if text.endswith(" NOT VALID")]
    later += [action for one in row.columns or () for action in _planner_actions([None] * 11, one)]
    made = command(
        "foreign_table/create",
        name=ident(key.name),
        elements=elements,
        server=ident(row.server),
        options=[option(one) for one in row.options or ()],
    )
    return [made, *(_altered(key, one) for one in later), *_remarks(key, None, row)]


def _altered(key: Key, action: str, *locks: Lock) -> Command:
    return command("foreign_table/alter", *locks, name=ident(key.name), action=Sql(action))


def _remarks(key: Key, old: ForeignTable | None, new: ForeignTable) -> list[Command]:
    before = {("c", one[0]): one[7] for one in (old.columns if old else None) or ()}
    before |= {("k", one[0]): one[2] for one in (old.checks if old else None) or ()}
    after = {("c", one[0]): one[7] for one in new.columns or ()}
    after |= {("k", one[0]): one[2] for one in new.checks or ()}
    commands = []
    for (kind, name), text in after.items():
        if before.get((kind, name)) != text:
            column = Sql(f"COLUMN {ident((*key.name, str(name)))}")
            check = Sql(f"CONSTRAINT {ident(str(name))} ON {ident(key.name)}")
            commands.append(command("object/comment", what=column if kind == "c" else check, text=text))
    return commands


def change_table(situation: PlanContext, key: Key, old: ForeignTable, new: ForeignTable) -> list[Command] | None:
    """Change options, columns and checks; another server, or columns in another order, is another table."""
    if old.server != new.server or _dependents_in_the_way(situation, key, old, new):
        return None
    before, after = {str(one[0]): one for one in old.columns or ()}, {str(one[0]): one for one in new.columns or ()}
    kept = [name for name in before if name in after]
    if list(after)[: len(kept)] != kept or any(_regenerated(before[name], after[name]) for name in kept):
        return None
    actions = [f"DROP CONSTRAINT {ident(str(name))}" for name, text, _ in _gone(old.checks, new.checks)]
    actions += [f"DROP COLUMN {ident(name)}" for name in before if name not in after]
    actions += [f"ADD COLUMN {_column(after[name])}" for name in after if name not in before]
    actions += [one for name in after if name not in before for one in _planner_actions([None] * 11, after[name])]
    for name in kept:
        actions += _column_actions(before[name], after[name])
    actions += [f"ADD CONSTRAINT {ident(str(name))} {text}" for name, text, _ in _gone(new.checks, old.checks)]
    lock = Lock(ACCESS_EXCLUSIVE, key.label)
    commands = [_altered(key, one, lock) for one in actions]
    return [*commands, *_options(key, old.options, new.options), *_remarks(key, old, new)]


def _dependents_in_the_way(situation: PlanContext, key: Key, old: ForeignTable, new: ForeignTable) -> bool:
    """Tell whether something uses the table while a column of it goes or changes: then both are made again."""
    after = {str(one[0]): one for one in new.columns or ()}
    moved = any(str(one[0]) not in after or after[str(one[0])][1:3] != one[1:3] for one in old.columns or ())
    return moved and any(ref == key for _, ref in situation.current.edges)


def _regenerated(old: list[str | None], new: list[str | None]) -> bool:
    return old[5] != new[5]


def _gone(old: list[list[str | None]] | None, new: list[list[str | None]] | None) -> list[list[str | None]]:
    there = {(one[0], one[1]) for one in new or ()}
    return [one for one in old or () if (one[0], one[1]) not in there]


def _column_actions(old: list[str | None], new: list[str | None]) -> list[str]:
    name = ident(str(new[0]))
    actions = []
    if old[1:3] != new[1:3]:
        collation = f" COLLATE {new[2]}" if new[2] else ""
        actions.append(f"ALTER COLUMN {name} TYPE {new[1]}{collation}")
    if old[3] != new[3]:
        actions.append(f"ALTER COLUMN {name} {'SET' if new[3] else 'DROP'} NOT NULL")
    if old[4] != new[4]:
        default = "DROP DEFAULT" if new[4] is None else f"SET DEFAULT {new[4]}"
        actions.append(f"ALTER COLUMN {name} {default}")
    if old[6] != new[6]:
        items = option_changes(_pairs(old[6]), _pairs(new[6]))
        actions.append(f"ALTER COLUMN {name} OPTIONS ({', '.join(items)})")
    return actions + _planner_actions(old, new)


def _planner_actions(old: list[str | None], new: list[str | None]) -> list[str]:
    """Return what sets statistics target, storage and what the planner is told of a column."""
    name = ident(str(new[0]))
    actions = []
    if old[8] != new[8]:
        actions.append(f"ALTER COLUMN {name} SET STATISTICS {-1 if new[8] is None else int(new[8])}")
    if old[9] != new[9]:
        actions.append(f"ALTER COLUMN {name} SET STORAGE {STORAGE[new[9]] if new[9] else own_storage(str(new[1]))}")
    before, after = (one[10].split(", ") if one[10] else None for one in (old, new))
    to_set, to_reset = changed_options(before, after)
    if to_reset:
        actions.append(f"ALTER COLUMN {name} RESET ({', '.join(base_option_names(to_reset))})")
    if to_set:
        actions.append(f"ALTER COLUMN {name} SET ({', '.join(base_options(to_set))})")
    return actions


def _pairs(text: str | None) -> list[str]:
    """Return options that are written as SQL as "name=value"."""
    import re

    found = re.findall(rf"({QUOTED}|[\w$]+) (E?{LITERAL})", text or "")
    return [f"{name.strip(chr(34))}={text_of(value)}" for name, value in found]


def _locks(situation: PlanContext, key: Key) -> list[Lock]:
    return [Lock(ACCESS_EXCLUSIVE, key.label)]


FOREIGN_DATA_WRAPPER = Defined(make_wrapper, change_wrapper, drop_rank=75)
SERVER = Defined(make_server, change_server, drop_rank=74)
FOREIGN_TABLE = Defined(make_table, change_table, rank=5, drop_rank=50, locks=_locks)

__all__ = [
    "FOREIGN_DATA_WRAPPER",
    "FOREIGN_TABLE",
    "SERVER",
    "alter_mapping",
    "create_mapping",
    "drop_mapping",
    "hidden",
]
