"""Certificates: that this plan, from this catalog to that one, was rehearsed, taken back and carried out again.

In: a plan, the ledger that has the evidence. Out: `CertificateVerdict`: whether a certificate is valid for the plan, and why not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wgm_play import __version__
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger import decided
from wgm_play.quantities import format_duration

if TYPE_CHECKING:
    from wgm_play.ledger import Ledger
    from wgm_play.plan import Plan

KIND = "rehearsal"
# On made-up rows: it says something, and lets no run pass.
SYNTHETIC = "rehearsal on made-up rows"
FORMAT = 1
# How many certificates are looked through for one of this plan: others are of plans before.
LOOKED_AT = 20
# As much of a digest as people compare.
SHORT = 16


@dataclass(frozen=True, slots=True)
class CertificateVerdict:
    """Whether there is a valid certificate for a plan: `why` not, with `details`; `content` is that of the nearest one."""

    valid: bool
    why: str = ""
    details: tuple[str, ...] = ()
    number: int | None = None
    content: Mapping[str, Any] | None = None


def operations_digest(plan: Plan) -> str:
    """Return what tells the operations of one plan, with their forms, from those of another."""
    told = [(one.verb, str(one.key), one.title, [command.sql for command in one.commands]) for one in plan.operations]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def identity_of(plan: Plan) -> dict[str, Any]:
    """Return what a certificate says of the plan that it is for; each part that differs voids it."""
    return {
        "catalog_before": plan.from_digest,
        "catalog_wanted": plan.to_digest,
        "playbook": plan.playbook_digest,
        "operations": operations_digest(plan),
        "server_version": plan.server_version // 10000,
        "tool_version": __version__,
    }


_NAMES = {
    "catalog_before": "the live catalog",
    "catalog_wanted": "the wanted catalog",
    "playbook": "the playbook, its templates or variables",
    "operations": "the operations, or their forms",
    "server_version": "the version of the server",
    "tool_version": "the version of wgm-play",
}


def find(ledger: Ledger, plan: Plan, now: datetime | None = None) -> CertificateVerdict:
    """Return whether the ledger has a valid certificate for a plan, by the clock of its server. A later failure with the plan voids it."""
    known = ledger.evidence(KIND, plan.environment, plan.play, LOOKED_AT)
    if not known:
        return CertificateVerdict(False, "this plan was never rehearsed")
    wanted = identity_of(plan)
    if began := _unfinished(ledger, plan):
        # What is left of a plan that was rehearsed whole: it began where the rehearsal did, and leads where that led.
        wanted = {**{name: wanted[name] for name in ("catalog_wanted", "playbook")}, "catalog_before": began}
    same = [one for one in known if all(one.content.get(name) == value for name, value in wanted.items())]
    nearest = (same or known)[0]
    if not same:
        return CertificateVerdict(
            False,
            f"the last rehearsal, of {nearest.at:%Y-%m-%d %H:%M} UTC, was of something else",
            tuple(
                f"{_NAMES[name]}: rehearsed {_short(nearest.content.get(name))}, now {_short(value)}"
                for name, value in wanted.items()
                if nearest.content.get(name) != value
            ),
            nearest.id,
            nearest.content,
        )
    if not nearest.passed:
        found = len(nearest.content.get("findings", ()))
        return CertificateVerdict(False, f"its last rehearsal has findings: {found}", (), nearest.id, nearest.content)
    expires = datetime.fromisoformat(nearest.content["expires"])
    late = ((now or decided.now(ledger.connection)) - expires).total_seconds()
    if late >= 0:
        details = (f"catalog {_short(wanted['catalog_before'])}, operations {_short(wanted['operations'])}",)
        return CertificateVerdict(
            False, f"its certificate expired {format_duration(late)} ago", details, nearest.id, nearest.content
        )
    return CertificateVerdict(True, "", (), nearest.id, nearest.content)


def _unfinished(ledger: Ledger, plan: Plan) -> str | None:
    """Return the digest of the catalog from which an unfinished run of this play began, None where there is none."""
    runs = ledger.last_runs()
    last = next(iter(runs), None)
    if last is None or last.status == "done" or last.play != plan.play or last.is_rollback:
        return None
    by_number = {run.id: run for run in runs}
    while last.resumes is not None and last.resumes in by_number:
        last = by_number[last.resumes]
    return last.from_digest


def _short(value: Any) -> str:
    return str(value)[:SHORT]
