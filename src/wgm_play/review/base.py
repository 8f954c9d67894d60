"""The base: what a play declared before, made in a scratch database, as the planner takes a live catalog.

In: a play as it was, an empty scratch database. Out: `BaseCatalog`; the database holds the objects from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.access import LETTERS, PUBLIC, open_to_all, own, read
from wgm_play.catalog.kinds import ACCESS, CLUSTER, GRANTED, OWNED
from wgm_play.catalog.model import Catalog, Extra, Key, digest
from wgm_play.desired.manage import Manage
from wgm_play.desired.model import DesiredState
from wgm_play.desired.overlay import lay_over
from wgm_play.lazy_dataclass import dataclass
from wgm_play.planning.model import LastRun
from wgm_play.planning.realising import realise_in
from wgm_play.playbook.fold import digest_of
from wgm_play.playbook.model import Declarations
from wgm_play.review.assumed import AssumedSkips
from wgm_play.shadow import read as read_scratch

if TYPE_CHECKING:
    import psycopg

    from wgm_play.planning.request import PlanRequest
    from wgm_play.review.target import ReviewTarget

_LETTER = {name: letter for letter, name in LETTERS.items()}


@dataclass(frozen=True, slots=True)
class BaseCatalog:
    """The base as a live catalog, and as the last run would have left it."""

    folded: Declarations
    wanted: DesiredState
    catalog: Catalog
    last: LastRun
    step_names: Mapping[int, str]


def make(request: PlanRequest, target: ReviewTarget, facts: str) -> BaseCatalog:
    """Make the base in the database that the target is connected to; `facts` is what a plan depends on besides."""
    skips = AssumedSkips()
    folded = request.folded
    realised = realise_in(target.connection, request, target, folded, skips)
    wanted = lay_over(request.live, realised, folded, manage=Manage.of(request.play.manage))
    catalog = wanted.catalog
    catalog.edges = frozenset(edge for edge in catalog.edges if edge[0] in catalog.rows)
    for key in catalog.rows:
        known = realised.catalog.extras.get(key)
        catalog.extras[key] = _extra(catalog, key, known or request.live.extra(key), target.assumed.role)
    last = LastRun(
        "",
        "",
        facts,
        {key: digest_of(text) for key, text in folded.said.items()},
        catalog,
        wanted.managed,
        tuple(wanted.outside),
        (),
        digest(catalog.rows),
    )
    return BaseCatalog(folded, wanted, catalog, last, {step.index: step.name for step in request.play.steps})


def empty(connection: psycopg.Connection[Any]) -> Catalog:
    """Return the catalog of a new database, as one of the role that runs."""
    found = read_scratch(connection)
    for key in list(found.rows):
        if key.kind in CLUSTER or key.kind == "owner" or _is_ours(key):
            del found.rows[key]
            found.extras.pop(key, None)
    return found


def _is_ours(key: Key) -> bool:
    """Tell whether a privilege is of a role of the scratch server, or on the database as such."""
    return key.kind in ACCESS and (key.name[0] == "database" or key.name[-1] not in (PUBLIC, "pg_database_owner"))


def _extra(catalog: Catalog, key: Key, known: Extra, role: str) -> Extra:
    """Return what is known of an object beside its row: its owner and privileges, as its grants say."""
    if key.kind not in OWNED:
        return known
    row = catalog.rows.get(Key("owner", (key.kind, *key.name)))
    owner = str(row[0]) if row else role
    if key.kind not in GRANTED:
        return known._replace(owner=owner, acl=None)
    grants = {one.name[-1]: read(catalog[one].privileges) for one in catalog.of("grant", key.kind, *key.name)}
    if not grants:
        return known._replace(owner=owner, acl=None)
    grants = {owner: own(key.kind, catalog.version), PUBLIC: open_to_all(key.kind), **grants}
    return known._replace(
        owner=owner, acl=tuple(_item(who, has, owner) for who, has in grants.items() if _letters(has))
    )


def _item(grantee: str, privileges: Mapping[str, bool], owner: str) -> str:
    who = "" if grantee == PUBLIC else _name(grantee)
    return f"{who}={_letters(privileges)}/{_name(owner)}"


def _letters(privileges: Mapping[str, bool]) -> str:
    """Return privileges on the whole object as an aclitem has them; those on columns are on the columns."""
    return "".join(_LETTER[name] + ("*" if option else "") for name, option in privileges.items() if name in _LETTER)


def _name(role: str) -> str:
    return role if role.isidentifier() and role.islower() else '"' + role.replace('"', '""') + '"'
