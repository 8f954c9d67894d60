"""Approvals of a plan file: rows of the ledger whose login the server wrote, and files signed by a key.

In: the plan file, the rows, the files beside it, who made the change. Out: who counts, and why others do not. Who saved the plan and who
committed the change never count; one person counts once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wgm_play.environment import Promotion
from wgm_play.errors import InputError
from wgm_play.ledger.model import Approval
from wgm_play.promotion import signing

SUFFIX = ".approval"


@dataclass(frozen=True, slots=True)
class CountedApproval:
    """One approval: by whom, when, and `why` it does not count where that is known already."""

    who: str
    at: datetime | None
    how: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """Who approved; and what does not count, with the reason."""

    who: tuple[str, ...]
    not_counted: tuple[str, ...]


def data_of(path: Path) -> dict[str, Any]:
    """Return what a plan file holds."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or "groups" not in found:
            raise ValueError
    except OSError as error:
        raise InputError(f"the plan {str(path)!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r} is no plan", hint="write one with --check --save-plan FILE") from error
    return found


def digest_of(data: dict[str, Any]) -> str:
    """Return the digest that an approval is bound to: of all that the file says, also of who saved it and for which database."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def from_rows(rows: Iterable[Approval]) -> list[CountedApproval]:
    """Return what the ledger has."""
    return [CountedApproval(one.role, one.at, "ledger") for one in rows]


def from_files(plan: Path, digest: str, environment: str, allowed_signers: Path) -> list[CountedApproval]:
    """Return what the files beside a plan say: PLAN.WHO.approval."""
    found = []
    for file in sorted(plan.parent.glob(f"{plan.name}.*{SUFFIX}")):
        signed = signing.read(file, allowed_signers)
        at = _moment(signed.data.get("at"))
        why = signed.why
        if not why and (signed.data.get("plan"), signed.data.get("environment")) != (digest, environment):
            why = "is for another plan"
        found.append(CountedApproval(signed.signer or file.name, at, file.name, why))
    return found


def statement(digest: str, environment: str, at: datetime, note: str | None) -> dict[str, Any]:
    """Return what a signed approval says."""
    return {"plan": digest, "environment": environment, "at": at.isoformat(), "note": note}


def count(
    said: Sequence[CountedApproval],
    promotion: Promotion,
    now: datetime,
    authors: Collection[str],
    used: datetime | None,
) -> Counted:
    """Return who counts now. `used` is when a run with this very plan began last: what was said before is spent."""
    made = {person(one) for one in authors}
    good: dict[str, str] = {}
    bad: list[str] = []
    for one in said:
        why = one.why or _why_not(one, promotion, now, made, used)
        if why:
            bad.append(f"{one.who}: {why}")
        else:
            good.setdefault(person(one.who), one.who)
    return Counted(tuple(good.values()), tuple(bad))


def _why_not(one: CountedApproval, promotion: Promotion, now: datetime, made: set[str], used: datetime | None) -> str:
    if person(one.who) in made:
        return "made the change or saved the plan"
    if one.how == "ledger" and promotion.approvers and one.who not in promotion.approvers:
        return "is not among the approvers"
    if one.at is None or one.at > now + timedelta(minutes=5):
        return "was given at a time to come"
    if now - one.at > timedelta(seconds=promotion.approval_lasts):
        return f"expired: it is of {one.at:%Y-%m-%d %H:%M}"
    if used is not None and one.at <= used:
        return "was used already, by a run of this plan"
    return ""


def person(name: str) -> str:
    """Return what tells people apart: of an address what is before the @; a login and an address may be one person."""
    return name.partition("@")[0].strip().casefold()


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None
