"""`wgm-play lint`: read what is named, apply the rules.

In: `LintOptions` of the command line. Out: findings, and the settings that say which of them count.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wgm_play.finding import Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.lint.settings import Settings, of_project, settings

if TYPE_CHECKING:
    from wgm_play.importing.parts import SourcePart
    from wgm_play.lint.fix import Fix


@dataclass(frozen=True, slots=True)
class LintOptions:
    """The command line: what is read, how large tables are, for which environment, what is told."""

    paths: Sequence[str]
    tool: str = "auto"
    rows: Sequence[str] = ()
    stats: str | None = None
    environment: str | None = None
    inventory: Path | None = None
    against: str | None = None
    fail_on: str | None = None
    reports: Sequence[str] = ()
    fix: bool = False
    all: bool = False


def lint(
    options: LintOptions, fixed: dict[str, list[str]] | None = None, remarks: list[str] | None = None
) -> tuple[list[Finding], Settings]:
    """Return what is found in all that is named, and the settings that hold.

    `fixed` gets the codes that `--fix` ended, by file; `remarks` what is odd about the statistics of environments.
    """
    from wgm_play.lint.sources import sources

    chosen = settings_of(options)
    found = sources(options.paths, options.tool)
    findings: list[Finding] = []
    if found.parts:
        findings += of_sql(found.parts, options, chosen, fixed, found.silent, remarks=remarks)
        if options.fix and fixed:
            again, _ = lint(replace(options, fix=False))
            return again, chosen
    for playbook in found.playbooks:
        from wgm_play.lint.playbooks import of_playbook

        findings += of_playbook(playbook, chosen, options.inventory, options.rows, options.stats, remarks=remarks)
    if options.against:
        from wgm_play.review.git import Repository

        repository = Repository.of(Path.cwd())
        changed = repository.changed(repository.base(options.against))
        findings = [one for one in findings if one.where and Path(one.where.file).resolve() in changed]
    return findings, chosen


def of_sql(
    parts: Sequence[SourcePart],
    options: LintOptions,
    chosen: Settings,
    fixed: dict[str, list[str]] | None = None,
    silent: Set[str] = frozenset(),
    proposed: list[Fix] | None = None,
    *,
    remarks: list[str] | None = None,
) -> list[Finding]:
    """Return what is found in files of SQL, but in the `silent` ones; with `--fix` write the safe forms first.

    `proposed` gets the safe forms of what nobody has taken on, and nothing is written. Statistics of the environment that
    know none of the tables are left out, which `remarks` gets.
    """
    from wgm_play.importing.parts import text_of
    from wgm_play.lint.advice import advise
    from wgm_play.lint.context import RuleContext
    from wgm_play.lint.files import look_through
    from wgm_play.lint.ignores import acknowledge
    from wgm_play.lint.rules import HANDLERS
    from wgm_play.lint.sizes import fits, hold_to, sizes

    own = None if options.stats else _stats_of(options)
    look = RuleContext(chosen, sizes(options.rows, options.stats or own), HANDLERS)
    texts: dict[str, str] = {}

    def text(file: str) -> str:
        return texts.setdefault(file, text_of(Path(file)))

    look.fixes = [] if options.fix or proposed is not None else None
    look_through(parts, look, text)
    hold_to(options.stats, look.known.foreign_tables())
    told = [] if remarks is None else remarks
    if own and not fits(own, options.environment or "", look.known.foreign_tables(), told):
        return of_sql(parts, replace(options, environment=None), chosen, fixed, silent, proposed)
    look.findings = [one for one in look.findings if not (one.where and one.where.file in silent)]
    if look.fixes and fixed is not None:
        from wgm_play.lint.fix import written

        fixed |= written(look.fixes, look.findings)
    if look.fixes and proposed is not None:
        proposed += look.fixes
    found, look.findings = look.findings, []
    advise(look)
    look.findings = [one for one in look.findings if not (one.where and one.where.file in silent)]
    by_file: dict[str, list[Finding]] = {}
    for one in look.findings:
        by_file.setdefault(one.where.file if one.where else "", []).append(one)
    for file, several in by_file.items():
        found += acknowledge(several, file, text(file), look, faults=False)
    return found


def _stats_of(options: LintOptions) -> str | None:
    """Return the statistics of the environment that is named."""
    if not options.environment:
        return None
    from wgm_play.environment import FOLDER, stats_of

    return stats_of(options.environment, options.inventory or Path(FOLDER))


def settings_of(options: LintOptions) -> Settings:
    """Return the settings of the project, and of the environment that is named, laid over them."""
    first = Path(options.paths[0]).resolve()
    project = of_project(first if first.is_dir() else first.parent)
    chosen = settings(project, "pyproject.toml") if project is not None else Settings()
    if options.environment:
        from wgm_play.environment import FOLDER, lint_of

        said, file = lint_of(options.environment, options.inventory or Path(FOLDER))
        chosen = settings(said, file, chosen)
    return chosen
