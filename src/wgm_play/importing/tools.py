"""The tools whose migrations can be read: how each orders its files, and which part of a file goes up.

In: a folder. Out: the tool that wrote it; the parts in order. `TOOLS` is the list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from wgm_play.errors import InputError, Position
from wgm_play.importing.atlas import atlas
from wgm_play.importing.code_migrations import named, refusal
from wgm_play.importing.parts import SourcePart, cut, natural, sql_files, text_of, whole
from wgm_play.importing.pgroll import is_pgroll, pgroll
from wgm_play.importing.rails import SCHEMA, STRUCTURE, file_of, rails
from wgm_play.importing.sqitch import PLAN, sqitch

Read = Callable[[Path], list[SourcePart]]


def drizzle(folder: Path) -> list[SourcePart]:
    """Read `meta/_journal.json`: the entries by `idx`, each file cut at `--> statement-breakpoint`."""
    journal = folder / "meta" / "_journal.json"
    try:
        entries = json.loads(text_of(journal))["entries"]
        tags = [str(entry["tag"]) for entry in sorted(entries, key=lambda one: int(one["idx"]))]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{str(journal)!r} is no journal of Drizzle: {error}", where=Position(str(journal))) from error
    return [part for tag in tags for part in drizzle_file(folder / f"{tag}.sql")]


_BREAKPOINT = re.compile(r"-->[ \t]*statement-breakpoint")


def drizzle_file(path: Path) -> list[SourcePart]:
    """Read a file of Drizzle; all its parts run in one transaction."""
    text = text_of(path)
    ends = [found.span() for found in _BREAKPOINT.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    return list(cut(path, zip(starts, [*(start for start, _ in ends), len(text)], strict=True), text, "one"))


_FLYWAY = re.compile(r"([VBUR])([\d._]*)__(.+)\.sql\Z")


def flyway(folder: Path) -> list[SourcePart]:
    """Read V files by version from the last baseline (B) on, then R files by description; U files go down."""
    found = [(match, path) for path in sql_files(folder) if (match := _FLYWAY.match(path.name))]

    def version(text: str) -> tuple[int, ...]:
        numbers = [int(one) for one in re.split(r"[._]", text) if one]
        while numbers and numbers[-1] == 0:
            numbers.pop()
        return tuple(numbers)

    versioned = sorted(
        ((version(m.group(2)), m.group(1), path) for m, path in found if m.group(1) in "VB"),
        key=lambda one: (one[0], one[1]),
    )
    base = max((number for number, letter, _ in versioned if letter == "B"), default=None)
    chosen = [
        path
        for number, letter, path in versioned
        if base is None or (letter == "B" and number == base) or (letter == "V" and number > base)
    ]
    repeated = sorted((m.group(3), path) for m, path in found if m.group(1) == "R")
    return [part for path in [*chosen, *(path for _, path in repeated)] for part in flyway_file(path)]


_NO_FLYWAY_TRANSACTION = re.compile(r"^\s*executeInTransaction\s*=\s*false", re.IGNORECASE | re.MULTILINE)


def flyway_file(path: Path) -> list[SourcePart]:
    """Read a file of Flyway: one transaction, unless NAME.sql.conf says otherwise."""
    settings = path.with_name(path.name + ".conf")
    alone = settings.is_file() and _NO_FLYWAY_TRANSACTION.search(text_of(settings))
    return [whole(path, "each" if alone else "one")]


_CHANGESET = re.compile(r"^--[ \t]*changeset[ \t]+(\S.*)$", re.IGNORECASE | re.MULTILINE)
_FORMATTED = re.compile(r"\A\s*--[ \t]*liquibase formatted sql", re.IGNORECASE)
_ROLLBACK = re.compile(r"^--[ \t]*rollback\b.*$", re.IGNORECASE | re.MULTILINE)
_DELIMITER = re.compile(r"endDelimiter:(\"[^\"]*\"|\S+)", re.IGNORECASE)


def liquibase(folder: Path) -> list[SourcePart]:
    """Read changelogs in XML, YAML and JSON, else changesets of formatted SQL, by the names of their files."""
    from wgm_play.importing import changelog

    masters = changelog.changelogs(folder)
    if masters:
        return changelog.parts(masters, folder, liquibase_file)
    return [part for path in sql_files(folder) for part in liquibase_file(path)]


_NO_LIQUIBASE_TRANSACTION = re.compile(r"runInTransaction:\"?false", re.IGNORECASE)


def liquibase_file(path: Path) -> list[SourcePart]:
    """Read the changesets of a file of formatted SQL: each is a transaction, unless it says otherwise."""
    text = text_of(path)
    made: list[SourcePart] = []
    heads = list(_CHANGESET.finditer(text)) if _FORMATTED.match(text) else []
    for number, head in enumerate(heads):
        end = heads[number + 1].start() if number + 1 < len(heads) else len(text)
        other = re.search(r"dbms:(\S+)", head.group(1))
        if other and "postgresql" not in other.group(1):
            continue
        body = _ROLLBACK.sub(lambda found: " " * len(found.group()), text[head.end() : end])
        line = text.count("\n", 0, head.end()) + 1
        sent = "each" if _NO_LIQUIBASE_TRANSACTION.search(head.group(1)) else "one"
        made += _delimited(SourcePart(str(path), line, body, sent), _DELIMITER.search(head.group(1)))
    return made


def _delimited(part: SourcePart, delimiter: re.Match[str] | None) -> list[SourcePart]:
    """Cut a changeset at its own delimiter, where it has one that is not the semicolon."""
    word = delimiter.group(1).strip('"') if delimiter else ";"
    if word == ";":
        return [part] if part.sql.strip() else []
    marks, start = [], 0
    pattern = re.compile(
        r"^[ \t]*" + re.escape(word) + r"[ \t]*$" if re.match(r"\w+\Z|/\Z", word) else re.escape(word),
        re.MULTILINE | re.IGNORECASE,
    )
    for found in pattern.finditer(part.sql):
        marks.append((start, found.start()))
        start = found.end()
    marks.append((start, len(part.sql)))
    return [
        SourcePart(part.file, part.line + part.sql.count("\n", 0, begin), part.sql[begin:end], part.transaction)
        for begin, end in marks
        if part.sql[begin:end].strip()
    ]


def alembic(folder: Path) -> list[SourcePart]:
    """Read what `alembic upgrade --sql` wrote: SQL files by name."""
    return [whole(path) for path in sql_files(folder)]


_MIGRATE = re.compile(r"^--[ \t]*migrate:(up|down)\b.*$", re.MULTILINE)


def dbmate(folder: Path) -> list[SourcePart]:
    """Read the parts after `-- migrate:up`, files by name."""
    return [part for path in sql_files(folder, deep=False) for part in dbmate_file(path)]


def dbmate_file(path: Path) -> list[SourcePart]:
    """Read what goes up in a file: one transaction, or with transaction:false one message."""
    text = text_of(path)
    heads = list(_MIGRATE.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)]
    return [
        part
        for head, end in zip(heads, ends, strict=True)
        if head.group(1) == "up"
        for part in cut(path, [(head.end(), end)], text, "implicit" if "transaction:false" in head.group() else "one")
    ]


_UP = re.compile(r"(\d+)_.*\.up\.sql\Z|(\d+)\.up\.sql\Z")


def golang_migrate(folder: Path) -> list[SourcePart]:
    """Read `NUMBER_name.up.sql` by number."""
    found = [
        (int(match.group(1) or match.group(2)), path)
        for path in folder.glob("*.sql")
        if (match := _UP.match(path.name))
    ]
    return [whole(path, "implicit") for _, path in sorted(found)]


_GOOSE = re.compile(r"^--[ \t]*\+goose[ \t]+(Up|Down|NO TRANSACTION)\b.*$", re.IGNORECASE | re.MULTILINE)


def goose_file(path: Path) -> list[SourcePart]:
    """Read what goes up in a file of goose: one transaction, unless the file says NO TRANSACTION."""
    text = text_of(path)
    marks = [head for head in _GOOSE.finditer(text) if head.group(1).upper() in ("UP", "DOWN")]
    sent = "each" if len(marks) < len(_GOOSE.findall(text)) else "one"
    ends = [*(head.start() for head in marks[1:]), len(text)]
    return [
        part
        for head, end in zip(marks, ends, strict=True)
        if head.group(1).upper() == "UP"
        for part in cut(path, [(head.end(), end)], text, sent)
    ]


def goose(folder: Path) -> list[SourcePart]:
    """Read what goes up in each file, by number."""
    return [part for path in sql_files(folder, deep=False) for part in goose_file(path)]


def prisma(folder: Path) -> list[SourcePart]:
    """Read `NUMBER_name/migration.sql`, each sent as one message; where there are none, the schema itself."""
    from wgm_play.importing.prisma_schema import prisma_schema

    found = [whole(path, "implicit") for path in sql_files(folder) if path.name == "migration.sql"]
    return found or prisma_schema(folder)


_DJANGO = re.compile(
    r"^-- (Create model|Raw (?:SQL|Python) operation|Add field|Alter field|Rename (?:field|model)) ?", re.MULTILINE
)
_OWN_TRANSACTION = re.compile(r"^(?:BEGIN|COMMIT);[ \t]*$", re.MULTILINE)
_NOT_WRITTEN = re.compile(r"^-- THIS OPERATION CANNOT BE WRITTEN AS SQL", re.MULTILINE)


def django(folder: Path) -> list[SourcePart]:
    """Read what `manage.py sqlmigrate` wrote; a file that needs another's tables waits for them."""
    made = []
    for path in sql_files(folder):
        text = text_of(path)
        made.append(SourcePart(str(path), 1, _OWN_TRANSACTION.sub("", text), waits=True))
        for found in _NOT_WRITTEN.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            made.append(SourcePart(str(path), line, "", untold="an operation in Python"))
    return made


# Words by which other tools are told to leave their transaction away.
_NO_TRANSACTION = re.compile(
    r"^--[ \t]*(atlas:txmode[ \t]+none|no-transaction|disable-ddl-transaction)\b", re.MULTILINE
)


def plain(folder: Path) -> list[SourcePart]:
    """Read SQL files in the order of the numbers in their names; those that go down are left out."""
    paths = [
        path
        for path in sql_files(folder)
        if not re.search(r"([._-]down|rollback|undo)\.sql\Z", path.name, re.IGNORECASE)
    ]
    return [whole(path) for path in sorted(paths, key=lambda path: natural(path.relative_to(folder)))]


TOOLS: dict[str, Read] = {
    "drizzle": drizzle,
    "flyway": flyway,
    "liquibase": liquibase,
    "alembic": alembic,
    "dbmate": dbmate,
    "golang-migrate": golang_migrate,
    "goose": goose,
    "prisma": prisma,
    "sqitch": sqitch,
    "rails": rails,
    "django": django,
    "pgroll": pgroll,
    "atlas": atlas,
    "sql": plain,
}
# Those whose own readers take, or name, what is in another language.
OTHER_LANGUAGES = ("rails", "django", "atlas", "pgroll")
# The tables in which tools keep what they ran: no part of anybody's schema.
BOOKKEEPING = (
    "alembic_version", "schema_migrations", "flyway_schema_history", "databasechangelog", "databasechangeloglock",
    "__drizzle_migrations", "ar_internal_metadata", "django_migrations", "atlas_schema_revisions", "goose_db_version",
    "knex_migrations", "knex_migrations_lock", "SequelizeMeta", "_prisma_migrations", "typeorm_metadata", "pgmigrations",
    "__EFMigrationsHistory", "_sqlx_migrations",
)  # fmt: skip


def which(folder: Path) -> str:
    """Return the tool that a folder's files tell of."""
    if (folder / "meta" / "_journal.json").is_file():
        return "drizzle"
    if (folder / PLAN).is_file():
        return "sqitch"
    if file_of(folder, STRUCTURE) or file_of(folder, SCHEMA):
        return "rails"
    files = sql_files(folder)
    if not files or folder.is_file():
        return _without_sql(folder)
    if files and all(path.name == "migration.sql" for path in files):
        return "prisma"
    if any(_UP.match(path.name) for path in files):
        return "golang-migrate"
    if any(_FLYWAY.match(path.name) for path in files):
        return "flyway"
    for path in files:
        text = text_of(path)
        if _FORMATTED.match(text):
            return "liquibase"
        if _MIGRATE.search(text):
            return "dbmate"
        if _GOOSE.search(text):
            return "goose"
        if "alembic_version" in text:
            return "alembic"
        if _DJANGO.search(text):
            return "django"
    from wgm_play.importing.changelog import changelogs

    return "liquibase" if changelogs(folder) else "sql"


def _without_sql(folder: Path) -> str:
    """Return the tool of a folder, or a file, that holds another language."""
    from wgm_play.importing.changelog import changelogs

    suffixes = {path.suffix for path in (folder.rglob("*") if folder.is_dir() else [folder])}
    if ".prisma" in suffixes:
        return "prisma"
    if ".hcl" in suffixes:
        return "atlas"
    if suffixes & {".xml", ".json", ".yaml", ".yml"}:
        return "liquibase" if changelogs(folder) else "pgroll" if is_pgroll(folder) else "sql"
    return "sql"


def tool_of(path: Path) -> str:
    """Return the tool that a file tells of by its name or its marks; "sql" where it tells of none."""
    if _FLYWAY.match(path.name):
        return "flyway"
    if _UP.match(path.name):
        return "golang-migrate"
    if path.name == "migration.sql":
        return "prisma"
    text = text_of(path)
    marks = ("liquibase", _FORMATTED), ("dbmate", _MIGRATE), ("goose", _GOOSE), ("drizzle", _BREAKPOINT)
    return next((tool for tool, pattern in marks if pattern.search(text)), "sql")


def file_parts(path: Path) -> list[SourcePart]:
    """Return what a single file would run, as the tool that it tells of sends it."""
    tool = tool_of(path)
    if tool in ("golang-migrate", "prisma"):
        return [whole(path, "implicit")]
    return _FILES[tool](path) if tool in _FILES else [whole(path)]


_FILES: dict[str, Read] = {
    "flyway": flyway_file,
    "liquibase": liquibase_file,
    "dbmate": dbmate_file,
    "goose": goose_file,
    "drizzle": drizzle_file,
}


def flyway_name(file: str) -> bool:
    """Say whether a file is named as Flyway's are."""
    return _FLYWAY.match(Path(file).name) is not None


def without_transaction(text: str) -> bool:
    """Say whether a file tells its tool to send each statement by itself."""
    return _NO_TRANSACTION.search(text) is not None


def parts(folder: Path, tool: str) -> tuple[str, list[SourcePart]]:
    """Return the tool, and what it would run, in order. Raise `InputError` where there is nothing."""
    if not folder.exists():
        raise InputError(f"no folder {str(folder)!r}", hint="name the folder of the migrations, or a schema's file")
    used = which(folder) if tool == "auto" else tool
    if used == "drizzle" and not (folder / "meta" / "_journal.json").is_file():
        raise InputError(
            f"{str(folder)!r} has no meta/_journal.json", hint="name Drizzle's `out` folder, or use --from sql"
        )
    found = TOOLS[used](folder)
    if not found and (error := refusal(folder)) is not None:
        raise error
    if not found:
        raise InputError(
            f"{str(folder)!r} has no migrations of {used}",
            hint="name another tool with --from, or the folder of the files",
        )
    return used, [*found, *([] if used in OTHER_LANGUAGES else named(folder))]
