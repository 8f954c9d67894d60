"""Atlas's schemas in HCL: tables, enums, views and what belongs to tables; the rest is named with its line.

In: `*.hcl`. Out: `SourcePart`s, each at the line of its block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any

from wgm_play.errors import InputError, Position
from wgm_play.importing.parts import SourcePart, text_of
from wgm_play.importing.translated import PartCollector
from wgm_play.lazy_dataclass import dataclass
from wgm_play.sql import ident, literal

_TOKEN = re.compile(
    r"(?P<gap>[ \t\r]+|#[^\n]*|//[^\n]*|/\*.*?\*/)|(?P<line>\n)"
    r"|(?P<here><<[-~]?(?P<mark>\w+)\r?\n.*?\n[ \t]*(?P=mark)(?=\W|$))"
    r'|(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w-]*)|(?P<sign>[{}()\[\],.=])',
    re.S,
)


class HclSql(str):
    """What `sql("…")` holds."""


class Word(str):
    """A name, with its parts and arguments as they stand: `column.id`, `varchar(20)`."""


@dataclass(slots=True)
class HclBlock:
    """A block: what it is, what it is called, its attributes with their lines, the blocks in it."""

    kind: str
    labels: list[str]
    line: int
    said: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    inner: list[HclBlock] = field(default_factory=list)

    def all(self, kind: str) -> list[HclBlock]:
        """Return the blocks in it of one kind."""
        return [one for one in self.inner if one.kind == kind]

    @property
    def name(self) -> str:
        """Its own name."""
        return str(self.said.get("name", self.labels[-1] if self.labels else ""))

    @property
    def schema(self) -> str:
        """The schema that it lies in."""
        given = str(self.said.get("schema", "schema.public"))
        return given.partition(".")[2] or (self.labels[0] if len(self.labels) > 1 else "public")


def atlas(folder: Path) -> list[SourcePart]:
    """Read the schema: schemas and enums, tables, then indexes and foreign keys, then views."""
    files = sorted(folder.rglob("*.hcl")) if folder.is_dir() else [folder]
    blocks = [(str(path), block) for path in files for block in _HclReader(text_of(path), str(path)).blocks()]
    made: list[SourcePart] = []
    tables = {tuple(block.labels): block for _, block in blocks if block.kind == "table"}
    for stage in ("schema", "extension", "enum", "sequence", "function", "domain", "table", "", "view"):
        for file, block in blocks:
            script = PartCollector(file)
            _one(script, block, stage, tables)
            made += script.parts
    return made


def _one(script: PartCollector, block: HclBlock, stage: str, tables: dict[tuple[str, ...], HclBlock]) -> None:
    place = {"name": block.name, "schema": block.schema}
    if stage == "schema" and block.kind == "schema":
        if block.name != "public":
            script.make("schema", {"name": block.name}, block.line)
    elif stage == "enum" and block.kind == "enum":
        script.make("enum", {**place, "values": list(block.said.get("values") or ())}, block.line)
    elif stage == "extension" and block.kind == "extension":
        schema = {"schema": block.schema} if "schema" in block.said else {}
        script.make("extension", {"name": block.name, **schema}, block.line)
    elif stage == "domain" and block.kind == "domain":
        checks = {"checks": {one.name: str(one.said["expr"]) for one in block.all("check")}}
        null = {} if block.said.get("null") is True else {"not_null": True}
        default = {"default": _default(block.said["default"])} if block.said.get("default") is not None else {}
        script.make("domain", {**place, "type": _type(block.said["type"]), **null, **default, **checks}, block.line)
    elif stage == "function" and block.kind == "function" and "as" in block.said:
        arguments = [f"{one.name} {_type(one.said.get('type', Word('text')))}" for one in block.all("arg")]
        language = str(block.said.get("lang", "SQL")).lower()
        script.make(
            "function",
            {
                **place,
                **({"arguments": ", ".join(arguments)} if arguments else {}),
                "returns": _type(block.said.get("return", Word("void"))),
                "language": language,
                "body": str(block.said["as"]),
                "check_body": False,
            },
            block.line,
        )
    elif stage == "sequence" and block.kind == "sequence":
        words = {
            "start": "start",
            "increment": "increment",
            "min_value": "min",
            "max_value": "max",
            "cache": "cache",
            "cycle": "cycle",
        }
        given = {own: block.said[word] for word, own in words.items() if word in block.said}
        script.make("sequence", {**place, **given}, block.line)
    elif stage == "table" and block.kind == "table":
        _table(script, block)
    elif stage == "" and block.kind == "table":
        _beside(script, block, tables)
    elif stage == "view" and block.kind in ("view", "materialized"):
        if "as" in block.said:
            kind = "view" if block.kind == "view" else "materialized_view"
            script.make(kind, {**place, "query": str(block.said["as"]).strip().rstrip(";")}, block.line)
        else:
            script.left(f"{block.kind} {block.name}", block.line)
    elif stage == "view" and block.kind not in _KNOWN and (block.kind != "function" or "as" not in block.said):
        script.left(f"{block.kind} {' '.join(block.labels)}".strip(), block.line)


_KNOWN = frozenset(
    [
        "schema",
        "enum",
        "table",
        "sequence",
        "locals",
        "variable",
        "env",
        "data",
        "docker",
        "lint",
        "diff",
        "extension",
        "domain",
    ]
)
_OF_TABLE = frozenset(["column", "primary_key", "foreign_key", "index", "unique", "check", "exclude", "partition"])


def _table(script: PartCollector, block: HclBlock) -> None:
    columns = {one.name: _column(script, one) for one in block.all("column")}
    spec: dict[str, Any] = {"name": block.name, "schema": block.schema, "columns": columns}
    constraints: dict[str, Any] = {}
    for one in block.all("primary_key"):
        spec_: dict[str, Any] = {"primary_key": _columns(one.said.get("columns"))}
        if one.said.get("include"):
            spec_["include"] = _columns(one.said["include"])
        if one.labels:
            constraints[one.name] = spec_
        else:
            spec["primary_key"] = spec_["primary_key"]
    for one in block.all("check"):
        constraints[one.name] = {"check": str(one.said["expr"])}
    for one in block.all("unique"):
        constraints[one.name] = {"unique": _columns(one.said.get("columns"))}
    if constraints:
        spec["constraints"] = constraints
    if block.said.get("comment"):
        spec["comment"] = str(block.said["comment"])
    for one in block.all("partition"):
        keys = _columns(one.said.get("columns"))
        keys = keys or [str(each.said.get("column") or each.said.get("expr")) for each in one.all("by")]
        spec["partition_by"] = {
            str(one.said.get("type", "RANGE")).lower(): [str(key).rpartition(".")[2] for key in keys]
        }
    script.make("table", spec, block.line)
    for one in block.inner:
        if one.kind == "exclude" or one.kind not in _OF_TABLE:
            script.left(f"{one.kind} {' '.join(one.labels)} of table {block.name}", one.line)


def _column(script: PartCollector, one: HclBlock) -> dict[str, Any]:
    given = one.said.get("type", Word("text"))
    spec: dict[str, Any] = {"type": _type(given)}
    if one.said.get("null") is not True and "serial" not in spec["type"]:
        spec["not_null"] = True
    default = one.said.get("default")
    if default is not None:
        spec["default"] = _default(default)
    for identity in one.all("identity"):
        by = str(identity.said.get("generated", "BY_DEFAULT")).lower().replace(" ", "_")
        options = {
            own: identity.said[word]
            for word, own in (("start", "start"), ("increment", "increment"))
            if word in identity.said
        }
        spec["identity"] = {"generation": by, **options} if options else by
        spec.pop("default", None)
    for generated in one.all("as"):
        spec["generated"] = str(generated.said.get("expr"))
    if isinstance(one.said.get("as"), str):
        spec["generated"] = str(one.said["as"])
    if one.said.get("comment"):
        spec["comment"] = str(one.said["comment"])
    return spec


def _type(given: Any) -> str:
    text = str(given)
    if isinstance(given, Word) and text.startswith(("enum.", "domain.")):
        return str(ident(tuple(["public", *text.split(".")[1:]][-2:])))
    return re.sub(r"(?<=\w)_(?=varying|precision|with|without|time)", " ", text)


def _default(given: Any) -> Any:
    if isinstance(given, (HclSql, Word, bool, int, float)):
        return str(given).lower() if isinstance(given, bool) else str(given)
    return str(literal(str(given)))


def _columns(given: Any) -> list[str]:
    return [str(one).rpartition(".")[2] for one in given or ()]


def _beside(script: PartCollector, block: HclBlock, tables: dict[tuple[str, ...], HclBlock]) -> None:
    for one in block.all("index"):
        elements: list[Any] = list(_columns(one.said.get("columns")))
        for part in one.all("on"):
            spec: dict[str, Any] = (
                {"column": str(part.said["column"]).rpartition(".")[2]}
                if "column" in part.said
                else {"expression": str(part.said.get("expr"))}
            )
            if part.said.get("desc"):
                spec["order"] = "desc"
            if part.said.get("nulls_first") or part.said.get("nulls_last"):
                spec["nulls"] = "first" if part.said.get("nulls_first") else "last"
            if part.said.get("ops"):
                spec["opclass"] = str(part.said["ops"])
            elements.append(spec)
        made: dict[str, Any] = {"name": one.name, "table": block.name, "schema": block.schema, "columns": elements}
        for word, own in (("unique", "unique"), ("nulls_distinct", ""), ("where", "where")):
            if own and one.said.get(word):
                made[own] = one.said[word] if word == "unique" else str(one.said[word])
        if one.said.get("nulls_distinct") is False:
            made["nulls_not_distinct"] = True
        if one.said.get("type") and str(one.said["type"]).lower() != "btree":
            made["method"] = str(one.said["type"]).lower()
        if one.said.get("include"):
            made["include"] = _columns(one.said["include"])
        script.make("index", made, one.line)
    for one in block.all("foreign_key"):
        theirs = [str(each) for each in one.said.get("ref_columns") or ()]
        target = _target(block, theirs, tables)
        spec = {"foreign_key": _columns(one.said.get("columns")), "references": target}
        for word in ("on_delete", "on_update"):
            action = str(one.said.get(word, "")).lower().replace("_", " ")
            if action and action != "no action":
                spec[word] = action
        script.constraint(f"{block.schema}.{block.name}", one.name or None, spec, one.line)


def _target(block: HclBlock, columns: list[str], tables: dict[tuple[str, ...], HclBlock]) -> dict[str, Any]:
    parts = columns[0].split(".") if columns else []
    if parts[:1] == ["table"]:
        labels = tuple(parts[1 : parts.index("column")])
        other = tables.get(labels) or next((one for key, one in tables.items() if key[-1:] == labels[-1:]), None)
        name, schema = (other.name, other.schema) if other is not None else (labels[-1], block.schema)
    else:
        name, schema = block.name, block.schema
    return {"table": name, "schema": schema, "columns": [one.rpartition(".")[2] for one in columns]}


@dataclass(slots=True)
class _HclReader:
    """Reads HCL as far as schemas use it: blocks, attributes, lists, texts, names, calls."""

    text: str
    file: str
    tokens: list[tuple[str, str, int]] = field(default_factory=list)
    at: int = 0

    def blocks(self) -> list[HclBlock]:
        """Return the blocks of the file."""
        place, line = 0, 1
        while place < len(self.text):
            found = _TOKEN.match(self.text, place)
            if found is None:
                column = place - self.text.rfind("\n", 0, place)
                raise InputError(
                    f"{self.file} is no HCL that can be read: {self.text[place : place + 20]!r}",
                    where=Position(self.file, line, column),
                    hint="correct the file; nothing was written",
                )
            kind = "here" if found["here"] else found.lastgroup or ""
            if kind != "gap":
                self.tokens.append((kind, found.group(), line))
            line += found.group().count("\n")
            place = found.end()
        made = HclBlock("", [], 1)
        self.body(made)
        return made.inner

    def body(self, block: HclBlock) -> None:
        """Read attributes and blocks up to the closing brace."""
        while self.at < len(self.tokens):
            kind, text, line = self.take()
            if kind == "line" or text == ",":
                continue
            if text == "}":
                return
            if self.peek() == "=":
                self.take()
                block.said[text.strip('"')] = self.value()
                block.lines[text.strip('"')] = line
                continue
            inner = HclBlock(text, [], line)
            while self.peek() not in ("{", ""):
                inner.labels.append(_unquoted(self.take()[1]))
            self.take()
            self.body(inner)
            block.inner.append(inner)

    def take(self) -> tuple[str, str, int]:
        """Return the next token."""
        if self.at >= len(self.tokens):
            raise InputError(
                f"{self.file} ends within a block",
                where=Position(self.file, self.tokens[-1][2] if self.tokens else 1, 1),
                hint="close it with }",
            )
        self.at += 1
        return self.tokens[self.at - 1]

    def peek(self) -> str:
        """Return the text of the next token."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def value(self) -> Any:
        """Read a value."""
        kind, text, _ = self.take()
        if kind == "here":
            lines = text.split("\n")[1:-1]
            indent = min((len(one) - len(one.lstrip()) for one in lines if one.strip()), default=0)
            return HclSql("\n".join(one[indent:] for one in lines))
        if kind == "text":
            return _unquoted(text)
        if kind == "number":
            return float(text) if "." in text else int(text)
        if text == "[":
            return list(self.items("]"))
        if text == "{":
            made = HclBlock("", [], 1)
            self.body(made)
            return made.said
        if text in ("true", "false", "null"):
            return {"true": True, "false": False}.get(text)
        return self.name(text)

    def name(self, text: str) -> Any:
        """Read a name with what follows it: `table.users.column.id`, `sql("…")`, `varchar(20)`."""
        while self.peek() in (".", "(", "["):
            sign = self.take()[1]
            if sign == ".":
                text += f".{_unquoted(self.take()[1])}"
            elif sign == "[":
                text += "." + ".".join(str(one) for one in self.items("]"))
            else:
                arguments = list(self.items(")"))
                if text == "sql":
                    return HclSql(str(arguments[0]))
                text += f"({','.join(str(one) for one in arguments)})" if arguments else ""
        return Word(text)

    def items(self, close: str) -> Iterator[Any]:
        """Read values up to a closing bracket."""
        while self.peek() != close:
            if self.tokens[self.at][0] == "line" or self.peek() == ",":
                self.take()
                continue
            yield self.value()
        self.take()


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda one: {"n": "\n", "t": "\t"}.get(one[1], one[1]), text[1:-1])
