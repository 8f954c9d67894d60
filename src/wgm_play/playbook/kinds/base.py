"""What every kind of step has, and the pieces that their schemas and declarations share.

In: nothing. Out: `Kind`, `Folding`, schema fragments, and functions that turn values of a playbook into `Sql` with
the position at which they were written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from wgm_play.asking.text import check_expression
from wgm_play.catalog.model import Key
from wgm_play.document.nodes import Map, Text, key_position, position_of
from wgm_play.errors import InputError, Position
from wgm_play.lazy_dataclass import dataclass
from wgm_play.sql import Sql, ident, literal, reveal

if TYPE_CHECKING:
    from wgm_play.playbook.model import Step
    from wgm_play.render import Statement

Schema = dict[str, Any]


@dataclass(slots=True)
class Folding:
    """What is known while steps are folded.

    `steps[key]` is the index of the last step that spoke of a column or constraint; `project` is the project's own
    template folder; `partial` holds the keys of tables that a later check must not look into.
    """

    project: str | None = None
    steps: dict[Key, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of step.

    `schema` is its JSON Schema (draft 2020-12) fragment; `example` a list of steps in YAML; `key` tells which object
    a spec is about, None for what is no object; `declare(step, folding)` makes what model.py calls a Declaration, Seed,
    SqlStep or Assertion; `merge(old, step, folding)` lays a later step over what earlier ones said; `required` are the
    keys that all steps together must give, each entry a key or alternatives.
    """

    name: str
    summary: str
    schema: Schema
    example: str
    declare: Callable[[Step, Folding], Any]
    key: Callable[[Step], Key] | None = None
    merge: Callable[[Map | None, Step, Folding], Map] | None = None
    required: tuple[str | tuple[str, ...], ...] = ()


def overlay(old: Map | None, step: Step, folding: Folding) -> Map:
    """Lay the keys of a later step over those of earlier ones."""
    if old is None:
        return step.spec  # type: ignore[no-any-return]
    made = old.duplicate()
    made.take(step.spec)
    # A body given as a query takes the place of one given as a template, and the other way round.
    for group in (("query", "template"), ("body", "template"), ("text", "up", "template"), ("definition", "template")):
        given = [name for name in group if name in step.spec]
        if given:
            for name in group:
                if name not in given:
                    made.pop(name, None)
    return made


# Schema fragments -----------------------------------------------------------------------------------------------


def ref(name: str, description: str | None = None) -> Schema:
    """Refer to a shared definition."""
    made: Schema = {"$ref": f"#/$defs/{name}"}
    if description:
        made["description"] = description
    return made


def mapping(properties: Schema, required: Iterable[str] = (), description: str | None = None) -> Schema:
    """Describe a mapping that has these keys and no others."""
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if description:
        made = {"description": description, **made}
    if required:
        made["required"] = list(required)
    return made


def text(description: str, **more: Any) -> Schema:
    """Describe a text."""
    return {"description": description, "type": "string", **more}


def flag(description: str, default: bool | None = None) -> Schema:
    """Describe a switch."""
    made: Schema = {"description": description, "type": "boolean"}
    if default is not None:
        made["default"] = default
    return made


def choice(description: str, *values: str, default: str | None = None) -> Schema:
    """Describe a word out of a few."""
    made: Schema = {"description": description, "type": "string", "enum": list(values)}
    if default is not None:
        made["default"] = default
    return made


WHEN: Schema = {
    "description": "Condition: a Jinja expression without braces, or a list of them that must all hold.",
    "oneOf": [
        {"type": ["string", "boolean"]},
        {"type": "array", "items": {"type": ["string", "boolean"]}},
    ],
}
VARS: Schema = {"description": "Variables of this level; one may be built from others.", "type": ["object", "null"]}
STATE = choice("State of the object: `absent` drops it (to the trash first).", "present", "absent", default="present")
COMMENT = ref("text_or_null", "The object's comment; null removes it.")
SCHEMA_KEY = ref("name", "Schema of the object, if it is neither the play's (`public`) nor part of the name.")

DEFINITIONS: Schema = {
    "name": {
        "description": "A name, as it is in the catalog: quoted where PostgreSQL needs it, at most 63 bytes.",
        "type": "string",
        "minLength": 1,
    },
    "names": {"description": "A list of names.", "type": "array", "items": {"$ref": "#/$defs/name"}, "minItems": 1},
    "object": {
        "description": "The name of an object: `name` or `schema.name`.",
        "type": "string",
        "minLength": 1,
    },
    "sql": {
        "description": "An SQL expression, passed to PostgreSQL as it is written. A text literal keeps its quotes: "
        "\"'draft'\".",
        "type": ["string", "integer", "number", "boolean"],
        "minLength": 1,
    },
    "sql_or_null": {
        "description": "An SQL expression; null takes away what an earlier step said.",
        "type": ["string", "integer", "number", "boolean", "null"],
    },
    "type": {
        "description": "A type as PostgreSQL writes it: `text`, `numeric(10, 2)`, `uuid[]`.",
        "type": "string",
        "minLength": 1,
    },
    "text_or_null": {"description": "A text, or null.", "type": ["string", "null"]},
    "parameters": {
        "description": "Storage parameters by name, such as `fillfactor: 70`.",
        "type": "object",
        "additionalProperties": {"type": ["string", "integer", "number", "boolean"]},
    },
    "action": {
        "description": "What happens to the referencing rows: no action, restrict, cascade, set null, set default "
        "(PostgreSQL 15 and later: `set null (column)`).",
        "type": "string",
        "pattern": r"^([Nn][Oo] [Aa][Cc][Tt][Ii][Oo][Nn]|[Rr][Ee][Ss][Tt][Rr][Ii][Cc][Tt]|[Cc][Aa][Ss][Cc][Aa][Dd][Ee]|"
        r"[Ss][Ee][Tt] ([Nn][Uu][Ll][Ll]|[Dd][Ee][Ff][Aa][Uu][Ll][Tt])( *\([^()]+\))?)$",
        "x-values": ["no action", "restrict", "cascade", "set null", "set default"],
        "x-expected": "no action, restrict, cascade, set null or set default",
    },
    "match": choice("MATCH type of composite keys with NULLs.", "simple", "full"),
    "initially": choice(
        "INITIALLY DEFERRED or IMMEDIATE: when a deferrable constraint is checked.",
        "immediate",
        "deferred",
        default="immediate",
    ),
    "references": {
        "description": "FOREIGN KEY target: `[schema.]table(column)`, or a mapping with `table` and `column` (or `columns`).",
        "oneOf": [
            {
                "type": "string",
                "pattern": r"^[^()]+\([^()]+\)$",
                "x-expected": "table(column), as users(id)",
            },
            mapping(
                {
                    "table": ref("object", "Referenced table."),
                    "schema": SCHEMA_KEY,
                    "column": ref("name", "Referenced column."),
                    "columns": ref("names", "Referenced columns, for a composite key."),
                },
                ["table"],
            ),
        ],
    },
    "sequence_options": {
        "description": "Options of a sequence.",
        "type": "object",
        "properties": {
            "start": {"description": "START value.", "type": "integer"},
            "increment": {"description": "INCREMENT between values.", "type": "integer"},
            "min": {"description": "MINVALUE.", "type": "integer"},
            "max": {"description": "MAXVALUE.", "type": "integer"},
            "cache": {"description": "CACHE: values that a session preallocates.", "type": "integer", "minimum": 1},
            "cycle": flag("CYCLE: wrap around after the last value.", False),
        },
    },
    "index_element": {
        "description": "`name [asc|desc] [nulls first|last]`, or a mapping, as `{expression: lower(name)}`.",
        "oneOf": [
            {"type": "string", "minLength": 1},
            mapping(
                {
                    "column": ref("name", "A column."),
                    "expression": ref("sql", "An expression over the row."),
                    "order": choice("Sort order, ASC or DESC.", "asc", "desc"),
                    "nulls": choice("NULLS FIRST or LAST.", "first", "last"),
                    "opclass": text("Operator class, such as gin_trgm_ops; with parameters `name(a = 1)`."),
                    "collation": ref("object", "The collation."),
                    "with": text("The operator, in an exclusion constraint: `&&`."),
                    "statistics": {
                        "description": "The statistics target of an expression (0 to 10000). Not compared where no "
                        "element says one.",
                        "type": "integer",
                        "minimum": 0,
                        "maximum": 10000,
                    },
                }
            ),
        ],
    },
}


_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')


def dotted(given: str) -> tuple[str, ...]:
    """Split a name at its dots; a part with a dot stands in double quotes, as in SQL."""
    return tuple(quoted.replace('""', '"') or plain for quoted, plain in _PART.findall(given))


def collation_of(spec: Map) -> Sql | None:
    """Return the collation that a mapping names; a part with a dot stands in double quotes (`"en_US.utf8"`)."""
    if not spec.get("collation"):
        return None
    return ident_at(dotted(reveal(spec["collation"])), at(spec, "collation"))


# Names and expressions ------------------------------------------------------------------------------------------


def at(spec: Map, key: str) -> Position:
    """Return where the value of `key` was written, or the mapping itself."""
    return position_of(spec, key) or spec.position


def fail(message: str, where: Position | None, hint: str | None = None) -> InputError:
    """Make an input error at a place."""
    return InputError(message, where=where, hint=hint)


def word(value: Any, where: Position | None = None) -> Text:
    """Return a name as a text with its position."""
    if isinstance(value, Text) and value.at:
        return value
    return Text(reveal(value), where)


def key_word(spec: Mapping[str, Any], key: str) -> Text:
    """Return the key `key` of a mapping as a text with its position."""
    return Text(key, key_position(spec, key))


def checked(name: Text) -> Text:
    """Return `name` if PostgreSQL can keep it; raise with its position otherwise."""
    ident_at(name)
    return name


def ident_at(name: str | tuple[str, ...], where: Position | None = None) -> Sql:
    """Quote a name, or the parts of a qualified one, keeping a position; errors point there."""
    place = where or getattr(name, "position", None)
    try:
        return Sql(ident(name), place)
    except InputError as error:
        raise InputError(error.message, where=place or error.where, hint=error.hint) from None


def default_schema(step: Step) -> str:
    """Return the schema of names that give none: the play's."""
    return str(step.variables.get("schema", "public"))


def parts_of(step: Step, spec: Map, key: str = "name") -> tuple[str, str]:
    """Return schema and name: `schema.name`, or `name` in the `schema:` beside it (then dots are part of the name)."""
    name = reveal(spec[key])
    if spec.get("schema") is not None:
        return reveal(spec["schema"]), name
    return split(name, default_schema(step))


def split(name: str, schema: str) -> tuple[str, str]:
    """Split `schema.name`; a name without a dot lies in `schema`."""
    first, dot, rest = name.partition(".")
    return (first, rest) if dot and first and rest else (schema, name)


def expression(value: Any, where: Position | None) -> Sql:
    """Return a value of the playbook that is SQL: a text as it is, numbers and booleans as their literals."""
    if isinstance(value, str):
        made = Sql(reveal(value).strip(), where)
        check_expression(made, where)
        return made
    return Sql(literal(value), where)


def type_at(spec: Map, key: str) -> Sql:
    """Return the type name under `key`."""
    made = Sql(reveal(spec[key]), at(spec, key))
    check_expression(made, made.position)
    return made


def sql_at(spec: Map, key: str) -> Sql | None:
    """Return the SQL under `key`, with its position; None where there is none."""
    value = spec.get(key)
    return None if value is None else expression(value, at(spec, key))


def lines_at(value: Any, where: Position | None) -> list[Sql]:
    """Return a text as its lines, each with its own position where it was a literal block."""
    lines = reveal(value).strip("\n").split("\n") if isinstance(value, str) else [str(value)]
    lead = len(reveal(value)) - len(reveal(value).lstrip("\n")) if isinstance(value, str) else 0
    if isinstance(value, Text) and value.indent:
        return [Sql(line, value.line_at(number + lead)) for number, line in enumerate(lines)]
    return [Sql("\n".join(lines), where)]


def column_list(spec: Map, key: str) -> list[Text]:
    """Return a list of names with their positions."""
    names = spec.get(key) or []
    return [word(name, position_of(names, number)) for number, name in enumerate(names)]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One storage parameter."""

    name: Sql
    value: Sql


def parameters(spec: Map, key: str = "with") -> list[Parameter]:
    """Return storage parameters; a dotted name (`toast.autovacuum_enabled`) is quoted in parts."""
    given = spec.get(key) or {}
    return [
        Parameter(
            ident_at(tuple(name.split(".")), key_position(given, name)),
            Sql(literal(reveal(value) if isinstance(value, str) else _plain(value)), position_of(given, name)),
        )
        for name, value in given.items()
    ]


def _plain(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Reference:
    """The table and columns that a foreign key refers to."""

    table: tuple[str, str]
    columns: tuple[Text, ...]
    position: Position | None


_REFERENCE = re.compile(r"\s*([^()]+?)\s*\(\s*([^()]+?)\s*\)\s*\Z")


def reference(value: Any, where: Position | None, schema: str) -> Reference:
    """Read `[schema.]table(column)` or its mapping."""
    if isinstance(value, Mapping):
        spec: Map = value  # type: ignore[assignment]
        given = spec.get("schema")
        table = (reveal(given), reveal(spec["table"])) if given else split(reveal(spec["table"]), schema)
        names = column_list(spec, "columns") or ([word(spec["column"], at(spec, "column"))] if "column" in spec else [])
        return Reference(table, tuple(names), where)
    found = _REFERENCE.match(reveal(value))
    if not found:
        raise fail(f"{reveal(value)!r} is no reference", where, "write table(column), as users(id)")
    names = [Text(name.strip(), where) for name in found.group(2).split(",")]
    return Reference(split(found.group(1), schema), tuple(names), where)


@dataclass(frozen=True, slots=True)
class Element:
    """One column or expression of an index or an exclusion constraint."""

    column: Sql | None
    expression: Sql | None
    collation: Sql | None
    opclass: Sql | None
    order: str
    nulls: str
    operator: Sql | None
    name: Text | None = None
    statistics: Sql | None = None


_ELEMENT = re.compile(r"(?P<name>\S+)(?:\s+(?P<order>asc|desc))?(?:\s+nulls\s+(?P<nulls>first|last))?\Z", re.IGNORECASE)
_CALL = re.compile(r"[(),]|::")


def element(value: Any, where: Position | None) -> Element:
    """Read `name [asc|desc] [nulls first|last]` or its mapping."""
    if isinstance(value, Mapping):
        return _element_of(value, where)  # type: ignore[arg-type]
    written = reveal(value).strip()
    found = _ELEMENT.match(written)
    if not found or _CALL.search(found.group("name")):
        raise fail(
            f"{written!r} is not `name [asc|desc] [nulls first|last]`",
            where,
            f"an expression is written {{expression: {written}}}"
            if "(" in written
            else "a name with spaces is {column: name}",
        )
    name = Text(found.group("name"), where)
    order, nulls = (found.group("order") or "").lower(), (found.group("nulls") or "").lower()
    return Element(ident_at(name), None, None, None, order, nulls, None, name)


def _element_of(spec: Map, where: Position | None) -> Element:
    if ("column" in spec) == ("expression" in spec):
        raise fail("an element has either `column` or `expression`", where, "write {expression: lower(name)}")
    name = word(spec["column"], at(spec, "column")) if "column" in spec else None
    opclass = spec.get("opclass")
    return Element(
        ident_at(name) if name is not None else None,
        sql_at(spec, "expression"),
        collation_of(spec),
        Sql(reveal(opclass), at(spec, "opclass")) if opclass else None,
        str(spec.get("order") or ""),
        str(spec.get("nulls") or ""),
        Sql(operator_of(reveal(spec["with"]), at(spec, "with")), at(spec, "with")) if spec.get("with") else None,
        name,
        Sql(str(int(spec["statistics"])), at(spec, "statistics")) if spec.get("statistics") is not None else None,
    )


_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+\Z|OPERATOR\([\w.\"]*[-+*/<>=~!@#%^&|`?]+\)\Z", re.IGNORECASE)


def operator_of(operator: str, where: Position | None) -> str:
    """Return an operator; raise where it is something else."""
    if not _OPERATOR.match(operator):
        raise fail(f"{operator!r} is no operator", where, "as =, && or OPERATOR(schema.&&)")
    return operator


# Statements -----------------------------------------------------------------------------------------------------


def statement(template: str, folding: Folding, where_: Position | None, /, **values: Any) -> Statement:
    """Make the statement of one declaration template."""
    from wgm_play.playbook.lazy import LazyStatement

    return LazyStatement.of(template, folding.project, where_, values)


def comment_on(what: str, target: Sql, spec: Map, folding: Folding, on: Sql | None = None) -> tuple[Statement, ...]:
    """Return the COMMENT statement of an object whose spec has `comment:`; `on` is the table of a constraint."""
    if spec.get("comment") is None:
        return ()
    where = at(spec, "comment")
    words = Sql(literal(reveal(spec["comment"])), where)
    return (statement("comment/declare.sql.j2", folding, where, what=Sql(what), target=target, on=on, text=words),)


class Rendered(Text):
    """The text of a `template:` after rendering, with positions in the template's file; `name` is that file."""

    __slots__ = ("name",)
    name: str


@dataclass(frozen=True, slots=True)
class Body:
    """SQL given in a step or by a template: its lines, and whether it is a whole CREATE statement."""

    lines: list[Sql]
    whole: bool
    position: Position


_LEAD = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
_CREATE = re.compile(
    r"create\s+(?:or\s+replace\s+)?(?:constraint\s+)?(?:recursive\s+|temp(?:orary)?\s+)?"
    r"(view|materialized\s+view|function|procedure|trigger)\b",
    re.IGNORECASE,
)


def body_of(spec: Map, key: str, kind: str) -> Body:
    """Return the SQL under `key` or `template`. A text that begins with CREATE and the kind is the whole statement."""
    if (spec.get(key) is None) == (spec.get("template") is None):
        raise fail(f"a {kind.replace('_', ' ')} has either `{key}` or `template`", spec.position, f"add `{key}:`")
    used = key if spec.get(key) is not None else "template"
    value = spec[used]
    start = _LEAD.match(reveal(value))
    found = _CREATE.match(reveal(value), start.end() if start else 0)
    whole = bool(found and re.sub(r"\s+", "_", found.group(1).lower()) == kind)
    lines = lines_at(value, at(spec, used))
    if lines and not whole:
        lines[-1] = Sql(lines[-1].rstrip().rstrip(";") if kind.endswith("view") else lines[-1], lines[-1].position)
    return Body(lines, whole, at(spec, used))


def joined(lines: list[Sql]) -> str:
    """Return the plain text of lines."""
    return "\n".join(str.__str__(line) for line in lines)
