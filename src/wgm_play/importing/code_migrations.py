"""Migrations in languages that are not read: named, with the tool they are of and how their schema gets into a playbook.

In: a folder. Out: parts that name such files; the refusal where there is nothing else.
"""

from __future__ import annotations

import re
from pathlib import Path

from wgm_play.errors import InputError
from wgm_play.importing.parts import SourcePart, text_of

_LANGUAGES = {
    ".java": "Java", ".kt": "Kotlin", ".class": "Java", ".groovy": "Groovy", ".scala": "Scala", ".go": "Go", ".py": "Python",
    ".js": "JavaScript", ".cjs": "JavaScript", ".mjs": "JavaScript", ".ts": "TypeScript", ".rb": "Ruby", ".php": "PHP",
    ".cs": "C#", ".ex": "Elixir", ".exs": "Elixir",
}  # fmt: skip
# How names of migrations begin: numbers and times, V2__, R__, m0001.
_NAMED = re.compile(r"(?:\d|[VRBU][\d._]*__|[mM]\d)")
_EMPTY = "run them on an empty database, then `wgm-play inspect URL --output DIR`"
_TOOLS = (
    (
        "Alembic",
        r"^(?:down_)?revision\b.*=",
        "write them as SQL with `alembic upgrade head --sql > all.sql`, and import that",
    ),
    ("Django", r"migrations\.Migration", "write each as SQL with `manage.py sqlmigrate APP NAME > NUMBER_NAME.sql`"),
    ("TypeORM", r"MigrationInterface|typeorm", _EMPTY),
    ("Sequelize", r"queryInterface|sequelize", _EMPTY),
    ("Knex", r"knex", _EMPTY),
    ("node-pg-migrate", r"\bpgm\b", _EMPTY),
    ("Rails", r"ActiveRecord::Migration", "import `db/structure.sql` or `db/schema.rb`"),
    (
        "Laravel",
        r"Illuminate\\|Schema::create",
        "write the schema with `php artisan schema:dump`, and import that file",
    ),
    ("Ecto", r"Ecto\.Migration", "write the schema with `mix ecto.dump`, and import that file"),
    ("Entity Framework", r"MigrationBuilder", "write them as SQL with `dotnet ef migrations script`, and import that"),
    ("Flyway", r"BaseJavaMigration|JavaMigration", _EMPTY),
)


def not_read(folder: Path) -> list[Path]:
    """Return the files that are named as migrations and are in another language, by name."""
    if folder.is_file():
        return [folder] if folder.suffix in _LANGUAGES else []
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in _LANGUAGES and _NAMED.match(path.name) and "node_modules" not in path.parts and path.is_file()
    )


def named(folder: Path) -> list[SourcePart]:
    """Return a part for each such file, which says that it is not translated."""
    return [
        SourcePart(str(path), 1, "", untold=f"a migration in {_LANGUAGES[path.suffix]}") for path in not_read(folder)
    ]


def refusal(folder: Path) -> InputError | None:
    """Return what to do where all migrations are in another language; None where there are none of them."""
    files = not_read(folder)
    if not files:
        return None
    text = text_of(files[0]) if files[0].suffix != ".class" else ""
    tool, remedy = next(
        ((tool, remedy) for tool, mark, remedy in _TOOLS if re.search(mark, text, re.MULTILINE)), ("", _EMPTY)
    )
    said = f"migrations of {tool}" if tool else "migrations"
    return InputError(
        f"{str(folder)!r} has {said} in {_LANGUAGES[files[0].suffix]}, and they are not read", hint=remedy
    )
