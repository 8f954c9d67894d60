"""Findings in the formats that other tools read: one function for each, from findings to the text of a file.

In: `Finding`s and a `Heading`. Out: `written(format, findings, heading)`; `write_reports` for `--report FORMAT:FILE`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType
from typing import TYPE_CHECKING

from wgm_play.errors import InputError, Position
from wgm_play.finding import Finding, ordered
from wgm_play.promotion.revision import top_of
from wgm_play.report.findings import github, gitlab, html, json, junit, markdown, nagios, sarif, text
from wgm_play.report.findings.heading import Heading
from wgm_play.secret import mask

if TYPE_CHECKING:
    from wgm_play.reporter import Reporter

__all__ = ["FORMATS", "Heading", "write_reports", "written"]

Writer = Callable[[Sequence[Finding], Heading], str]

FORMATS: dict[str, Writer] = {
    "text": text.write,
    "json": json.write,
    "markdown": markdown.write,
    "html": html.write,
    "sarif": sarif.write,
    "junit": junit.write,
    "github": github.write,
    "gitlab": gitlab.write,
    "nagios": nagios.write,
}

# Who reads these looks for files from the root of the repository, wherever the command ran.
_FROM_ROOT = ("sarif", "github", "gitlab")


def written(form: str, findings: Iterable[Finding], heading: Heading) -> str:
    """Return the findings in one format, the worst first, with every secret masked."""
    found = [_masked(one) for one in findings]
    if form in _FROM_ROOT and (top := top_of(Path.cwd())) is not None:
        heading = replace(heading, below=_named_from(top, ".").removeprefix("."))
        if not heading.rooted:
            found = [replace(one, where=one.where and _from(top, one.where)) for one in found]
            heading = replace(heading, file=heading.file and _named_from(top, heading.file))
    return FORMATS[form](ordered(found), heading)


def write_reports(
    reports: Iterable[str],
    findings: Sequence[Finding],
    heading: Heading,
    *,
    whole: Mapping[str, Callable[[], str]] = MappingProxyType({}),
) -> None:
    """Write the findings to each `FORMAT:FILE`; `-` is standard output. A file is there whole, or as it was.

    `whole` has the formats in which a command says more than its findings.
    """
    wanted = [_split(one) for one in reports]
    for form, path in wanted:
        text = whole[form]() if form in whole else written(form, findings, heading)
        if path == "-":
            from wgm_play.report.console import write

            write(text)
        else:
            replace_file(Path(path), text)


def check_reports(reports: Iterable[str], reporter: Reporter | None = None) -> None:
    """Refuse a word that is no `FORMAT:FILE`, or a folder that is not there, before anything is done.

    Standard output holds one report; the `reporter` then says all else on standard error.
    """
    wanted = [_split(one) for one in reports]
    shown = [form for form, path in wanted if path == "-"]
    if len(shown) > 1:
        raise InputError(
            f"--report {shown[0]}:- and --report {shown[1]}:- both go to standard output",
            hint=f"give one of them a file: --report {shown[1]}:FILE",
        )
    if shown and reporter is not None:
        reporter.spare_output()
    for form, path in wanted:
        if path != "-" and not Path(path).absolute().parent.is_dir():
            raise InputError(f"--report {form}:{path}: no folder {str(Path(path).parent)!r}")


def _split(report: str) -> tuple[str, str]:
    form, colon, path = report.partition(":")
    if not colon or not path:
        raise InputError(f"--report {report!r} names no file", hint="--report FORMAT:FILE, as in junit:report.xml")
    if form not in FORMATS:
        raise InputError(f"--report {form!r}: no such format", hint=f"one of {', '.join(FORMATS)}")
    return form, path


def _masked(one: Finding) -> Finding:
    return replace(
        one,
        message=mask(one.message),
        object=mask(one.object),
        remedy=mask(one.remedy),
        evidence=tuple(map(mask, one.evidence)),
        where=_relative(one.where),
    )


def _relative(where: Position | None) -> Position | None:
    """Return the place as it is in the repository: other tools look for it from where we run."""
    if where is None or not Path(where.file).is_absolute():
        return where
    here = Path.cwd()
    inside = Path(where.file).is_relative_to(here)
    return replace(where, file=str(Path(where.file).relative_to(here))) if inside else where


def _from(top: Path, where: Position) -> Position:
    return replace(where, file=_named_from(top, where.file))


def _named_from(top: Path, file: str) -> str:
    """Return a file as the repository names it; one outside as it is."""
    path = Path(os.path.realpath(file))
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else file


def replace_file(path: Path, whole: str) -> None:
    """Write a file that is there whole, or as it was."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.absolute().parent, prefix=".wgm-", delete=False) as file:
        try:
            file.write(whole)
            file.close()
            Path(file.name).chmod(0o644)
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
