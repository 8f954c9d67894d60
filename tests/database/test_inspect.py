"""`inspect` writes a playbook that rebuilds a database; `--baseline` adopts it; `manage:` leaves the rest alone.

In: databases made by SQL. Out: the playbook's words, and what it makes of an empty database.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import psycopg.sql
import pytest
from roundtrip import Heard, apply, catalog, difference, dump, fill, inspect, programs_with_dump

from fix_postgres import Postgres
from wgm_play import pipeline
from wgm_play.catalog.model import Key
from wgm_play.document.load import load_file
from wgm_play.errors import Found, InputError, Refused
from wgm_play.inspect.options import Inspection
from wgm_play.ledger import Ledger
from wgm_play.options import Options
from wgm_play.playbook.kinds import KINDS

# In these a key of a child came after it: from 18 on pg_dump tells whether it brought NOT NULL along.
KEYS_CAME_LATER = ("leftovers", "style_bank")
SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.sql"))
APPLICATIONS = sorted((Path(__file__).parents[1] / "applications").glob("*.sql"))
IN_SHORT = ("supabase", "geometry", "warehouse")


@pytest.fixture
def programs() -> Path:
    """The folder of pg_dump."""
    found = programs_with_dump()
    if found is None:
        pytest.skip("no pg_dump here")
    return found


@pytest.mark.parametrize(
    "sample",
    [
        *SAMPLES,
        # tests/benchmarks/adoption.py edits each of these there and back, too.
        *(
            pytest.param(path, marks=() if path.stem in IN_SHORT else pytest.mark.long, id=path.stem)
            for path in APPLICATIONS
        ),
    ],
    ids=lambda path: path.stem,
)
def test_playbook_rebuilds_the_database_exactly(
    sample: Path, tmp_path: Path, new_database: Callable[..., str], programs: Path, server: Postgres
) -> None:
    live, empty = new_database(), new_database()
    text = sample.read_text()
    with psycopg.connect(live) as connection:
        there = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions")}
    if missing := set(re.findall(r"\bCREATE EXTENSION (?:IF NOT EXISTS )?\"?([\w-]+)", text)) - there:
        pytest.skip(f"this server has no {', '.join(sorted(missing))}")
    least = re.match(r"-- PostgreSQL (\d+)", text)
    if least and server.major < int(least.group(1)):
        pytest.skip(f"needs PostgreSQL {least.group(1)}")
    fill(live, text)
    playbook = inspect(live, tmp_path)
    assert apply(playbook, empty) > 0
    assert difference(catalog(live), catalog(empty)) == ""
    if server.major < 18 or sample.stem not in KEYS_CAME_LATER:
        assert difference(dump(live, programs), dump(empty, programs)) == ""
    assert apply(playbook, empty) == 0, "the second run changed something"
    assert apply(playbook, live) == 0, "the playbook is not what the inspected database has"


# What belongs to the cluster, to one server, or is no object; test_security_labels.py has labels, test_cron_jobs.py jobs.
NOT_KEPT = (
    "security_label",
    "cron_job",
    "partition_set",
    "role",
    "membership",
    "setting",
    "seed",
    "sql",
    "assert",
    "extension",
    "comment",
)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NOT_KEPT])
def test_every_kind_comes_back_as_it_was(
    kind: str, tmp_path: Path, new_database: Callable[..., str], programs: Path, server: Postgres
) -> None:
    live, empty = new_database(), new_database()
    steps = "".join(f"    {line}\n" for line in KINDS[kind].example.strip().split("\n"))
    apply(project(tmp_path, f"- name: {kind}\n  hosts: production\n  steps:\n{steps}"), live)
    playbook = inspect(live, tmp_path / "out")
    assert "Not in this playbook" not in playbook.read_text()
    apply(playbook, empty)
    assert difference(catalog(live), catalog(empty)) == ""
    assert difference(dump(live, programs), dump(empty, programs)) == ""
    assert apply(playbook, live) == 0


def test_one_document_says_the_same_as_a_folder(tmp_path: Path, new_database: Callable[..., str]) -> None:
    live, empty = new_database(), new_database()
    fill(live, SAMPLES[0].read_text())
    assert apply(inspect(live, tmp_path, one_file=True), empty) > 0
    assert difference(catalog(live), catalog(empty)) == ""


def steps(url: str, tmp_path: Path) -> list[dict[str, Any]]:
    """Return the steps that inspection writes."""
    return list(load_file(inspect(url, tmp_path, one_file=True))[0]["steps"])


def test_playbook_reads_as_people_write_it(tmp_path: Path, database_url: str) -> None:
    fill(
        database_url,
        """
        CREATE TABLE users (id bigserial PRIMARY KEY);
        CREATE TABLE notes (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
            kind varchar(20) NOT NULL DEFAULT 'note' CHECK (kind IN ('note', 'yes')),
            at timestamptz DEFAULT now(),
            CONSTRAINT short CHECK (length(kind) < 9)
        );
        CREATE INDEX notes_at ON notes (at DESC NULLS LAST, lower(kind)) WHERE kind <> 'yes';
        COMMENT ON TABLE notes IS 'What people wrote down';
        """,
    )
    text = inspect(database_url, tmp_path, one_file=True).read_text()
    assert text.split("  steps:\n", 1)[1] == (
        "    - name: Table users\n"
        "      table:\n"
        "        name: users\n"
        "        columns:\n"
        "          id: {type: bigserial, primary_key: true}\n"
        "\n"
        "    - name: What people wrote down\n"
        "      table:\n"
        "        name: notes\n"
        "        comment: What people wrote down\n"
        "        columns:\n"
        "          id:      {type: uuid, default: gen_random_uuid(), primary_key: true}\n"
        "          user_id: {type: bigint, not_null: true, references: users(id), on_delete: cascade}\n"
        '          kind:    {type: varchar(20), default: "\'note\'", not_null: true, one_of: [note, "yes"]}\n'
        "          at:      {type: timestamptz, default: now()}\n"
        "        constraints:\n"
        "          short: {check: length(kind::text) < 9}\n"
        "\n"
        "    - name: Index notes_at\n"
        "      index:\n"
        "        name: notes_at\n"
        "        table: notes\n"
        "        columns: [at desc nulls last, {expression: lower(kind::text)}]\n"
        "        where: kind::text <> 'yes'::text\n"
    )


def test_tables_follow_those_that_they_refer_to(tmp_path: Path, database_url: str) -> None:
    fill(database_url, "CREATE TABLE z (id int PRIMARY KEY); CREATE TABLE a (z int REFERENCES z); CREATE TABLE b ()")
    tables = [step["table"]["name"] for step in steps(database_url, tmp_path) if "table" in step]
    assert tables.index("z") < tables.index("a")


def test_what_extensions_own_stays_out(tmp_path: Path, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        there = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions")}
    name = next((one for one in ("hstore", "citext", "vector", "cube") if one in there), None)
    if name is None:
        pytest.skip("this server has no extension with a type")
    fill(database_url, f"CREATE SCHEMA ext; CREATE EXTENSION {name} SCHEMA ext; CREATE TABLE t (h ext.{name})")
    assert [step["name"] for step in steps(database_url, tmp_path)] == ["Schema ext", f"Extension {name}", "Table t"]


def test_what_no_step_says_is_named(tmp_path: Path, database_url: str) -> None:
    fill(database_url, 'CREATE TABLE "odd {{ name }}" ("{{ x }}" int)')
    heard = Heard()
    output = tmp_path / "made.yml"
    pipeline.inspect(Inspection(database_url, str(output)), heard)
    what = "table odd {{ name }}: a name in it reads as a template"
    assert f"not in the playbook: {what}" in heard.said
    assert f"#   {what}" in output.read_text()


def test_role_that_may_only_read_can_inspect(tmp_path: Path, role_url: str) -> None:
    with psycopg.connect(role_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA mine CREATE TABLE t (id int)")
        connection.execute("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")
    assert "Table mine.t" in [step["name"] for step in steps(role_url, tmp_path)]


def test_one_connection_is_enough(tmp_path: Path, role_url: str, server: Postgres) -> None:
    with psycopg.connect(role_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int CHECK (id > 0))")
        role = psycopg.sql.Identifier(connection.info.user)
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(psycopg.sql.SQL("ALTER ROLE {} CONNECTION LIMIT 1").format(role))
    [step] = [step for step in steps(role_url, tmp_path) if "table" in step]
    assert step["table"]["columns"]["id"] == {"type": "integer", "check": "id > 0"}


def test_owners_roles_and_the_public_schema_come_back(
    tmp_path: Path, new_database: Callable[..., str], server: Postgres, programs: Path
) -> None:
    live, empty = new_database(), new_database()
    names = [server.create_role("LOGIN CONNECTION LIMIT 3")[0], server.create_role("NOLOGIN")[0]]
    with psycopg.connect(live, autocommit=True) as connection:
        owner, reader = (psycopg.sql.Identifier(name) for name in names)
        for text in (
            "GRANT {reader} TO {owner}",
            "CREATE TABLE mine (id serial PRIMARY KEY)",
            "CREATE TABLE theirs (id serial PRIMARY KEY, a text)",
            "ALTER TABLE theirs OWNER TO {owner}",
            "CREATE STATISTICS their_words ON id, a FROM theirs",
            "ALTER STATISTICS their_words OWNER TO {owner}",
            "GRANT SELECT ON mine TO {reader}",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC",
            "GRANT USAGE ON SCHEMA public TO {reader}",
            "ALTER SCHEMA public OWNER TO {owner}",
        ):
            connection.execute(psycopg.sql.SQL(text).format(owner=owner, reader=reader))
    try:
        playbook = inspect(live, tmp_path)
        said = (playbook.parent / "schema" / "roles.yml").read_text()
        assert f"{{name: {names[0]}, login: true, connection_limit: 3, member_of: [{names[1]}]}}" in said
        apply(playbook, empty)
        assert difference(catalog(live), catalog(empty)) == ""
        assert difference(dump(live, programs), dump(empty, programs)) == ""
        assert apply(playbook, empty) == apply(playbook, live) == 0
    finally:
        for url in (live, empty):
            server.drop_database(url.rpartition("/")[2])
        for name in names:
            server.drop_role(name)


def test_nothing_is_overwritten(tmp_path: Path, database_url: str) -> None:
    inspect(database_url, tmp_path)
    with pytest.raises(InputError, match="is there already"):
        inspect(database_url, tmp_path)


def test_baseline_records_run_0_and_changes_nothing_else(
    tmp_path: Path, new_database: Callable[..., str], programs: Path
) -> None:
    url = new_database()
    fill(url, next(path for path in SAMPLES if path.stem == "bookshop").read_text())
    before = dump(url, programs)
    pipeline.inspect(Inspection(url, str(tmp_path), baseline=True), Heard())
    assert dump(url, programs) == before
    with psycopg.connect(url, autocommit=True) as connection:
        ledger = Ledger(connection)
        runs = ledger.last_runs()
        assert [(run.id, run.command, run.status) for run in runs] == [(0, "baseline", "done")]
        assert ledger.marker() == "production"
    playbook = tmp_path / "playbooks" / "production.yml"
    options = Options(str(playbook), url=url)
    heard = Heard()
    assert _findings(options, heard) == []
    assert "no drift since the last run" in heard.said
    with pytest.raises(Refused, match="adopted already"):
        pipeline.inspect(Inspection(url, None, baseline=True), Heard())
    fill(url, "CREATE TABLE other ()")
    assert _findings(options, heard) == []
    assert "unmanaged: table other" in heard.said
    fill(url, "ALTER TABLE authors ADD shoe_size int; ALTER TABLE books DROP shelf")
    assert [one for one in _findings(options, heard) if "drift" in one] == [
        "drift: column authors.shoe_size was added",
        "drift: column books.shelf is missing",
        "drift: constraint books.books_shelf_check is missing",
    ]


def _findings(options: Options, heard: Heard) -> list[str]:
    try:
        pipeline.check(options, heard)
    except Found as finding:
        return [one for one in finding.details if one.startswith("drift")]
    return []


PLAY = """
- name: A part
  hosts: production
  prune: true
  manage: {manage}
  steps:
    - name: Mine
      table: {{name: app.mine, columns: {{id: integer}}}}
"""


@pytest.mark.parametrize(
    ("manage", "gone"),
    [
        ("{schemas: [app]}", {"app.old", "app.keep_me"}),
        ("{schemas: [app], exclude: [keep_*]}", {"app.old"}),
        ("{include: ['app.m*', app.old]}", {"app.old"}),
    ],
)
def test_only_what_is_managed_is_pruned(manage: str, gone: set[str], tmp_path: Path, database_url: str) -> None:
    fill(
        database_url, "CREATE SCHEMA app; CREATE TABLE app.old (); CREATE TABLE app.keep_me (); CREATE TABLE theirs ()"
    )
    playbook = project(tmp_path, PLAY.format(manage=manage))
    apply(playbook, database_url, allow_destructive=True)
    left = {".".join(key.name) for key in catalog(database_url).of("table")}
    assert left == {"public.theirs", "app.mine", "app.old", "app.keep_me"} - gone


def test_check_says_what_is_left_alone(tmp_path: Path, database_url: str) -> None:
    fill(database_url, "CREATE SCHEMA app; CREATE TABLE theirs ()")
    playbook = project(tmp_path, PLAY.format(manage="{schemas: [app]}").replace("prune: true", "prune: false"))
    apply(playbook, database_url)
    heard = Heard()
    assert _findings(Options(str(playbook), url=database_url), heard) == []
    assert "left alone (outside of `manage:`): table theirs" in heard.said


def test_step_outside_of_what_is_managed_is_refused_at_its_line(tmp_path: Path, database_url: str) -> None:
    playbook = project(tmp_path, PLAY.format(manage="{schemas: [other]}"))
    with pytest.raises(InputError, match=r"table app.mine is outside of what this play manages") as caught:
        apply(playbook, database_url)
    assert caught.value.where is not None and caught.value.where.line == 7


def test_removal_does_not_take_what_is_not_managed_along(tmp_path: Path, database_url: str) -> None:
    fill(database_url, "CREATE SCHEMA app; CREATE TABLE app.old (id int); CREATE VIEW theirs AS SELECT * FROM app.old")
    playbook = project(tmp_path, PLAY.format(manage="{schemas: [app]}"))
    with pytest.raises(Refused, match="view theirs is outside of what this play manages"):
        apply(playbook, database_url, allow_destructive=True)
    assert Key("view", ("public", "theirs")) in catalog(database_url).rows


def project(folder: Path, text: str) -> Path:
    """Write a project with one playbook."""
    (folder / "environments").mkdir()
    (folder / "environments" / "production.yml").write_text("embedded: true\n")
    path = folder / "playbook.yml"
    path.write_text(text)
    return path


def test_a_default_keeps_the_cast_that_its_type_would_give_otherwise(tmp_path: Path, database_url: str) -> None:
    fill(
        database_url,
        "CREATE TABLE t (a interval(3) DEFAULT '1 s'::interval, b interval(3) DEFAULT '1 s', c interval DEFAULT '1 s')",
    )
    columns = steps(database_url, tmp_path)[0]["table"]["columns"]
    assert (columns["a"]["default"], columns["c"]["default"]) == ("'00:00:01'::interval", "'00:00:01'")
