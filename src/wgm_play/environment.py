"""Environments: `environments/NAME.yml` says where the database is, which variables hold, what is allowed.

In: a YAML file. Out: `Environment` with its `Policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wgm_play.errors import Position


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run may do and how long it may wait. Times are seconds.

    `lock_timeout` bounds each wait for a lock, `lock_budget` all attempts for one group together;
    `statement_timeout` bounds catalog changes (validation and concurrent builds have none); `trash_retention`
    is how long removed data are kept. `online` is auto, always or never; tables below `small_rows` rows and
    `small_bytes` bytes use the plain form under auto.
    """

    lock_timeout: float = 2.0
    lock_budget: float = 300.0
    statement_timeout: float = 30.0
    connect_timeout: float = 10.0
    allow_destructive: bool = False
    allow_kill_blockers: bool = False
    online: str = "auto"
    small_rows: int = 10_000
    small_bytes: int = 16 * 1024 * 1024
    trash_retention: float = 30 * 86400.0
    max_replica_lag: float = 10.0
    check_data: bool = True


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedded server: PostgreSQL major `version`, `data` folder below the project, or gone after the command."""

    version: int = 18
    data: str = ".wgm/postgres"
    port: int | None = None
    database: str = "postgres"
    user: str = "postgres"
    ephemeral: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment. Exactly one of `url`, `service`, `embedded` says where; `url` may hold a password.

    `marker` is the name that the database is marked with (the environment's own name by default); `readers` are
    roles to which the ledger grants SELECT; `shadow` is a URL for the shadow database where the target's server
    must not hold it.
    """

    name: str
    path: str
    position: Position
    url: str | None = None
    service: str | None = None
    embedded: Embedded | None = None
    shadow: str | None = None
    marker: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    readers: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
