"""What lies in the trash and needs something that the plan drops, with or without another in its place.

In: the operations of a plan, the live catalog, what is known of the server. Out: nothing, or the refusal that lists what
lies there and how it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wgm_play.catalog.kinds import INDEXES, INSIDE, KINDS
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import Refused
from wgm_play.operations.base import PlanContext
from wgm_play.operations.trash import NEEDED
from wgm_play.plan import Operation


def refuse(operations: Iterable[Operation], situation: PlanContext, live: Catalog, renames: Mapping[Key, Key]) -> None:
    """Refuse to drop what something in the trash needs; `renames` are new keys -> live ones."""
    found = []
    operations = list(operations)
    going = {operation.key for operation in operations if operation.verb == "trash"}
    for operation in operations:
        key = renames.get(operation.key, operation.key)
        if key.kind not in NEEDED or key not in live.rows or not _drops(operation):
            continue
        if user := situation.facts.user_in_trash(live, key):
            found.append(f"{operation.title}: {user}, in the trash, needs {operation.key}")
        if operation.key in situation.wanted.rows:  # what goes for good is let go: see `operations/trash.py`
            found += [
                f"{operation.title}: {user}, which goes to the trash, needs {operation.key}"
                for user, ref in sorted(situation.current.edges)
                if ref == operation.key and Key("table", user.name[:2]) in going and user.kind in INDEXES | INSIDE
            ]
    if found:
        raise Refused(
            "the trash needs what the plan drops; nothing was touched",
            details=found,
            hint="keep it until `wgm-play purge` has emptied the trash (after `policy.trash.retention` of the environment)",
        )


def _drops(operation: Operation) -> bool:
    return any(command.sql.startswith(f"DROP {KINDS[operation.key.kind].word} ") for command in operation.commands)
