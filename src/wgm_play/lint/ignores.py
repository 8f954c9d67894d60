"""Findings that somebody takes on, with a reason: comments in a file, entries of the settings.

In: the findings of a file and its text. Out: the same findings, acknowledged where an ignore covers them; and findings
about ignores that give no reason, name no code, or are past their day.

    -- wgm-play: ignore C10: not used since release 4.2
    -- wgm-play: ignore I01, K02 until 2027-01-31: the table is empty until then
    -- wgm-play: ignore-file X10: search_path is fixed for our role

A comment covers the statement it stands in, before, or behind on its last line; `ignore-file` the whole file. In YAML the
comment begins with `#`, and covers its own line, or what stands below it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import replace

from wgm_play.errors import Position
from wgm_play.finding import Finding
from wgm_play.hazards import pages
from wgm_play.lazy_dataclass import dataclass
from wgm_play.lint.context import RuleContext
from wgm_play.lint.settings import OFF, Ignore

_COMMENT = re.compile(
    r"(?:--|#|/\*)[ \t]*wgm-play:?[ \t]*(ignore(?:-file)?)\b[ \t]*(.*?)[ \t]*(?:\*/)?[ \t]*$", re.MULTILINE
)
_SAID = re.compile(
    r"(?P<codes>[A-Z]\d\d(?:[ \t]*,[ \t]*[A-Z]\d\d)*)?(?:[ \t]+until[ \t]+(?P<until>[\w-]+))?[ \t]*(?::|[ \t]-+[ \t]|[ \t])?[ \t]*(?P<reason>.*)",
)
ENOUGH = 3  # letters of a reason; less is no reason


@dataclass(frozen=True, slots=True)
class IgnoreComment:
    """An ignore in a file: the lines it covers (from, to), or the whole file."""

    codes: tuple[str, ...]
    reason: str
    lines: tuple[int, int]
    used: bool = False


def acknowledge(
    findings: Sequence[Finding], file: str, text: str, look: RuleContext, *, faults: bool = True
) -> list[Finding]:
    """Return the findings of a file as its comments and the settings leave them, and the `faults` of the comments."""
    comments, wrong = _comments(file, text, look)
    today = datetime.date.today()
    return [
        *(_acknowledged(one, comments, look.settings.ignore, today) for one in findings),
        *(wrong if faults else ()),
    ]


def _acknowledged(
    one: Finding, comments: Sequence[IgnoreComment], settled: Sequence[Ignore], today: datetime.date
) -> Finding:
    line = one.where.line if one.where else 0
    for comment in comments:
        if one.code in comment.codes and comment.lines[0] <= line <= comment.lines[1]:
            return replace(one, acknowledged=comment.reason)
    for ignore in settled:
        if ignore.covers(one):
            if ignore.until is not None and ignore.until < today:
                past = f"the ignore of {ignore.code} ended on {ignore.until}: {ignore.reason}"
                return replace(one, evidence=(*one.evidence, past))
            return replace(one, acknowledged=ignore.reason)
    return one


def _comments(file: str, text: str, look: RuleContext) -> tuple[list[IgnoreComment], list[Finding]]:
    if "wgm-play" not in text:
        return [], []
    found, faults = [], []
    lines = text.split("\n")
    for one in _COMMENT.finditer(text):
        line = text.count("\n", 0, one.start()) + 1
        where = Position(file, line, one.start() - text.rfind("\n", 0, one.start()))
        made = _SAID.match(one.group(2))
        codes = tuple(re.findall(r"[A-Z]\d\d", made.group("codes") or "")) if made else ()
        reason = (made.group("reason") if made else "").strip()
        fault = _fault(codes, look, made.group("until") if made else None, reason)
        if fault and look.settings.severity.get("X21") != OFF:
            faults.append(
                Finding(
                    "X21",
                    look.settings.severity.get("X21") or "error",
                    fault,
                    attribute=f"{' '.join(codes)} {reason}".strip(),
                    remedy="-- wgm-play: ignore C10 until 2027-01-31: why",
                    where=where,
                    source="lint",
                )
            )
        if fault:
            continue
        whole = one.group(1) == "ignore-file"
        found.append(
            IgnoreComment(codes, reason, (1, len(lines) + 1) if whole else _covered(lines, line, text, one.start()))
        )
    return found, faults


_UNTIL = re.compile(r"until[ \t]+(\d{4}-\d{2}-\d{2})\b")


def until_in(reason: str) -> datetime.date | None:
    """Return the day up to which a reason holds that begins with `until DAY`."""
    found = _UNTIL.match(reason)
    return datetime.date.fromisoformat(found.group(1)) if found else None


def _fault(codes: Sequence[str], look: RuleContext, until: str | None, reason: str) -> str:
    known = {*pages(), *(rule.code for rule in look.settings.rules)}
    strange = [code for code in codes if code not in known]
    if not codes or strange:
        return f"the ignore names no code that there is{': ' + strange[0] if strange else ''}"
    if len(reason) < ENOUGH:
        return "the ignore gives no reason"
    if until:
        try:
            day = datetime.date.fromisoformat(until)
        except ValueError:
            return f"the ignore holds until {until!r}, which is no day"
        if day < datetime.date.today():
            return f"the ignore ended on {until}: {reason}"
    return ""


def _covered(lines: Sequence[str], line: int, text: str, start: int) -> tuple[int, int]:
    """Return the lines of the statement that a comment stands in, before, or behind."""
    before = text[text.rfind("\n", 0, start) + 1 : start].strip()
    if text[start] == "#":
        return (line, line) if before else (line, _block(lines, line))
    if before:
        first = line
        while first > 1 and not _ends(lines[first - 2]) and lines[first - 2].strip():
            first -= 1
        return first, _last(lines, line)
    return line, _last(lines, line)


def _block(lines: Sequence[str], line: int) -> int:
    """Return the last line of the YAML below a comment: the next line, and those that are indented more."""
    at = line
    while at < len(lines) and (not lines[at].strip() or lines[at].lstrip().startswith("#")):
        at += 1
    indent = len(lines[at]) - len(lines[at].lstrip()) if at < len(lines) else 0
    at += 1
    while at < len(lines) and (not lines[at].strip() or len(lines[at]) - len(lines[at].lstrip()) > indent):
        at += 1
    return at


def _last(lines: Sequence[str], line: int) -> int:
    """Return the line on which the statement ends that begins at or after a line."""
    at, seen = line, False
    while at <= len(lines):
        bare = re.sub(r"(--|#).*", "", lines[at - 1]).strip()
        seen = seen or bool(bare)
        if seen and (bare.endswith(";") or not bare):
            return at
        at += 1
    return len(lines)


def _ends(line: str) -> bool:
    return re.sub(r"--.*", "", line).rstrip().endswith(";")
