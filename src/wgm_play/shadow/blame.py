"""What PostgreSQL's refusals mean in the playbook: which line, what it lacks, what to type next.

In: errors of statements that realise declarations. Out: one `WgmError` for each cause; what only follows from another
error is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from wgm_play.catalog.kinds import AS_ROWS, NAMED_AS_TYPES, RELATIONS, WITH_BODY
from wgm_play.catalog.model import Catalog, Key
from wgm_play.errors import InputError, WgmError
from wgm_play.playbook.foreign_words import instead
from wgm_play.playbook.model import Declaration
from wgm_play.playbook.schema_rules import nearest
from wgm_play.render import Statement
from wgm_play.secret import mask


class RefusedStatement(Protocol):
    """A statement that PostgreSQL refused."""

    declaration: Declaration
    statement: Statement
    error: Any


_QUOTED = re.compile(r'"([^"]+)"')
_FUNCTION = re.compile(r"(?:function|procedure|aggregate|operator class) (?:[\w$]+\.)*([\w$]+)")
# PostgreSQL's manual, appendix "PostgreSQL Error Codes": what to do where the server gives no hint itself.
_ADVICE = {
    "42601": "correct the SQL",
    "42710": "give one of the two another name",
    "42P07": "give one of the two another name",
    "42804": "convert one of the two with CAST",
    "42846": "convert it over text: (value::text)::type",
    "42P17": "compute it in the application or in a trigger, or use functions that are IMMUTABLE",
    "42P16": "correct the definition",
    "42830": "add a primary key or a unique constraint over these columns",
    "22P02": "write a value of the column's type",
    "22007": "write a value of the column's type",
    "22008": "write a value within the range of the type",
    "22003": "write a value within the range of the type",
    "22001": "write a shorter value, or widen the type",
    "23502": "give the column a value",
    "23503": "add the row that it refers to, or refer to one that is there",
    "23505": "give each row values of its own",
    "23514": "correct the value, or the rule",
    "23P01": "correct the value, or the rule",
    "58P01": "install it on the machine of the server, or correct the name",
    "0A000": "the server does not support this: declare it another way",
}
# Before PostgreSQL 15 an extension that is not installed is told as a file that is not there.
_NO_CONTROL_FILE = re.compile(r'could not open extension control file ".*?([^/"]+)\.control"')
_LAST_RESORT = "correct it at this line"
# Names that people use for types and that pg_type spells another way.
_TYPE_WORDS = (
    "bigint", "integer", "smallint", "int", "boolean", "varchar", "character varying", "char", "timestamp",
    "timestamp with time zone", "double precision", "real", "decimal", "bigserial", "serial",
)  # fmt: skip


def explain(
    error: Any, statement: Statement, declaration: Declaration, *, kind: type[WgmError] = InputError
) -> WgmError:
    """Turn PostgreSQL's error into ours, at the place in the playbook that holds what it complains about."""
    diag = error.diag
    message = str(diag.message_primary or error).strip()
    if absent := _NO_CONTROL_FILE.match(message):
        message = f'extension "{absent.group(1)}" is not available'
    offset = int(diag.statement_position) - 1 if diag.statement_position else None
    names = names_in(message)
    where = statement.where(offset, names[0].split(".")[-1] if names else None)
    where, message = _at_the_end(statement, offset, where, message)
    details = [mask(text) for text in (diag.message_detail,) if text]
    hint = mask(diag.message_hint) if diag.message_hint else _advice(error.sqlstate, message)
    hint = _keys_of_two_types(error) or _as_a_text(error, statement, offset) or hint
    if error.sqlstate == "42501":  # insufficient_privilege
        hint = "let a superuser run the playbook, or say `required: false` in the step"
    return kind(mask(message), where=where or declaration.position, hint=hint, details=details)


# A word or two, a date, brackets: what people write who mean a text.
_PLAIN_TEXT = re.compile(
    r"[A-Za-z_][\w.@/+-]*(?: [\w.@/+-]+)*|\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?|\{.*\}|\[.*\]", re.DOTALL
)
# A name that is no column; a value of another type; a syntax error; a column where none may stand.
_NO_VALUE = ("42703", "42804", "42601", "0A000", "22P02", "42P02")


def _as_a_text(error: Any, statement: Statement, offset: int | None) -> str | None:
    """Return how a text is written where an expression of SQL is expected, if that is what was meant.

    `default: open` asks for a column of that name.
    """
    if error.sqlstate not in _NO_VALUE:
        return None
    for start, end, _ in sorted(statement.spans, key=lambda span: span[1] - span[0]):
        written = statement.sql[start:end]
        before = statement.sql[:start].rstrip(" (").upper()
        here = start <= offset <= end + 1 if offset is not None else error.sqlstate == "42804"
        if here and before.endswith("DEFAULT") and _PLAIN_TEXT.fullmatch(written):
            value = "'" + written + "'"
            return f'a default is SQL, where a text has quotes of its own: default: "{value}"'
    return None


_TWO_TYPES = re.compile(
    r'Key columns? "([^"]+)" .*?and "([^"]+)" .*?are of incompatible types: (.+) and (.+)\.$', re.DOTALL
)


def _keys_of_two_types(error: Any) -> str | None:
    """Return which type a foreign key's column needs."""
    found = _TWO_TYPES.match(error.diag.message_detail or "") if error.sqlstate == "42804" else None
    return f"give {found[1]!r} the type {found[4]}, that of {found[2]!r}" if found else None


def names_in(message: str) -> list[str]:
    """Return the names that a message quotes, or calls a function."""
    return _QUOTED.findall(message) or _FUNCTION.findall(message)


def _advice(sqlstate: str | None, message: str) -> str:
    if "is not unique" in message:
        return "add casts so that one function fits"
    if "WHEN condition cannot reference NEW generated columns" in message:
        return (
            "name the columns that count: when: old.a IS DISTINCT FROM new.a OR …; generated ones are computed after "
            "BEFORE triggers. AFTER triggers may compare whole rows"
        )
    return _ADVICE.get(sqlstate or "", _LAST_RESORT)


def _at_the_end(statement: Statement, offset: int | None, where: Any, message: str) -> tuple[Any, str]:
    """Blame the expression that ends too soon, not the parenthesis of ours that comes after it."""
    if offset is None or not message.startswith("syntax error at"):
        return where, message
    inside = [span for span in statement.spans if span[0] <= offset < span[1]]
    if inside:
        return where, message
    before = [
        span for span in statement.spans if span[1] <= offset and not statement.sql[span[1] : offset].strip(" \n(),;")
    ]
    if not before:
        return where, message
    end = max(span[1] for span in before)
    span = min((one for one in before if one[1] == end), key=lambda one: one[1] - one[0])
    fragment = statement.sql[span[0] : span[1]]
    return statement.where(span[1]), f"syntax error at the end of {fragment!r}"


def missing(
    item: RefusedStatement,
    still: Sequence[RefusedStatement],
    failed: Iterable[Key],
    declared: Mapping[Key, Declaration],
    live: Catalog,
    types: Sequence[str],
) -> WgmError | None:
    """Say what a waiting statement lacks; None where that follows from another declaration's error."""
    found = explain(item.error, item.statement, item.declaration)
    names = names_in(found.message)
    if not names:
        return found
    name = names[0].split(".")[-1]
    removed = next((d for k, d in declared.items() if d.absent and name in k.name), None)
    if removed is not None:
        found.hint = f"{removed.key} is removed at {removed.position}: keep it, or take out what needs it"
        return found
    own = item.declaration.key
    if any(_called(key) == name for key in failed):
        return None
    for other in still:
        if other is item and _called(own) == name:
            break  # it lacks itself, or what an earlier statement of its own should have made
        if other is not item and _called(other.declaration.key) == name:
            return None
    if item.error.diag.message_hint and own.kind not in WITH_BODY:
        return found
    wanted = next((word for word in ("type", "relation", "column") if found.message.startswith(f"{word} ")), "")
    known = sorted(_known(declared, live, types, wanted) - {name})
    found.hint = (
        (instead("type", name) if wanted == "type" else None)
        or nearest(name, known)
        or (f"no column is called so; a text has quotes of its own: '{name}'" if wanted == "column" else None)
        or "declare it in a step, or correct the name"
    )
    return found


def _called(key: Key) -> str:
    return key.name[min(1, len(key.name) - 1)]


_RELATIONS = RELATIONS | {"partition"} | {"sequence"}


def _known(declared: Mapping[Key, Declaration], live: Catalog, types: Sequence[str], wanted: str) -> set[str]:
    """Return the names that may have been meant where a type, relation, column or anything is wanted."""
    if wanted == "type":
        return {*types, *_TYPE_WORDS, *(_called(key) for key in declared if key.kind in (NAMED_AS_TYPES - {"range"}))}
    columns = {part.name[2] for one in declared.values() for part in one.parts if part.kind == "column"}
    columns |= {key.name[2] for key in live.rows if key.kind == "column"}
    if wanted == "column":
        return columns
    keys = [
        key for key in (*declared, *live.rows) if key.kind in _RELATIONS or (not wanted and key.kind not in AS_ROWS)
    ]
    return {_called(key) for key in keys} | (columns if not wanted else set())


def circles(still: Sequence[RefusedStatement]) -> list[WgmError]:
    """Return one error for each ring of declarations that wait for one another."""
    by_name: dict[str, RefusedStatement] = {}
    for item in still:
        by_name.setdefault(_called(item.declaration.key), item)
    problems: list[WgmError] = []
    seen: set[Key] = set()
    for item in still:
        ring = _ring(item, by_name)
        if not ring or ring[0].declaration.key in seen:
            continue
        seen.update(one.declaration.key for one in ring)
        ring.sort(key=lambda one: str(one.declaration.position))
        said = [str(one.declaration.key) for one in ring]
        found = explain(ring[0].error, ring[0].statement, ring[0].declaration)
        places = [f"{one.declaration.key} at {one.declaration.position} needs {_lacks(one)!r}" for one in ring]
        problems.append(
            InputError(
                f"a dependency cycle: {', '.join(said[:-1])} and {said[-1]} need one another",
                where=found.where,
                details=places,
                hint="let one of them do without the others",
            )
        )
    return problems


def _ring(start: RefusedStatement, by_name: Mapping[str, RefusedStatement]) -> list[RefusedStatement]:
    """Follow what each declaration waits for; return the ring through `start`, empty where there is none."""
    path = [start]
    while True:
        following = by_name.get(_lacks(path[-1]) or "")
        if following is None:
            return []
        if following.declaration.key == start.declaration.key:
            return path if len(path) > 1 else []
        if any(following.declaration.key == one.declaration.key for one in path):
            return []
        path.append(following)


def _lacks(item: RefusedStatement) -> str | None:
    names = names_in(str(item.error.diag.message_primary or item.error))
    return names[0].split(".")[-1] if names else None
