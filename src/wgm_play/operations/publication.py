"""Publications, their tables and schemas: create, alter, drop.

In: a situation and the key of what differs. Out: changes, with their statements, locks and hazards.
"""

from __future__ import annotations

from wgm_play.catalog.model import Key
from wgm_play.catalog.publication import Publication, PublicationTable
from wgm_play.operations.base import (
    SHARE_UPDATE_EXCLUSIVE,
    Change,
    PlanContext,
    alter,
    command,
    create,
    drop,
)
from wgm_play.operations.defined import Defined
from wgm_play.plan import Command, Lock
from wgm_play.render import render
from wgm_play.sql import Sql, ident, literal

_GENERATED = {"n": "none", "s": "stored"}


def options_of(row: Publication) -> list[Sql]:
    """Return the options of a publication."""
    made = [
        Sql(f"publish = {literal(', '.join(row.publish))}"),
        Sql(f"publish_via_partition_root = {literal(row.via_root)}"),
    ]
    if row.generated_columns is not None:
        made.append(Sql(f"publish_generated_columns = {_GENERATED[row.generated_columns]}"))
    return made


def make_publication(situation: PlanContext, key: Key) -> list[Command]:
    """Return the statement that makes a publication without its tables."""
    row: Publication = situation.wanted[key]
    return [command("publication/create", name=ident(key.name), all_tables=row.all_tables, options=options_of(row))]


def change_publication(situation: PlanContext, key: Key, old: Publication, new: Publication) -> list[Command] | None:
    """Set options; a publication of all tables is another one (manual: ALTER PUBLICATION)."""
    if old.all_tables != new.all_tables:
        return None
    before = set(options_of(old))
    options = [one for one in options_of(new) if one not in before]
    return [command("publication/set", name=ident(key.name), options=options)]


def _member(key: Key, row: PublicationTable | None) -> Sql:
    """Return how a publication names one of its tables or schemas; without a row, as DROP wants it."""
    if key.kind == "publication_schema":
        return Sql(f"TABLES IN SCHEMA {ident(key.name[1])}")
    columns = [ident(name) for name in row.columns or ()] if row else []
    where = Sql(row.where) if row and row.where else None
    made = render("publication/table.sql.j2", table=ident(key.name[1:]), columns=columns, where=where)
    return Sql(made.sql)


def _locks(key: Key) -> list[Lock]:
    return [Lock(SHARE_UPDATE_EXCLUSIVE, Key("table", key.name[1:]).label)] if key.kind == "publication_table" else []


def _add(situation: PlanContext, key: Key) -> Command:
    row = situation.wanted[key] if key.kind == "publication_table" else None
    return command("publication/add", *_locks(key), name=ident(key.name[0]), member=_member(key, row))


def _drop(key: Key) -> Command:
    return command("publication/drop", *_locks(key), name=ident(key.name[0]), member=_member(key, None))


def _words(key: Key) -> str:
    what = "table" if key.kind == "publication_table" else "schema"
    return f"{what} {Key(what, key.name[1:]).label}"


def add_member(situation: PlanContext, key: Key) -> list[Change]:
    """Add a table or schema to a publication; subscribers get it when they refresh."""
    return [create(situation, key, f"add {_words(key)} to publication {key.name[0]}", [_add(situation, key)], rank=46)]


def alter_member(situation: PlanContext, key: Key) -> list[Change]:
    """Change the columns or the row filter of a table of a publication."""
    title = f"alter {_words(key)} of publication {key.name[0]}"
    return [alter(situation, key, title, [_drop(key), _add(situation, key)], rank=46, hard=True)]


def drop_member(situation: PlanContext, key: Key) -> list[Change]:
    """Take a table or schema out of a publication."""
    return [drop(situation, key, f"take {_words(key)} out of publication {key.name[0]}", [_drop(key)], rank=1)]


__all__ = ["PUBLICATION", "add_member", "alter_member", "drop_member"]

PUBLICATION = Defined(make_publication, change_publication, rank=45, drop_rank=3)
