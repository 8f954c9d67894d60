"""Clusters whose backups another tool keeps: pgBackRest or Barman, driven by the engine of its name.

In: a tool, a major version, a folder. Out: `Driven`, a `Cluster` with that engine, whose archive works.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from clusters import Cluster

import fix_postgres
from wgm_play.backup import ENGINES, own_server
from wgm_play.backup.base import BackupPolicy, BackupSource, Engine
from wgm_play.reporter import Reporter


@dataclass
class Driven(Cluster):
    """A cluster with the engine of a tool."""

    method: str = "pgbackrest"
    given: dict[str, Any] = field(default_factory=dict)

    def engine(self, reporter: Reporter | None = None, url: str | None = None, **policy: Any) -> Any:
        """Return the tool's engine for it."""
        asked = BackupPolicy(**{"method": self.method, "verify": "manifest", **policy})
        source = BackupSource(
            url or self.server.url(), self.directory, asked, own_server(), marker="production", given=self.given
        )
        found: type[Engine] = next(one for one in ENGINES if one.method == self.method)
        return found(source, reporter)


def archiving(folder: Path, major: int = 15, **given: Any) -> Iterator[Driven]:
    """Start a cluster with a table whose WAL pgBackRest archives; stop it afterwards."""
    if shutil.which("pgbackrest") is None:
        pytest.skip("there is no pgbackrest here: apt-get install pgbackrest")
    sockets = tempfile.gettempdir()
    life = fix_postgres.started(major, archive_mode="on", unix_socket_directories=sockets, max_wal_senders="4")
    server = next(life)
    made = Driven(server, folder / "backups", given=given)
    folder.chmod(0o755)
    try:
        made.ask("create table notes (id bigint generated always as identity primary key, note text)")
        yield made
    finally:
        life.close()  # type: ignore[attr-defined]


def push(cluster: Driven) -> str:
    """Let the server archive as the engine's own hint says; return that hint."""
    from wgm_play.errors import Refused

    with pytest.raises(Refused) as caught:
        cluster.engine().make("refused")
    hint = caught.value.hint or ""
    begin = hint.index("ALTER SYSTEM SET archive_command")
    cluster.ask(hint[begin : hint.index(";", begin)])
    cluster.ask("select pg_reload_conf()")
    return hint


def newer_barman() -> dict[str, Any]:
    """Return what names a newer Barman than Debian's, in an environment of its own; skip where there is none."""
    program = fix_postgres.cache_folder().parent / "barman/bin/barman"
    if not program.exists():
        pytest.skip(f"there is no newer barman here: python tests/fetch_servers.py barman makes {program}")
    return {"program": str(program)}
