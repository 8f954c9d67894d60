"""Round trips: SQL -> database -> inspect -> another database; both must be the same to us and to pg_dump.

In: URLs of databases. Out: what differs, as text; the runner is called in this process, as the command line calls it.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

import fix_postgres
from wgm_play import pipeline, server
from wgm_play.catalog import introspect
from wgm_play.catalog.model import Catalog
from wgm_play.catalog.normal_form import normal_form
from wgm_play.environment import Policy
from wgm_play.inspect.options import Inspection
from wgm_play.options import Options
from wgm_play.reporter import Reporter, StepResult
from wgm_play.sqltext.dump import without_versions


@dataclass(slots=True)
class Heard(Reporter):
    """Keeps what it is told."""

    said: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)

    def step(self, result: StepResult) -> None:
        Reporter.step(self, result)

    @property
    def changed(self) -> int:
        return sum(counts.changed for counts in self.counts.values())


def fill(url: str, sql: str) -> None:
    """Run SQL in a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())


def inspect(url: str, folder: Path, *, one_file: bool = False) -> Path:
    """Write the playbook of a database into a new project; return the playbook."""
    (folder / "environments").mkdir(parents=True, exist_ok=True)
    environment = folder / "environments" / "production.yml"
    if one_file:
        environment.write_text("embedded: true\n")
        playbook = folder / "production.yml"
        pipeline.inspect(Inspection(url, str(playbook)), Heard())
        return playbook
    pipeline.inspect(Inspection(url, str(folder)), Heard())
    return folder / "playbooks" / "production.yml"


def apply(playbook: Path, url: str, **options: Any) -> int:
    """Run a playbook on a database; return how many steps changed something."""
    heard = Heard()
    pipeline.apply(Options(str(playbook), url=url, no_backup=True, **options), heard)
    return heard.changed


def catalog(url: str) -> Catalog:
    """Read a database's catalog."""
    with server.connect_to(url, policy=Policy(), application_name="test", read_only=True) as connection:
        return introspect.read(connection)


def programs_with_dump() -> Path | None:
    """Return the folder of the newest pg_dump that is here."""
    found = fix_postgres.newest("pg_dump")
    return found and found.parent


_NOISE = re.compile(r"^(--.*|\\(un)?restrict .*|SET .*|SELECT pg_catalog\.set_config.*|)$")


# Storage parameters of one object; their order, and that of grants, means nothing to PostgreSQL, and no catalog that is read keeps it.
_PARAMETERS = re.compile(r"^(WITH \()([\w.]+='[^']*'(?:, [\w.]+='[^']*')+)(?=\))", re.MULTILINE)


def _in_order(statement: str) -> str:
    """Return a statement with its storage parameters, or its grants, in order."""
    if re.match(r"\s*(GRANT|REVOKE) ", statement):
        return "\n".join(sorted(statement.splitlines()))
    return _PARAMETERS.sub(lambda found: found[1] + ", ".join(sorted(found[2].split(", "))), statement)


def dump(url: str, programs: Path | str) -> list[str]:
    """Return what pg_dump says of a database, without the ledger, the order of objects, grants and parameters, and blank lines."""
    done = subprocess.run(
        [str(Path(programs) / "pg_dump"), "--schema-only", "--no-owner", "--exclude-schema=wgm*", url],
        capture_output=True,
        text=True,
        check=True,
    )
    # A list of varchar values is described otherwise once its description was read again: that is no difference.
    statements = re.split(r"\n--\n-- Name: .*\n--\n", without_versions(done.stdout))
    return sorted(
        _in_order("\n".join(line for line in one.split("\n") if not _NOISE.match(line)))
        for one in map(normal_form, statements)
    )


# How the names end that PostgreSQL gives to constraints.
_AUTOMATIC = re.compile(r"_(pkey|key|fkey|check|excl)[0-9]*$")


def unsaid_names(wanted: Catalog, found: Catalog) -> Catalog:
    """Return a catalog with its own names where the wanted one has PostgreSQL's: a playbook does not say these.

    A constraint that is there keeps its name then (see diff/match.py).
    """
    made = found.copy()
    missing = [key for key in wanted.of("constraint") if key not in found.rows and _AUTOMATIC.search(key.name[2])]
    for key in missing:
        same = [
            other
            for other in found.of("constraint", *key.name[:2])
            if other not in wanted.rows and other in made.rows and found.rows[other] == wanted.rows[key]
        ]
        if same:
            made.rows[key] = made.rows.pop(same[0])
    return made


def difference(one: Any, other: Any) -> str:
    """Return a diff of two lists of lines, or of two catalogs."""
    if isinstance(one, Catalog):
        one = [f"{key}: {row}" for key, row in sorted(one.rows.items())]
        other = [f"{key}: {row}" for key, row in sorted(other.rows.items())]
    first = [line for text in one for line in text.split("\n")]
    second = [line for text in other for line in text.split("\n")]
    return "\n".join(line for line in difflib.unified_diff(first, second, "live", "rebuilt", lineterm="", n=1))
