"""Approvals of a plan file: rows of the ledger whose login the server wrote, and files signed by a key.

In: the plan file, the rows, the files beside it, who made the change. Out: who counts, and why others do not. Who saved the plan and who
committed the change never count; one person counts once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wgm_play.environment import Promotion
from wgm_play.errors import InputError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.ledger.model import Approval
from wgm_play.promotion import signing

SUFFIX = ".approval"
# Who commits where somebody presses a button on a web page.
_FORGES = frozenset(["github", "gitlab", "noreply"])
# Addresses that forges give to who wants none to be seen: a number stands before or the login behind it.
_HIDDEN = re.compile(r"(?:\d+[+-])?([^@]+)@users\.noreply\.")


@dataclass(frozen=True, slots=True)
class CountedApproval:
    """One approval: by whom, when, and `why` it does not count where that is known already.

    `names` are all for whom the key is listed that signed it: it may be the hand of any of them.
    """

    who: str
    at: datetime | None
    how: str
    why: str = ""
    names: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class SignersBefore:
    """The allowed signers as they were when this environment ran last, and who has committed to that file since."""

    text: str
    since: frozenset[str]


def from_files(
    plan: Path,
    digest: str,
    environment: str,
    allowed: Path,
    before: SignersBefore | None,
    authors: Collection[str],
    now: datetime,
) -> list[CountedApproval]:
    """Return what the files beside a plan say: PLAN.WHO.approval. A key that came with the change, by its authors, is nobody's."""
    found = []
    for file in sorted(plan.parent.glob(f"{plan.name}.*{SUFFIX}")):
        try:
            signed = signing.read(file, allowed, now)
        except InputError as error:
            found.append(CountedApproval(file.name, None, file.name, error.message))
            continue
        at = _moment(signed.data.get("at"))
        why = signed.why or _names_nobody(signed.names)
        if not why and (signed.data.get("plan"), signed.data.get("environment")) != (digest, environment):
            why = "is for another plan"
        own = {person(one) for one in signed.names} & {person(one) for one in authors}
        if not why and not own and before is not None and not signing.holds(file, before.text):
            why = _brought_along(before, authors, environment)
        found.append(CountedApproval(signed.signer or file.name, at, file.name, why, signed.names))
    return found


def _names_nobody(names: Collection[str]) -> str:
    """Return why a key does not tell who signed: it is listed for whoever fits a pattern."""
    pattern = next((one for one in names if set(one) & set("*?!")), None)
    return f"its key is listed for {pattern}, which names nobody" if pattern else ""


def _brought_along(before: SignersBefore, authors: Collection[str], environment: str) -> str:
    """Return why a key that is new does not count: who made the change has written it down."""
    both = {person(one) for one in before.since} & {person(one) for one in authors} - _FORGES
    said = f"its key was added since {environment} ran last, by who made the change ({', '.join(sorted(both))})"
    return f"{said}: it counts once {environment} has run that commit without the change (--record)" if both else ""


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
            good.setdefault(min(map(person, one.names or (one.who,))), one.who)
    return Counted(tuple(good.values()), tuple(bad))


def _why_not(one: CountedApproval, promotion: Promotion, now: datetime, made: set[str], used: datetime | None) -> str:
    if made & {person(name) for name in (one.who, *one.names)}:
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
    """Return what tells people apart: of an address what is before the @ (and before a +); a login and an address may be one person."""
    hidden = _HIDDEN.match(name.strip())
    found = hidden[1] if hidden else name.partition("@")[0].partition("+")[0] if "@" in name else name
    return found.strip().casefold()


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None
