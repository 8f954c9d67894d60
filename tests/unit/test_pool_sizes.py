"""How large pools are made, and what is told of a live PgBouncer, from numbers alone."""

from __future__ import annotations

from typing import Any

import pytest

from wgm_play.errors import InputError, Position
from wgm_play.pgbouncer import console, files, look
from wgm_play.pgbouncer.sizing import Limits, Sizes, sizes
from wgm_play.playbook.model import Pooling

HERE = Position("play.yml", 1, 1)
PLACE = files.PooledDatabase("shop", "shop", "db.example.org", "5432", admins=("dba",), pause=20.0)


def needs(clients: int = 500, **more: Any) -> Pooling:
    """Return what an application of many clients asks for."""
    return Pooling(clients, HERE, **more)


@pytest.mark.parametrize(
    ("asked", "limits", "made"),
    [
        (needs(), Limits(100), (82, 5, 87)),
        (needs(roles=("a", "b")), Limits(100), (41, 5, 87)),
        (needs(clients=20), Limits(100), (20, 0, 20)),  # nobody ever waits
        (needs(clients=20, roles=("a", "b")), Limits(100), (20, 0, 40)),
        (needs(connections=30, reserve=0), Limits(100), (30, 0, 30)),
        (needs(), Limits(100, reserved=5, database=40), (36, 4, 40)),
        (needs(roles=("a", "b")), Limits(100, roles={"a": 10}), (10, 0, 20)),
        (needs(reserve=100), Limits(100), (1, 86, 87)),
        (needs(), Limits(15), (2, 0, 2)),
    ],
)
def test_pools_take_what_is_left(asked: Pooling, limits: Limits, made: tuple[int, int, int]) -> None:
    found = sizes(asked, limits)
    assert (found.each, found.reserve, found.total) == made
    assert found.total + asked.others + limits.reserved <= limits.connections


@pytest.mark.parametrize(
    ("asked", "limits", "told"),
    [
        (needs(connections=90), Limits(100), "90 connections are more than the 87 that are left"),
        (needs(), Limits(10), "0 connections for 1 pool are too few"),
        (needs(roles=("a", "b", "c")), Limits(15), "2 connections for 3 pools are too few"),
    ],
)
def test_what_the_server_has_no_room_for_is_refused(asked: Pooling, limits: Limits, told: str) -> None:
    with pytest.raises(InputError, match=told) as found:
        sizes(asked, limits)
    assert found.value.where == HERE


@pytest.mark.parametrize(
    ("version", "asked", "line"),
    [
        ((1, 24), needs(), "max_prepared_statements = 200"),
        ((1, 21), needs(prepared_statements=0), "max_prepared_statements = 0"),
        ((1, 18), needs(), ";max_prepared_statements = 200"),
        (None, needs(), ";max_prepared_statements = 200"),
        ((1, 24), needs(mode="session"), None),
    ],
)
def test_prepared_statements_are_kept_by_versions_that_can(
    version: tuple[int, int] | None, asked: Pooling, line: str | None
) -> None:
    limits = Limits(100)
    text = files.ini(asked, limits, sizes(asked, limits), PLACE, version, "play.yml")
    found = [one for one in text.splitlines() if "max_prepared_statements =" in one]
    assert found == ([line] if line else [])


def test_no_value_breaks_out_of_its_line() -> None:
    place = files.PooledDatabase("shop", "it's", "/var/run/my socket", "5432")
    asked = needs(roles=("a\nadmin_users = b",))
    text = files.ini(asked, Limits(100), sizes(asked, Limits(100)), place, None, "play.yml")
    assert "shop = host='/var/run/my socket' port=5432 dbname='it''s' pool_size=82" in text
    assert not [one for one in text.splitlines() if one.startswith("admin_users")]


def test_a_name_that_pgbouncer_cannot_read_is_refused() -> None:
    with pytest.raises(InputError, match="reads no database name like 'My Shop'"):
        files.database_line(Sizes(1, 0, 1, 1, 11), files.PooledDatabase("My Shop", "My Shop", "h", "5432"))


def test_a_client_outlives_a_pause() -> None:
    asked = needs(query_wait=30.0)
    text = files.ini(asked, Limits(100), sizes(asked, Limits(100)), PLACE, None, "play.yml")
    assert "\nquery_wait_timeout = 60\n" in text


def database(name: str, **more: str) -> console.Row:
    row = {
        "name": name,
        "host": "h",
        "port": "5432",
        "pool_size": "20",
        "reserve_pool": "0",
        "max_connections": "0",
        "pool_mode": "",
        "paused": "0",
        "disabled": "0",
    }
    return row | more


def pool(name: str, user: str, **more: str) -> console.Row:
    return {"database": name, "user": user, "cl_waiting": "0", "maxwait": "0", "sv_active": "0", "sv_idle": "0"} | more


def test_room_is_reckoned_over_all_pools_of_a_server() -> None:
    pools = [pool("shop", "a"), pool("shop", "b"), pool("other", "a")]
    there = [database("shop"), database("other", reserve_pool="5"), database("elsewhere", host="x", pool_size="900")]
    state = look.PoolState({}, there, pools, (1, 18))
    assert not list(look.room(state, "shop", Limits(68)))
    [found] = look.room(state, "shop", Limits(67))
    assert found.message == "the pools may open 65 connections, the server has 64 for them"
    assert found.evidence == ("other: 25", "shop: 40")
    limited = look.PoolState({}, [database("shop", max_connections="10")], pools, (1, 24))
    assert not list(look.room(limited, "shop", Limits(20)))


def test_clients_that_wait_are_told_unless_the_pool_is_paused() -> None:
    held = pool("shop", "a", cl_waiting="3", maxwait="7", sv_active="2")
    state = look.PoolState({}, [database("shop")], [held, pool("shop", "b", cl_waiting="1")], None)
    [found] = look.waiting(state)
    assert found.message == "pool shop, role a: 3 clients wait for a connection, the longest for 7s"
    paused = look.PoolState({}, [database("shop", paused="1")], [held], None)
    assert not list(look.waiting(paused))
    [told] = look.paused(paused, "postgresql://dba@h:6432/pgbouncer")
    assert told.remedy == "psql 'postgresql://dba@h:6432/pgbouncer' -c 'RESUME shop'" and told.evidence == (
        "3 clients wait",
    )


def test_settings_are_compared_as_what_they_mean() -> None:
    asked, size = needs(ignore_startup_parameters=("extra_float_digits", "options")), Sizes(82, 5, 87, 1, 510)
    written = files.settings(asked, size, PLACE, (1, 24))
    config = {one.name: {"key": one.name, "value": one.value, "changeable": "yes"} for one in written}
    config["query_wait_timeout"]["value"] = "60.0"
    config["ignore_startup_parameters"]["value"] = "options,extra_float_digits"
    row = database("shop", pool_size="82", reserve_pool="5", max_connections="87", pool_mode="transaction")
    state = look.PoolState(config, [row], [], (1, 24))
    assert not list(look.differing(state, "shop", written, size, "transaction", "render"))
    config["max_client_conn"]["value"] = "100"
    row["pool_mode"] = "session"
    found = {
        one.attribute: one.message for one in look.differing(state, "shop", written, size, "transaction", "render")
    }
    assert found == {
        "max_client_conn": "max_client_conn of PgBouncer is 100, the playbook says 510",
        "pool_mode": "pool_mode of shop is session, the playbook says transaction",
    }
    [gone] = look.differing(state, "store", written[:1], size, "transaction", "render")
    assert gone.message == "PgBouncer lists no database store"
