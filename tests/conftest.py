"""Fixtures: a real server per version, a fresh database per test.

In: `--pg` (or WGM_TEST_PG): versions as `15,18`, or `all`; `--docker`: in containers. Out: `server`, `database_url`,
`database`, `new_database`, `role_url`; marks `pg(">=15")` and `every_server`.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest

import fix_postgres
import leftover
from fix_postgres import Postgres
from known_gaps import GAPS
from wgm_play import secret
from wgm_play.embedded.home import DATA_VARIABLE
from wgm_play.user_folder import OURS, working

CHECKOUT = Path(__file__).parents[1]
# The servers of this checkout that were there before the tests.
RAN_BEFORE = pytest.StashKey[set[Path]]()
# The session's own cache.
CACHE = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
# That the session's servers for scratch databases are in use: they serve many tests and are no test's to stop.
IN_USE = pytest.StashKey[ExitStack]()
# Where the data of embedded servers lie.
SERVERS = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


# How long an example takes tells of the machine, not of the program.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("PostgreSQL")
    group.addoption(
        "--pg",
        default=os.environ.get("WGM_TEST_PG", fix_postgres.DEFAULT),
        help="major versions to test on, as 15,16,18, or all that are to be had (default: 18)",
    )
    group.addoption("--docker", action="store_true", help="start the servers in containers (needs a Docker engine)")


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts its background jobs deaf to Ctrl-C, and they would start the commands under test so.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        _keep_apart(config)
    config.stash[RAN_BEFORE] = leftover.of_project(CHECKOUT)
    config.addinivalue_line("markers", "every_server: runs on every server that is to be had, whatever --pg says")


def _keep_apart(config: pytest.Config) -> None:
    """Give the session a cache of its own, and so a server of its own for the scratch databases of all its tests.

    Servers of other versions that were fetched for the tests are found on the PATH.
    """
    fetched = fix_postgres.cache_folder()
    os.environ["WGM_TEST_SERVERS"] = str(fetched)
    found = sorted(str(folder) for folder in fetched.glob("*/bin"))
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), *found])
    # Commands keep what they compiled: else each of some hundred processes would compile the whole program for itself.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    cache = tempfile.TemporaryDirectory(prefix="wgm-test-cache-", ignore_cleanup_errors=True)
    os.environ["XDG_CACHE_HOME"] = cache.name
    # A scratch database is made for nearly every run: in memory that takes a quarter of the time.
    if (memory := fix_postgres.memory()) is not None:
        servers = tempfile.TemporaryDirectory(prefix="wgm-test-servers-", dir=memory, ignore_cleanup_errors=True)
        Path(servers.name).chmod(0o755)
        os.environ[DATA_VARIABLE] = servers.name
        config.stash[SERVERS] = servers
    config.stash[CACHE] = cache
    config.stash[IN_USE] = ExitStack()
    config.stash[IN_USE].enter_context(working(OURS))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a server of ours outlives the tests: after all fixtures, and after all workers."""
    config = session.config
    if hasattr(config, "workerinput"):
        return
    leftover.stop(leftover.of_project(CHECKOUT) - config.stash[RAN_BEFORE])
    config.stash[IN_USE].close()
    for data in leftover.of_person():
        leftover.stop([data])
        shutil.rmtree(data.parent, ignore_errors=True)
    config.stash[CACHE].cleanup()
    if SERVERS in config.stash:
        config.stash[SERVERS].cleanup()
    left = leftover.below(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]
    leftover.stop(left)
    if left:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"ERROR: servers were left running: {', '.join(map(str, sorted(left)))}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _possible(config: pytest.Config) -> list[int]:
    return list(fix_postgres.SUPPORTED) if config.getoption("--docker") else fix_postgres.available()


def _asked(config: pytest.Config) -> list[int]:
    possible, word = _possible(config), str(config.getoption("--pg"))
    if word == "all":
        return possible
    # A full version, as of a fetched package (17.10.0-beta.17), stands for its major version.
    asked = [part.strip().split(".")[0] for part in word.split(",")]
    missing = [part for part in asked if not part.isdigit() or int(part) not in possible]
    if missing:
        raise pytest.UsageError(
            f"--pg {word}: no PostgreSQL {', '.join(missing)} here; there is {', '.join(map(str, possible))}. "
            "Others: python tests/fetch_servers.py"
        )
    return [int(part) for part in asked]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the failure of tests that show a known defect; leave out what is for the long form."""
    short = os.environ.get("WGM_TEST_MATRIX") != "long"
    for item in items:
        if short and _is_for_the_long_form(item):
            item.add_marker(pytest.mark.skip(reason="WGM_TEST_MATRIX=long"))
        reason = next((text for name, text in GAPS.items() if item.nodeid.startswith(name)), None)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=False))


def _is_for_the_long_form(item: pytest.Item) -> bool:
    """Tell whether a test is marked `long`, or is not the one in N that the short form takes of those marked `share(N)`."""
    if item.get_closest_marker("long") is not None:
        return True
    share = item.get_closest_marker("share")
    return share is not None and zlib.crc32(item.name.encode()) % int(share.args[0]) != 0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that needs a server once for each version asked for that its marks allow."""
    if "server" not in metafunc.fixturenames:
        return
    every = metafunc.definition.get_closest_marker("every_server")
    specs = [str(mark.args[0]) for mark in metafunc.definition.iter_markers("pg")]

    def allowed(majors: list[int]) -> list[int]:
        return [major for major in majors if all(fix_postgres.fits(major, spec) for spec in specs)]

    possible = _possible(metafunc.config)
    # A test for other versions than those asked for runs on the newest that fits, rather than not at all.
    chosen = allowed(possible) if every else allowed(_asked(metafunc.config)) or allowed(possible)[-1:]
    skip = pytest.mark.skip(reason=f"needs PostgreSQL {' and '.join(specs)}; there is {possible}")
    params = [pytest.param(major, id=f"pg{major}") for major in chosen] or [pytest.param(0, id="none", marks=skip)]
    metafunc.parametrize("server", params, indirect=True, scope="session")


class Servers:
    """The servers of this session, each started when a test first needs it."""

    def __init__(self, docker: bool) -> None:
        self.start = fix_postgres.in_container if docker else fix_postgres.started
        self.running: dict[int, tuple[Postgres, Iterator[Postgres]]] = {}

    def get(self, major: int) -> Postgres:
        if major not in self.running:
            life = self.start(major)
            self.running[major] = (next(life), life)
        return self.running[major][0]

    def stop(self) -> None:
        for _, life in self.running.values():
            next(life, None)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """All servers of the session, for tests that need two versions: `servers.get(15)`."""
    made = Servers(bool(request.config.getoption("--docker")))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, servers: Servers) -> Postgres:
    """A running server of the version that this test runs on."""
    return servers.get(request.param)


@pytest.fixture
def new_database(server: Postgres) -> Iterator[Callable[..., str]]:
    """A function that makes an empty database and returns its URL (of the superuser); dropped after the test."""
    names: list[str] = []

    def make(owner: str | None = None) -> str:
        names.append(server.create_database(owner))
        return server.url(names[-1])

    yield make
    for name in names:
        server.drop_database(name)


@pytest.fixture
def database_url(new_database: Callable[..., str]) -> str:
    """The URL of a fresh, empty database, for the superuser."""
    return new_database()


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection to the database of `database_url`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def role_url(server: Postgres) -> Iterator[str]:
    """The URL of a fresh database for the role that owns it, which is no superuser."""
    name, password = server.create_role()
    database = server.create_database(owner=name)
    yield server.url(database, name, password)
    server.drop_database(database)
    server.drop_role(name)


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests() -> Iterator[None]:
    """A value that one test made a secret is not masked in the next one's output."""
    yield
    secret.forget()


@pytest.fixture
def project() -> Iterator[Path]:
    """An empty project folder with `environments/`, which every account can reach; its embedded servers are stopped."""
    with tempfile.TemporaryDirectory(prefix="wgm test ", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        made = Path(folder) / "project"
        (made / "environments").mkdir(parents=True)
        yield made
        leftover.stop(leftover.of_project(made))


@pytest.fixture(autouse=True)
def _no_server_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Stop the embedded servers of projects in the test's own folder, those for scratch databases too."""
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    if folder is not None and folder.is_dir():
        leftover.stop(leftover.below(folder))
