"""The file of statistics: what is in it, what is never in it, and what is said where something cannot be seen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from jsonschema import Draft202012Validator

from fix_postgres import Postgres
from wgm_play.errors import InputError
from wgm_play.stats.file import StatisticsFile, load, schema
from wgm_play.stats.read import read
from wgm_play.stats.writing import written

SECRETS = 1000
SHOP = """
create type mood as enum ('fine', 'bad');
create table people (
    id bigint primary key, name text not null, mail text, age int, tags text[], doc jsonb, seen daterange, m mood,
    twice text generated always as (lower(name)) stored
);
create index people_lower on people ((lower(mail)), (substr(mail, 2)));
create statistics people_pairs on name, mail, age from people;
create table parts (tenant text, n int) partition by list (tenant);
create table ranges (at text, n int) partition by range (at);
create materialized view names as select name, count(*) as n from people group by name;
"""


def secret(number: int) -> str:
    """A word that is nowhere by chance: s3cr3t, and four letters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "s3cr3t" + "".join(letters[number // 26**place % 26] for place in range(4))


@contextmanager
def filled(database: psycopg.Connection[Any], secrets: int = SECRETS) -> Iterator[None]:
    """Fill the shop: in each row secrets, as common values, bounds of histograms, elements, ends of ranges, names of partitions."""
    database.execute(SHOP)
    words = [secret(number) for number in range(secrets)]
    with database.cursor().copy("copy people (id, name, mail, age, tags, doc, seen, m) from stdin") as copy:
        for number in range(4 * secrets):
            word, other = words[number % secrets], words[number // 4]
            copy.write_row(
                (
                    777_000_000 + number,
                    word if number % 3 else words[0],
                    f"{other}@example.org",
                    888_000_000 + number % 50,
                    [word, words[1]],
                    json.dumps({"k": word}),
                    f"[2001-{1 + number % 12:02}-03,2031-01-09)",
                    "fine" if number % 5 else "bad",
                )
            )
    for number in range(20):
        database.execute(f"create table parts_{words[number]} partition of parts for values in ('{words[number]}')")
        database.execute(f"create index on parts_{words[number]} (n)")
        database.execute(f"insert into parts select '{words[number]}', g from generate_series(1, 20) g")
    database.execute(
        f"create table ranges_{words[30]} partition of ranges for values from ('{words[30]}') to ('{words[31]}')"
    )
    database.execute("refresh materialized view names")
    database.execute("vacuum analyze")
    yield


def taken(database: psycopg.Connection[Any], values: str = "none") -> StatisticsFile:
    document = read(database, "production", values)
    Draft202012Validator(schema()).validate(document)
    return StatisticsFile(json.loads(written(document)), "stats.json")


@pytest.mark.parametrize("values", ["none", "hashed"])
def test_no_value_of_any_row_is_in_the_file(database: psycopg.Connection[Any], values: str) -> None:
    with filled(database):
        text = written(read(database, "production", values))
    assert "s3cr3t" not in text
    assert not re.search(r"\b(7770\d{5}|8880\d{5}|2031-01-\d\d)\b", text) and '"fine"' not in text
    found = StatisticsFile(json.loads(text), "stats.json").find("public", f"parts_{secret(3)}")
    assert found is not None and found["rows"] == 20 and found["name"].startswith("#"), "who knows the name finds it"


def test_full_holds_what_the_planner_knows(database: psycopg.Connection[Any]) -> None:
    with filled(database, 40):
        found = taken(database, "full")
    people = found.find("public", "people")
    assert people is not None
    columns = {one["name"]: one for one in people["columns"]}
    assert columns["name"]["common"]["values"][0] == secret(0)
    assert columns["id"]["histogram"][0] == "777000000"
    assert secret(1) in columns["tags"]["elements"]["values"]
    (index,) = [one for one in people["indexes"] if one["name"] == "people_lower"]
    assert [one["number"] for one in index["columns"]] == [1, 2] and index["pages"] > 0
    (pairs,) = people["extended"]
    assert {tuple(sorted(one["columns"])) for one in pairs["ndistinct"]} >= {("mail", "name")}
    assert found.find("public", f"parts_{secret(3)}")["name"] == f"parts_{secret(3)}"  # type: ignore[index]


def test_sizes_of_partitions_are_those_of_the_table_above(database: psycopg.Connection[Any]) -> None:
    with filled(database, 40):
        sizes = taken(database).sizes()
    assert sizes["public", "parts"].rows == 400
    assert sizes["public", "people"].rows == 160 and sizes["public", "people"].bytes > 0


def test_what_a_role_is_not_shown_is_named(
    database: psycopg.Connection[Any], server: Postgres, request: pytest.FixtureRequest
) -> None:
    name, password = server.create_role()
    request.addfinalizer(lambda: server.drop_role(name))
    with (
        filled(database, 40),
        psycopg.connect(server.url(database.info.dbname, name, password), autocommit=True) as reader,
    ):
        database.execute(f"grant select (id, name) on people to {name}")
        database.execute(f"grant select on parts to {name}")
        database.execute("alter table parts enable row level security")
        database.execute(f"grant usage on schema public to {name}")
        document = read(reader, "production")
        database.execute(f"drop owned by {name}")
    told = {one["what"] for one in document["unseen"]}
    seen = "seen, " if database.info.server_version >= 170000 else ""  # before, ranges are shown to nobody
    assert f"columns of public.people: mail, age, tags, doc, {seen}m, twice" in told
    assert "columns of public.parts" in told
    assert "expressions of index public.people_lower" in told
    assert "extended statistics public.people_pairs" in told
    assert "s3cr3t" not in written(document)
    (people,) = [one for one in document["tables"] if one["name"] == "people"]
    assert people["rows"] == 160 and [one["name"] for one in people["columns"]] == ["id", "name"]


def test_the_same_database_gives_the_same_file(database: psycopg.Connection[Any]) -> None:
    with filled(database, 40):
        first, second = (taken(database, "full").document for _ in range(2))
    # Before PostgreSQL 15 what was counted, and when ANALYZE ran, is seen a moment later.
    late = {"traffic": None, "analyzed": None}
    told = [[one | late | {"indexes": len(one["indexes"])} for one in each["tables"]] for each in (first, second)]
    assert told[0] == told[1]
    assert [(one["schema"], one["name"]) for one in told[0]] == sorted((one["schema"], one["name"]) for one in told[0])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no", "is no JSON"),
        ("{}", "holds no statistics"),
        ('{"format": "wgm-play stats", "version": 9}', "has version 9 of the format"),
        ('{"format": "wgm-play stats", "version": 1}', "'taken' is a required property"),
    ],
)
def test_what_is_no_file_of_statistics_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "stats.json"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        load(path)
    assert told in error.value.message and error.value.hint and "wgm-play stats" in error.value.hint
