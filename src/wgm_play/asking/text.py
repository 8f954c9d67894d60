"""What may stand where: one SELECT, one expression, one type name.

In: a text of a playbook and where it stands. Out: nothing, or the error that says what is expected there. Only what holds
here is ever put into a statement: no text ends the one it stands in and begins another.
"""

from __future__ import annotations

import re
from typing import Any

from wgm_play.errors import InputError, Position
from wgm_play.locate import pinpoint
from wgm_play.sql import reveal

# Most types and expressions are told apart from anything else without a parser.
_PLAIN_TYPE = re.compile(r"[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?(\(\d+(, ?\d+)?\))?(\[\])*\Z")
_STRING = re.compile(r"'[^'\\]*'")
_SUSPECT = re.compile(r"[;'\"$]|--|/\*")


def check_type(text: str, where: Position | None, key: str) -> None:
    """Refuse a text that is anything but one type name; `key` is the word of the playbook that it stands under."""
    if _PLAIN_TYPE.match(text):
        return
    from pglast import ast
    from pglast.parser import ParseError, parse_sql

    refusal = InputError(f"{key!r} is one type name, not {_shown(text)}", where=where, hint="name a type: varchar(20)")
    try:
        parsed = parse_sql(f"SELECT NULL::{text}\n")
    except ParseError:
        raise refusal from None
    if len(parsed) != 1 or not isinstance(parsed[0].stmt, ast.SelectStmt):
        raise refusal
    select: Any = parsed[0].stmt
    said = [
        name for name in select if getattr(select, name) and name not in ("op", "limitOption", "all", "groupDistinct")
    ]
    cast: Any = select.targetList[0].val if said == ["targetList"] and len(select.targetList) == 1 else None
    if not isinstance(cast, ast.TypeCast) or not isinstance(cast.arg, ast.A_Const) or select.targetList[0].name:
        raise refusal


def check_expression(text: str, where: Position | None) -> None:
    """Refuse a text that ends the expression which it stands in: a semicolon, a parenthesis too many or too few.

    Whether it is an expression at all is for the server to say.
    """
    plain = _STRING.sub("", reveal(text))
    if not _SUSPECT.search(plain) and _balanced(plain):
        return
    from wgm_play.checks.plpgsql import NotUnderstood, tokens_of

    try:
        tokens = tokens_of(reveal(text))
    except NotUnderstood as error:
        raise InputError(f"this is no SQL expression: {error}", where=where, hint="correct the SQL") from error
    depth = 0
    for token in tokens:
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if token.text == ";" or depth < 0:
            what = f"one expression is expected, {token.text!r} ends it"
            raise InputError(what, where=pinpoint(where, text, token.start) or where, hint="write one SQL expression")
    if depth:
        raise InputError(
            "one expression is expected, a parenthesis is not closed", where=where, hint="write one SQL expression"
        )


def check_query(query: str, where: Position | None = None) -> None:
    """Refuse a text that is anything but one SELECT which only reads."""
    from wgm_play.checks.sqlsteps import query_problem

    problem = query_problem(query)
    if problem is not None:
        problem.where = problem.where or where
        raise problem


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth < 0:
            return False
    return depth == 0


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
