"""What commands on a playbook share: from the values of the command line to `Options`.

In: values as click parsed them. Out: `Options`; bad combinations raise `InputError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from wgm_play import untrusted
from wgm_play.cli.files import ENDINGS, existing
from wgm_play.reporter import Reporter
from wgm_play.secret import register

if TYPE_CHECKING:
    from wgm_play.options import Options, ReportOptions


# Where a URL holds a password: before the @, or as a parameter (manual: "Connection URIs"). Also in one that is wrong.
_IN_URL = re.compile(r"(?<=:)(?<!//)[^:/?#\s]+(?=@)|(?<=[?&]password=)[^&\s]+")
# One with characters that a URL writes with %: all between the user and the last @.
_UNWRITTEN = re.compile(r"//[^:/@\s]*:(.+)@", re.DOTALL)


def options(playbook: str, *, url: str | None = None, may_be_gone: bool = False, **values: Any) -> Options:
    """Return the options of one playbook; the password of `url` is masked from here on."""
    if not may_be_gone or not playbook.endswith(ENDINGS):
        existing(playbook)
    hide_password(url)
    from wgm_play.document import vault
    from wgm_play.options import Options

    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    given["untrusted"] = bool(given.get("untrusted")) or untrusted.said()
    made = Options(playbook=playbook, url=url, **given)
    vault.use(file=made.vault_password_file, ask=made.ask_vault_pass, trusted=not made.untrusted)
    return made


def on_playbook(
    verb: str, reporter: Reporter, playbook: str, given: Mapping[str, Any] = MappingProxyType({}), **values: Any
) -> int:
    """Run a pipeline verb with its options, and what is `given` to it alone."""
    chosen = options(playbook, **values)
    from wgm_play import pipeline

    reporter.begin(playbook)
    function: Callable[..., int] = getattr(pipeline, verb)
    return function(chosen, reporter, **given)


def told(reporter: Reporter, reports: Iterable[str], fail_on: str | None) -> ReportOptions:
    """Return how findings are told; where a report goes to standard output, all else goes to standard error. Raise `InputError` for a report that cannot be written."""
    from wgm_play.options import ReportOptions
    from wgm_play.report.findings import check_reports

    check_reports(reports, reporter)
    return ReportOptions(tuple(reports), fail_on)


def hide_password(dsn: str | None) -> None:
    """Register the password of a connection string, as written and as meant, so that it is never shown."""
    if not dsn:
        return
    from psycopg import Error
    from psycopg.conninfo import conninfo_to_dict

    for written in (*_UNWRITTEN.findall(dsn), *_IN_URL.findall(dsn)):
        register(written)
        register(unquote(written))
    try:
        meant = conninfo_to_dict(dsn).get("password")
    except Error:
        return
    if meant:
        register(str(meant))


def split_tags(words: Iterable[str]) -> tuple[str, ...]:
    """Return tags given as `-t a,b -t c` as one tuple."""
    return tuple(tag.strip() for word in words for tag in word.split(",") if tag.strip())
