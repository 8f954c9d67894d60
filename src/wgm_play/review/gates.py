"""What a branch does to what holds an environment: its promotion, its freezes, who may approve and sign.

In: an environment as it was and as it is, the files of allowed signers. Out: findings.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wgm_play.environment import Environment, Promotion
from wgm_play.errors import Position
from wgm_play.finding import ERROR, INFO, WARNING, Finding
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.files import shown
from wgm_play.quantities import format_duration

# The kinds of keys that a line may name (sshd(8)); what stands before is the principals and their options.
_KEY = re.compile(r"(?:^|\s)((?:sk-)?(?:ssh|ecdsa)-[\w.@-]+)\s+([A-Za-z0-9+/=]+)")
_PATTERN = set("*?!")


@dataclass(frozen=True, slots=True)
class Signer:
    """For whom a key is listed, and within which limits; `line` is where."""

    options: str
    line: int


def look(was: Environment, now: Environment, project_before: Path, project: Path) -> Iterator[Finding]:
    """Yield what holds less than before, and who may sign."""
    before, after = was.promotion, now.promotion
    if before is not None and after is None:
        yield of_environment(now, "promotion", ERROR, "promotion goes: what runs here need not be tried elsewhere")
    if before is not None and after is not None:
        yield from _promotion(before, after, now)
    yield from _freezes(was, now)
    if after is not None:
        old = project_before / (before or after).allowed_signers
        yield from _signers(old, project / after.allowed_signers, now)


def _promotion(was: Promotion, now: Promotion, environment: Environment) -> Iterator[Finding]:
    def less(name: str, old: object, new: object, severity: str = ERROR) -> Finding:
        return of_environment(environment, f"promotion.{name}", severity, f"promotion.{name} becomes {new}, was {old}")

    if was.source != now.source:
        yield less("from", was.source, now.source, WARNING)
    if now.soak < was.soak:
        yield less("soak", format_duration(was.soak), format_duration(now.soak) if now.soak else "0s")
    if now.approvals < was.approvals:
        yield less("approvals", was.approvals, now.approvals)
    for name in ("approval_lasts", "evidence_lasts"):
        if getattr(now, name) > getattr(was, name):
            yield less(name, format_duration(getattr(was, name)), format_duration(getattr(now, name)), WARNING)
    if gone := [one for one in was.require if one not in now.require]:
        said = f"promotion.require no longer asks for {', '.join(gone)}"
        yield of_environment(environment, "promotion.require", ERROR, said)
    if was.approvers and not now.approvers:
        said = "promotion.approvers goes: every login counts that the ledger lets write"
        yield of_environment(environment, "promotion.approvers", ERROR, said)
    elif new := [one for one in now.approvers if one not in was.approvers] if was.approvers else []:
        yield of_environment(environment, "promotion.approvers", WARNING, f"{', '.join(new)} may approve")


def _freezes(was: Environment, now: Environment) -> Iterator[Finding]:
    allowed = [one for one in was.freeze if one.allows]
    for one in was.freeze:
        if one not in now.freeze:
            said = f"a window of freeze goes: {one.shown}"
            yield of_environment(now, f"freeze {one.shown}", WARNING, said)
    for one in now.freeze:
        if one.allows and allowed and one not in was.freeze:
            yield of_environment(now, f"freeze allows {one.shown}", WARNING, f"freeze lets more be run: {one.shown}")


def _signers(old: Path, new: Path, environment: Environment) -> Iterator[Finding]:
    """Yield a finding for each key that is listed for somebody newly, otherwise, or no more."""
    before, after = _listed(old), _listed(new)
    for who, key in sorted({*before, *after}):
        was, now = before.get((who, key)), after.get((who, key))
        severity, said = WARNING, f"{who} may approve and sign evidence, by the key {key}"
        if now is None:
            severity, said = INFO, f"{who} may no longer sign by the key {key}"
        elif "cert-authority" in now.options and was != now:
            severity, said = ERROR, f"whoever has a certificate of the authority {key} may sign as {who}"
        elif was is None and set(who) & _PATTERN:
            severity, said = ERROR, f"the key {key} may sign, and for {who}: that names nobody"
        elif was is not None and was.options != now.options:
            said = (
                f"the key {key} of {who} may sign with {now.options or 'no limits'}, was {was.options or 'no limits'}"
            )
        elif was is not None:
            continue
        line = now.line if now is not None else 0
        yield Finding(
            "signer",
            severity,
            f"environment {environment.name}: {said}",
            f"signer {who}",
            key,
            where=Position(shown(new), line),
            source="review",
            remedy="a key that came with a change approves nothing of it" if severity == WARNING else "",
        )


def _listed(path: Path) -> dict[tuple[str, str], Signer]:
    """Return the keys of a file, each for each of its principals."""
    if not path.is_file():
        return {}
    found: dict[tuple[str, str], Signer] = {}
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        key = None if text.lstrip().startswith("#") else _KEY.search(text)
        if key is None:
            continue
        who, _, options = text[: key.start()].strip().partition(" ")
        for one in who.strip('"').split(","):
            found[one, _fingerprint(key[2])] = Signer(options.strip(), number)
    return found


def _fingerprint(key: str) -> str:
    """Return a key as ssh-keygen -l shows it."""
    try:
        data = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return "that cannot be read"
    return "SHA256:" + base64.b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def unread(environment: Environment, file: Path) -> Finding:
    """Return that a branch changes an environment whose file is not looked at, because it is a stranger's."""
    found = of_environment(
        environment, "file", WARNING, "this branch changes its file, which is not looked at here: read it"
    )
    return replace(found, where=Position(shown(file)))


def of_environment(environment: Environment, name: str, severity: str, message: str) -> Finding:
    """Return a finding about what an environment says under a name; of `promotion.…` it is where that stands."""
    promotion = environment.promotion
    return Finding(
        "environment",
        severity,
        f"environment {environment.name}: {message}",
        f"environment {environment.name}",
        name,
        where=promotion.position if promotion is not None and name.startswith("promotion.") else environment.position,
        source="review",
    )
