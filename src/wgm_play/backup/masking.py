"""Masks put over the rows of a restored copy, before anybody can connect to it.

In: a connection to the copy, masks. Out: notes; an error of PostgreSQL where a mask breaks a rule: then nobody gets the copy.

What holds old values besides goes too: the ledger, the trash, dead rows and statistics; materialized views are read anew.
Triggers of the users rest meanwhile, and foreign keys are checked again at the end, as new ones are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wgm_play.playbook.masks import Mask
from wgm_play.quantities import counted
from wgm_play.render import render
from wgm_play.sql import Sql, quoted

# How a trigger is switched on again that fires in such sessions, by pg_trigger.tgenabled.
_ENABLE = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
_SCHEMAS = ("wgm_trash", "wgm")


def over(masks: Sequence[Mask]) -> Callable[[Any], list[str]]:
    """Return what puts masks over a copy."""
    return lambda connection: _put(connection, masks)


def _put(connection: Any, masks: Sequence[Mask]) -> list[str]:
    tables = {mask.table: [one for one in masks if one.table == mask.table] for mask in masks}
    schemas = dict.fromkeys(table[0] for table in tables)
    with connection.transaction():
        connection.execute(
            render("shadow/local_path.sql.j2", path=", ".join(quoted(one) for one in (*schemas, "public"))).sql
        )
        for schema, table, column in _rows(connection, "leftovers"):
            _do(connection, "drop_column", table=(schema, table), column=column)
        for schema in _SCHEMAS:
            _do(connection, "drop_schema", schema=schema)
        keys = [row for row in _rows(connection, "keys")]
        triggers = [
            (schema, table, *rest)
            for schema, table, *rest in _rows(connection, "triggers")
            if (schema, table) in tables
        ]
        for schema, table, name, *_ in keys:
            _do(connection, "drop_key", table=(schema, table), constraint=name)
        for schema, table, name, _ in triggers:
            _do(connection, "trigger", table=(schema, table), trigger=name, state=Sql("DISABLE"))
        for mine, several in tables.items():
            _do(connection, "update", table=mine, masks=several)
        for schema, table, name, state in triggers:
            _do(connection, "trigger", table=(schema, table), trigger=name, state=Sql(_ENABLE[state]))
        for schema, table, name, definition, comment in keys:
            _do(connection, "add_key", table=(schema, table), constraint=name, definition=Sql(definition))
            if comment is not None:
                _do(connection, "comment_key", table=(schema, table), constraint=name, comment=comment)
        for view in _rows(connection, "materialized"):
            _do(connection, "refresh", view=tuple(view))
    for mine in tables:
        _do(connection, "vacuum", table=mine)
    return [
        f"masked: {counted(len(masks), 'column')} of {counted(len(tables), 'table')}; the ledger and the trash are left out: they hold old values"
    ]


def _do(connection: Any, name: str, **values: Any) -> None:
    connection.execute(render(f"backup/mask/{name}.sql.j2", **values).sql)


def _rows(connection: Any, name: str) -> list[Any]:
    found: list[Any] = connection.execute(render(f"backup/mask/{name}.sql.j2").sql).fetchall()
    return found
