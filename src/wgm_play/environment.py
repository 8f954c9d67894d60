"""Environments: `environments/NAME.yml` says where the database is, which variables hold, what is allowed.

In: a YAML file. Out: `Environment` with its `Policy`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.document.load import load_file, position_of
from wgm_play.environment_keys import ENVIRONMENT, nearest, read, resolve
from wgm_play.errors import InputError, Position, Problems, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.secret import Secret, register

if TYPE_CHECKING:
    from wgm_play.providers import Provided
    from wgm_play.windows import Window

FOLDER = "environments"
SUFFIXES = (".yml", ".yaml")
_WHERE = ("url", "service", "embedded")
# `shadow: target`: scratch databases are made on the target's server, with the rights of the role that connects.
TARGET = "target"
# A password of people has such characters, and libpq takes what follows them for the host, or for the database.
ENCODED = "the characters # % / : ? @ of a password are percent-encoded (%23 %25 %2F %3A %3F %40)"
URL_HINT = f"write postgresql://USER:PASSWORD@HOST:5432/DATABASE; {ENCODED}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run may do and how long it may wait. Times are seconds.

    `lock_timeout` bounds each wait for a lock, `lock_budget` all attempts for one group together;
    `statement_timeout` bounds catalog changes (validation and concurrent builds have none); `trash_retention`
    is how long removed data are kept. `online` is auto, always or never; tables below `small_rows` rows and
    `small_bytes` bytes use the plain form under auto. `trusted_owners` are roles whose code a superuser may run.
    `alerts_refuse` and `alerts_pause` are severities of alerts, `alerts_keep` is how long the ledger knows what they said, `watch_above` bytes of a table that must be watched.
    `require` names the evidence that a run must have, `rehearsal_max_age` is how long that of a rehearsal is valid.
    """

    lock_timeout: float = 2.0
    lock_budget: float = 300.0
    statement_timeout: float = 30.0
    connect_timeout: float = 10.0
    allow_destructive: bool = False
    allow_kill_blockers: bool = False
    allow_no_backup: bool = True
    online: str = "auto"
    small_rows: int = 10_000
    small_bytes: int = 16 * 1024 * 1024
    trash_retention: float = 30 * 86400.0
    max_replica_lag: float = 10.0
    check_data: bool = True
    trusted_owners: tuple[str, ...] = ()
    trust: str = "playbook"
    require: tuple[str, ...] = ()
    rehearsal_max_age: float = 7 * 86400.0
    hold_rolled_back: bool = False
    alerts_refuse: str | None = None
    alerts_pause: str = "info"
    alerts_keep: float = 90 * 86400.0
    watch_above: int | None = None
    watch_partitioned: bool = False
    alert_cost: int = 1_000_000

    @property
    def watched(self) -> bool:
        """Whether some tables must be watched."""
        return self.watch_above is not None or self.watch_partitioned


@dataclass(frozen=True, slots=True)
class Promotion:
    """What must be so before a run changes something: `source` is the environment that tried it. Times are seconds."""

    source: str
    position: Position | None = field(default=None, compare=False)
    soak: float = 0.0
    require: tuple[str, ...] = ("undrifted",)
    approvals: int = 0
    approvers: tuple[str, ...] = ()
    approval_lasts: float = 7 * 86400.0
    evidence_lasts: float = 86400.0
    allowed_signers: str = f"{FOLDER}/allowed_signers"


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """The whole cluster, where this machine reaches it: its data directory, the commands that stop and start it."""

    data: Path
    stop: tuple[str, ...]
    start: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """The PgBouncer before the database: the URL of its console, the database's name there where it is another, seconds to wait."""

    admin: str
    database: str | None = None
    deadline: float = 10.0


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedded server: PostgreSQL major `version`, `data` folder below the project, or gone after the command.

    An empty `user` is a superuser with a random name.
    """

    version: int = 18
    data: str = ".wgm/postgres"
    port: int | None = None
    database: str = "postgres"
    user: str = "postgres"
    ephemeral: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment. Exactly one of `url`, `service`, `embedded` says where; a `url` with a password is a `Secret`.

    `marker` is the name that the database is marked with (the environment's own name by default); `readers` are
    roles to which the ledger grants SELECT; `server` is where a whole cluster is put back; `shadow` is a URL for the shadow
    database, or `target`; `server_version` is the target's major version, where the file says it; `stats` is the file of its
    statistics; `lint` is what lint is told, `backup` what each engine of backups is, `pool` the pooler before the database.
    `left_out` are keys that stand for another database than that of `--url`.
    """

    name: str
    path: str
    position: Position
    url: str | None = None
    service: str | None = None
    embedded: Embedded | None = None
    shadow: str | None = None
    planner: str | None = None
    server: ClusterAccess | None = None
    server_version: int | None = None
    marker: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    readers: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    deliver: Mapping[str, str] = field(default_factory=dict)
    promotion: Promotion | None = None
    freeze: tuple[Window, ...] = ()
    provided: Provided | None = field(default=None, compare=False, repr=False)
    lint: Mapping[str, Any] = field(default_factory=dict)
    backup: Mapping[str, Any] = field(default_factory=dict)
    stats: str | None = None
    pool: Pool | None = None
    left_out: tuple[str, ...] = ()


def names(folder: Path) -> list[str]:
    """Return the names of the environments of a folder, sorted."""
    if not folder.is_dir():
        return []
    return sorted({file.stem for file in folder.iterdir() if file.suffix in SUFFIXES and not file.name.startswith(".")})


def load_environment(
    name: str,
    project: Path,
    inventory: Path | None = None,
    url: str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    commands: bool = True,
) -> Environment:
    """Read the environment `name` of the project, or of the folder `inventory`; `url` overrides its connection.

    `environ` stands for the process environment; without `commands` none of `secrets` is run.
    Raise `InputError`, or `Problems` with all errors of the file, each with its position.
    """
    folder = inventory or project / FOLDER
    if url is not None and inventory is None and not folder.is_dir():
        # A single playbook with --url needs no project around it.
        return Environment(name=name, path="--url", position=Position("--url"), url=url_of(url, environ), marker=name)
    path, shown = _file(name, folder)
    raw = load_file(path, shown)
    problems: list[WgmError] = []
    values = read(raw, ENVIRONMENT, shown, problems)
    _check_where(values, shown, url, problems)
    if "variables" in values and "vars" in values:
        at = getattr(raw, "keys_at", {}).get("vars")
        problems.append(InputError("'vars' is another word for 'variables'", where=at, hint="keep one of them"))
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]
    provided = _provided(raw, values.get("secrets", {})) if commands and environ is None else None
    environ = provided if provided is not None else environ
    policy = values.get("policy", {})
    promotion = _promotion(raw, values, name)
    server = _server(raw, values)
    policy.setdefault("hold_rolled_back", promotion is not None or server is not None)
    trash = policy.pop("trash", {})
    if "retention" in trash:
        policy["trash_retention"] = trash["retention"]
    policy.update({f"alerts_{key}": value for key, value in policy.pop("alerts", {}).items()})
    policy.update({f"watch_{key.removeprefix('tables_')}": value for key, value in policy.pop("watch", {}).items()})
    embedded = values.get("embedded")
    left_out = tuple(key for key in _OF_ITS_DATABASE if key in values and _elsewhere(values, url, environ))
    return Environment(
        name=name,
        path=shown,
        position=_place(raw) or getattr(raw, "position", None) or Position(shown),
        url=url_of(url if url is not None else values.get("url"), environ),
        service=resolve(values["service"], environ) if "service" in values and url is None else None,
        embedded=Embedded(**embedded) if embedded is not None and url is None else None,
        planner=url_of(values.get("planner"), environ),
        server=server,
        shadow=TARGET if values.get("shadow") == TARGET else url_of(values.get("shadow"), environ),
        server_version=values.get("server_version"),
        stats=_statistics(folder, name, values.get("stats")),
        marker=values.get("marker", name),
        variables=values.get("variables", values.get("vars", {})),
        readers=values.get("readers", ()),
        policy=Policy(**policy),
        deliver={} if "deliver" in left_out else _deliver(values.get("deliver", {}), environ),
        promotion=promotion,
        freeze=values.get("freeze", ()),
        provided=provided,
        lint=values.get("lint", {}),
        backup=values.get("backup", {}),
        pool=_pool(raw, values, environ),
        left_out=left_out,
    )


# What acts on something that stands for the environment's own database, and would be overwritten by that of another.
_OF_ITS_DATABASE = ("deliver",)


def _elsewhere(values: Mapping[str, Any], url: str | None, environ: Mapping[str, str] | None) -> bool:
    """Tell whether `--url` is another database than the one that the file of an environment names."""
    if url is None:
        return False
    if "url" not in values:
        return True
    try:
        own = resolve(values["url"], environ)
    except InputError:  # a variable that is not set
        return True
    return _place_of(own) != _place_of(url)


def _place_of(url: str) -> tuple[Any, ...]:
    given = parameters_of(url)
    return (given.get("host"), str(given.get("port", 5432)), given.get("dbname", given.get("user")))


def lint_of(name: str, folder: Path) -> tuple[Mapping[str, Any], str]:
    """Return what an environment says about lint, and its file; nothing else of it is needed."""
    path, shown = _file(name, folder)
    problems: list[WgmError] = []
    values = read(load_file(path, shown), ENVIRONMENT, shown, problems)
    if problems:
        raise Problems(problems) if len(problems) > 1 else problems[0]
    return values.get("lint", {}), shown


def stats_of(name: str, folder: Path) -> str | None:
    """Return the file of an environment's statistics; nothing else of it is needed."""
    path, shown = _file(name, folder)
    problems: list[WgmError] = []
    return _statistics(folder, name, read(load_file(path, shown), ENVIRONMENT, shown, problems).get("stats"))


def _statistics(folder: Path, name: str, said: str | None) -> str | None:
    """Return the file of the database's statistics: the one that is named, beside the environment's file, else NAME.stats.json."""
    path = folder / (said or f"{name}.stats.json")
    return shown_path(path) if said is not None or path.is_file() else None


def _promotion(raw: Any, values: dict[str, Any], name: str) -> Promotion | None:
    """Return what the environment says of promotion; raise where it does not say from where, or names itself."""
    if "promotion" not in values:
        return None
    said = dict(values["promotion"])
    where = position_of(raw, "promotion")
    if "from" not in said:
        raise InputError("promotion does not say `from`", where=where, hint="add from: staging")
    source = said.pop("from")
    if source == name:
        raise InputError(
            f"{name!r} is promoted from itself",
            where=position_of(raw["promotion"], "from"),
            hint="name another environment",
        )
    return Promotion(source, where, **said)


def _server(raw: Any, values: dict[str, Any]) -> ClusterAccess | None:
    """Return where the cluster is; raise where one of the three is not said, or the data directory is no absolute path."""
    if "server" not in values:
        return None
    said, where = values["server"], position_of(raw, "server")
    if missing := [key for key in ("data", "stop", "start") if key not in said]:
        raise InputError(
            f"server does not say {', '.join(map(repr, missing))}",
            where=where,
            hint="write server: {data: /var/lib/postgresql/15/main, stop: [...], start: [...]}",
        )
    data = Path(said["data"])
    if not data.is_absolute():
        raise InputError("server.data is no absolute path", where=position_of(raw["server"], "data") or where)
    return ClusterAccess(data, said["stop"], said["start"])


def _pool(raw: Any, values: dict[str, Any], environ: Mapping[str, str] | None) -> Pool | None:
    """Return where the pooler's console is; raise where that is not said."""
    if "pool" not in values:
        return None
    said = dict(values["pool"])
    admin = url_of(said.pop("admin", None), environ)
    if admin is None:
        raise InputError(
            "pool does not say `admin`",
            where=position_of(raw, "pool"),
            hint='add admin: "{{ env.PGBOUNCER_URL }}", as postgresql://USER@HOST:6432/pgbouncer',
        )
    return Pool(admin, **said)


def _deliver(given: Mapping[str, str], environ: Mapping[str, str] | None) -> dict[str, str]:
    """Return where files go, and the URL of the reload, in which a password may stand."""
    made = dict(given)
    if "reload" in made:
        url = resolve(made["reload"], environ, "http://HOST:9090/-/reload")
        if not url.startswith(("http://", "https://")):
            hint = "write http://HOST:9090/-/reload"
            raise InputError("deliver.reload is no URL", where=position_of(given, "reload"), hint=hint)
        made["reload"] = Secret(url) if "@" in url else url
    return made


def _provided(raw: Any, secrets: Mapping[str, Sequence[str]]) -> Provided | None:
    """Return the process environment with what commands give, where the file names any."""
    if not secrets:
        return None
    from wgm_play.providers import Provided

    places = {name: position_of(raw["secrets"], name) for name in secrets}
    return Provided(secrets, {name: where for name, where in places.items() if where is not None})


def _place(raw: Any) -> Position | None:
    """Return where the file says where the database is."""
    keys = [key for key in ("url", "service", "embedded") if isinstance(raw, dict) and key in raw]
    return position_of(raw, keys[0]) if keys else None


def _file(name: str, folder: Path) -> tuple[Path, str]:
    """Return the file of an environment and how messages call it."""
    if not folder.is_dir():
        raise InputError(
            f"no folder {shown_path(folder)!r} with environments",
            where=Position(shown_path(folder)),
            hint="wgm-play init . makes it; with --url DSN a playbook needs none",
        )
    for suffix in SUFFIXES:
        path = folder / f"{name}{suffix}"
        if path.parent == folder and path.is_file():
            return path, shown_path(path)
    known = names(folder)
    hint = nearest(name, known)
    several = known if name in ("all", "*") else [word for word in re.split(r"[,:;\s]+", name) if word in known]
    if len(several) > 1:
        raise InputError(
            f"{name!r} is no environment: a play is for one",
            where=Position(shown_path(folder)),
            hint=one_play_each(several),
        )
    if "{{" in name:
        hint = "write the environment's name outright; `-l NAME` chooses among plays"
    raise InputError(
        f"no environment {name!r}",
        where=Position(shown_path(folder)),
        hint=hint if known else f"write {shown_path(folder / 'development.yml')}",
        details=[f"known: {', '.join(known)}"] if known and not hint.startswith("known: ") else (),
    )


def shown_path(path: Path) -> str:
    """Return a path as messages show it: relative to the working directory where it lies below that."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _check_where(values: dict[str, Any], shown: str, url: str | None, problems: list[WgmError]) -> None:
    given = [key for key in _WHERE if values.get(key) is not None]
    if url is None and not given and not any(problem.where and problem.where.line for problem in problems):
        problems.append(
            InputError(
                f"{shown} does not say where the database is",
                where=Position(shown, 1, 1),
                hint='add embedded: true, or url: "{{ env.DATABASE_URL }}"',
            )
        )
    if len(given) > 1:
        problems.append(
            InputError(
                f"{' and '.join(given)} both say where the database is", where=Position(shown, 1, 1), hint="keep one"
            )
        )


# libpq looks for the @ no further than the next slash: the words before it become the host (manual, "Connection URIs").
_SLASH_IN_PASSWORD = re.compile(r"\w+://[^:/@]*:(?!\d+/)[^/@]*/.*@", re.DOTALL)


def url_of(text: str | None, environ: Mapping[str, str] | None = None) -> str | None:
    """Return a connection URL (or libpq key words) with its references resolved; a `Secret` when it has a password."""
    if text is None:
        return None
    url = resolve(text, environ, "postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    parts = parameters_of(url, getattr(text, "position", None))
    if not parts.get("password"):
        return url
    register(str(parts["password"]))
    return Secret(url)


def parameters_of(url: str, where: Position | None = None) -> dict[str, Any]:
    """Return the parameters of a connection URL (or libpq key words); raise `InputError`, which tells no password."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    def refused(why: str = "", hint: str = URL_HINT) -> InputError:
        return InputError(f"this is no PostgreSQL URL{why and f': {why}'}", where=where, hint=hint)

    scheme = url.partition("://")[0] if "://" in url else ""
    if not scheme and "=" not in url:
        raise refused()
    if scheme.isalnum() and scheme not in ("postgresql", "postgres"):
        raise refused(f"it begins with {scheme}://")
    if _SLASH_IN_PASSWORD.match(url):
        raise refused("its password holds a slash", "write each / of it as %2F, @ as %40")
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError as error:
        # What libpq quotes may be a part of the password.
        why = str(error).split('"')[0].strip().rstrip(":")
        raise refused("a word in it has no =" if why == "missing" else why) from None
    # libpq takes what stands before the first @ for the password, and the rest of it for the host.
    if "@" in str(parts.get("host") or ""):
        raise refused("its password holds an @", "write each @ of it as %40, / as %2F")
    if not all(port.isdigit() for port in str(parts.get("port") or "").split(",") if port):
        raise refused(
            "its port is no number", "a port is a number from 1 to 65535; of a password each / is %2F, : is %3A"
        )
    return {key: value for key, value in parts.items() if value is not None}


def one_play_each(names: Iterable[str]) -> str:
    """Say how several environments get the same steps."""
    hosts = " and ".join(f"`hosts: {name}`" for name in names) or "`hosts: NAME`"
    return f"write one play with {hosts} each; steps that they share are in a file: `- import_steps: FILE`"
