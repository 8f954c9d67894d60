"""Databases of applications are adopted: inspected, run on themselves, rebuilt, edited there and back with their rows.

In: `python tests/benchmarks/adoption.py URL LOG [NAME...]`: a superuser's URL of a server of one's own and the file of its log
(`log_statement` is set to `all`); PostgreSQL's programs on the PATH. `tests/applications/*.sql` and `tests/samples/*.sql` are the databases.
Out: a line for each: objects, kinds, rows, what differs in the order of a dump, edits; exit 1 where a promise is broken.
"""

from __future__ import annotations

import copy
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "database")]

from roundtrip import Heard, apply, catalog, difference, dump, fill, inspect  # noqa: E402

from wgm_play import pipeline  # noqa: E402
from wgm_play.catalog.model import Catalog  # noqa: E402
from wgm_play.errors import InputError, Problems, Refused  # noqa: E402
from wgm_play.options import Options  # noqa: E402

_STATEMENT = re.compile(r"(?:statement|execute [^:]+): (.*)\Z", re.DOTALL)
# What a run that finds nothing to do may send.
_READING = ("SelectStmt", "VariableShowStmt", "VariableSetStmt", "TransactionStmt", "ExplainStmt")
_WRITING = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "IntoClause", "LockingClause")
# Functions beside those without effects that the product knows: settings and locks of the session.
_OURS = {"set_config", "pg_try_advisory_lock", "pg_advisory_unlock", "pg_advisory_lock", "pg_stat_clear_snapshot"}
HARMLESS = set((ROOT.parent / "src" / "wgm_play" / "asking" / "harmless.txt").read_text().split()) | _OURS
SMALLEST, KINDS, EDITS, SAME = 60, 12, 10, 2
WIDER = {"smallint": "integer", "integer": "bigint", "real": "double precision", "date": "timestamp", "inet": "text"}
Book = list[dict[str, Any]]


class Loader(yaml.SafeLoader):
    """Reads `on`, `off`, `yes` and `no` as words, as YAML 1.2 and the product do."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [one for one in found if first not in "oOyYnN" or not one[0].endswith(":bool")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def statements(log: Path, database: str, since: int) -> list[str]:
    """Return what was sent in a database since a place of the server's log."""
    entries = re.split(r"^@@(\w*)@", log.read_text(errors="replace")[since:], flags=re.MULTILINE)
    found = []
    for name, entry in zip(entries[1::2], entries[2::2], strict=True):
        said = _STATEMENT.search(entry) if name == database else None
        if said:
            found.append(said.group(1))
    return found


def main(url: str, log: Path, names: list[str]) -> int:
    """Adopt each database; return 1 where something is not as promised."""
    sources = [*sorted((ROOT / "applications").glob("*.sql")), *sorted((ROOT / "samples").glob("style_*.sql"))]
    bad = 0
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("log_statement = 'all'", "log_line_prefix = '@@%d@'"):
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        connection.execute("SELECT pg_reload_conf()")
    for source in sources:
        if not names or source.stem in names:
            try:
                print(source.stem, adopt(url, log, source), flush=True)
            except Exception as error:
                bad += 1
                told = [f"{one.message} {one.where}" for one in getattr(error, "problems", ())]
                details = [*getattr(error, "details", ()), *told]
                print(source.stem, "BROKEN", type(error).__name__, str(error)[:2000], *details, flush=True)
    return int(bool(bad))


def adopt(url: str, log: Path, source: Path) -> str:
    """Adopt one database. Raise `AssertionError` where a promise is broken."""
    live, empty = f"adopt_{source.stem}", f"adopt_{source.stem}_2"
    with psycopg.connect(url, autocommit=True) as connection:
        for name in (live, empty):
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {name}".encode())
    base = url.rstrip("/")
    folder = Path(tempfile.mkdtemp(prefix="wgm-adoption-"))
    programs = Path(shutil.which("pg_dump") or "pg_dump").resolve().parent
    try:
        fill(f"{base}/{live}", source.read_text())
        return _adopted(log, f"{base}/{live}", f"{base}/{empty}", folder, programs)
    finally:
        shutil.rmtree(folder)
        with psycopg.connect(url, autocommit=True) as connection:
            for name in (live, empty):
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def _adopted(log: Path, live: str, empty: str, folder: Path, programs: Path) -> str:
    began = time.monotonic()
    playbook = inspect(live, folder / "split")
    objects, kinds = size(catalog(live))
    assert objects >= SMALLEST and kinds >= KINDS, f"too small: {objects} objects of {kinds} kinds"
    before, written = len(log.read_text(errors="replace")), state(live)
    assert apply(playbook, live) == 0, "the source is not what was read of it"
    sent = statements(log, live.rpartition("/")[2], before)
    assert sent, "the log has no statement: is it this server's, and does it log them?"
    odd = [f"{why}: {one[:200]}" for one in sent if (why := writes(one))]
    assert odd == [], f"more than reading was sent: {odd[:3]}"
    assert state(live) == written, "something was written"
    assert apply(playbook, empty) > 0
    same(catalog(live), catalog(empty))
    same(dump(live, programs), dump(empty, programs))
    raw = difference(*([line for line in plain_dump(one, programs).split("\n") if line] for one in (live, empty)))
    raw = (
        f", raw dumps differ in {sum(line[:1] in '+-' for line in raw.splitlines()[2:])} lines:\n{raw}\n" if raw else ""
    )
    assert apply(playbook, empty) == 0, "a second run changed something"
    held = sum(number for number, _ in rows(live).values())
    assert held, "there are no rows"
    done = _edited(inspect(live, folder / "one", one_file=True), live, programs)
    seconds = time.monotonic() - began
    return f"{objects} objects of {kinds} kinds, {held} rows{raw}; there and back: {', '.join(done)}; {seconds:.0f} s"


def same(one: Any, other: Any) -> None:
    """Raise `AssertionError` with what differs."""
    found = difference(one, other)
    assert found == "", found


def size(found: Catalog) -> tuple[int, int]:
    """Return how many objects and kinds a catalog has, columns left out."""
    held = [key for key in found.rows if key.kind not in ("column", "owner", "role", "membership")]
    return len(held), len({key.kind for key in held})


def _lines(dumped: list[str]) -> list[str]:
    """Return the statements of a dump, the lines of each in order: a generated column that was made again is the last one."""
    return sorted("\n".join(sorted(line.rstrip(",") for line in one.split("\n"))) for one in dumped)


def plain_dump(url: str, programs: Path) -> str:
    """Return the lines of pg_dump as they are, without the ledger and the comments that name versions."""
    words = [str(programs / "pg_dump"), "--schema-only", "--no-owner", "--exclude-schema=wgm*", url]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return re.sub(r"(?m)^(-- Dumped .*|\\(un)?restrict .*)$", "", text)


def rows(url: str) -> dict[str, tuple[int, str]]:
    """Return, for each table of the application, how many rows it has, and a checksum of them."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND n.nspname NOT LIKE 'wgm%'"
            " AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        ).fetchall()
        asked = (
            "SELECT count(*), md5(string_agg(to_jsonb(t)::text, E'\\n' ORDER BY to_jsonb(t)::text)) FROM ONLY {} AS t"
        )
        return {name: connection.execute(asked.format(name).encode()).fetchone() or (0, "") for (name,) in tables}


def writes(statement: str) -> str | None:
    """Return why a statement is more than reading; None for one that reads, or sets something of its session."""
    from pglast import parse_sql
    from pglast.visitors import Visitor

    found: list[str] = []

    class Look(Visitor):
        def visit(self, ancestors: Any, node: Any) -> None:
            kind = type(node).__name__
            if kind in _WRITING:
                found.append(kind)
            if kind == "FuncCall":
                names = [part.sval for part in node.funcname]
                if names[-1] not in HARMLESS or (len(names) > 1 and names[0] != "pg_catalog"):
                    found.append(f"calls {'.'.join(names)}")

    for one in parse_sql(statement):
        if type(one.stmt).__name__ not in _READING:
            found.append(type(one.stmt).__name__)
        Look()(one.stmt)
    return ", ".join(found) or None


def state(url: str) -> list[Any]:
    """Return what a write would change: the rows of the catalog, sequences, large objects, checksums of all tables."""
    asked = (
        "SELECT (SELECT md5(string_agg(c.oid || ' ' || c.xmin, ',' ORDER BY c.oid)) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname NOT LIKE 'wgm%' AND n.nspname NOT LIKE 'pg\\_%'),"
        " (SELECT md5(string_agg(a.attrelid || ' ' || a.attnum || ' ' || a.xmin, ',' ORDER BY 1)) FROM pg_attribute a),"
        " (SELECT md5(string_agg(oid || ' ' || xmin, ',' ORDER BY oid)) FROM pg_proc),"
        " (SELECT md5(string_agg(oid || ' ' || xmin, ',' ORDER BY oid)) FROM pg_constraint),"
        " (SELECT count(*) FROM pg_largeobject_metadata),"
        " (SELECT string_agg(schemaname || sequencename || last_value, ',' ORDER BY 1) FROM pg_sequences"
        " WHERE schemaname NOT LIKE 'wgm%')"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        return [*(connection.execute(asked).fetchone() or ()), rows(url)]


# Edits ------------------------------------------------------------------------------------------------------------


def edits(book: Book) -> Iterator[tuple[str, Book]]:
    """Yield what an edit is called, and the steps after it: each kind of edit in turn, on another object each time."""
    for turn in range(12):
        for edit in (
            _column_added,
            _column_renamed,
            _column_gone,
            _type_widened,
            _default_changed,
            _null_allowed,
            _index_gone,
            _view_with_more,
            _table_renamed,
            _constraint_gone,
            _grant_added,
            _table_gone,
            _check_added,
            _value_added,
            _comment_changed,
            _column_to_text,
            _table_made,
        ):
            made = copy.deepcopy(book)
            change = next(itertools.islice(edit(made), turn, None), None)
            if change is not None:
                change()
                yield edit.__name__.strip("_").replace("_", " "), made


def _tables(book: Book) -> Iterator[dict[str, Any]]:
    """Yield the tables that stand alone: no partition, no child, no parent."""
    parents = {name for step in book for name in (step.get("table") or {}).get("inherits", ())}
    for step in book:
        table = step.get("table")
        apart = (
            table and not {"partition_of", "inherits", "partition_by"} & table.keys() and table["name"] not in parents
        )
        if apart and table.get("columns"):
            yield table


def _named(book: Book) -> dict[str, Counter[str]]:
    """Return, by the bare name of each table, the words of all steps that name it."""
    steps = [Counter(re.findall(r"\w+", yaml.safe_dump(step))) for step in book]
    names = {str(step["table"]["name"]).rpartition(".")[2] for step in book if "table" in step}
    return {name: sum((one for one in steps if one[name]), Counter()) for name in names}


def _columns(book: Book) -> list[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Return (columns of a table, name, definition), first those that no other step that names the table names as well."""
    plain, words = {"type", "not_null", "default", "comment"}, _named(book)
    found = []
    for table in _tables(book):
        named = words[str(table["name"]).rpartition(".")[2]]
        for name, said in list(table["columns"].items()):
            definition = {"type": said} if isinstance(said, str) else said
            if definition.keys() <= plain and "serial" not in str(definition.get("type")):
                found.append((named[name], (table["columns"], name, definition)))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


Change = Callable[[], Any]


def _column_added(book: Book) -> Iterator[Change]:
    more = {"added": {"type": "integer", "not_null": True, "default": 7}}
    return (partial(table["columns"].update, more) for table in _tables(book))


def _column_renamed(book: Book) -> Iterator[Change]:
    def change(columns: dict[str, Any], name: str, definition: dict[str, Any]) -> None:
        again = {f"{key}_now" if key == name else key: value for key, value in columns.items()}
        again[f"{name}_now"] = {**definition, "renamed_from": name}
        columns.clear()
        columns.update(again)

    return (partial(change, *one) for one in _columns(book))


def _otherwise(book: Book, made: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Iterator[Change]:
    for columns, name, definition in _columns(book):
        other = made(definition)
        if other is not None:
            yield partial(columns.update, {name: other})


def _column_gone(book: Book) -> Iterator[Change]:
    return _otherwise(book, lambda _: {"state": "absent"})


def _type_widened(book: Book) -> Iterator[Change]:
    return _otherwise(
        book, lambda it: {**it, "type": WIDER[it["type"]]} if it["type"] in WIDER and "default" not in it else None
    )


def _column_to_text(book: Book) -> Iterator[Change]:
    kinds = re.compile(r"varchar|numeric|boolean")
    return _otherwise(
        book, lambda it: {**it, "type": "text"} if kinds.match(str(it["type"])) and "default" not in it else None
    )


def _default_changed(book: Book) -> Iterator[Change]:
    values = {"text": "'x'", "integer": 42, "bigint": 42}
    return _otherwise(book, lambda it: {**it, "default": values[it["type"]]} if it["type"] in values else None)


def _null_allowed(book: Book) -> Iterator[Change]:
    return _otherwise(book, lambda it: {**it, "not_null": False} if it.get("not_null") else None)


def _index_gone(book: Book) -> Iterator[Change]:
    words = Counter(re.findall(r"\w+", yaml.safe_dump(book)))
    found = (step for step in book if "index" in step and words[step["index"]["name"]] == 1 and "state" not in step)
    return (partial(step.update, state="absent") for step in found)


def _table_gone(book: Book) -> Iterator[Change]:
    words, alone = Counter(re.findall(r"\w+", yaml.safe_dump(book))), [id(table) for table in _tables(book)]
    for step in book:
        if id(step.get("table")) in alone and words[str(step["table"]["name"]).rpartition(".")[2]] == 1:
            yield partial(step.update, table={"name": step["table"]["name"]}, state="absent")


def _view_with_more(book: Book) -> Iterator[Change]:
    words = Counter(re.findall(r"\w+", yaml.safe_dump(book)))
    for step in book:
        view = step.get("view") or {}
        if "query" in view and words[str(view["name"]).rpartition(".")[2]] == 1:
            query = f"SELECT q.*, 1 AS added FROM ({view['query'].rstrip().rstrip(';')}) AS q"
            yield partial(view.update, query=query)


def _check_added(book: Book) -> Iterator[Change]:
    more = {"added": {"check": "1 < 2"}}
    return (partial(table.setdefault("constraints", {}).update, more) for table in _tables(book))


def _value_added(book: Book) -> Iterator[Change]:
    enums = (step["enum"] for step in book if "values" in (step.get("enum") or {}))
    return (partial(enum.update, values=[*enum["values"], "added"]) for enum in enums)


def _comment_changed(book: Book) -> Iterator[Change]:
    return (partial(table.update, comment="Otherwise") for table in _tables(book))


def _table_renamed(book: Book) -> Iterator[Change]:
    words = Counter(re.findall(r"\w+", yaml.safe_dump(book)))
    for table in _tables(book):
        schema, dot, name = str(table["name"]).rpartition(".")
        if words[name] == 1:
            yield partial(table.update, name=f"{schema}{dot}{name}_now", renamed_from=name)


def _constraint_gone(book: Book) -> Iterator[Change]:
    for table in _tables(book):
        for name, said in (table.get("constraints") or {}).items():
            if "primary_key" not in said:
                yield partial(table["constraints"].update, {name: {"state": "absent"}})


def _grant_added(book: Book) -> Iterator[Change]:
    for table in _tables(book):
        said = {"on": f"table {table['name']}", "to": "pg_monitor", "privileges": ["select", "update"]}
        yield partial(book.append, {"name": "One more may read", "grant": said})


def _table_made(book: Book) -> Iterator[Change]:
    made = {"name": "added", "columns": {"id": {"type": "bigint", "identity": "always", "primary_key": True}}}
    yield partial(book.append, {"name": "A new table", "table": made})


def _edited(playbook: Path, url: str, programs: Path) -> list[str]:
    """Make ten edits on a database with rows, and take each back; return what they are called. What is refused is no edit."""
    text = playbook.read_text()
    plays = yaml.load(text, Loader)  # noqa: S506
    assert apply(playbook, url) == 0, "the playbook in one file is not what was read"
    before, held = dump(url, programs), rows(url)
    done: list[str] = []
    refused: list[str] = []
    for name, book in edits(plays[0]["steps"]):
        if len(done) == EDITS:
            break
        if done.count(name) == SAME:
            continue
        playbook.write_text(yaml.safe_dump([{**plays[0], "steps": book}], sort_keys=False, allow_unicode=True))
        try:
            try:
                assert apply(playbook, url, allow_destructive=True) >= 1, "nothing changed"
            except (InputError, Refused, Problems) as error:  # nothing was touched
                refused.append(f"{name}: {error}")
                continue
            assert apply(playbook, url, allow_destructive=True) == 0, "a second run changed something"
            pipeline.rollback(Options(str(playbook), url=url, no_backup=True, no_trash=True), Heard())
            same(*map(_lines, (before, dump(url, programs))))
            now = rows(url)
            assert now == held, f"rows differ: {[one for one in held if now.get(one) != held[one]]}"
        except Exception as error:
            error.args = (f"{name}: {error}", *error.args[1:])
            raise
        done.append(name)
    playbook.write_text(text)
    assert apply(playbook, url) == 0, "after all edits the database is not what was read"
    assert len(done) == EDITS, f"only {len(done)} edits have a place: {done}; {refused}"
    return [*done, f"{len(refused)} refused", *(f"\n    {one}" for one in refused)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
