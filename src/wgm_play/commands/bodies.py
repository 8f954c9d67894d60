"""Functions whose bodies name what is not there any more: what their first call would raise.

In: a play's work. Out: findings. The live catalog is made again in a scratch database, and the bodies are read there: the
target runs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgm_play.catalog.kinds import WITH_BODY
from wgm_play.errors import WgmError
from wgm_play.finding import INFO, WARNING, Finding
from wgm_play.secret import mask

if TYPE_CHECKING:
    from wgm_play.catalog.model import Key
    from wgm_play.run.work import PlaySession

SOURCE = "health"
CODE = "broken_functions"


def broken(work: PlaySession) -> list[Finding]:
    """Find the errors in the bodies of all functions and procedures."""
    import psycopg

    from wgm_play.planning.imperative import broken_bodies
    from wgm_play.shadow import open_shadow

    live = work.read_live()
    keys = [key for key in live.rows if key.kind in WITH_BODY]
    if not keys:
        return []
    schemas = sorted({key.name[0] for key in live.rows if key.kind == "table"})
    try:
        with open_shadow(work.connections.place(work.reading)) as shadow, shadow.database() as scratch:
            found = broken_bodies(scratch, live, keys, schemas)
    except (psycopg.Error, WgmError) as error:
        told = mask(str(error)).splitlines()[0]
        return [
            Finding(CODE, INFO, f"the bodies of functions were not checked: {told}", attribute="unknown", source=SOURCE)
        ]
    first: dict[Key, Finding] = {}  # the other errors of a body often follow from its first
    for key, (_, _, line, message) in found:
        first.setdefault(key, _finding(key, line, message))
    return list(first.values())


def _finding(key: Key, line: int, message: str) -> Finding:
    schema, name, arguments = key.name[:3]
    return Finding(
        CODE,
        WARNING,
        f"line {line} of the body of {key}: {mask(message)}",
        f"{schema}.{name}({arguments})",
        remedy="correct the body in the playbook, or bring back what it names",
        source=SOURCE,
    )
