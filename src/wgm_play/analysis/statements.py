"""What the server counted of each statement (pg_stat_statements), and the difference of two countings: nothing is reset.

In: a connection that may only read. Out: `Statements`: the counts by a key of the normalised text, and what is not seen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.sql import ident

if TYPE_CHECKING:
    import psycopg

# pg_stat_statements keeps 5,000 by default; as many of the dearest are read.
MOST_READ = 5_000
# PostgreSQL's identifiers depend on the server's version and on the tables' oids: a text does not.
_DIGITS = 16
_ROW = r"\( \$\d+(?: , \$\d+)* \)"
_LISTS = re.compile(rf"\b(in|values) {_ROW}(?: , {_ROW})*")
_NUMBER = re.compile(r"\$\d+")
_HIDDEN = "<insufficient privilege>"
_STEP = "- {name: What queries cost, extension: {name: pg_stat_statements}}"


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted of one statement: calls, time, rows, pages of shared buffers, pages of temporary files."""

    key: str
    text: str
    calls: int = 0
    milliseconds: float = 0.0
    rows: int = 0
    pages: int = 0
    temporary: int = 0

    @property
    def mean(self) -> float:
        """Milliseconds for one call."""
        return self.milliseconds / self.calls if self.calls else 0.0

    @property
    def pages_each(self) -> float:
        """Pages for one call."""
        return self.pages / self.calls if self.calls else 0.0

    def less(self, earlier: Count) -> Count:
        """Return what came since; all of it where the server forgot the statement meanwhile: then some count is less, calls
        need not be."""
        counted = ("calls", "milliseconds", "rows", "pages", "temporary")
        more = {name: getattr(self, name) - getattr(earlier, name) for name in counted}
        return replace(self, **more) if min(more.values()) >= 0 else self

    def data(self) -> dict[str, Any]:
        """Return what is kept of it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class UnseenStatistics:
    """What cannot be seen, and what to type so that it can."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Statements:
    """The counts by key; since when the server counts; what is not seen."""

    counts: Mapping[str, Count] = field(default_factory=dict)
    reset: datetime | None = None
    unseen: tuple[UnseenStatistics, ...] = ()

    def since(self, earlier: Mapping[str, Count], reset: datetime | None) -> dict[str, Count]:
        """Return what came since an earlier counting; all of it where the counts were reset meanwhile."""
        if self.reset != reset:
            return dict(self.counts)
        found = {key: one.less(earlier[key]) if key in earlier else one for key, one in self.counts.items()}
        return {key: one for key, one in found.items() if one.calls}

    def dearest(self, number: int) -> list[Count]:
        """Return the statements that took most time together."""
        return dearest(self.counts.values(), number)


def dearest(counts: Iterable[Count], number: int) -> list[Count]:
    """Return the statements that took most time together, the dearest first."""
    return sorted(counts, key=lambda one: (-one.milliseconds, one.key))[:number]


def read(connection: psycopg.Connection[Any]) -> Statements:
    """Return what the server counted in this database."""
    import psycopg
    from psycopg.rows import dict_row, tuple_row

    with connection.cursor(row_factory=dict_row) as cursor:
        where = cursor.execute(render("analysis/statements_where.sql.j2").sql.encode()).fetchone()
    role = ident(connection.info.user)
    if where is None:
        return Statements(
            unseen=(UnseenStatistics("pg_stat_statements is not there: which queries cost most is not known", _STEP),)
        )
    if not where["current"]:
        return _nothing("pg_stat_statements is of an old version", "ALTER EXTENSION pg_stat_statements UPDATE;")
    if not where["usable"]:
        schema = ident(where["schema"])
        return _nothing("pg_stat_statements may not be read", f"GRANT USAGE ON SCHEMA {schema} TO {role};")
    reset = None
    try:
        with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
            text = render("analysis/statements.sql.j2", schema=where["schema"], limit=MOST_READ).sql
            rows = cursor.execute(text.encode()).fetchall()
        if where["told"]:
            text = render("analysis/statements_since.sql.j2", schema=where["schema"]).sql
            with connection.transaction(force_rollback=True), connection.cursor(row_factory=tuple_row) as other:
                reset = (other.execute(text.encode()).fetchone() or (None,))[0]
    except psycopg.Error as error:
        if connection.closed:
            raise
        remedy = "shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, then restart the server"
        return _nothing(f"pg_stat_statements cannot be read: {mask(str(error.diag.message_primary or error))}", remedy)
    return Statements(*_counted(rows, where, role, reset))


def _nothing(what: str, remedy: str) -> Statements:
    return Statements(unseen=(UnseenStatistics(f"{what}: which queries cost most is not known", remedy),))


def _counted(
    rows: Iterable[Mapping[str, Any]], where: Mapping[str, Any], role: str, reset: datetime | None
) -> tuple[dict[str, Count], datetime | None, tuple[UnseenStatistics, ...]]:
    found: dict[str, Count] = {}
    hidden = lost = 0
    for row in rows:
        text = row["query"]
        if text is None or text == _HIDDEN:
            hidden += text is not None
            lost += text is None
            continue
        if not _is_planned(text):
            continue
        key = key_of(text)
        was = found.get(key) or Count(key, without_comments(text))
        found[key] = replace(
            was,
            **{
                name: getattr(was, name) + row[name] for name in ("calls", "milliseconds", "rows", "pages", "temporary")
            },
        )
    unseen = []
    if hidden or not where["all_seen"]:
        told = f"the statements of other roles are not seen ({hidden} here)"
        unseen.append(UnseenStatistics(told, f"GRANT pg_read_all_stats TO {role};"))
    if lost:
        unseen.append(
            UnseenStatistics(
                f"the texts of {lost} statements are not kept by the server", "wait until they are counted anew"
            )
        )
    if where["track"] == "none":
        unseen.append(
            UnseenStatistics(
                "pg_stat_statements counts nothing: pg_stat_statements.track is none",
                "- {name: Count, setting: {name: pg_stat_statements.track, value: top}}",
            )
        )
    return found, reset, tuple(unseen)


def _is_planned(text: str) -> bool:
    """Tell whether it is a statement that has a plan: others hold no parameters for what was written, as passwords."""
    word = re.sub(r"\A(?:\s|--[^\n]*\n|/\*.*?\*/|\()*", "", text, flags=re.DOTALL)[:6].lower()
    return (
        word in ("select", "insert", "update", "delete") or word[:5] in ("with ", "with\n", "merge") or word == "values"
    )


_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)


def without_comments(text: str) -> str:
    """Return a statement without its comments: the server keeps those of the first one, with the values that stand there."""
    from wgm_play.checks.plpgsql import NotUnderstood, tokens_of

    if _COMMENT.search(text) is None:
        return text
    try:
        tokens = tokens_of(text)
    except NotUnderstood:
        return _COMMENT.sub(" ", text).strip()
    made, end = "", 0
    for one in tokens:
        gap = text[end : one.start]
        made += f"{gap if not gap.strip() else ' '}{one.text}"
        end = one.end
    return made.strip()


def key_of(text: str) -> str:
    """Return the key of a statement: of its text without comments and blanks, whatever its values and how many."""
    return hashlib.sha256(normalised(text).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def normalised(text: str) -> str:
    """Return a statement's words, one blank between them; lists of parameters count as one however long they are."""
    from wgm_play.checks.plpgsql import NotUnderstood, tokens_of

    try:
        words = [
            one.word if one.word is not None and not one.text.startswith('"') else one.text for one in tokens_of(text)
        ]
    except NotUnderstood:
        words = text.split()
    plain = " ".join(words).rstrip(" ;")
    return _NUMBER.sub("$", _LISTS.sub(r"\1 (...)", plain))
