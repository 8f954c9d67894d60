"""One case with life beside it: the change is made twice, plainly in a copy that is at rest, and here beside a client.

In: a case of tests/cases, a server, whether the online form is demanded. Out: an `Outcome` with what differs: rows that
nobody was to touch, catalog and privileges, what the triggers of the application did, statements of the client that
failed without a reason, an INSERT that the finished table refuses.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import life
import psycopg
import yaml
from laws import Listener, Project, load_sql
from life import Client
from psycopg import sql
from replica import following

from fix_postgres import Postgres
from wgm_play.catalog import introspect
from wgm_play.catalog.model import Key
from wgm_play.errors import Refused, WgmError

ONLINE, PLAIN = "always", "never"
# What is told where rows break what is declared: before the run, or where they cannot be looked at, in it.
BROKEN = re.compile(r"the data break|SQLSTATE: 2[23]")
# What a role without a superuser's rights is told.
DENIED = re.compile(r"may not|permission denied|must be (owner|superuser)|SQLSTATE: 42501")

# Columns whose values depend on when and in which order they are made.
BY_CHANCE = """
SELECT a.attname FROM pg_attrdef AS d JOIN pg_attribute AS a ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum)
WHERE pg_get_expr(d.adbin, d.adrelid) ~* 'now|timestamp|random|uuid|nextval|current_(time|date)'
UNION SELECT attname FROM pg_attribute WHERE attidentity <> ''
"""


@dataclass(slots=True)
class Outcome:
    """What came of a case: `skipped` says why it says nothing, `wrong` what is wrong."""

    skipped: str = ""
    wrong: list[str] = field(default_factory=list)
    writes: int = 0
    during: int = 0
    reads: int = 0
    failures: int = 0
    longest: float = 0.0
    rollback: str = ""
    owner: bool = True
    subscriber: bool = False
    same: bool = False  # the plan was that of the plain form, so that no other form says more


def environment(case: dict[str, Any], online: str) -> str:
    """Return the text of the case's environment with the form that is demanded."""
    said = yaml.safe_load(case.get("environment", "embedded: true")) or {}
    said["policy"] = {**said.get("policy", {}), "online": online}
    return yaml.safe_dump(said)


def _project(folder: Path, url: str, case: dict[str, Any], online: str) -> Project:
    made = Project(folder, url, environment(case, online))
    for name, text in case.get("files", {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return made


@contextmanager
def _place(server: Postgres, *, owned: bool) -> Iterator[tuple[str, str, str, list[str]]]:
    """Make a database and its owner; yield URL, superuser's URL, database, and names of further databases to drop."""
    role, password = server.create_role() if owned else ("", "")
    name = server.create_database(role or None)
    more: list[str] = []
    with server.connect() as admin:
        if not admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [life.READER]).rowcount:
            admin.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(life.READER)))
    url = server.url(name, role, password) if owned else server.url(name)
    try:
        yield url, server.url(name), name, more
    finally:
        for one in (*more, name):
            server.drop_database(one)
        if role:
            server.drop_role(role)


def run(case: dict[str, Any], server: Postgres, folder: Path, *, online: str = "auto") -> Outcome:
    """Run a case as the owner of its database, or where the owner may not make its `before` or its `after`, as superuser.

    Where the change cannot be published without somebody's consent, nothing is.
    """
    found = _run(case, server, folder / "owner", online, owned=True, published=True)
    owned = not (found.skipped.startswith("before") or "may not" in found.skipped)
    if not owned:
        found = _run(case, server, folder / "superuser", online, owned=False, published=True)
    if _stopped_by_publication(found):
        found = _run(case, server, folder / "unpublished", online, owned=owned, published=False)
    found.owner = owned
    return found


def _stopped_by_publication(found: Outcome) -> bool:
    """Tell whether a plan was refused for what a publication would miss or send."""
    reasons = ("R01", "R02", "R04", "publication", "Unlogged relations cannot be replicated")
    return any(reason in text for text in (found.skipped, *found.wrong) for reason in reasons)


def _run(case: dict[str, Any], server: Postgres, folder: Path, online: str, *, owned: bool, published: bool) -> Outcome:
    out = Outcome()
    with _place(server, owned=owned) as (url, admin_url, name, more):
        here = _project(folder / "here", url, case, online)
        try:
            if "sql" in case:
                load_sql(url, case["sql"])
            if case.get("before"):
                here.write(case["before"], case.get("play"))
                here.apply()
            if "rows" in case:
                load_sql(url, case["rows"])
        except (WgmError, psycopg.Error) as error:
            out.skipped = f"before: {str(error).splitlines()[0]}"
            return out
        with psycopg.connect(url, autocommit=True) as connection:
            known = life.settle_in(connection, publish=published)
            start = life.still(connection, known)
        plain_url, options = url.replace(f"/{name}", f"/{name}_plain"), case.get("options", {})
        plain = _project(folder / "plain", plain_url, case, PLAIN)
        plain.write(case.get("after"), case.get("play"))
        more.append(f"{name}_plain")

        def plainly() -> Listener:
            server.drop_database(f"{name}_plain")
            with server.connect() as admin:
                made = "CREATE DATABASE {} TEMPLATE {}" + (" OWNER {}" if owned else "")
                names = [f"{name}_plain", name, *([psycopg.conninfo.conninfo_to_dict(url)["user"]] if owned else [])]
                admin.execute(sql.SQL(made).format(*map(sql.Identifier, names)))
            return plain.apply(**options)

        try:
            try:
                calm = plainly()
            except WgmError as error:
                if not BROKEN.search(_words(error)):
                    raise
                # The rows that we thought of break what is declared: have others, which fit before and after.
                with psycopg.connect(url, autocommit=True) as connection:
                    life.empty(connection, known)
                plainly()
                with psycopg.connect(url, autocommit=True) as start_, psycopg.connect(plain_url) as finished:
                    life.fit(start_, finished, known)
                    life.fill(start_, known)
                    start = life.still(start_, known)
                calm = plainly()
        except WgmError as error:
            told = f"plain: {type(error).__name__}: {_words(error)}"
            if isinstance(error, Refused) or DENIED.search(told):
                out.skipped = told
            else:  # planned, and it did not run: that is no reason to look away
                out.wrong.append(told)
            return out
        here.write(case.get("after"), case.get("play"))
        with psycopg.connect(url, autocommit=True) as start_, psycopg.connect(plain_url, autocommit=True) as finished:
            life.fit(start_, finished, known)
        with followed(out, admin_url, name, published=published), life.living(url, known) as client:
            try:
                done = here.apply(**options)
            except WgmError as error:
                if isinstance(error, Refused) and BROKEN.search(_words(error)):
                    out.skipped = f"the client's rows do not fit: {_words(error)}"
                else:
                    out.wrong.append(f"the run: {type(error).__name__}: {_words(error)}")
                return out
        out.same = _statements(done) == _statements(calm)
        _account(out, client)
        chance = set(case.get("by_chance", ()))
        # What a person's own SQL does sets off triggers for the client's rows too, as the plain form does.
        own = any(operation.verb == "run" for operation in done.operations)
        exact = online == ONLINE and not out.same and not own
        out.wrong += _judge(url, plain_url, known, client, done, chance, exact=exact)
        if not out.wrong and done.operations:
            with followed(out, admin_url, name, published=published):
                # What a person's `down` makes of rows that he did not think of is his affair.
                kept = {} if own or "rows_lost" in case else start
                _back(out, here, (url, plain_url), known, kept, client.number)
    return out


def _statements(told: Listener) -> list[str]:
    return [command.sql for operation in told.operations for command in operation.commands]


def _words(error: WgmError) -> str:
    return " ".join([str(error).splitlines()[0], *map(str, getattr(error, "details", ()))])


@contextmanager
def followed(out: Outcome, admin_url: str, name: str, *, published: bool) -> Iterator[None]:
    """Have somebody follow the publication for a `with` block; keep what was wrong with what it was sent."""
    if not published:
        yield
        return
    with following(admin_url, life.PUBLICATION, f"{name}_slot") as one:
        out.subscriber |= bool(one.copies)
        yield
        if not out.wrong:
            out.wrong += one.end()


def _account(out: Outcome, client: Client) -> None:
    out.writes += client.writes
    out.during += client.during
    out.reads += client.reads
    out.failures += len(client.failures)
    out.longest = max(out.longest, client.longest)


def _judge(
    url: str, plain_url: str, known: list[life.Table], client: Client, told: Listener, chance: set[str], *, exact: bool
) -> list[str]:
    writing = sum(command.wait == "data" for operation in told.operations for command in operation.commands)
    cached = any(hazard.code == "C15" for operation in told.operations for hazard in operation.hazards)
    wrong = [f"client: {odd.statement}: {odd.text}" for odd in client.unexplained(url, cached_plans=cached)[:3]]
    with (
        psycopg.connect(url, autocommit=True) as one,
        psycopg.connect(plain_url, autocommit=True) as other,
    ):
        chance = chance | {name for (name,) in other.execute(BY_CHANCE)}
        wrong += _rows(life.still(one, known), life.still(other, known), chance)
        wrong += _catalogs(one, other)
        for table in ("life_log", "life_stamps"):
            question = f"SELECT place, count(*) FROM public.{table} WHERE who <> 'life' GROUP BY 1 ORDER BY 1".encode()
            ours, theirs = (connection.execute(question).fetchall() for connection in (one, other))
            # Each plain statement writes the client's rows too; batches set off no trigger of the application.
            room = 0 if exact else client.writes * max(writing, 1)
            if more := {place: number for place, number in ours if number > dict(theirs).get(place, 0) + room}:
                wrong.append(f"{table}: the run made {more}, plainly it makes {theirs}")
        wrong += _unheard(one, other, client)
        wrong += _next_insert(one, other, known)
    return wrong


def _unheard(one: psycopg.Connection[Any], other: psycopg.Connection[Any], client: Client) -> list[str]:
    """Return what the audit missed of the client's writes; tables that lose their triggers plainly too are let be."""
    triggers = b"SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'life_audit_%' AND tgparentid = 0"
    had = sum(table.audited for table in client.tables)
    heard = one.execute("SELECT count(*) FROM public.life_log WHERE who = 'life'").fetchall()[0][0]
    if any(connection.execute(triggers).fetchall()[0][0] != had for connection in (one, other)):
        return []
    return [f"the audit has {heard} of {client.rows} rows that the client wrote"] if heard < client.rows else []


def _rows(here: dict[str, list[dict[str, Any]]], plain: dict[str, list[dict[str, Any]]], chance: set[str]) -> list[str]:
    wrong = []
    for name, rows in plain.items():
        if name not in here:
            wrong.append(f"rows of {name}: the table is not there")
            continue
        ours, theirs = (Counter(_text(row, chance) for row in some) for some in (here[name], rows))
        wrong += [
            f"rows of {name}: {row} is not there any more, but {list(ours - theirs)[:2]}"
            for row in list(theirs - ours)[:2]
        ]
    return wrong


def _text(row: dict[str, Any], chance: set[str]) -> str:
    return json.dumps({key: value for key, value in row.items() if key not in chance}, sort_keys=True)


def _catalogs(one: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> list[str]:
    ours, theirs = (_catalog(connection) for connection in (one, other))
    return [
        f"catalog: {key}: {ours.get(key)}, plainly {theirs.get(key)}"
        for key in sorted({*ours, *theirs})
        if ours.get(key) != theirs.get(key)
    ][:3]


def _catalog(connection: psycopg.Connection[Any]) -> dict[Key, Any]:
    connection.execute("SET search_path = ''")
    rows = introspect.read(connection, edges=False).rows
    connection.execute("RESET search_path")
    return {key: row for key, row in rows.items() if "wgm_trash" not in str(key)}


def _next_insert(one: psycopg.Connection[Any], other: psycopg.Connection[Any], known: list[life.Table]) -> list[str]:
    wrong = []
    for table in known:
        if table.shape is None:
            continue
        statement = table.insert(table.shape, life.MOVING - 1)
        ours, theirs = (life.attempt(connection, statement) for connection in (one, other))
        if (ours and ours.sqlstate) != (theirs and theirs.sqlstate):
            wrong.append(f"the next INSERT: {statement}: {ours}, plainly {theirs}")
    return wrong


def _back(
    out: Outcome,
    here: Project,
    urls: tuple[str, str],
    known: list[life.Table],
    start: dict[str, Any],
    number: int,
) -> None:
    url, plain_url = urls
    with life.living(url, known, number) as client:
        try:
            here.rollback()
        except Refused as error:
            out.rollback = f"refused: {str(error).splitlines()[0]}"
            return
        except WgmError as error:
            out.wrong.append(f"rollback: {type(error).__name__}: {error} {getattr(error, 'details', '')}")
            return
    _account(out, client)
    out.rollback = "back"
    out.wrong += [
        f"rollback, client: {odd.statement}: {odd.text}"
        for odd in client.unexplained(url, plain_url, cached_plans=True)[:3]
    ]
    with psycopg.connect(url, autocommit=True) as connection:
        out.wrong += [f"rollback, {text}" for text in _rows(life.still(connection, known), start, set())]
