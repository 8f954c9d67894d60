"""A Prisma schema: models and enums as the tables, types and indexes that Prisma makes of them.

In: schema.prisma, or a folder of such files. Out: `SourcePart`s, each at the line of its model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any

from wgm_play.importing.parts import SourcePart, text_of
from wgm_play.importing.translated import PartCollector
from wgm_play.lazy_dataclass import dataclass
from wgm_play.sql import ident, literal, shortened

_TYPES = {
    "String": "text",
    "Int": "integer",
    "BigInt": "bigint",
    "Float": "double precision",
    "Decimal": "numeric(65,30)",
    "Boolean": "boolean",
    "DateTime": "timestamp(3)",
    "Json": "jsonb",
    "Bytes": "bytea",
}
_NATIVE = {
    "doubleprecision": "double precision",
    "bytea": "bytea",
    "smallint": "smallint",
    "bigint": "bigint",
    "timestamptz": "timestamptz",
    "timetz": "timetz",
    "jsonb": "jsonb",
    "varbit": "varbit",
}
_SERIAL = {"integer": "serial", "bigint": "bigserial", "smallint": "smallserial"}
_BLOCK = re.compile(
    r"^[ \t]*(model|enum|view|type|datasource|generator)\s+(\w+)\s*\{(?=([^\n{}]*\}|.*?^[ \t]*\}))\3", re.M | re.S
)
_FIELD = re.compile(r"(\w+)\s+(Unsupported\(\"[^\"]*\"\)|\w+)(\[\])?(\?)?\s*(.*)\Z")
_ATTRIBUTE = re.compile(
    r"@(@?[\w.]+)(?:\(((?:[^()\"]|\"(?:[^\"\\]|\\.)*\"|\((?:[^()\"]|\"(?:[^\"\\]|\\.)*\"|\([^()]*\))*\))*)\))?"
)


@dataclass(slots=True)
class Field:
    """One field of a model."""

    name: str
    type: str
    many: bool
    optional: bool
    attributes: dict[str, str]
    line: int

    @property
    def column(self) -> str:
        """The name of its column."""
        return _first_text(self.attributes.get("map")) or self.name


@dataclass(slots=True)
class PrismaBlock:
    """A model or an enum; `rules` are the lines that begin with @@."""

    kind: str
    name: str
    line: int
    fields: list[Field] = field(default_factory=list)
    rules: list[tuple[str, str, int]] = field(default_factory=list)
    values: list[tuple[str, str]] = field(default_factory=list)

    @property
    def own(self) -> str:
        """The table's own name."""
        return next((_first_text(said) or self.name for word, said, _ in self.rules if word == "map"), self.name)

    @property
    def schema(self) -> str:
        """The schema that it lies in."""
        return next((_first_text(said) or "public" for word, said, _ in self.rules if word == "schema"), "public")

    @property
    def place(self) -> dict[str, str]:
        """Name and schema as a step says them."""
        return {"name": self.own, "schema": self.schema}

    def columns(self, names: list[str]) -> list[str]:
        """Return the columns of fields."""
        known = {one.name: one.column for one in self.fields}
        return [known.get(name, name) for name in names]


def prisma_schema(folder: Path) -> list[SourcePart]:
    """Read the schema: schemas and enums, then tables, then indexes and foreign keys."""
    files = sorted(folder.rglob("*.prisma")) if folder.is_dir() else [folder]
    blocks: list[tuple[PartCollector, PrismaBlock]] = []
    scripts = []
    for path in files:
        script = PartCollector(str(path))
        scripts.append(script)
        blocks += [(script, block) for block in _blocks(text_of(path), script)]
    known = {block.name: block for _, block in blocks}
    first, then, last = PartCollector(""), PartCollector(""), PartCollector("")
    for script, block in blocks:
        for target in (first, then, last):
            target.file = script.file
        _one(block, known, first, then, last)
    for left, right in _pairs(known):
        then.file = last.file = files[0].as_posix()
        _between(left, right, then, last)
    schemas = PartCollector(str(files[0])) if files else PartCollector("")
    for name in sorted({block.schema for block in known.values()} - {"public"}):
        schemas.make("schema", {"name": name}, 1)
    untold = [part for script in scripts for part in script.parts]
    return [*schemas.parts, *first.parts, *then.parts, *last.parts, *untold]


def _blocks(text: str, script: PartCollector) -> Iterator[PrismaBlock]:
    for found in _BLOCK.finditer(text):
        kind, name, inside = found[1], found[2], found[3].rstrip()[:-1]
        line = text.count("\n", 0, found.start(1)) + 1
        if kind in ("view", "type"):
            script.left(f"{kind} {name}", line)
        if kind not in ("model", "enum"):
            continue
        block = PrismaBlock(kind, name, line)
        for number, raw in enumerate(inside.split("\n")):
            said = _without_comment(raw).strip()
            at = text.count("\n", 0, found.start(3)) + 1 + number
            if said.startswith("@@"):
                block.rules += [(one[1].removeprefix("@"), one[2] or "", at) for one in _ATTRIBUTE.finditer(said)]
            elif kind == "enum" and said:
                mapped = _ATTRIBUTE.search(said)
                word = said.split()[0]
                block.values.append((word, (_first_text(mapped[2]) if mapped else None) or word))
            elif (one := _FIELD.match(said)) is not None:
                attributes = {each[1]: each[2] or "" for each in _ATTRIBUTE.finditer(one[5])}
                block.fields.append(Field(one[1], one[2], bool(one[3]), bool(one[4]), attributes, at))
        yield block


def _without_comment(line: str) -> str:
    found = re.match(r"((?:[^\"/]|\"(?:[^\"\\]|\\.)*\"|/(?!/))*)", line)
    return found[1] if found else line


def _one(
    block: PrismaBlock, known: dict[str, PrismaBlock], first: PartCollector, then: PartCollector, last: PartCollector
) -> None:
    if block.kind == "enum":
        first.make("enum", {**block.place, "values": [value for _, value in block.values]}, block.line)
        return
    if any(word == "ignore" for word, _, _ in block.rules):
        pass  # left out of the client, not of the database
    columns: dict[str, Any] = {}
    constraints: dict[str, Any] = {}
    for one in block.fields:
        if one.type in known and known[one.type].kind == "model":
            if "relation" in one.attributes and "fields:" in one.attributes["relation"].replace(" :", ":"):
                _relation(block, one, known[one.type], last)
            continue
        columns[one.column] = _column(one, known)
        if "id" in one.attributes:
            name = _named(one.attributes["id"], "map") or f"{block.own}_pkey"
            constraints[name] = {"primary_key": [one.column]}
        if "unique" in one.attributes:
            name = _named(one.attributes["unique"], "map") or shortened(f"{block.own}_{one.column}", "_key")
            _index(block, [one.column], last, one.line, name, unique=True)
    for word, said, line in block.rules:
        if word == "id":
            constraints[_named(said, "map") or f"{block.own}_pkey"] = {"primary_key": _plain(block, said)}
        elif word in ("unique", "index"):
            names = _plain(block, said)
            suffix = "_key" if word == "unique" else "_idx"
            name = _named(said, "map") or shortened("_".join([block.own, *names]), suffix)
            _index(block, _elements(block, said), last, line, name, unique=word == "unique", method=_method(said))
        elif word not in ("map", "schema", "ignore"):
            last.left(f"@@{word} of {block.name}", line)
    then.make("table", {**block.place, "columns": columns, "constraints": constraints}, block.line)


def _column(one: Field, known: dict[str, PrismaBlock]) -> dict[str, Any]:
    spec: dict[str, Any] = {"type": _type(one, known)}
    given = one.attributes.get("default")
    if given is not None:
        word = given.strip()
        if word == "autoincrement()":
            spec["type"] = _SERIAL.get(spec["type"], spec["type"])
        elif word == "now()":
            spec["default"] = "CURRENT_TIMESTAMP"
        elif word.startswith("dbgenerated("):
            spec["default"] = _first_text(word) or "NULL"
        elif not re.match(r"(uuid|cuid|nanoid|ulid|auto)\(", word):
            spec["default"] = _default(word, one, known)
    if not one.optional and not one.many:
        spec["not_null"] = True
    return spec


def _default(word: str, one: Field, known: dict[str, PrismaBlock]) -> str:
    if word.startswith("["):
        values = [value.strip() for value in word[1:-1].split(",") if value.strip()]
        return f"ARRAY[{', '.join(_default(value, one, known) for value in values)}]::{_type(one, known)}"
    if word.startswith('"'):
        return str(literal(_first_text(word) or ""))
    if one.type in known:
        return str(literal(dict(known[one.type].values).get(word, word)))
    return word


def _type(one: Field, known: dict[str, PrismaBlock]) -> str:
    native = next((name for name in one.attributes if name.startswith("db.")), None)
    if one.type.startswith("Unsupported"):
        made = _first_text(one.type) or "text"
    elif one.type in known:
        made = str(ident((known[one.type].schema, known[one.type].own)))
    elif native is not None:
        word = native[3:].lower()
        arguments = one.attributes[native].strip()
        made = _NATIVE.get(word, word) + (f"({arguments})" if arguments else "")
    else:
        made = _TYPES.get(one.type, one.type)
    return made + ("[]" if one.many else "")


def _relation(block: PrismaBlock, one: Field, other: PrismaBlock, last: PartCollector) -> None:
    said = one.attributes["relation"]
    own, theirs = block.columns(_list(said, "fields")), other.columns(_list(said, "references"))
    optional = all(each.optional for each in block.fields if each.name in _list(said, "fields"))
    words = {
        "Cascade": "cascade",
        "Restrict": "restrict",
        "NoAction": "no action",
        "SetNull": "set null",
        "SetDefault": "set default",
    }
    delete = words.get(_word(said, "onDelete") or "", "set null" if optional else "restrict")
    update = words.get(_word(said, "onUpdate") or "", "cascade")
    name = _named(said, "map") or shortened("_".join([block.own, *own]), "_fkey")
    target = {"table": other.own, "schema": other.schema, "columns": theirs}
    last.constraint(
        f"{block.schema}.{block.own}",
        name,
        {"foreign_key": own, "references": target, "on_delete": delete, "on_update": update},
        one.line,
    )


def _pairs(known: dict[str, PrismaBlock]) -> Iterator[tuple[PrismaBlock, PrismaBlock]]:
    """Yield the models that have lists of one another, for which Prisma keeps a table."""
    for name, block in sorted(known.items()):
        for one in block.fields:
            other = known.get(one.type)
            if not one.many or other is None or other.kind != "model" or other.name < name:
                continue
            back = [each for each in other.fields if each.type == name and each.many and each is not one]
            if back and (other.name != name or block.fields.index(one) < block.fields.index(back[0])):
                yield block, other


def _between(left: PrismaBlock, right: PrismaBlock, then: PartCollector, last: PartCollector) -> None:
    relation = next(
        (
            _first_text(one.attributes["relation"])
            for one in left.fields
            if one.type == right.name and one.many and "relation" in one.attributes
        ),
        None,
    )
    name = f"_{relation}" if relation else f"_{left.name}To{right.name}"
    types = [
        next((_type(one, {}) for one in each.fields if "id" in one.attributes), "integer") for each in (left, right)
    ]
    columns = {"A": {"type": types[0], "not_null": True}, "B": {"type": types[1], "not_null": True}}
    then.make(
        "table",
        {"name": name, "columns": columns, "constraints": {f"{name}_AB_pkey": {"primary_key": ["A", "B"]}}},
        left.line,
    )
    last.make("index", {"name": f"{name}_B_index", "table": name, "columns": ["B"]}, left.line)
    for column, each in (("A", left), ("B", right)):
        key = next((one.column for one in each.fields if "id" in one.attributes), "id")
        target = {"table": each.own, "schema": each.schema, "columns": [key]}
        last.constraint(
            name,
            f"{name}_{column}_fkey",
            {"foreign_key": [column], "references": target, "on_delete": "cascade", "on_update": "cascade"},
            left.line,
        )


def _index(
    block: PrismaBlock, columns: list[Any], last: PartCollector, line: int, name: str, *, unique: bool, method: str = ""
) -> None:
    spec: dict[str, Any] = {"name": name, "table": block.own, "schema": block.schema, "columns": columns}
    if unique:
        spec["unique"] = True
    if method:
        spec["method"] = method
    last.make("index", spec, line)


def _method(said: str) -> str:
    word = _word(said, "type")
    return word.lower() if word and word != "BTree" else ""


def _inside(said: str, key: str = "fields") -> str:
    """Return what is in the brackets of a list."""
    found = re.search(rf"(?:{key}\s*:\s*)?\[((?:[^\[\]\"]|\"[^\"]*\")*)\]", said)
    return found[1] if found else said


def _elements(block: PrismaBlock, said: str) -> list[Any]:
    made: list[Any] = []
    for part in re.split(r",(?![^()]*\))", _inside(said)):
        name = block.columns([re.match(r"\s*(\w+)", part)[1]])[0]  # type: ignore[index]
        spec: dict[str, Any] = {"column": name}
        if "Desc" in part:
            spec["order"] = "desc"
        operator = re.search(r"ops:\s*(?:raw\(\"([^\"]+)\"\)|(\w+))", part)
        if operator:
            spec["opclass"] = operator[1] or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operator[2]).lower()
        made.append(spec if len(spec) > 1 else name)
    return made


def _plain(block: PrismaBlock, said: str) -> list[str]:
    return [one["column"] if isinstance(one, dict) else one for one in _elements(block, said)]


def _list(said: str, key: str) -> list[str]:
    found = re.search(rf"{key}\s*:\s*\[([^\]]*)\]", said)
    return [one.strip() for one in found[1].split(",") if one.strip()] if found else []


def _word(said: str, key: str) -> str | None:
    found = re.search(rf"{key}\s*:\s*(\w+)", said)
    return found[1] if found else None


def _named(said: str, key: str) -> str | None:
    found = re.search(rf"{key}\s*:\s*\"([^\"]*)\"", said)
    return found[1] if found else None


def _first_text(said: str | None) -> str | None:
    found = re.search(r"\"((?:[^\"\\]|\\.)*)\"", said or "")
    return re.sub(r"\\(.)", lambda one: {"n": "\n", "t": "\t"}.get(one[1], one[1]), found[1]) if found else None
