"""`mask:`: a masked copy shows none of the old values, keeps keys and references; masks that cannot hold are told when planned."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from backing_up import Shop

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.errors import InputError, Problems, Refused
from wgm_play.options import Options
from wgm_play.reporter import Reporter

STEPS = """
    - name: Helper
      function: {name: noted, returns: trigger, language: plpgsql, body: "begin new.note := 'seen ' || new.email; return new; end"}
    - name: People
      table:
        name: people
        columns:
          email: {type: text, primary_key: true, mask: "md5(email) || '@example.org'"}
          name: {type: text, not_null: true, mask: "'Somebody'"}
          born: {type: date, mask: "date_trunc('year', born)::date"}
          note: {type: text, mask: "null"}
          height: {type: integer, mask: false}
    - name: Orders
      table:
        name: orders
        columns:
          id: {type: bigint, primary_key: true}
          buyer: {type: text, references: people(email), on_delete: cascade, mask: "md5(buyer) || '@example.org'"}
    - name: A note on each change
      trigger: {table: people, name: noted, timing: before, events: [update], function: noted}
    - name: Names
      materialized_view: {name: names, query: "select email, name from people"}
"""
ROWS = """
insert into people select 'ada' || n || '@secret.example', 'Ada Sesame ' || n, '1990-05-06', 'calls herself Sesame', 170
from generate_series(1, 300) n;
insert into orders select n, 'ada' || n || '@secret.example' from generate_series(1, 300) n;
refresh materialized view names; analyze;
"""


def _restore(shop: Shop, url: str, into: str, **more: Any) -> None:
    chosen = Options(str(shop.folder / "playbooks/production.yml"), url=url)
    pipeline.restore(chosen, Reporter(), None, None, into, masked=True, **more)


@pytest.fixture
def filled_shop(shop: Shop, database_url: str) -> Shop:
    shop.write(backup="{before_changes: none}", steps=STEPS)
    shop("apply", database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(ROWS)
    return shop


def test_a_masked_copy_shows_no_old_value_anywhere(
    filled_shop: Shop, database_url: str, fresh_url: str, server: Postgres
) -> None:
    gone = STEPS.replace('          note: {type: text, mask: "null"}\n', "")
    filled_shop.write(backup="{before_changes: none}", steps=gone.replace("new.note := 'seen ' || new.email; ", ""))
    filled_shop("apply", database_url, allow_destructive=True)  # its values are in the trash now
    filled_shop("backup", database_url)
    _restore(filled_shop, database_url, fresh_url)
    with psycopg.connect(fresh_url, autocommit=True) as copy:
        rows = copy.execute("select email, name, born, height from people order by email").fetchall()
        assert len(rows) == 300 and len({email for email, *_ in rows}) == 300
        assert {row[1:] for row in rows} == {("Somebody", rows[0][2], 170)} and str(rows[0][2]) == "1990-01-01"
        joined = copy.execute("select count(*) from orders join people on buyer = email").fetchone()
        assert joined == (300,)
        keys = copy.execute("select conname, convalidated from pg_constraint where contype = 'f'").fetchall()
        assert keys == [("orders_buyer_fkey", True)]
        assert copy.execute("select tgenabled from pg_trigger where tgname = 'noted'").fetchone() == ("O",)
        assert copy.execute("select distinct name from names").fetchall() == [("Somebody",)]
        assert copy.execute("select nspname from pg_namespace where nspname like 'wgm%'").fetchall() == []
        told = copy.execute("select string_agg(s::text, ' ') from pg_stats s where schemaname = 'public'").fetchone()
        assert told is not None and "secret.example" not in told[0] and "Sesame" not in told[0]
        # Neither do dead rows in the files hold any.
        if copy.execute("select from pg_available_extensions where name = 'pageinspect'").fetchone():
            copy.execute("create extension pageinspect")
            raw = copy.execute(
                "select string_agg(encode(get_raw_page(c.oid::regclass::text, 0), 'escape'), '') from pg_class c"
                " where relname in ('people', 'orders', 'names', 'people_pkey')"
            ).fetchone()
            assert raw is not None and "secret.example" not in raw[0] and "Sesame" not in raw[0]
        assert copy.execute("select has_database_privilege('public', current_database(), 'connect')").fetchone() == (
            True,
        )
    with psycopg.connect(database_url) as original:
        found = original.execute("select count(*) from people where email like '%secret%'").fetchone()
        assert found == (300,)


def test_a_mask_that_the_rows_do_not_keep_leaves_no_copy(
    filled_shop: Shop, database_url: str, fresh_url: str, server: Postgres
) -> None:
    filled_shop.write(
        backup="{before_changes: none}",
        steps=STEPS.replace("md5(email)", "left(md5(email), 1)").replace("md5(buyer)", "left(md5(buyer), 1)"),
    )
    filled_shop("backup", database_url)
    with pytest.raises(Refused, match="duplicate key value"):
        _restore(filled_shop, database_url, fresh_url)
    with server.connect() as admin:
        names = [row[0] for row in admin.execute("select datname from pg_database")]
    assert fresh_url.rpartition("/")[2] not in names and not [one for one in names if one.startswith("wgm_")]


def test_a_copy_that_somebody_could_look_into_is_not_masked(
    filled_shop: Shop, database_url: str, new_database: Any, tmp_path: Any
) -> None:
    filled_shop("backup", database_url)
    with pytest.raises(Refused, match="somebody could look before the rows are masked"):
        _restore(filled_shop, database_url, new_database())
    filled_shop.write(
        backup="{before_changes: none}", steps="\n    - name: T\n      table: {name: t, columns: {a: int}}\n"
    )
    with pytest.raises(InputError, match="no column of this play says `mask`"):
        _restore(filled_shop, database_url, "copy")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "md5(email) || '@example.org'",
            "'x@example.org'",
            "people.email is unique, and its mask gives every row the same value",
        ),
        ("mask: \"'Somebody'\"", 'mask: "null"', "people.name is NOT NULL, and its mask is null"),
        (
            ", mask: \"md5(buyer) || '@example.org'\"",
            "",
            "orders.buyer refers to people.email, and their masks are not the same",
        ),
        ("md5(buyer) ||", "md5(buyer) || 'x' ||", "their masks are not the same"),
        (", mask: \"md5(email) || '@example.org'\"", "", "their masks are not the same"),
        ("{type: date, mask", "{type: date, generated: 'current_date', mask", "people.born is generated"),
        ("mask: false", "mask: true", "mask"),
    ],
)
def test_a_mask_that_cannot_hold_is_told_when_planned(
    shop: Shop, database_url: str, old: str, new: str, message: str
) -> None:
    assert old in STEPS
    shop.write(backup="{before_changes: none}", steps=STEPS.replace(old, new))
    with pytest.raises(InputError) as error:
        shop("apply", database_url, check=True)
    several = error.value.problems if isinstance(error.value, Problems) else (error.value,)
    (one,) = [each for each in several if message in each.message]
    assert one.where is not None and one.where.line > 5
