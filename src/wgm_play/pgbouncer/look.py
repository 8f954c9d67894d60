"""What is wrong with a live PgBouncer: another configuration, a pool that is paused, clients that wait, too little room.

In: the tables of its console, what was written for it. Out: `Finding`s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from wgm_play.errors import InputError
from wgm_play.finding import INFO, WARNING, Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.pgbouncer.console import CONSOLE, Console, Row
from wgm_play.pgbouncer.files import PoolSetting
from wgm_play.pgbouncer.sizing import Limits, Sizes
from wgm_play.quantities import counted

SOURCE = "pool"
SETTING, PAUSED, WAITING, SIZE, UNKNOWN = "pool_setting", "pool_paused", "pool_waiting", "pool_size", "pool_unknown"
# Clients wait for a moment all the time; from here on somebody notices (seconds).
NOTICED = 1
# Settings that are lists, in no order. One that is passed over besides is a wish of the application that has no effect.
_LISTS = ("ignore_startup_parameters",)


@dataclass(frozen=True, slots=True)
class PoolState:
    """The tables of a console."""

    config: Mapping[str, Row]
    databases: Sequence[Row]
    pools: Sequence[Row]
    version: tuple[int, int] | None


def read(console: Console) -> PoolState:
    """Ask a console for its tables."""
    config = {row["key"]: row for row in console.send("SHOW CONFIG")}
    return PoolState(config, console.send("SHOW DATABASES"), console.send("SHOW POOLS"), console.version())


def paused(state: PoolState, shown: str) -> Iterator[Finding]:
    """Find databases that are paused, or disabled; `shown` is the console's URL."""
    for row in state.databases:
        name = row["name"]
        for column, verb in (("paused", "RESUME"), ("disabled", "ENABLE")):
            if row.get(column) == "1":
                waiting = sum(_number(one, "cl_waiting") for one in state.pools if one["database"] == name)
                told = (_wait(waiting),) if waiting else ()
                remedy = f"psql '{shown}' -c '{verb} {_quoted(name)}'"
                yield Finding(
                    PAUSED, WARNING, f"the pool {name} is {column}", name, column, remedy, told, source=SOURCE
                )


def waiting(state: PoolState) -> Iterator[Finding]:
    """Find pools whose clients wait for a connection so long that somebody notices."""
    held = {row["name"] for row in state.databases if row.get("paused") == "1"}
    for row in state.pools:
        clients, seconds = _number(row, "cl_waiting"), _number(row, "maxwait")
        if not clients or seconds < NOTICED or row["database"] in held:
            continue
        busy = _number(row, "sv_active")
        yield Finding(
            WAITING,
            WARNING,
            f"pool {row['database']}, role {row['user']}: {_wait(clients)} for a connection, the longest for {seconds}s",
            row["database"],
            row["user"],
            "look for long transactions (wgm-play check tells them); make the pool larger, or max_connections",
            (f"{busy} of its connections are at work, {_number(row, 'sv_idle')} idle",),
            source=SOURCE,
        )


def room(state: PoolState, name: str, limits: Limits) -> Iterator[Finding]:
    """Find that the pools of one server together may open more connections than it has."""
    mine = next((row for row in state.databases if row["name"] == name), None)
    if mine is None:
        return
    there = [row for row in state.databases if (row["host"], row["port"]) == (mine["host"], mine["port"])]
    sums = {row["name"]: _most(row, state) for row in there if row["name"] != CONSOLE}
    most, left = sum(sums.values()), limits.connections - limits.reserved
    if most > left:
        parts = tuple(f"{one}: {number}" for one, number in sorted(sums.items()))
        yield Finding(
            SIZE,
            WARNING,
            f"the pools may open {most} connections, the server has {left} for them",
            name,
            remedy="make pool_size, reserve_pool_size or max_db_connections smaller, or max_connections larger",
            evidence=parts,
            source=SOURCE,
        )


def _most(row: Row, state: PoolState) -> int:
    """Return how many connections the pools of a database may open together: each role has one."""
    roles = {one["user"] for one in state.pools if one["database"] == row["name"]}
    wanted = max(1, len(roles)) * (_number(row, "pool_size") + _reserve(row))
    limit = _number(row, "max_connections")
    return min(wanted, limit) if limit else wanted


def _reserve(row: Row) -> int:
    return _number(row, "reserve_pool_size") if "reserve_pool_size" in row else _number(row, "reserve_pool")


def differing(
    state: PoolState, name: str, written: Sequence[PoolSetting], size: Sizes, mode: str, remedy: str
) -> Iterator[Finding]:
    """Find settings that are other than what is written for this pool."""
    for one in written:
        live = state.config.get(one.name)
        if not one.live or live is None or _same(one.name, live["value"], one.value):
            continue
        again = "" if live.get("changeable") == "yes" else "; it needs a restart"
        yield _other(one.name, live["value"], one.value, "PgBouncer", remedy + again)
    row = next((one for one in state.databases if one["name"] == name), None)
    if row is None:
        told = f"PgBouncer lists no database {name}"
        yield Finding(SETTING, WARNING, told, name, "database", remedy, source=SOURCE)
        return
    live_mode = row.get("pool_mode") or state.config.get("pool_mode", {}).get("value", "")
    values = {
        "pool_mode": (live_mode, mode),
        "pool_size": (row["pool_size"], str(size.each)),
        "reserve_pool_size": (str(_reserve(row)), str(size.reserve)),
        "max_db_connections": (row["max_connections"], str(size.total)),
    }
    for key, (is_now, wanted) in values.items():
        if not _same(key, is_now, wanted):
            yield _other(key, is_now, wanted, name, remedy)


def _other(key: str, is_now: str, wanted: str, of: str, remedy: str) -> Finding:
    said = f"{key} of {of} is {is_now or 'empty'}, the playbook says {wanted or 'empty'}"
    return Finding(SETTING, WARNING, said, of, key, remedy, source=SOURCE)


def _same(key: str, is_now: str, wanted: str) -> bool:
    if key in _LISTS:
        return _words(wanted) == _words(is_now)
    try:
        return float(is_now) == float(wanted)
    except ValueError:
        return is_now.strip() == wanted


def _words(text: str) -> set[str]:
    return {one.strip() for one in text.split(",") if one.strip()}


def too_small(error: InputError, name: str) -> Finding:
    """Return that the server has no room for what the play asks for."""
    return Finding(SIZE, WARNING, error.message, name, remedy=error.hint or "", where=error.where, source=SOURCE)


def unknown(message: str, remedy: str, severity: str = WARNING) -> Finding:
    """Return that the pool could not be looked at."""
    return Finding(UNKNOWN, severity, message, remedy=remedy, source=SOURCE)


def undeclared() -> Finding:
    """Return that nothing says where the console is."""
    return unknown(
        "the pool is not looked at: nothing says where PgBouncer's console is",
        "add `pool: {admin: …}` to the environment",
        INFO,
    )


def _wait(clients: int) -> str:
    return f"{counted(clients, 'client')} {'waits' if clients == 1 else 'wait'}"


def _number(row: Row, column: str) -> int:
    try:
        return int(row.get(column) or 0)
    except ValueError:
        return 0


def _quoted(name: str) -> str:
    return name if name.isidentifier() and name.isascii() and name.islower() else f'"{name}"'
