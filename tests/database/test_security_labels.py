"""Security labels: declared, read, changed, taken away; they stay with what is renamed, made again or swapped.

In: a provider of labels that is compiled here for the server, because PostgreSQL comes with none.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Listener, Project, State, load_sql, state
from psycopg import sql
from roundtrip import apply, difference, dump, inspect, programs_with_dump

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.errors import Found, WgmError
from wgm_play.options import Options
from wgm_play.playbook.kinds import KINDS

SOURCE = r"""
#include "postgres.h"
#include "fmgr.h"
#include "commands/seclabel.h"
PG_MODULE_MAGIC;
void _PG_init(void);
static void check(const ObjectAddress *object, const char *label)
{
    if (label != NULL && strcmp(label, "nonsense") == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("\"%s\" is no label", label)));
}
void _PG_init(void) { register_label_provider("anon", check); }
"""


@pytest.fixture(scope="session")
def library(server: Postgres) -> Iterator[Path]:
    """The provider, compiled."""
    headers = server.bin.parent / "include/postgresql/server" if server.bin else Path()
    if shutil.which("cc") is None or not (headers / "commands/seclabel.h").exists():
        pytest.skip("a provider of labels cannot be compiled for this server")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "anon.c").write_text(SOURCE)
        words = ["cc", "-shared", "-fPIC", "-I", str(headers), "-o", str(folder / "anon.so"), str(folder / "anon.c")]
        subprocess.run(words, check=True)
        yield folder / "anon.so"


@pytest.fixture
def labelled(library: Path, new_database: Callable[..., str]) -> Callable[[], str]:
    """A function that makes a database whose sessions have the provider."""

    def make() -> str:
        url = new_database()
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(
                sql.SQL("ALTER DATABASE {} SET session_preload_libraries = {}").format(
                    sql.Identifier(admin.info.dbname), sql.Literal(str(library))
                )
            )
        return url

    return make


@pytest.fixture
def book(labelled: Callable[[], str], project: Path) -> Project:
    return Project(project, labelled())


def label(on: str, text: str = "MASKED", **more: Any) -> dict[str, Any]:
    return {"name": f"L {on}", "security_label": {"on": on, "provider": "anon", "label": text}, **more}


def table(name: str = "guests", **columns: Any) -> dict[str, Any]:
    columns = {"id": {"type": "bigint", "primary_key": True}, "email": "text", **columns}
    return {"name": f"T {name}", "table": {"name": name, "columns": columns}}


EVERYTHING: list[dict[str, Any]] = [
    {"name": "S", "schema": {"name": "app"}},
    {"name": "E", "enum": {"name": "mood", "values": ["good", "bad"]}},
    {"name": "D", "domain": {"name": "mail", "type": "text"}},
    {"name": "C", "composite": {"name": "point3", "attributes": {"x": "integer", "y": "integer"}}},
    {"name": "Q", "sequence": {"name": "app.numbers"}},
    table(),
    {"name": "V", "view": {"name": "app.everybody", "query": "SELECT id FROM guests"}},
    {"name": "M", "materialized_view": {"name": "counted", "query": "SELECT count(*) FROM guests"}},
    {"name": "F", "function": {"name": "twice", "arguments": "a integer", "returns": "integer", "language": "sql", "body": "select a * 2"}},
    {"name": "P", "publication": {"name": "all_guests", "tables": ["guests"]}},
    *(
        label(on)
        for on in (
            "schema app", "enum mood", "domain mail", "composite point3", "sequence app.numbers", "table guests",
            "column guests.email", "view app.everybody", "materialized view counted", "function twice(integer)",
            "publication all_guests", "database",
        )
    ),
]  # fmt: skip


def labels(url: str) -> set[tuple[str, str]]:
    """Return what the server itself calls the objects, with their labels."""
    with psycopg.connect(url, options="-c search_path=") as connection:
        found = connection.execute(
            "SELECT objtype || ' ' || objname, label FROM pg_seclabels WHERE objtype <> 'database' AND objname !~ 'wgm_trash'"
        )
        return set(found.fetchall())


def test_every_kind_of_object_has_its_label_and_loses_it(book: Project) -> None:
    book.write(EVERYTHING)
    assert book.apply().changed > 0
    assert labels(book.url) == {
        (name, "MASKED")
        for name in (
            "schema app",
            "type public.mood",
            "domain public.mail",
            "type public.point3",
            "sequence app.numbers",
            "table public.guests",
            "column public.guests.email",
            "view app.everybody",
            "materialized view public.counted",
            "function public.twice(a integer)",
            "publication all_guests",
        )
    }
    assert book.apply().changed == 0
    before = state(book.url)
    book.write([one | ({"state": "absent"} if "security_label" in one else {}) for one in EVERYTHING])
    book.apply()
    assert labels(book.url) == set()
    assert book.apply().changed == 0
    book.rollback()
    assert before.differences(state(book.url)) == []


def test_a_playbook_says_the_labels_of_a_live_database(
    book: Project, labelled: Callable[[], str], tmp_path: Path
) -> None:
    programs = programs_with_dump()
    assert programs is not None
    book.write(EVERYTHING)
    book.apply()
    empty = labelled()
    playbook = inspect(book.url, tmp_path / "out")
    assert apply(playbook, empty) > 0
    assert difference(dump(book.url, programs), dump(empty, programs)) == ""
    assert apply(playbook, empty) == 0


def test_the_example_of_the_kind_works(book: Project) -> None:
    folder = book.folder
    book.write([])
    lines = "".join(f"    {line}\n" for line in KINDS["security_label"].example.strip().split("\n"))
    (folder / "playbook.yml").write_text(f"- name: Example\n  hosts: development\n  steps:\n{lines}")
    book.apply()
    assert labels(book.url) == {("column public.guests.email", "MASKED WITH VALUE NULL")}


def changed(book: Project, before: list[dict[str, Any]], after: list[dict[str, Any]], fill: str = "") -> State:
    """Apply two playbooks and return the state between; the second one converges and goes back."""
    book.write(before)
    book.apply()
    if fill:
        load_sql(book.url, fill)
    between = state(book.url)
    book.write(after)
    assert book.apply().changed > 0
    assert book.apply().changed == 0
    return between


def test_labels_go_with_what_is_renamed(book: Project) -> None:
    before = [table(), label("table guests"), label("column guests.email")]
    renamed = table("visitors", mail="text")
    del renamed["table"]["columns"]["email"]
    renamed["renamed_from"] = "guests"
    renamed["table"]["columns"]["mail"] = {"type": "text", "renamed_from": "email"}
    between = changed(book, before, [renamed, label("table visitors"), label("column visitors.mail")])
    assert labels(book.url) == {("table public.visitors", "MASKED"), ("column public.visitors.mail", "MASKED")}
    book.rollback()
    assert between.differences(state(book.url)) == []


def test_an_object_that_is_made_again_keeps_its_labels(book: Project) -> None:
    def steps(type_: str) -> list[dict[str, Any]]:
        return [
            table(age=type_),
            {"name": "V", "view": {"name": "ages", "query": "SELECT id, age FROM guests"}},
            label("view ages"),
            label("column guests.age", "of the view's"),
        ]

    between = changed(book, steps("integer"), steps("bigint"), "insert into guests (id, age) values (1, 7)")
    assert labels(book.url) == {("view public.ages", "MASKED"), ("column public.guests.age", "of the view's")}
    book.rollback()
    assert between.differences(state(book.url)) == []


def test_a_column_that_is_swapped_online_keeps_its_label(book: Project) -> None:
    book.environment = "embedded: true\npolicy: {online: always}\n"
    steps = [[table(age=type_), label("column guests.age")] for type_ in ("integer", "text")]
    between = changed(book, *steps, "insert into guests (id, age) select i, i from generate_series(1, 50) i")
    assert labels(book.url) == {("column public.guests.age", "MASKED")}
    book.rollback()
    assert between.differences(state(book.url)) == []


def test_a_label_goes_with_its_column_and_comes_back(book: Project) -> None:
    without = table(email={"state": "absent"})
    book.write([table(), label("column guests.email")])
    book.apply()
    between = state(book.url)
    book.write([without])
    book.apply()
    assert book.apply().changed == 0
    book.rollback()
    assert between.differences(state(book.url)) == []


def test_what_no_step_says_is_left_alone(book: Project) -> None:
    book.write([table()])
    book.apply()
    load_sql(book.url, "SECURITY LABEL FOR anon ON COLUMN guests.email IS 'by hand'")
    assert book.apply().changed == 0
    assert labels(book.url) == {("column public.guests.email", "by hand")}


def test_a_label_on_what_is_not_there_is_refused_at_its_line(book: Project) -> None:
    book.write([table(), label("column guests.phone")])
    with pytest.raises(WgmError, match=r"column guests\.phone is labelled and is not there") as caught:
        book.apply()
    assert caught.value.where is not None
    assert caught.value.where.line > 1


@pytest.mark.parametrize(("provider", "text"), [("nobody", "x"), ("anon", "nonsense")])
def test_what_the_provider_refuses_is_said_and_resumed(book: Project, provider: str, text: str) -> None:
    step = label("table guests", text)
    step["security_label"]["provider"] = provider
    book.write([table(), step])
    with pytest.raises(WgmError, match=r"is not loaded|is no label") as caught:
        book.apply()
    assert ("session_preload_libraries" in str(caught.value.hint)) == (provider == "nobody")
    book.write([table(), label("table guests")])
    book.apply()
    assert labels(book.url) == {("table public.guests", "MASKED")}


def test_a_label_that_somebody_changed_is_drift_and_is_set_again(book: Project) -> None:
    book.write([table(), label("column guests.email")])
    book.apply()
    load_sql(book.url, "SECURITY LABEL FOR anon ON COLUMN guests.email IS 'by hand'")
    with pytest.raises(Found) as caught:
        pipeline.check(Options(str(book.folder / book.playbook), url=book.url), Listener())
    assert "security label anon on column guests.email" in str(caught.value.details)
    assert book.apply().changed == 1
    assert labels(book.url) == {("column public.guests.email", "MASKED")}
