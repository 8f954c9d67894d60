"""How a drill or a rehearsal ends: its findings are shown, written for other tools, and make the exit code.

In: findings. Out: nothing, or `Found` (12).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from wgm_play.errors import Found
from wgm_play.finding import Finding, at_least, ordered
from wgm_play.quantities import counted
from wgm_play.secret import mask

if TYPE_CHECKING:
    from wgm_play.options import ReportOptions
    from wgm_play.reporter import Reporter


def tell(
    findings: Sequence[Finding],
    command: str,
    target: str,
    reporter: Reporter,
    told: ReportOptions,
    whole: Mapping[str, Callable[[], str]] = MappingProxyType({}),
) -> None:
    """Show the findings and write the reports; `whole` has the formats that say more than these. Raise `Found` where one is as severe as that."""
    from wgm_play.report.findings import Heading, write_reports

    write_reports(told.reports, findings, Heading(command, target, told.fail_on), whole=whole)
    if findings:
        reporter.table(
            "findings",
            ("severity", "what", "next"),
            [(one.severity, mask(one.message), one.remedy) for one in ordered(findings)],
        )
    bad = at_least(findings, told.fail_on) if told.fail_on else []
    if bad:
        raise Found(f"{command}: {counted(len(bad), 'finding')}", details=[mask(_line(one)) for one in ordered(bad)])


def _line(one: Finding) -> str:
    return f"{one.message} [{one.where}]" if one.where else one.message
