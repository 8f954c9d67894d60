"""Asking the server whether SQL would be accepted, with variables in sight, without running it.

In: a connection inside a transaction that will be rolled back, SQL texts and typed names. Out: nothing, a `Rejection`,
or the columns of a query.

The question is put as the body of a temporary SQL function whose parameters are the variables: the server parses and
analyses it when the function is created (manual: "check_function_bodies"), finds columns before parameters, and
knows `record.field` and `function.argument`, all of it without our rewriting the text.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection, Error, IntegrityError, InterfaceError, OperationalError

from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.sql import Sql

# A function has at most 100 parameters (manual: "PostgreSQL Limits").
MOST_PARAMETERS = 90


@dataclass(frozen=True, slots=True)
class Rejection:
    """The server's refusal of a text: `offset` is the place in that text, from 0, where it is known."""

    message: str
    sqlstate: str
    hint: str | None = None
    offset: int | None = None
    context: str | None = None


def dollar_quoted(text: str) -> tuple[Sql, int]:
    """Quote a text so that offsets stay what they are; return it and the length of what stands before the text."""
    tag = "$wgm$"
    number = 0
    while tag in text or text.endswith("$"):
        if text.endswith("$"):
            text += "\n"
            continue
        number += 1
        tag = f"$wgm{number}$"
    return Sql(f"{tag}{text}{tag}"), len(tag)


def probe(connection: Connection[Any], text: str, parameters: Mapping[str, str]) -> Rejection | None:
    """Have the server analyse `text` (statements) with the parameters in sight; return why it refuses, if it does."""
    body, lead = dollar_quoted(text)
    written = [render("checks/parameter.sql.j2", name=key, type=Sql(value)).sql for key, value in parameters.items()]
    sql = render("checks/probe.sql.j2", name="wgm_probe", parameters=[Sql(one) for one in written], body=body).sql
    return attempt(connection, sql, sql.index(str(body)) + lead)


def attempt(connection: Connection[Any], sql: str, lead: int = 0) -> Rejection | None:
    """Execute within a savepoint that is rolled back; return why the server refuses, if it does."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.encode())
    except (OperationalError, InterfaceError) as error:
        if connection.closed or not error.sqlstate:
            raise
        return rejection(error, lead)
    except Error as error:
        return rejection(error, lead)
    return None


def rejection(error: Error, lead: int = 0) -> Rejection:
    """Read a psycopg error: an internal position counts in the text itself, the other one in the whole statement."""
    diagnostics = error.diag
    offset: int | None = None
    if diagnostics.internal_position:
        offset = int(diagnostics.internal_position) - 1
    elif diagnostics.statement_position:
        offset = int(diagnostics.statement_position) - 1 - lead
    return Rejection(
        diagnostics.message_primary or str(error),
        error.sqlstate or "XX000",
        diagnostics.message_hint,
        offset if offset is not None and offset >= 0 else None,
        diagnostics.context,
    )


def make_shape(connection: Connection[Any], table: str, query: str, variables: Mapping[str, str]) -> bool:
    """Create the empty temporary table `table` with the columns of `query`; say whether that was possible.

    PL/pgSQL itself finds the variables here: `CREATE TABLE AS ... WITH NO DATA` does not run its query.
    """
    declarations = [render("checks/parameter.sql.j2", name=key, type=Sql(kind)).sql for key, kind in variables.items()]
    text = render(
        "checks/shape_body.sql.j2",
        declarations=[Sql(one) for one in declarations],
        table=table,
        query=Sql(query),
    ).sql
    sql = render("checks/shape.sql.j2", body=dollar_quoted(text)[0]).sql
    try:
        with connection.transaction():
            connection.execute(sql.encode())
    except (OperationalError, InterfaceError, IntegrityError):
        raise
    except Error:
        return False
    return True


def nearest(wrong: str, right: Sequence[str]) -> str | None:
    """Return the known name that is nearest to a wrong one, if one is near."""
    found = difflib.get_close_matches(wrong, right, n=1, cutoff=0.6)
    return found[0] if found else None
