"""A review for a pull request: what must be read in the open, the rest folded; never above `LIMIT` characters.

In: a `Review`. Out: Markdown as GitHub and GitLab show it. What playbooks say is hostile: it reaches the text escaped or
within fences that are longer than any inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from wgm_play.finding import Finding
from wgm_play.impact import Foretold
from wgm_play.lazy_dataclass import dataclass
from wgm_play.report import plan_text
from wgm_play.report.console import visible
from wgm_play.report.findings.markdown import LIMIT, block, escaped
from wgm_play.report.findings.markdown import code as code_of
from wgm_play.report.review import words
from wgm_play.review.diagram import is_ours
from wgm_play.review.model import OTHER, SECTIONS, PlayReview, Review
from wgm_play.secret import mask

_SIGNS = {"error": "🔴", "warning": "🟡", "info": "🔵", "": "🟢"}
_SUMMARY = "the whole is in the summary of the job"


@dataclass(frozen=True, slots=True)
class DetailLevel:
    """How much is told: with SQL or not, how many findings and lines of a section, and how long one is."""

    sql: bool
    findings: int
    lines: int
    width: int = 2000


def code(text: str) -> str:
    """Return text as code within a line of no table."""
    return code_of(text, cell=False)


# No operation and no finding is told in fewer characters.
_LEAST = 15
# From the whole to what always fits.
STAGES = (
    DetailLevel(sql=True, findings=10_000, lines=10_000),
    DetailLevel(sql=False, findings=10_000, lines=10_000),
    DetailLevel(sql=False, findings=200, lines=200, width=500),
    DetailLevel(sql=False, findings=60, lines=60, width=300),
    DetailLevel(sql=False, findings=20, lines=20, width=200),
    DetailLevel(sql=False, findings=5, lines=5, width=120),
)


def write(review: Review, limit: int = LIMIT) -> str:
    """Return the text, of the first stage that fits."""
    size = sum(len(play.plan.operations) + sum(map(len, play.findings.values())) for play in review.plays)
    for stage in STAGES:
        if min(size, stage.lines) * _LEAST > limit:
            continue
        made = _whole(review, stage)
        if len(made) <= limit:
            return made
    counts = [
        f"{_SIGNS[words.worst(play)]} {_short(escaped(words.verdict(play)), STAGES[-1])}" for play in review.plays
    ]
    head = [
        mark(review),
        f"### {_short(escaped(_title(review)), STAGES[-1])}",
        "",
        *counts[:20],
        "",
        f"too much to show: {_SUMMARY}",
    ]
    return mask(visible("\n".join(head) + "\n"))


def mark(review: Review) -> str:
    """Return the hidden line by which the comment of a review is found again."""
    environments = ",".join(sorted({play.environment for play in review.plays}))
    return mark_of(review.subject, environments)


def mark_of(subject: str, environments: str) -> str:
    """Return the mark of a playbook and its environments: nothing of it can end the comment that hides it."""
    from urllib.parse import quote

    return f"<!-- wgm-play review {quote(subject, safe='/.')} {quote(environments, safe=',')} -->"


def _title(review: Review) -> str:
    return f"wgm-play diff: {words.title(review)}"


def _whole(review: Review, stage: DetailLevel) -> str:
    return mask(visible("\n".join(_lines(review, stage)).rstrip() + "\n"))


def _lines(review: Review, stage: DetailLevel) -> Iterator[str]:
    yield mark(review)
    if review.quiet:
        yield f"{_SIGNS['']} {code(review.subject)} {escaped(review.against)}: {words.NOTHING}"
        return
    yield f"### {escaped(_title(review))}"
    yield ""
    for group, play in words.alike(review.plays, words.verdict):
        yield f"{_SIGNS[words.worst(play)]} **{escaped(words.names(group))}**: {escaped(words.verdict(play))}"
        yield ""
    for note in review.notes:
        yield f"> {escaped(note)}"
        yield ">"
    if review.broken:
        yield "#### It cannot be planned"
        yield ""
        yield from _findings(review.broken, stage)
        return
    loud = [play for play in review.plays if not play.quiet]
    for section in SECTIONS[:-1]:
        yield from _told(loud, words.TITLES[section], partial(_of_section, section, stage))
    if review.also:
        yield "#### Other branches change the same objects"
        yield ""
        yield from _listed(
            [f"{code(one.ref)}: {', '.join(map(code, one.objects[: stage.lines]))}" for one in review.also], stage
        )
        yield ""
    yield from _told(loud, "What else is affected", lambda play: tuple(_listed(_codes(play.affected), stage)))
    yield from _told(
        loud, "In no step any more, and left alone", lambda play: tuple(_listed(_codes(play.left_alone), stage))
    )
    yield from _folded(loud, "Plan, in the order in which it runs", lambda play: tuple(_plan(play, stage)))
    yield from _folded(loud, "Rollback", lambda play: tuple(_rollback(play, stage)))
    yield from _folded(
        loud,
        "Checklist of the deployment",
        lambda play: tuple(_listed([escaped(one) for one in play.checklist], stage)),
    )
    yield from _folded(loud, words.TITLES[OTHER], partial(_of_section, OTHER, stage))
    yield from _folded(
        loud,
        "Diagram of what changes",
        lambda play: tuple(block(play.diagram, "mermaid")) if play.diagram and is_ours(play.diagram) else (),
    )
    servers = [f"{words.names(group)}: {words.server(play)}" for group, play in words.alike(loud, words.server)]
    yield f"<sub>{escaped('. '.join(servers))}. {escaped(words.assumptions(loud))}</sub>"


Lines = Callable[[PlayReview], tuple[str, ...]]


def _told(plays: Sequence[PlayReview], title: str, what: Lines) -> Iterator[str]:
    """Yield a section in the open, once for all environments of which it says the same."""
    for group, play in words.alike(plays, what):
        lines = what(play)
        if lines:
            of = f" ({escaped(words.names(group))})" if len(group) < len(plays) else ""
            yield f"#### {title}{of}"
            yield ""
            yield from lines
            yield ""


def _folded(plays: Sequence[PlayReview], title: str, what: Lines) -> Iterator[str]:
    """Yield a section that is opened by a click."""
    for group, play in words.alike(plays, what):
        lines = what(play)
        if lines:
            of = f" ({_html(words.names(group))})" if len(group) < len(plays) else ""
            yield f"<details><summary>{title}{of}</summary>"
            yield ""
            yield from lines
            yield ""
            yield "</details>"
            yield ""


def _of_section(section: str, stage: DetailLevel, play: PlayReview) -> tuple[str, ...]:
    return tuple(_findings(play.findings.get(section, ()), stage))


def _html(text: str) -> str:
    import html

    return html.escape(text)


def _findings(findings: Sequence[Finding], stage: DetailLevel) -> Iterator[str]:
    for one in findings[: stage.findings]:
        place = f" {code(str(one.where))}" if one.where else ""
        sign = "⚪" if one.acknowledged else _SIGNS[one.severity]
        yield f"- {sign} {code(one.code)}{place} {escaped(_short(one.message, stage))}"
        if one.acknowledged:
            yield f"  - accepted: {escaped(_short(one.acknowledged, stage))}"
        elif one.remedy:
            yield f"  - → {code(_short(one.remedy, stage))}"
        evidence = [line for line in one.evidence if line.strip()] if one.severity != "info" else []
        for line in evidence[: min(10, stage.lines)]:
            yield f"  - {code(_short(line, stage))}"
    left = findings[stage.findings :]
    if left:
        worst = {name: sum(one.severity == name for one in left) for name in ("error", "warning", "info")}
        counts = ", ".join(f"{count} {_SIGNS[name]}" for name, count in worst.items() if count)
        yield f"- and {len(left)} more ({counts}): {_SUMMARY}"


def _listed(lines: Sequence[str], stage: DetailLevel) -> Iterator[str]:
    for line in lines[: stage.lines]:
        yield f"- {line}"
    if len(lines) > stage.lines:
        yield f"- and {len(lines) - stage.lines} more: {_SUMMARY}"


def _codes(lines: Sequence[str]) -> list[str]:
    return [escaped(line) for line in lines]


def _short(text: str, stage: DetailLevel) -> str:
    return text if len(text) <= stage.width else f"{text[: stage.width]} …"


def _plan(play: PlayReview, stage: DetailLevel) -> Iterator[str]:
    if not play.plan.groups:
        return
    outlook = Foretold.of(play.plan, play.times)
    lines = list(plan_text.lines(play.plan, diff=stage.sql, colour=False, outlook=outlook))[1:]
    shown = [_short(line, stage) for line in lines[: stage.lines]]
    yield from block("\n".join(shown), "sql" if stage.sql else "")
    if not stage.sql or len(lines) > len(shown):
        left = f"{len(lines) - len(shown)} more lines, " if len(lines) > len(shown) else ""
        yield ""
        yield f"{left}the SQL: {_SUMMARY}"


def _rollback(play: PlayReview, stage: DetailLevel) -> Iterator[str]:
    back = play.rollback
    if not play.plan.groups:
        return
    titles = [*back.titles, *(one.title for one in back.operations)]
    yield from _listed([escaped(one) for one in titles], stage)
    yield from _listed(
        [f"🟡 cannot be undone: {escaped(title)}: {escaped(why)}" for title, why in back.irreversible], stage
    )
    texts = [
        command.sql.rstrip().rstrip(";") + ";"
        for one in back.operations
        if one not in back.converted
        for command in one.commands
    ]
    if stage.sql and texts:
        yield ""
        yield from block("\n".join(texts), "sql")
