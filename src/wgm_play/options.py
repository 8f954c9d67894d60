"""What the command line says.

In: nothing. Out: `Options`, which every command takes, `ReportOptions` for those that find things, and `PENDING`.
"""

from __future__ import annotations

from wgm_play.lazy_dataclass import dataclass

# The exit code of `--check --detailed-exitcode` where a run would change something.
PENDING = 10


@dataclass(slots=True)
class Options:
    """What the command line says about one playbook."""

    playbook: str
    inventory: str | None = None
    url: str | None = None
    check: bool = False
    diff: bool = False
    detailed_exitcode: bool = False
    extra_vars: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    start_at_step: str | None = None
    step: bool = False
    limit: str | None = None
    save_plan: str | None = None
    plan: str | None = None
    allow_destructive: bool = False
    no_trash: bool = False
    assume_no_renames: bool = False
    no_backup: bool = False
    kill_blockers: bool = False
    verbosity: int = 0
    to_run: int | None = None
    batch_ms: int | None = None
    rules: str | None = None
    metrics: str | None = None
    record: bool = False
    deep: bool = False
    only: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    fail_on: str = "warning"
    revision: str | None = None
    evidence: str | None = None
    override_promotion: str | None = None
    override_freeze: str | None = None
    reason: str | None = None
    untrusted: bool = False
    env: tuple[str, ...] = ()
    upgrade: bool = False
    vault_password_file: str | None = None
    ask_vault_pass: bool = False
    stats: str | None = None
    pins: bool = False


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How findings are told: `reports` are FORMAT:FILE, `fail_on` is the severity from which the command exits with 12."""

    reports: tuple[str, ...] = ()
    fail_on: str | None = "warning"


TOLD = ReportOptions()
