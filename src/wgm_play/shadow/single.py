"""One declaration, one statement: what stands behind a semicolon would be realised too, and belong to no step.

In: the statement of a declaration. Out: the error that points to its second statement, or None.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wgm_play.errors import InputError, Position
from wgm_play.playbook.model import Declaration
from wgm_play.render import Statement

if TYPE_CHECKING:
    import psycopg

_INNER_SEMICOLON = re.compile(r";\s*[^\s;]")
_SYNTAX_ERROR = "42601"


def second_statement(
    connection: psycopg.Connection[Any], statement: Statement, declaration: Declaration
) -> InputError | None:
    """Return the error for a text that holds several statements; only one with an inner semicolon costs a round trip."""
    if not _INNER_SEMICOLON.search(statement.sql):
        return None
    # A text that does not parse aborts the transaction it is in: not the caller's.
    with connection.transaction(force_rollback=True):
        result = connection.pgconn.prepare(b"", statement.sql.encode())
    if not _several(result):
        return None
    return InputError(
        "there is a second statement, where a step declares one object",
        where=_where(statement) or declaration.position,
        hint="give it a step of its own: grants, comments and indexes have kinds too; see: wgm-play doc",
    )


def _several(result: Any) -> bool:
    # Manual, "Message Flow", "Extended Query": Parse takes one statement. A mistake of grammar has a position, this not.
    from psycopg.pq import DiagnosticField

    return (result.error_field(DiagnosticField.SQLSTATE) or b"").decode() == _SYNTAX_ERROR and result.error_field(
        DiagnosticField.STATEMENT_POSITION
    ) is None


def _where(statement: Statement) -> Position | None:
    from pglast.parser import ParseError, split

    try:
        found = split(statement.sql, with_parser=False, only_slices=True)
    except ParseError:
        return None
    return statement.where(found[1].start) if len(found) > 1 else None
