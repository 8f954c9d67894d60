"""From PostgreSQL's error to ours: the class that gives the right exit code, and what people need to see.

In: a psycopg error, the statement, whether this run has committed anything. Out: a `WgmError`.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from wgm_play.errors import InputError, Position, Refused, StepFailed, Unreachable, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.secret import mask

RESUME = "correct it and run the same command again: it resumes"
# Longest line of a statement that is shown around the caret.
LINE_SHOWN = 160


@dataclass(frozen=True, slots=True)
class StatementContext:
    """What was under way: the step's name and place, the operation's title, the statement as it is in the plan.

    `lead` is how many characters were sent before the statement.
    """

    step: str | None
    where: Position | None
    title: str
    sql: str
    lead: int = 0


def is_lost(error: BaseException, connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Return whether the connection is gone."""
    return isinstance(error, psycopg.OperationalError) and bool(connection.closed or connection.broken)


def failure(error: psycopg.Error, place: StatementContext, *, changed: bool, lost: bool) -> WgmError:
    """Return the error to raise; `changed`: this run has committed something, `lost`: the connection is gone."""
    kind = StepFailed if changed else Unreachable if lost else _untouched(error.sqlstate or "")
    message = mask(error.diag.message_primary or str(error).strip() or type(error).__name__)
    if lost:
        message = f"the connection was lost: {message}"
    return kind(
        f"{place.title}: {message}",
        where=place.where,
        step=place.step,
        hint=_hint(error, changed=changed, lost=lost),
        details=_details(error, place),
    )


def _untouched(sqlstate: str) -> type[WgmError]:
    """Return the class for an error before the first change (manual: appendix "PostgreSQL Error Codes")."""
    if sqlstate in ("42501", "25006") or (sqlstate[:2] in ("08", "28", "57") and sqlstate != "57014"):
        return Unreachable  # no privilege, read-only (a standby), not let in, shutting down
    if sqlstate[:2] in ("21", "22", "23", "44", "P0"):
        return Refused  # rows that break what is declared, or an exception that a trigger or a step raised
    if sqlstate[:2] in ("0A", "2B", "3D", "3F", "42"):
        return InputError  # what is declared cannot be: unknown names, wrong types, dependent objects
    return StepFailed


def _hint(error: psycopg.Error, *, changed: bool, lost: bool) -> str:
    if error.sqlstate == "57014" and "user request" in str(error.diag.message_primary):
        return "another session cancelled it, as `wgm-play abort` does: the same command resumes"
    if str(error.diag.message_primary).startswith("security label provider"):
        return f"name its library in session_preload_libraries or shared_preload_libraries; {RESUME}"
    if changed:
        return RESUME
    if lost:
        return "nothing was changed: run the same command when the server answers"
    if error.sqlstate == "57014":
        return "nothing was changed; policy.statement_timeout of the environment bounds catalog changes"
    if error.sqlstate == "42501":
        return "nothing was changed: run as a role that may, or let an administrator grant it"
    return "nothing was changed"


def _details(error: psycopg.Error, place: StatementContext) -> Sequence[str]:
    found = error.diag
    lines = excerpt(place.sql, int(found.statement_position) - 1 - place.lead if found.statement_position else None)
    for label, text in (
        ("DETAIL", found.message_detail),
        ("HINT", found.message_hint),
        ("CONTEXT", found.context),
        ("SQLSTATE", error.sqlstate),
    ):
        if text:
            lines.append(f"{label}: {mask(text)}")
    return lines


def excerpt(sql: str, offset: int | None) -> list[str]:
    """Return the line of `sql` at a character offset (from 0) with a caret below; its first line without one."""
    text = mask(sql)
    if offset is None or text != sql or not 0 <= offset <= len(sql):
        # In a masked statement the position would point at the wrong character, or count out the secret's length.
        first = text.strip().splitlines()[0] if text.strip() else ""
        return [_cut(first)] if first else []
    start = sql.rfind("\n", 0, offset) + 1
    end = sql.find("\n", offset)
    line = sql[start : len(sql) if end < 0 else end]
    column = offset - start
    left = max(0, column - LINE_SHOWN // 2)
    shown = line[left : left + LINE_SHOWN].replace("\t", " ")
    lead = "… " if left else ""
    return [f"{lead}{shown}", " " * (len(lead) + column - left) + "^"]


def _cut(line: str) -> str:
    return line if len(line) <= LINE_SHOWN else line[:LINE_SHOWN] + " …"
