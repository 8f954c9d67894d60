"""Migrations of other tools become playbooks: in the order of the tool, or with the first file that does not apply.

In: folders as each tool writes them. Out: the steps of the playbook, or the error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from roundtrip import Heard, apply, catalog

from wgm_play import pipeline
from wgm_play.catalog.model import Key
from wgm_play.errors import InputError
from wgm_play.importing.tools import parts, which
from wgm_play.inspect.options import Inspection

TABLE = Key("table", ("public", "things"))
NOTE = Key("column", ("public", "things", "note"))
INDEX = Key("index", ("public", "things_note_idx"))


def files(folder: Path, texts: dict[str, str]) -> Path:
    """Write files below a folder."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


MADE = "CREATE TABLE things (id integer PRIMARY KEY);"
COLUMN = "ALTER TABLE things ADD note text;"
INDEXED = "CREATE INDEX things_note_idx ON things (note);"

FOLDERS: dict[str, dict[str, str]] = {
    "drizzle": {
        "meta/_journal.json": json.dumps(
            {"entries": [{"idx": 1, "tag": "0000_late"}, {"idx": 0, "tag": "0001_early"}]}
        ),
        "0001_early.sql": MADE,
        "0000_late.sql": f"{COLUMN}\n--> statement-breakpoint\n{INDEXED}",
    },
    "flyway": {
        "V1__things.sql": "CREATE TABLE gone ();",
        "B2__base.sql": MADE,
        "V2__before_the_base.sql": "SELECT 1/0;",
        "V10__index.sql": INDEXED,
        "V2.1__note.sql": COLUMN,
        "U10__index.sql": "DROP INDEX things_note_idx;",
        "R__view.sql": "CREATE OR REPLACE VIEW noted AS SELECT note FROM things;",
        "R__a_function.sql": "CREATE OR REPLACE FUNCTION one() RETURNS integer LANGUAGE sql AS 'select 1';",
    },
    "liquibase": {
        "a.sql": f"--liquibase formatted sql\n--changeset me:2\n{COLUMN}\n--rollback ALTER TABLE things DROP note;\n"
        f"--changeset me:3 dbms:oracle\nCREATE TABLE x (y varchar2(3));\n"
        f"--changeset me:4 endDelimiter:/\n{INDEXED[:-1]}\n/\nCOMMENT ON TABLE things IS 'said'\n/\n",
        "b.sql": f"--liquibase formatted sql\n\n--changeset me:1\n{MADE}\n",
        "master.yaml": "databaseChangeLog:\n  - include:\n      file: b.sql\n  - include:\n      file: a.sql\n",
    },
    "alembic": {
        "upgrade.sql": "BEGIN;\nCREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);\n"
        f"{MADE}\nINSERT INTO alembic_version VALUES ('a1');\n{COLUMN}\n{INDEXED}\nCOMMIT;\n",
    },
    "dbmate": {
        "20240101_a.sql": f"-- migrate:up\n{MADE}\n-- migrate:down\nDROP TABLE things;\n",
        "20240102_b.sql": f"-- migrate:up transaction:false\n{COLUMN}\nCREATE INDEX CONCURRENTLY things_note_idx ON things (note);\n\n-- migrate:down\n",
    },
    "golang-migrate": {
        "2_note.up.sql": COLUMN,
        "2_note.down.sql": "ALTER TABLE things DROP note;",
        "10_index.up.sql": INDEXED,
        "1_things.up.sql": MADE,
        "1_things.down.sql": "DROP TABLE things;",
    },
    "sql": {
        "2-note.sql": COLUMN,
        "10-index.sql": f"{INDEXED}\nDO $$ BEGIN PERFORM 1; END $$;",
        "1-things.sql": f"BEGIN;\n{MADE}\nCOMMIT;",
        "1-things.down.sql": "DROP TABLE things;",
    },
}


@pytest.mark.parametrize("tool", FOLDERS)
def test_each_tools_files_are_known_and_applied_in_its_order(
    tool: str, tmp_path: Path, new_database: Callable[..., str]
) -> None:
    folder = files(tmp_path / "migrations", FOLDERS[tool])
    url = new_database()
    project = tmp_path / "project"
    assert which(folder) == tool
    assert pipeline.inspect(Inspection(url, str(project), folder=str(folder)), Heard()) == 0
    assert not catalog(url).of("table"), "the migrations ran outside the scratch database"
    assert apply(project / "playbooks" / "production.yml", url) > 0
    made = catalog(url)
    assert made.of("table") == [TABLE]
    assert NOTE in made.rows and INDEX in made.rows


def test_rows_that_migrations_write_are_told(tmp_path: Path, database_url: str) -> None:
    folder = files(
        tmp_path / "migrations",
        {"1.sql": f"{MADE}\nCREATE TABLE empty (id int);", "2.sql": "INSERT INTO things VALUES (1);"},
    )
    heard = Heard()
    assert pipeline.inspect(Inspection(database_url, str(tmp_path / "made.yml"), folder=str(folder)), heard) == 0
    (warning,) = [text for text in heard.said if "`seed` step" in text]
    assert warning.startswith("rows that the migrations write are not in the playbook (things)")


def test_embedded_server_tries_the_files_where_no_url_is_given(tmp_path: Path) -> None:
    folder = files(tmp_path / "migrations", FOLDERS["sql"])
    output = tmp_path / "made.yml"
    assert pipeline.inspect(Inspection(None, str(output), folder=str(folder)), Heard()) == 0
    assert "things_note_idx" in output.read_text()


def test_first_file_that_does_not_apply_is_named_with_line_and_reason(tmp_path: Path, database_url: str) -> None:
    folder = files(
        tmp_path, {**FOLDERS["dbmate"], "20240101_c.sql": "-- migrate:up\nSELECT 1;\nALTER TABLE thing\n  ADD x int;\n"}
    )
    with pytest.raises(InputError) as caught:
        pipeline.inspect(Inspection(database_url, str(tmp_path / "out"), folder=str(folder)), Heard())
    assert caught.value.exit_code == 1
    assert caught.value.message == f'{folder}/20240101_c.sql does not apply: relation "thing" does not exist'
    assert caught.value.where is not None and caught.value.where.line == 3
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("sql", "line", "reason"),
    [
        ("SELECT 1;\n\n  SELEC 2;\n", 3, 'syntax error at or near "SELEC"'),
        ("SELECT 1;\n\\connect other\n", 2, "\\connect is psql's own command"),
    ],
)
def test_what_is_no_sql_is_named_at_its_line(
    sql: str, line: int, reason: str, tmp_path: Path, database_url: str
) -> None:
    folder = files(tmp_path, {"1.sql": sql})
    with pytest.raises(InputError) as caught:
        pipeline.inspect(Inspection(database_url, None, folder=str(folder)), Heard())
    assert caught.value.message == f"{folder}/1.sql does not apply: {reason}"
    assert caught.value.where is not None and caught.value.where.line == line


def test_folder_without_migrations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no migrations of sql"):
        parts(tmp_path, "auto")
    with pytest.raises(InputError, match=r"no folder"):
        parts(tmp_path / "missing", "auto")
    with pytest.raises(InputError, match=r"has no meta/_journal.json"):
        parts(tmp_path, "drizzle")
