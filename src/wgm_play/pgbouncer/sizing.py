"""How large a pool may be: from what the server gives, and from what the application needs.

In: a play's `pool:`, the server's `Limits`. Out: `Sizes`; `InputError` where both do not go together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.quantities import counted
from wgm_play.render import render

if TYPE_CHECKING:
    from psycopg import Connection

    from wgm_play.playbook.model import Pooling

# What PostgreSQL keeps for superusers (manual: superuser_reserved_connections).
RESERVED = 3
# The part of a pool that is kept for clients that waited, and the most that is where nothing is said.
_PART, _MOST = 10, 5
# More than the clients that the application says it opens: the console, a deployment that overlaps.
SPARE_CLIENTS = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections a server takes: all, those it keeps for itself, at most in the database, at most as a role."""

    connections: int
    reserved: int = RESERVED
    database: int | None = None
    roles: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Sizes:
    """Connections of the server: those of each pool, those of the reserve that all share, all together; and clients."""

    each: int
    reserve: int
    total: int
    pools: int
    clients: int


def asked(connection: Connection[Any], roles: Sequence[str] = ()) -> Limits:
    """Ask a server for its limits, and for those of the database and the roles."""
    [most, reserved, database] = connection.execute(render("pool/limits.sql.j2").sql.encode()).fetchall()[0]
    found: dict[str, int] = {}
    if roles:
        statement = render("pool/roles.sql.j2", roles=roles)
        found = dict(connection.execute(statement.sql.encode()).fetchall())
    missing = tuple(one for one in roles if one not in found)
    return Limits(most, reserved, database, {name: one for name, one in found.items() if one >= 0}, missing, asked=True)


def declared(needs: Pooling) -> Limits:
    """Return the limits of a server that nobody can ask now."""
    return Limits(needs.max_connections)


def room(limits: Limits, needs: Pooling) -> int:
    """Return how many connections the pool may have: what the server, or the database, leaves when others have theirs."""
    left = limits.connections - limits.reserved - needs.others
    return left if limits.database is None else min(left, limits.database)


def sizes(needs: Pooling, limits: Limits) -> Sizes:
    """Return how large the pools are. Raise `InputError` where the server does not give what the play asks for."""
    most, pools = room(limits, needs), max(1, len(needs.roles))
    said = f"max_connections = {limits.connections}, {limits.reserved} reserved, {needs.others} for others"
    said += "" if limits.database is None else f", the database takes {limits.database}"
    if needs.connections is not None and needs.connections > most:
        raise InputError(
            f"pool: {needs.connections} connections are more than the {max(most, 0)} that are left ({said})",
            where=needs.position,
            hint="make `connections:` or `others:` smaller, or max_connections larger",
        )
    most = needs.connections or most
    if most < pools:
        raise InputError(
            f"pool: {counted(max(most, 0), 'connection')} for {counted(pools, 'pool')} are too few ({said})",
            where=needs.position,
            hint="make `others:` smaller, or max_connections larger",
        )
    reserve = min(_MOST, most // _PART) if needs.reserve is None else min(needs.reserve, most - pools)
    each = (most - reserve) // pools
    if each >= needs.clients:
        # Nobody ever waits.
        each, reserve = needs.clients, 0
    if limits.roles:
        narrow = max(1, min(limits.roles.values()))
        each = min(each, narrow)
        reserve = min(reserve, narrow - each)
    return Sizes(each, reserve, min(most, each * pools + reserve), pools, needs.clients + SPARE_CLIENTS)
