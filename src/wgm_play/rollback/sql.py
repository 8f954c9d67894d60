"""The `down` of imperative steps and handlers, the last first.

In: what the ledger has of SQL that ran once. Out: changes that run it.
"""

from __future__ import annotations

import os

from wgm_play.catalog.model import Key
from wgm_play.errors import Refused
from wgm_play.ledger import SqlOnce
from wgm_play.operations.base import Change
from wgm_play.plan import Command, Operation
from wgm_play.planning.imperative import SEARCH_PATH
from wgm_play.playbook.model import Play
from wgm_play.rollback.past import Past
from wgm_play.secret import MASK, names_in, register


def undone_sql(play: Play, past: Past) -> list[Change]:
    """Return the changes that run the `down` of imperative steps and handlers, the last first."""
    made: list[Change] = []
    hidden = {step.name for step in (*play.steps, *play.handlers) if step.no_log}
    for row in reversed(past.sql):
        _find_secrets(row)
        if row.step in hidden:
            register(str(row.down))
        commands = (Command(SEARCH_PATH, shadow=False), Command(str(row.down), wait="data", shadow=False))
        event = {
            "event": "undone",
            "play": row.play,
            "step": row.step,
            "item": row.item,
            "checksum": row.checksum,
            "sql": row.sql,
            "down": row.down,
        }
        operation = Operation(
            "run", Key("sql", (row.play, row.step)), f"undo {row.step}", commands, payload={"sql_once": event}
        )
        made.append(Change(operation, after=tuple(made[-1:])))
    return made


def _find_secrets(row: SqlOnce) -> None:
    """Make known what the `down` of a step takes from the process environment; refuse what is not there any more."""
    down = str(row.down)
    names = names_in(down)
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise Refused(
            f"the `down` of the step {row.step!r} reads the environment variable {missing[0]}, which is not set",
            hint=f"export {missing[0]}=...",
        )
    if MASK in down:
        raise Refused(
            f"the `down` of the step {row.step!r} holds a secret that the ledger does not keep",
            hint="take it back by hand, or restore the backup that was taken before the run",
        )
    for name in names:
        register(os.environ[name], name)
