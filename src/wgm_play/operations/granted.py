"""What an object that is made gets beside its definition: owner, privileges, labels.

In: an object of the wanted catalog. Out: the statements that give it what its row does not say.
"""

from __future__ import annotations

from wgm_play.catalog.kinds import INDEXES, KINDS, OPEN_TO_ALL
from wgm_play.catalog.model import Key
from wgm_play.operations.access import against_defaults
from wgm_play.operations.base import (
    PlanContext,
    command,
    grants,
    kept_labels,
    name_of,
    what_of,
)
from wgm_play.plan import Command
from wgm_play.sql import Sql, ident


def privileges(situation: PlanContext, key: Key) -> list[Command]:
    """Return the commands that give a made-again object the owner, privileges and labels that it had."""
    extra, role = situation.extra(key), situation.facts.role
    made: list[Command] = []
    if key.kind == "column":
        listed = [f"({ident(key.name[2])}){item}" for item in extra.acl or ()]
        made = [one for item in listed for one in grants(Sql(f"TABLE {ident(key.name[:2])}"), item, role)]
        return made + kept_labels(situation, key)
    if key.kind in (INDEXES | {"domain_constraint"} | {"trigger"}):
        return made
    if extra.owner and extra.owner != role:
        made.append(command("object/owner", what=what_of(key), owner=extra.owner, shadow=False))
    if extra.acl is not None:
        what = Sql(f"{KINDS[key.kind].granted_on or KINDS[key.kind].word} {name_of(key)}")
        if key.kind in OPEN_TO_ALL:
            made.append(command("object/revoke", what=what, grantee=Sql("PUBLIC"), shadow=False))
        for item in extra.acl:
            made += grants(what, item, extra.owner or role)
    return made + against_defaults(situation, key) + kept_labels(situation, key)
