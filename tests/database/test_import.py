"""Migrations of other tools become playbooks: in the order of the tool, or with the first file that does not apply.

In: folders as each tool writes them. Out: the steps of the playbook, or the error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from roundtrip import Heard, apply, catalog

from fix_postgres import Postgres
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
    "flyway/placeholders": {
        "V1__things.sql": "CREATE TABLE ${schema}.${Table} (id integer PRIMARY KEY, said text DEFAULT '${flyway:defaultSchema}');",
        "V2__note.sql": COLUMN,
        "V3__index.sql": INDEXED,
        "V4__kept.sql": "COMMENT ON TABLE things IS '${not_one}';",
        "V4__kept.sql.conf": "placeholderReplacement=false\n",
        "V5__rows.java": "public class V5__rows extends BaseJavaMigration {}",
        "flyway.conf": "flyway.url=jdbc:postgresql://localhost/x\nflyway.placeholders.schema = public\nflyway.placeholders.table=things\n",
    },
    "sqitch": {
        "sqitch.plan": "%syntax-version=1.0.0\n%project=things\n\nthings 2024-01-01T00:00:00Z A <a@b> # The table\n"
        "note [things] 2024-01-02T00:00:00Z A <a@b> # note\n@v1 2024-01-03T00:00:00Z A <a@b> # first\n\n"
        "a_index [note] 2024-01-04T00:00:00Z A <a@b>\nnote [note@v1] 2024-01-05T00:00:00Z A <a@b> # Reworked\n",
        "deploy/things.sql": f"-- Deploy things:things to pg\n\nBEGIN;\n{MADE}\nCOMMIT;",
        "deploy/note@v1.sql": f"BEGIN;\n{COLUMN}\nCOMMIT;",
        "deploy/a_index.sql": INDEXED,
        "deploy/note.sql": "ALTER TABLE things ALTER note SET DEFAULT 'x';",
        "revert/things.sql": "DROP TABLE things;",
        "verify/things.sql": "SELECT 1/0;",
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
    "liquibase/xml": {
        "db.changelog-master.xml": """<?xml version="1.0" encoding="UTF-8"?>
<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog">
  <property name="text.type" value="text" dbms="postgresql"/>
  <include file="changes/1.xml" relativeToChangelogFile="true"/>
  <include file="changes/2.sql" relativeToChangelogFile="true"/>
</databaseChangeLog>""",
        "changes/1.xml": """<databaseChangeLog>
  <changeSet id="1" author="me">
    <preConditions><not><tableExists tableName="thing"/></not></preConditions>
    <createTable tableName="thing" remarks="Once">
      <column name="id" type="int"><constraints primaryKey="true" nullable="false"/></column>
      <column name="text" type="${text.type}" defaultValue="it's"/>
      <column name="twice" type="int" defaultValueComputed="GENERATED ALWAYS AS (id * 2) STORED"/>
    </createTable>
    <renameTable oldTableName="thing" newTableName="things"/>
    <renameColumn tableName="things" oldColumnName="text" newColumnName="note" columnDataType="text"/>
  </changeSet>
  <changeSet id="2" author="me" dbms="oracle"><sql>CREATE TABLE x (y varchar2(3))</sql></changeSet>
</databaseChangeLog>""",
        "changes/2.sql": f"--liquibase formatted sql\n--changeset me:4\n{INDEXED}\n",
    },
    "liquibase/yaml": {
        "changelog.yaml": """databaseChangeLog:
- changeSet:
    id: 1
    author: me
    changes:
    - createTable:
        tableName: things
        columns:
        - column: {name: id, type: int, autoIncrement: true, constraints: {primaryKey: true}}
        - column:
            name: owner
            type: int
            constraints: {foreignKeyName: f, references: things(id)}
    - addColumn:
        tableName: things
        columns:
        - column: {name: note, type: varchar(9), constraints: {nullable: false}}
    - modifyDataType: {tableName: things, columnName: note, newDataType: clob}
    - createIndex:
        tableName: things
        indexName: things_note_idx
        columns:
        - column: {name: note, descending: true}
    - addForeignKeyConstraint:
        baseTableName: things
        baseColumnNames: owner
        referencedTableName: things
        referencedColumnNames: id
        constraintName: g
        onDelete: SET NULL
    - dropForeignKeyConstraint: {baseTableName: things, constraintName: g}
""",
    },
    "pgroll": {
        "01_things.json": json.dumps(
            {
                "name": "01",
                "operations": [
                    {
                        "create_table": {
                            "name": "things",
                            "columns": [
                                {"name": "id", "type": "serial", "pk": True},
                                {
                                    "name": "size",
                                    "type": "int",
                                    "default": "1",
                                    "check": {"name": "ok", "constraint": "size > 0"},
                                },
                            ],
                        }
                    }
                ],
            }
        ),
        "02_note.yaml": "operations:\n- add_column:\n    table: things\n    up: \"'x'\"\n    column: {name: notes, type: text, nullable: true}\n"
        "- rename_column: {table: things, from: notes, to: note}\n"
        "- alter_column: {table: things, column: note, type: varchar(40), nullable: false, up: note, down: note}\n",
        "10_index.yaml": "operations:\n- create_index: {name: things_note_idx, table: things, columns: {note: {sort: DESC}}}\n"
        "- sql: {up: ALTER TABLE things ADD more int}\n",
    },
    "prisma/schema": {
        "schema.prisma": """datasource db { provider = "postgresql" }
enum Kind {
  SMALL
  BIG @map("large")
}
/// What there is
model Thing {
  id      Int      @id @default(autoincrement())
  note    String?  @db.VarChar(40) // for people
  kind    Kind     @default(BIG)
  made    DateTime @default(now()) @db.Timestamptz(6)
  tags    String[] @default(["a"])
  parent  Thing?   @relation("tree", fields: [upId], references: [id])
  upId    Int?     @map("up_id")
  below   Thing[]  @relation("tree")
  @@unique([note, kind])
  @@index([note(sort: Desc)], map: "things_note_idx")
  @@map("things")
}
""",
    },
    "rails/structure.sql": {
        "structure.sql": "\\restrict abc\nCOMMENT ON EXTENSION plpgsql IS 'x';\nSET transaction_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n"
        "CREATE TABLE public.schema_migrations (version varchar PRIMARY KEY);\n"
        "CREATE TABLE public.things (id integer PRIMARY KEY, note text);\n"
        "CREATE INDEX things_note_idx ON public.things USING btree (note);\n"
        'SET search_path TO "$user", public;\nINSERT INTO "schema_migrations" (version) VALUES (\'1\');\n\\unrestrict abc\n',
    },
    "rails/schema.rb": {
        "schema.rb": """# This file is auto-generated
ActiveRecord::Schema[7.1].define(version: 2024_01_01_000000) do
  enable_extension "plpgsql"
  create_enum "mood", ["sad", "ok"]

  create_table "things", id: :serial, comment: "It's, well: things", force: :cascade do |t|
    t.string "note", limit: 40, default: "a, b", null: false
    t.decimal "price", precision: 10, scale: 2
    t.datetime "created_at", precision: nil, default: -> { "CURRENT_TIMESTAMP" }, null: false
    t.enum "mood", default: "ok", enum_type: "mood"
    t.jsonb "data", default: {}
    t.string "tags", default: [], array: true
    t.integer "thing_id"
    t.index ["note", "price"], name: "things_note_idx", order: { note: :desc }, where: "(price > (1)::numeric)"
    t.index "lower((note)::text)", name: "things_lower", unique: true
    t.check_constraint "price > 0::numeric", name: "price_ok"
  end

  add_foreign_key "things", "things", on_delete: :nullify
end
""",
    },
    "django": {
        "shop/0001_initial.sql": 'BEGIN;\n--\n-- Create model Line\n--\nCREATE TABLE "line" ("thing" integer REFERENCES "things" ("id") DEFERRABLE INITIALLY DEFERRED);\nDROP TABLE line;\nCOMMIT;\n',
        "things/0001_initial.sql": f"BEGIN;\n--\n-- Create model Thing\n--\n{MADE}\nCOMMIT;\n",
        "things/0002_note.sql": f"BEGIN;\n--\n-- Add field note to thing\n--\n{COLUMN}\n{INDEXED}\n"
        "--\n-- Raw Python operation\n--\n-- THIS OPERATION CANNOT BE WRITTEN AS SQL\nCOMMIT;\n",
    },
    "atlas": {
        "schema.hcl": """// what there is
schema "public" { comment = "standard public schema" }
enum "mood" {
  schema = schema.public
  values = ["sad", "ok"]
}
table "things" {
  schema  = schema.public
  comment = "Things"
  column "id" {
    null = false
    type = bigint
    identity { generated = ALWAYS }
  }
  column "note" {
    null    = true
    type    = character_varying(40)
    default = "it's"
  }
  column "mood" {
    type = enum.mood
    default = "ok"
  }
  column "made" {
    type    = timestamptz(6)
    default = sql("now()")
  }
  column "up" {
    null = true
    type = bigint
  }
  column "mail" {
    null = true
    type = domain.email_address
  }
  primary_key { columns = [column.id] }
  foreign_key "things_up" {
    columns     = [column.up]
    ref_columns = [table.things.column.id]
    on_delete   = SET_NULL
  }
  index "things_note_idx" {
    unique = true
    on {
      desc   = true
      column = column.note
    }
    on { expr = "lower(note)" }
    where = "(note IS NOT NULL)"
  }
  check "note_said" { expr = "(length(note) > 0)" }
}
domain "email_address" {
  schema = schema.public
  type   = varchar(300)
  null   = true
  check "email_address_check" { expr = "(VALUE ~ '@')" }
}
function "twice" {
  schema = schema.public
  lang   = SQL
  arg "n" { type = int }
  return = int
  as     = <<-SQL
    select n * 2
  SQL
}
trigger "t" { on = table.things }
""",
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
    assert which(folder) == tool.partition("/")[0]
    assert pipeline.inspect(Inspection(url, str(project), folder=str(folder)), Heard()) == 0
    assert not catalog(url).of("table"), "the migrations ran outside the scratch database"
    assert apply(project / "playbooks" / "production.yml", url) > 0
    made = catalog(url)
    assert made.of("table") == [TABLE]
    assert NOTE in made.rows and INDEX in made.rows


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ("atlas", "schema.hcl:68: not in the playbook: trigger t"),
        ("django", "0002_note.sql:10: not in the playbook: an operation in Python"),
        ("flyway/placeholders", "V5__rows.java:1: not in the playbook: a migration in Java"),
    ],
)
def test_what_is_not_translated_is_named_with_its_line(tool: str, told: str, tmp_path: Path, database_url: str) -> None:
    folder = files(tmp_path / "migrations", FOLDERS[tool])
    heard = Heard()
    assert pipeline.inspect(Inspection(database_url, str(tmp_path / "made.yml"), folder=str(folder)), heard) == 0
    assert [text for text in heard.said if text.endswith(told)] != []


@pytest.mark.parametrize(
    ("tool", "file", "expected"),
    [
        (
            "prisma/schema",
            "schema.prisma",
            [
                "kind:  {type: '\"Kind\"', default: \"'large'\", not_null: true}",
                'tags:  {type: "text[]"',
                "references: things(id), on_update: cascade, on_delete: set null",
                "columns: [note desc]",
                "values: [SMALL, large]",
            ],
        ),
        (
            "rails/schema.rb",
            "schema.rb",
            [
                'comment: "It\'s, well: things"',
                "numeric(10,2)",
                "enum: {name: mood, values: [sad, ok]}",
                "on_delete: set null",
                "columns: [note desc, price]",
                "default: \"'{}'\"",
                "price_ok: {check: price > 0::numeric}",
            ],
        ),
        (
            "atlas",
            "schema.hcl",
            [
                "type: mood, default: \"'ok'\"",
                "identity: always",
                "things_up: {foreign_key: [up], references: things(id), on_delete: set null}",
                "mail: email_address",
                "VALUE::text ~ ",
                "arguments: n integer",
                "columns: [note desc, {expression: lower(note::text)}]",
                "comment: Things",
            ],
        ),
        (
            "liquibase/xml",
            "db.changelog-master.xml",
            ["comment: Once", "twice: {type: integer, generated: id * 2}", "note: {type: text, default: \"'it''s'\"}"],
        ),
        (
            "pgroll",
            "",
            [
                "size: {type: integer, default: 1, not_null: true}",
                "ok: {check: size > 0}",
                "note: {type: varchar(40), not_null: true}",
            ],
        ),
    ],
)
def test_what_other_languages_say_is_said(
    tool: str, file: str, expected: list[str], tmp_path: Path, database_url: str
) -> None:
    folder = files(tmp_path / "migrations", FOLDERS[tool])
    made = tmp_path / "made.yml"
    assert pipeline.inspect(Inspection(database_url, str(made), folder=str(folder / file)), Heard()) == 0
    text = " ".join(made.read_text().split())
    for one in expected:
        assert " ".join(one.split()) in text


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
        ("SELECT 1;\n\\i other.sql\n", 2, "\\i is psql's own command"),
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


DUMP = """\\restrict aBc
SET transaction_timeout = 0;
SET later_setting = off;
SELECT pg_catalog.set_config('search_path', '', false);
DROP DATABASE shop;
CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'UTF8';
ALTER DATABASE shop OWNER TO postgres;
\\connect shop
ALTER DATABASE shop SET work_mem TO '8MB';
COMMENT ON DATABASE shop IS 'The shop';
CREATE TABLE public.things (
    id integer NOT NULL,
    note text DEFAULT E'a\\nb;'
);
COPY public.things (id, note) FROM stdin;
1\tit's; \\N
2\t\\N
\\.


COPY public.nothing (id) FROM stdin;
\\.
CREATE INDEX things_note_idx ON public.things USING btree (note);
SELECT pg_catalog.setval('public.things_id_seq', 2, true);
\\unrestrict aBc
""".replace("SELECT pg_catalog.setval('public.things_id_seq', 2, true);\n", "")


def test_a_dump_is_read_without_what_is_psqls_and_the_servers(tmp_path: Path, database_url: str) -> None:
    folder, heard = files(tmp_path / "dump", {"shop.sql": DUMP}), Heard()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop")
        try:
            assert (
                pipeline.inspect(Inspection(database_url, str(tmp_path / "made.yml"), folder=str(folder)), heard) == 0
            )
            kept = connection.execute(
                "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = 'shop'"
            )
            assert kept.fetchall() == []
        finally:
            connection.execute("DROP DATABASE shop")
    assert "things_note_idx" in (tmp_path / "made.yml").read_text()
    told = [
        text.partition("shop.sql:")[2] for text in heard.said if "not in the playbook" in text and "shop.sql:" in text
    ]
    assert told[0] == "15: not in the playbook: rows of public.things (COPY)"
    assert told[1:3] == [
        "5: not in the playbook: DROP DATABASE shop; ... (of the server)".replace(";", ""),
        "6: not in the playbook: CREATE DATABASE shop ... (of the server)",
    ]
    assert len(told) == 6


def test_a_dump_of_several_databases_is_refused_where_the_second_begins(tmp_path: Path, database_url: str) -> None:
    folder = files(
        tmp_path / "dump",
        {"all.sql": f"\\connect template1\n\\connect one\n{MADE}\n\\connect -reuse-previous=on \"dbname='two'\"\n"},
    )
    with pytest.raises(InputError, match="is about 2 databases: one, two") as caught:
        pipeline.inspect(Inspection(database_url, None, folder=str(folder)), Heard())
    assert caught.value.where is not None and caught.value.where.line == 4


def test_roles_that_a_dump_names_are_made_on_a_server_of_our_own(tmp_path: Path) -> None:
    folder = files(
        tmp_path / "dump",
        {"shop.sql": f'{MADE}\nALTER TABLE things OWNER TO "Shop Owner";\nGRANT SELECT ON things TO reader, writer;\n'},
    )
    output = tmp_path / "made.yml"
    assert pipeline.inspect(Inspection(None, str(output), folder=str(folder)), Heard()) == 0
    assert "to: reader" in output.read_text() and "Shop Owner" in output.read_text()


def test_a_placeholder_without_a_value_is_refused_at_its_line(tmp_path: Path, database_url: str) -> None:
    folder = files(tmp_path, {"V1__a.sql": "SELECT 1;\nCREATE TABLE ${owner}_things (id int);\n"})
    with pytest.raises(InputError, match=r"the placeholder \$\{owner\} has no value") as caught:
        pipeline.inspect(Inspection(database_url, None, folder=str(folder)), Heard())
    assert caught.value.where is not None and (caught.value.where.line, caught.value.where.column) == (2, 14)


@pytest.mark.parametrize(
    ("file", "text", "tool", "remedy"),
    [
        (
            "1700000000-AddUser.ts",
            "import {MigrationInterface} from 'typeorm'",
            "TypeORM in TypeScript",
            "empty database",
        ),
        (
            "20240101_users.js",
            "exports.up = (knex) => knex.schema.createTable()",
            "Knex in JavaScript",
            "empty database",
        ),
        (
            "20240101-users.js",
            "up: (queryInterface, Sequelize) => queryInterface",
            "Sequelize in JavaScript",
            "inspect URL",
        ),
        ("2024_01_01_users.php", "Schema::create('users')", "Laravel in PHP", "schema:dump"),
        ("0001_initial.py", "class Migration(migrations.Migration):", "Django in Python", "sqlmigrate"),
        (
            "1975ea83b712_a.py",
            'revision = "1975"\ndef upgrade(): op.create_table()',
            "Alembic in Python",
            "upgrade head --sql",
        ),
        ("20240101_users.rb", "class U < ActiveRecord::Migration[7.1]", "Rails in Ruby", "structure.sql"),
        ("V1__a.java", "class V1__a extends BaseJavaMigration", "Flyway in Java", "empty database"),
        ("00001_a.go", "package migrations", "migrations in Go", "empty database"),
    ],
)
def test_migrations_that_are_code_are_named_with_the_way_out(
    file: str, text: str, tool: str, remedy: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        parts(files(tmp_path, {file: text}), "auto")
    assert tool in caught.value.message and remedy in str(caught.value.hint)


def test_folder_without_migrations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no migrations of sql"):
        parts(tmp_path, "auto")
    with pytest.raises(InputError, match=r"no folder"):
        parts(tmp_path / "missing", "auto")
    with pytest.raises(InputError, match=r"has no meta/_journal.json"):
        parts(tmp_path, "drizzle")


@pytest.mark.pg(">=18")
def test_what_is_newer_than_the_parser_is_left_to_the_server(tmp_path: Path, database_url: str) -> None:
    sql = "CREATE TABLE a (id integer);\nCREATE TABLE b (NOT NULL id) INHERITS (a);\nCREATE TABLE c (id integer PRIMARY KEY);\n"
    output = tmp_path / "made.yml"
    assert (
        pipeline.inspect(
            Inspection(database_url, str(output), folder=str(files(tmp_path / "m", {"1.sql": sql}))), Heard()
        )
        == 0
    )
    assert "name: c" in output.read_text()


def test_a_comment_on_somebody_elses_extension_is_left_out(tmp_path: Path, server: Postgres, database_url: str) -> None:
    sql = f"{MADE}\nCREATE EXTENSION IF NOT EXISTS plpgsql;\n-- as pg_dump writes it\nCOMMENT ON EXTENSION plpgsql IS 'x';\n"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE importer LOGIN CREATEDB PASSWORD 'x'")
    heard = Heard()
    try:
        url = database_url.replace(database_url.partition("//")[2].partition("@")[0], "importer:x")
        assert (
            pipeline.inspect(
                Inspection(url, str(tmp_path / "made.yml"), folder=str(files(tmp_path / "m", {"1.sql": sql}))), heard
            )
            == 0
        )
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("DROP ROLE importer")
    assert [text for text in heard.said if "the comment on an extension" in text] != []
