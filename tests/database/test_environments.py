"""Servers and roles as providers and administrators leave them: no setting of theirs changes a result.

One fresh database for each environment, on one server. In each the production playbook is applied and finds nothing to do
afterwards, and a small playbook goes forth and back; all ends as it does without the environment. WGM_TEST_MATRIX=long
takes each setting by itself, and ten cases of `tests/cases` in each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from laws import Listener, Project, State, load_case, load_sql, state
from orders import Orders, with_orders
from psycopg.conninfo import conninfo_to_dict

from fix_postgres import Postgres
from killing import ROOT
from wgm_play import pipeline
from wgm_play.options import Options

LONG = os.environ.get("WGM_TEST_MATRIX") == "long"

# What a role or a database may have set, and what would change how we read, what we make or how long we may take.
SETTINGS = {
    "idle_session_timeout": ("'300ms'", 14),
    "idle_in_transaction_session_timeout": ("'300ms'", 13),
    "statement_timeout": ("'250ms'", 13),
    "lock_timeout": ("'10ms'", 13),
    "transaction_timeout": ("'300ms'", 17),
    "search_path": ("pg_catalog, pg_temp", 13),
    "row_security": ("off", 13),
    "default_transaction_isolation": ("serializable", 13),
    "default_transaction_deferrable": ("on", 13),
    "default_toast_compression": ("pglz", 14),
    "default_table_access_method": ("heap", 13),
    "default_tablespace": ("pg_default", 13),
    "temp_tablespaces": ("pg_default", 13),
    "check_function_bodies": ("off", 13),
    "createrole_self_grant": ("'set, inherit'", 16),
    "datestyle": ("'German, DMY'", 13),
    "intervalstyle": ("sql_standard", 13),
    "timezone": ("'Asia/Kathmandu'", 13),
    "bytea_output": ("escape", 13),
    "array_nulls": ("off", 13),
    "standard_conforming_strings": ("off", 13),
    "backslash_quote": ("off", 13),
    "extra_float_digits": ("-15", 13),
    "xmloption": ("document", 13),
    "quote_all_identifiers": ("on", 13),
    "transform_null_equals": ("on", 13),
    "exit_on_error": ("on", 13),
    "client_min_messages": ("error", 13),
    "client_encoding": ("latin1", 13),
    "plan_cache_mode": ("force_generic_plan", 13),
    "session_preload_libraries": ("auto_explain", 13),
    "jit": ("on", 13),
    "from_collapse_limit": ("1", 13),
    "password_encryption": ("md5", 13),
}
CASES = [
    "constraint/foreign_key",
    "enum/add_value",
    "function/body",
    "grant/table",
    "index/create_and_drop",
    "mixed/circular",
    "online/type_of_a_column",
    "seed/change",
    "sequence/change",
    "view/replace",
]

# Debian's: the servers of the wheel have neither contrib modules nor ICU.
pytestmark = pytest.mark.pg("==15")


@dataclass(frozen=True, slots=True)
class Place:
    """A database in some environment: `url` for the run, `admin` for the superuser."""

    url: str
    admin: str
    server: Postgres

    @property
    def database(self) -> str:
        return str(conninfo_to_dict(self.admin)["dbname"])

    @property
    def role(self) -> str:
        return str(conninfo_to_dict(self.url)["user"])

    def offers(self, extension: str) -> bool:
        """Tell whether the server has an extension to offer."""
        with psycopg.connect(self.admin) as connection:
            return bool(connection.execute("SELECT FROM pg_available_extensions WHERE name = %s", [extension]).rowcount)

    def sql(self, *statements: str) -> None:
        """Run statements as the superuser, with the names of the place in their braces."""
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute("SET statement_timeout = 0; SET lock_timeout = 0; SET search_path = public")
            for statement in statements:
                connection.execute(statement.format(role=self.role, database=self.database).encode())


@contextmanager
def place(server: Postgres, attributes: str = "LOGIN", *, owner: bool = True, clause: str = "") -> Iterator[Place]:
    """Make a role and a database for a `with` block; `clause` is what CREATE DATABASE says of it."""
    role, password = server.create_role(attributes)
    name = f"{role}_db"
    with server.connect() as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 {clause}" + (f" OWNER {role}" if owner else ""))
    try:
        yield Place(server.url(name, role, password), server.url(name), server)
    finally:
        server.drop_database(name)
        with server.connect() as admin:
            admin.execute(f"DROP OWNED BY {role}")
            admin.execute(f"DROP ROLE IF EXISTS {role}_owner")
        server.drop_role(role)


def of_role(names: list[str]) -> Callable[[Place], None]:
    def prepare(place: Place) -> None:
        place.sql(*(f"ALTER ROLE {{role}} SET {name} = {SETTINGS[name][0]}" for name in names))

    return prepare


def of_database(names: list[str]) -> Callable[[Place], None]:
    def prepare(place: Place) -> None:
        place.sql(*(f"ALTER DATABASE {{database}} SET {name} = {SETTINGS[name][0]}" for name in names))

    return prepare


def acts_as_another(place: Place) -> None:
    """The role that logs in is another than the one that owns: a session begins with SET ROLE."""
    place.sql(
        "CREATE ROLE {role}_owner",
        "GRANT {role}_owner TO {role}",
        "ALTER DATABASE {database} OWNER TO {role}_owner",
        "ALTER TABLE IF EXISTS orders OWNER TO {role}_owner",
        "ALTER ROLE {role} SET role = {role}_owner",
    )


def closed_public(place: Place) -> None:
    place.sql("REVOKE ALL ON SCHEMA public FROM PUBLIC", "GRANT USAGE, CREATE ON SCHEMA public TO {role}")


ENVIRONMENTS: dict[str, tuple[str, dict[str, Any], Callable[[Place], None] | None]] = {
    "plain": ("LOGIN SUPERUSER", {}, None),
    "owner": ("LOGIN", {}, None),
    "acts as another role": ("LOGIN", {}, acts_as_another),
    "inherits nothing": ("LOGIN NOINHERIT", {}, closed_public),
    "schema public is closed": ("LOGIN", {}, closed_public),
    "a password that expires": ("LOGIN VALID UNTIL '2999-01-01'", {}, None),
    "SQL_ASCII": ("LOGIN SUPERUSER", {"clause": "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"}, None),
    "LATIN1": ("LOGIN", {"clause": "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"}, None),
}


def environments(major: int) -> dict[str, tuple[str, dict[str, Any], Callable[[Place], None] | None]]:
    """Return the environments that a version has."""
    names = [name for name, (_, since) in SETTINGS.items() if since <= major]
    found = dict(ENVIRONMENTS)
    found["settings of the role"] = ("LOGIN SUPERUSER", {}, of_role(names))
    found["settings of the database"] = ("LOGIN", {}, of_database(names))
    if major >= 15:
        found["ICU"] = ("LOGIN", {"clause": "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'"}, None)
    if LONG:
        found |= {name: ("LOGIN", {}, of_role([name])) for name in names}
    return found


def apply(playbook: Path, url: str) -> Listener:
    listener = Listener()
    pipeline.apply(Options(str(playbook), url=url, no_backup=True), listener)
    return listener


def ends(server: Postgres, name: str, folder: Path) -> list[State]:
    """Apply the production playbook and a small one in an environment; return what the databases hold then."""
    attributes, more, prepare = environments(server.major)[name]
    found = []
    with ExitStack() as stack:
        for playbook in (ROOT / "playbooks/production.yml", None):
            made = stack.enter_context(place(server, attributes, **more))
            if made.offers("pg_stat_statements"):  # an owner may not make it: the playbook says that it is optional
                made.sql("CREATE EXTENSION pg_stat_statements")
            owner = with_orders(folder, made.admin) if playbook is None else None
            if owner is not None:
                made.sql("ALTER TABLE orders OWNER TO {role}")
            if prepare is not None:
                prepare(made)
            if playbook is not None:
                apply(playbook, made.url)
                assert apply(playbook, made.url).changed == 0
            elif owner is not None:
                small(replace(owner, url=made.url), made)
            made.sql(*RESET)
            found.append(state(f"{made.admin}?client_encoding=UTF8"))
    return found


def small(owner: Orders, made: Place) -> None:
    """Forth, back and forth again, with rows."""
    playbook = owner.folder / "playbooks/prod.yml"
    os.environ["DATABASE_URL"] = made.url
    assert apply(playbook, made.url).changed == 1
    pipeline.rollback(Options(str(playbook), url=made.url, no_backup=True), Listener())
    owner.write(
        {
            "flag": "boolean",
            "price": {"type": "numeric(10,2)", "not_null": True, "default": "0.5", "check": "price >= 0"},
            "since": {"type": "date", "default": "'2026-02-03'"},
            "pause": {"type": "interval", "default": "'1 day 02:03:04'"},
            "raw": {"type": "bytea", "default": "'\\x00ff'"},
            "tags": {"type": "text[]", "default": "'{a,NULL}'"},
            "at": {"type": "timestamptz", "default": "'2026-02-03 04:05:06+00'"},
            "real": {"type": "real", "default": "0.1"},
        }
    )
    assert apply(playbook, made.url).changed == 1
    assert apply(playbook, made.url).changed == 0
    made.sql(*RESET)
    with psycopg.connect(made.admin) as connection:
        row = connection.execute(
            "SELECT since = '2026-02-03', pause = '1 day 02:03:04', raw = '\\x00ff', tags = '{a,NULL}'::text[],"
            " at = '2026-02-03 04:05:06+00', count(*)::int FROM orders GROUP BY 1, 2, 3, 4, 5"
        ).fetchall()
    assert row == [(True, True, True, True, True, 300)]


# What looks at the end has none of the settings.
RESET = ("ALTER DATABASE {database} RESET ALL", "ALTER ROLE {role} RESET ALL")
_OWN = re.compile(
    r"^ALTER .* OWNER TO |^(GRANT|REVOKE) .* ON SCHEMA public |role_\d+_\d+|^COMMENT ON SCHEMA public|SCHEMA public;$"
)
_PLAIN: dict[int, list[State]] = {}


@pytest.mark.pg(">=15")
@pytest.mark.share(2)
@pytest.mark.parametrize("name", [name for name in environments(99) if name != "plain"])
def test_an_environment_changes_no_result(
    server: Postgres, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name not in environments(server.major):
        pytest.skip(f"PostgreSQL {server.major} has no {name}")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere")
    if server.major not in _PLAIN:
        (tmp_path / "plain").mkdir()
        _PLAIN[server.major] = ends(server, "plain", tmp_path / "plain")
    (tmp_path / "other").mkdir()
    for plain, other in zip(_PLAIN[server.major], ends(server, name, tmp_path / "other"), strict=True):
        assert _comparable(plain) == _comparable(other)


def _comparable(found: State) -> list[str]:
    """Return what a dump says but for owners, for the roles have names of their own, and rights on `public`."""
    return sorted(line for line in found.dump if not _OWN.search(line))


@pytest.mark.skipif(not LONG, reason="WGM_TEST_MATRIX=long")
@pytest.mark.parametrize("case", CASES)
def test_a_case_is_the_same_in_an_environment(server: Postgres, case: str, tmp_path: Path) -> None:
    """The settings of the role all together: each stage is planned as it is elsewhere."""
    found = load_case((ROOT / "tests/cases" / f"{case}.yml").read_text())
    attributes, more, prepare = environments(server.major)["settings of the role"]
    with place(server, attributes, **more) as made:
        assert prepare is not None
        prepare(made)
        book = Project(tmp_path, made.url, found.get("environment", ""))
        book.write(found.get("before"), found.get("play"))
        book.apply()
        if "rows" in found:
            load_sql(made.admin, found["rows"])
        book.write(found.get("after"), found.get("play"))
        done = book.apply(**found.get("options", {}))
        assert [operation.title for operation in done.operations] == found["expect"]
        assert book.apply(**found.get("options", {})).changed == 0
