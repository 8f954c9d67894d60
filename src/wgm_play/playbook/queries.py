"""Parameters of a play's queries: `:name` to the `$1` that PostgreSQL reads, and their example values in that order.

In: a `Query`. Out: `Prepared`, or the error with its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from wgm_play.errors import InputError, Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.locate import pinpoint
from wgm_play.playbook.model import Query
from wgm_play.sql import reveal

# What PostgreSQL prepares and the manual calls a statement with a plan.
_STATEMENTS = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")
# Before the colon of a slice, as in names[1:n], stands what no parameter follows.
_NO_PARAMETER_AFTER = re.compile(r"[\w\])]$")
# PostgreSQL's name of a placeholder's token.
_PARAMETER = "PARAM"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query as PostgreSQL reads it: its text with `$1`, how many parameters it has, and their values, None without.

    `moved` are offsets of the text with how much further back they stand as it was written.
    """

    text: str
    parameters: int
    values: tuple[str | None, ...] | None
    written: str
    position: Position | None
    moved: tuple[tuple[int, int], ...] = ()

    def where(self, offset: int) -> Position | None:
        """Return where a character of the text was written."""
        back = sum(by for start, by in self.moved if start <= offset)
        return pinpoint(self.position, self.written, offset + back) or self.position


def prepared(query: Query) -> Prepared:
    """Return a query as PostgreSQL reads it. Raise `InputError`."""
    from wgm_play.checks.plpgsql import NotUnderstood, tokens_of

    written = reveal(query.query)
    place = getattr(query.query, "position", None) or query.position
    try:
        tokens = tokens_of(written)
    except NotUnderstood as error:
        raise _wrong(query, f"{error}", place, "correct the SQL") from error
    named = list(_named(written, tokens))
    numbers = sorted({int(one.text[1:]) for one in tokens if one.name == _PARAMETER})
    if named and numbers:
        raise _wrong(query, "parameters are written both as $1 and as :name", place, "keep one of them")
    if numbers and numbers != list(range(1, numbers[-1] + 1)):
        lacking = next(number for number in range(1, numbers[-1]) if number not in numbers)
        raise _wrong(query, f"there is ${numbers[-1]}, and no ${lacking}", place, "number them from $1 on")
    names = list(dict.fromkeys(name for _, name in named))
    made = Prepared(
        *_numbered(written, named, names),
        _values(query, names, len(numbers)),
        written,
        place,
        tuple(_moved(named, names)),
    )
    _one_statement(query, made)
    return made


def _named(text: str, tokens: Sequence[Any]) -> Iterator[tuple[int, str]]:
    """Yield each `:name` with the offset of its colon."""
    for colon, word in pairwise(tokens):
        begins = colon.text == ":" and not _NO_PARAMETER_AFTER.search(text[: colon.start][-1:])
        if begins and colon.end == word.start and word.word is not None and word.text[0] != '"':
            yield colon.start, text[word.start : word.end]


def _numbered(text: str, named: Sequence[tuple[int, str]], names: Sequence[str]) -> tuple[str, int]:
    """Return the text with `$1` for each name, and how many parameters it has."""
    parts, end = [], 0
    for start, name in named:
        parts += [text[end:start], f"${names.index(name) + 1}"]
        end = start + 1 + len(name)
    made = "".join([*parts, text[end:]]).strip().removesuffix(";").rstrip()
    return made, len(names) or max((int(one) for one in re.findall(r"\$(\d+)", made)), default=0)


def _moved(named: Sequence[tuple[int, str]], names: Sequence[str]) -> Iterator[tuple[int, int]]:
    shift = 0
    for start, name in named:
        short = f"${names.index(name) + 1}"
        by = 1 + len(name) - len(short)
        yield start - shift + len(short), by
        shift += by


def _values(query: Query, names: Sequence[str], numbers: int) -> tuple[str | None, ...] | None:
    given = query.values
    if given is None:
        return None
    where = getattr(given, "position", None) or query.position
    if isinstance(given, Mapping):
        if not names:
            raise _wrong(query, "`values` is a mapping, and no parameter is written as :name", where, "write a list")
        lacking = [one for one in names if one not in given] or [one for one in given if one not in names]
        if lacking:
            what = "has no value" if lacking[0] in names else "is no parameter"
            raise _wrong(
                query, f":{lacking[0]} {what}", where, f"values: {{{', '.join(f'{one}: …' for one in names)}}}"
            )
        return tuple(spelled(given[name]) for name in names)
    if names:
        raise _wrong(query, "`values` is a list, and parameters are written as :name", where, "write a mapping")
    if len(given) != numbers:
        raise _wrong(query, f"{len(given)} values for {numbers} parameters", where, "one value for each $1, $2, …")
    return tuple(map(spelled, given))


def spelled(value: Any) -> str | None:
    """Return a value as the text that PostgreSQL reads, whatever the parameter's type; None for NULL."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, (list, tuple)):
        return "{" + ",".join(_element(one) for one in value) + "}"
    return reveal(value) if isinstance(value, str) else str(value)


def _element(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return spelled(value) or ""
    text = spelled(value)
    if text is None:
        return "NULL"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _one_statement(query: Query, made: Prepared) -> None:
    """Refuse what is anything but one statement that has a plan."""
    from pglast.parser import ParseError, parse_sql

    try:
        found = parse_sql(made.text)
    except ParseError as error:
        at = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0
        raise _wrong(query, str(error.args[0]), made.where(at), "correct the SQL") from error
    statement = found[0].stmt if len(found) == 1 else None
    if type(statement).__name__ not in _STATEMENTS or getattr(statement, "intoClause", None) is not None:
        told = f"{len(found)} statements" if len(found) != 1 else "this"
        where = made.where(found[1].stmt_location or 0) if len(found) > 1 else made.position
        raise _wrong(
            query,
            f"{told}, where one SELECT, INSERT, UPDATE or DELETE is expected",
            where,
            "give each statement an entry of its own",
        )


def _wrong(query: Query, what: str, where: Position | None, hint: str) -> InputError:
    return InputError(f"the query {query.name!r}: {what}", where=where, hint=hint)
