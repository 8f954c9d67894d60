"""Liquibase's changelogs in XML, YAML and JSON: the changes of their changesets, in the order of the includes.

In: a folder with a master changelog. Out: `SourcePart`s at the line of each change; what is not translated, rows among it, is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from wgm_play.document.load import load_text
from wgm_play.document.nodes import Map, position_of
from wgm_play.errors import InputError, Position
from wgm_play.importing.parts import SourcePart, natural, text_of
from wgm_play.importing.translated import PartCollector, split_name
from wgm_play.lazy_dataclass import dataclass
from wgm_play.sql import Sql, ident, literal

SUFFIXES = (".xml", ".yaml", ".yml", ".json")
_TYPES = {
    "datetime": "timestamp",
    "clob": "text",
    "blob": "bytea",
    "nvarchar": "varchar",
    "number": "numeric",
    "double": "double precision",
    "java.sql.types.varchar": "varchar",
    "currency": "numeric",
    "tinyint": "smallint",
    "longtext": "text",
    "longblob": "bytea",
    "nclob": "text",
    "varchar2": "varchar",
    "int": "integer",
    "mediumint": "integer",
}
_GENERATED = re.compile(r"\s*GENERATED ALWAYS AS \((.*)\) STORED\s*\Z", re.IGNORECASE | re.DOTALL)
_SERIAL = {"integer": "serial", "bigint": "bigserial", "smallint": "smallserial"}
_SILENT = frozenset(
    ["tagDatabase", "empty", "output", "rollback", "preConditions", "comment", "validCheckSum", "property", "stop"]
)


@dataclass(slots=True)
class ChangelogElement:
    """An element: its name, what it says, the elements in it, its text, its line."""

    name: str
    said: dict[str, str]
    line: int
    inner: list[ChangelogElement] = field(default_factory=list)
    text: str = ""

    def get(self, key: str, default: str | None = None) -> str | None:
        """Return an attribute."""
        return self.said.get(key, default)

    def all(self, name: str) -> list[ChangelogElement]:
        """Return the elements in it that have this name."""
        return [one for one in self.inner if one.name == name]

    def true(self, key: str) -> bool:
        """Tell whether an attribute is true."""
        return str(self.said.get(key, "")).lower() == "true"


def is_changelog(text: str) -> bool:
    """Tell whether a text is a changelog."""
    return "databaseChangeLog" in text


def changelogs(folder: Path) -> list[Path]:
    """Return the changelogs that nobody includes: a master, or all of them by name."""
    if not folder.is_dir():
        return [folder]
    found = [
        one for one in sorted(folder.rglob("*"), key=natural) if one.suffix in SUFFIXES and is_changelog(text_of(one))
    ]
    included = {
        _near(one, folder, str(change.get("file")))
        for one in found
        for change in _elements(one)
        if change.name == "include"
    }
    masters = [one for one in found if any(change.name in ("include", "includeAll") for change in _elements(one))]
    return [one for one in (masters or found) if one.resolve() not in {each.resolve() for each in included if each}]


def read(
    path: Path, folder: Path, sql_file: Callable[[Path], list[SourcePart]], words: dict[str, str]
) -> list[SourcePart]:
    """Read one changelog with those that it includes."""
    made: list[SourcePart] = []
    script = PartCollector(str(path))
    for change in _elements(path):
        if change.name == "property" and change.get("name"):
            words.setdefault(str(change.get("name")), str(change.get("value") or ""))
        elif change.name in ("include", "includeAll"):
            made += script.parts
            script.parts = []
            for other in _included(change, path, folder):
                made += sql_file(other) if other.suffix == ".sql" else read(other, folder, sql_file, words)
        elif change.name == "changeSet":
            dbms = change.get("dbms")
            if dbms is None or "postgresql" in dbms or dbms.strip() == "all":
                for one in change.inner:
                    _translate(script, _replaced(one, words), path, folder)
    return [*made, *script.parts]


def _included(change: ChangelogElement, path: Path, folder: Path) -> list[Path]:
    name = str(change.get("file") or change.get("path") or "")
    near = _near(path, folder, name)
    if near is None:
        raise InputError(
            f"{path} includes {name!r}, which is not there",
            where=Position(str(path), change.line, 1),
            hint="name the folder that the paths begin from",
        )
    if change.name == "include":
        return [near]
    return sorted((one for one in near.rglob("*") if one.suffix in (*SUFFIXES, ".sql")), key=natural)


def _near(path: Path, folder: Path, name: str) -> Path | None:
    name = name.removeprefix("classpath:").lstrip("/")
    tried = [path.parent / name, folder / name, folder.parent / name]
    tried += [one for one in folder.rglob(Path(name).name) if str(one).endswith(name)] if name else []
    return next((one for one in tried if name and one.exists()), None)


def _replaced(change: ChangelogElement, words: Mapping[str, str]) -> ChangelogElement:
    """Put the values of properties in their places."""

    def put(text: str) -> str:
        return re.sub(r"\$\{([\w.-]+)\}", lambda found: words.get(found[1], found[0]), text) if "${" in text else text

    return ChangelogElement(
        change.name,
        {key: put(value) for key, value in change.said.items()},
        change.line,
        [_replaced(one, words) for one in change.inner],
        put(change.text),
    )


# From files to elements ---------------------------------------------------------------------------------------


def _elements(path: Path) -> list[ChangelogElement]:
    text = text_of(path)
    return _of_xml(text, path) if path.suffix == ".xml" else _of_yaml(text, path)


def _of_xml(text: str, path: Path) -> list[ChangelogElement]:
    from xml.parsers import expat

    parser = expat.ParserCreate()
    root = ChangelogElement("", {}, 1)
    stack = [root]

    def start(name: str, attributes: dict[str, str]) -> None:
        made = ChangelogElement(name.rpartition(":")[2], attributes, parser.CurrentLineNumber)
        stack[-1].inner.append(made)
        stack.append(made)

    def refuse(*_: Any) -> None:
        raise InputError(
            f"{path} declares entities", where=Position(str(path), parser.CurrentLineNumber, 1), hint="write them out"
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop() and None
    parser.CharacterDataHandler = lambda data: setattr(stack[-1], "text", stack[-1].text + data)
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise InputError(
            f"{path} is no XML: {expat.errors.messages[error.code]}",
            where=Position(str(path), error.lineno, error.offset + 1),
            hint="correct the file",
        ) from None
    return root.inner[0].inner if root.inner else []


def _of_yaml(text: str, path: Path) -> list[ChangelogElement]:
    loaded = load_text(text.replace("\t", "  ") if path.suffix == ".json" else text, str(path))
    return list(_of_list(loaded.get("databaseChangeLog") if isinstance(loaded, dict) else [], path))


def _of_list(given: Any, path: Path) -> Iterator[ChangelogElement]:
    """Turn `- name: {…}` into elements; a list of columns is elements that are called so."""
    for one in given if isinstance(given, list) else []:
        for name, value in one.items() if isinstance(one, dict) else ():
            yield _of_value(str(name), value, _line(one, str(name)), path)


def _of_value(name: str, value: Any, line: int, path: Path) -> ChangelogElement:
    made = ChangelogElement(name, {}, line)
    if not isinstance(value, dict):
        made.text = "" if value is None else _word(value)
        return made
    for key, one in value.items():
        if isinstance(one, list):
            made.inner += list(_of_list(one, path)) or [
                ChangelogElement(str(key), {}, line, text=", ".join(map(_word, one)))
            ]
        elif isinstance(one, dict):
            made.inner.append(_of_value(str(key), one, _line(value, str(key)), path))
        elif one is not None:
            made.said[str(key)] = _word(one)
    if name in ("sql", "createView", "createProcedure") and not made.text:
        made.text = made.said.get("sql") or made.said.get("selectQuery") or made.said.get("procedureText") or ""
    return made


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(holder: Any, key: str) -> int:
    where = position_of(holder, key) if isinstance(holder, Map) else None
    return where.line if where is not None else 1


# From elements to SQL -----------------------------------------------------------------------------------------


def _translate(script: PartCollector, change: ChangelogElement, path: Path, folder: Path) -> None:
    if change.name in _SILENT:
        return
    if change.name == "sqlFile":
        near = _near(path, folder, str(change.get("path")))
        if near is None:
            script.left(f"sqlFile {change.get('path')}: the file is not there", change.line)
        else:
            script.parts.append(SourcePart(str(near), 1, text_of(near)))
        return
    work = _CHANGES.get(change.name)
    if work is None:
        script.left(f"the change {change.name}", change.line)
        return
    try:
        work(script, change)
    except KeyError as error:
        raise InputError(
            f"{change.name} has no {error}",
            where=Position(script.file, change.line, 1),
            hint="correct the file; nothing was written",
        ) from None


def _table(change: ChangelogElement, key: str = "tableName") -> str:
    schema = change.get("schemaName") or change.get("baseTableSchemaName")
    return f"{schema}.{change.said[key]}" if schema else change.said[key]


def _names(text: str | None) -> list[str]:
    return [one.strip() for one in (text or "").split(",") if one.strip()]


def _type(given: str, *, counted: bool = False) -> str:
    found = re.match(r"\s*([\w.]+(?: \w+)*)\s*(\(.*?\))?(.*)\Z", given)
    if found is None:
        return given
    word, size, rest = found[1], found[2] or "", found[3]
    made = _TYPES.get(word.lower(), word)
    if made in ("text", "bytea", "boolean", "smallint", "integer", "bigint", "double precision"):
        size = ""
    if counted:
        return _SERIAL.get(made.lower(), made)
    return f"{made}{size.replace(' CHAR', '').replace(' BYTE', '')}{rest}"


def _column(one: ChangelogElement) -> dict[str, Any]:
    spec: dict[str, Any] = {"type": _type(one.said["type"])}
    if one.true("autoIncrement"):
        spec["identity"] = "by_default" if (one.get("generationType") or "").upper() != "ALWAYS" else "always"
    default = _default(one)
    generated = _GENERATED.match(default or "")
    if generated:  # as Liquibase itself writes such columns down
        spec["generated"] = generated[1]
    elif default is not None:
        spec["default"] = default
    if one.get("remarks"):
        spec["comment"] = one.get("remarks")
    for rules in one.all("constraints"):
        if rules.get("nullable", "true") == "false":
            spec["not_null"] = True
    return spec


def _default(one: ChangelogElement) -> str | None:
    if one.get("defaultValue") is not None:
        return str(literal(str(one.get("defaultValue"))))
    if one.get("defaultValueDate") is not None:
        given = str(one.get("defaultValueDate"))
        return str(literal(given)) if re.match(r"\d", given) else given
    for word in ("defaultValueNumeric", "defaultValueBoolean", "defaultValueComputed"):
        if one.get(word) is not None:
            return one.get(word)
    if one.get("defaultValueSequenceNext"):
        return f"nextval({literal(str(one.get('defaultValueSequenceNext')))})"
    return None


def _create_table(script: PartCollector, change: ChangelogElement) -> None:
    columns = {one.said["name"]: _column(one) for one in change.all("column")}
    name = _table(change)
    spec: dict[str, Any] = {"name": name, "columns": columns}
    if change.get("remarks"):
        spec["comment"] = change.get("remarks")
    keys = [
        (one.said["name"], rules.get("primaryKeyName"))
        for one in change.all("column")
        for rules in one.all("constraints")
        if rules.true("primaryKey")
    ]
    if keys:
        named = next((given for _, given in keys if given), None)
        names = [one for one, _ in keys]
        spec |= {"constraints": {named: {"primary_key": names}}} if named else {"primary_key": names}
    script.make("table", spec, change.line)
    for one in change.all("column"):
        _of_column(script, name, one, keys=False)


def _of_column(script: PartCollector, table: str, one: ChangelogElement, *, keys: bool = True) -> None:
    column = one.said["name"]
    for rules in one.all("constraints"):
        if keys and rules.true("primaryKey"):
            script.constraint(table, rules.get("primaryKeyName"), {"primary_key": [column]}, one.line)
        if rules.true("unique"):
            script.constraint(table, rules.get("uniqueConstraintName"), {"unique": [column]}, one.line)
        if rules.get("checkConstraint"):
            script.constraint(table, None, {"check": rules.get("checkConstraint")}, one.line)
        if rules.get("references") or rules.get("referencedTableName"):
            to = rules.get("references") or f"{rules.get('referencedTableName')}({rules.get('referencedColumnNames')})"
            spec = {"foreign_key": [column], "references": to, **_deferred(rules)}
            if rules.true("deleteCascade"):
                spec["on_delete"] = "cascade"
            script.constraint(table, rules.get("foreignKeyName"), spec, one.line)


def _deferred(change: ChangelogElement) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if change.true("deferrable"):
        made["deferrable"] = True
    if change.true("initiallyDeferred"):
        made["initially"] = "deferred"
    return made


def _add_column(script: PartCollector, change: ChangelogElement) -> None:
    for one in change.all("column"):
        spec = _column(one)
        identity = spec.pop("identity", None)
        if identity:
            spec["type"] = _type(one.said["type"], counted=True)
        script.add_column(_table(change), one.said["name"], spec, one.line)
        _of_column(script, _table(change), one)


def _drop_column(script: PartCollector, change: ChangelogElement) -> None:
    names = [change.get("columnName"), *(one.get("name") for one in change.all("column"))]
    for name in filter(None, names):
        script.change("column/drop.sql.j2", change.line, table=_split(_table(change)), name=name)


def _split(name: str) -> tuple[str, str]:
    return split_name(name)


def _rename_column(script: PartCollector, change: ChangelogElement) -> None:
    script.change(
        "column/rename.sql.j2",
        change.line,
        what=Sql("TABLE"),
        table=_split(_table(change)),
        name=change.said["oldColumnName"],
        to=change.said["newColumnName"],
    )


def _modify(script: PartCollector, change: ChangelogElement) -> None:
    made = _type(change.said["newDataType"])
    name = change.said["columnName"]
    script.change(
        "column/type.sql.j2",
        change.line,
        table=_split(_table(change)),
        name=name,
        type=Sql(made),
        collation=None,
        using=Sql(f"({ident(name)}::{made})"),
        kept=None,
    )


def _null(not_null: bool) -> Callable[[PartCollector, ChangelogElement], None]:
    def work(script: PartCollector, change: ChangelogElement) -> None:
        script.change(
            "column/set_not_null.sql.j2",
            change.line,
            table=_split(_table(change)),
            name=change.said["columnName"],
            not_null=not_null,
        )

    return work


def _set_default(script: PartCollector, change: ChangelogElement) -> None:
    given = _default(change)
    script.change(
        "column/set_default.sql.j2",
        change.line,
        table=_split(_table(change)),
        name=change.said["columnName"],
        default=Sql(given) if given is not None else None,
    )


def _key(what: str) -> Callable[[PartCollector, ChangelogElement], None]:
    def work(script: PartCollector, change: ChangelogElement) -> None:
        spec: dict[str, Any] = {what: _names(change.said["columnNames"]), **_deferred(change)}
        script.constraint(_table(change), change.get("constraintName"), spec, change.line)

    return work


def _drop_key(suffix: str) -> Callable[[PartCollector, ChangelogElement], None]:
    def work(script: PartCollector, change: ChangelogElement) -> None:
        table = _split(_table(change))
        script.change(
            "constraint/drop.sql.j2",
            change.line,
            table=table,
            name=change.get("constraintName") or f"{table[1]}_{suffix}",
        )

    return work


def _foreign(script: PartCollector, change: ChangelogElement) -> None:
    schema = change.get("referencedTableSchemaName")
    table = change.said["referencedTableName"]
    spec: dict[str, Any] = {
        "foreign_key": _names(change.said["baseColumnNames"]),
        "references": {
            "table": _split(table)[1],
            "schema": schema or _split(table)[0],
            "columns": _names(change.get("referencedColumnNames")),
        },
        **_deferred(change),
    }
    for word, name in (("onDelete", "on_delete"), ("onUpdate", "on_update")):
        if change.get(word):
            spec[name] = str(change.get(word)).lower()
    if change.true("deleteCascade"):
        spec["on_delete"] = "cascade"
    script.constraint(_table(change, "baseTableName"), change.get("constraintName"), spec, change.line)


def _drop_foreign(script: PartCollector, change: ChangelogElement) -> None:
    script.change(
        "constraint/drop.sql.j2",
        change.line,
        table=_split(_table(change, "baseTableName")),
        name=change.said["constraintName"],
    )


def _create_index(script: PartCollector, change: ChangelogElement) -> None:
    columns: list[Any] = []
    for one in change.all("column"):
        name = one.said["name"]
        spec: dict[str, Any] = {"expression": name} if one.true("computed") or "(" in name else {"column": name}
        found = re.match(r"(\w+)\s+(asc|desc)\Z", name, re.IGNORECASE)
        if found:
            spec = {"column": found[1], **({"order": "desc"} if found[2].lower() == "desc" else {})}
        if one.true("descending"):
            spec["order"] = "desc"
        columns.append(spec if list(spec) != ["column"] else spec["column"])
    schema, table = _split(_table(change))
    made: dict[str, Any] = {"name": change.said["indexName"], "table": table, "schema": schema, "columns": columns}
    if change.true("unique"):
        made["unique"] = True
    script.make("index", made, change.line)


def _create_sequence(script: PartCollector, change: ChangelogElement) -> None:
    schema = change.get("schemaName")
    spec: dict[str, Any] = {
        "name": f"{schema}.{change.said['sequenceName']}" if schema else change.said["sequenceName"]
    }
    words = {
        "startValue": "start",
        "incrementBy": "increment",
        "minValue": "min",
        "maxValue": "max",
        "cacheSize": "cache",
    }
    spec |= {own: int(str(change.get(word))) for word, own in words.items() if change.get(word)}
    if change.true("cycle"):
        spec["cycle"] = True
    if change.get("dataType"):
        spec["type"] = change.get("dataType")
    script.make("sequence", spec, change.line)


def _create_view(script: PartCollector, change: ChangelogElement) -> None:
    schema = change.get("schemaName")
    name = f"{schema}.{change.said['viewName']}" if schema else change.said["viewName"]
    query = change.text.strip().rstrip(";")
    if change.true("replaceIfExists"):
        script.drop("VIEW IF EXISTS", name, change.line)
    script.make("view", {"name": name, "query": query}, change.line)


def _sql(script: PartCollector, change: ChangelogElement) -> None:
    dbms = change.get("dbms")
    if dbms is None or "postgresql" in dbms:
        script.raw(change.text, change.line)


def _drop_named(what: str, key: str) -> Callable[[PartCollector, ChangelogElement], None]:
    def work(script: PartCollector, change: ChangelogElement) -> None:
        schema = change.get("schemaName")
        name = f"{schema}.{change.said[key]}" if schema else change.said[key]
        script.drop(what, name, change.line)

    return work


_CHANGES: dict[str, Callable[[PartCollector, ChangelogElement], None]] = {
    "createTable": _create_table,
    "dropTable": _drop_named("TABLE", "tableName"),
    "renameTable": lambda script, one: script.rename(
        "TABLE", _table(one, "oldTableName"), one.said["newTableName"], one.line
    ),
    "addColumn": _add_column,
    "dropColumn": _drop_column,
    "renameColumn": _rename_column,
    "modifyDataType": _modify,
    "addNotNullConstraint": _null(True),
    "dropNotNullConstraint": _null(False),
    "addDefaultValue": _set_default,
    "dropDefaultValue": _set_default,
    "addPrimaryKey": _key("primary_key"),
    "dropPrimaryKey": _drop_key("pkey"),
    "addUniqueConstraint": _key("unique"),
    "dropUniqueConstraint": _drop_key("key"),
    "addCheckConstraint": lambda script, one: script.constraint(
        _table(one), one.get("constraintName"), {"check": one.get("constraintBody") or one.text.strip()}, one.line
    ),
    "dropCheckConstraint": _drop_key("check"),
    "addForeignKeyConstraint": _foreign,
    "dropForeignKeyConstraint": _drop_foreign,
    "createIndex": _create_index,
    "dropIndex": _drop_named("INDEX", "indexName"),
    "createSequence": _create_sequence,
    "dropSequence": _drop_named("SEQUENCE", "sequenceName"),
    "createView": _create_view,
    "dropView": _drop_named("VIEW", "viewName"),
    "createProcedure": _sql,
    "sql": _sql,
    "setTableRemarks": lambda script, one: script.comment(
        f"TABLE {ident(_split(_table(one)))}", one.get("remarks"), one.line
    ),
    "setColumnRemarks": lambda script, one: script.comment(
        f"COLUMN {ident(_split(_table(one)))}.{ident(one.said['columnName'])}", one.get("remarks"), one.line
    ),
}


def parts(paths: Iterable[Path], folder: Path, sql_file: Callable[[Path], list[SourcePart]]) -> list[SourcePart]:
    """Return the parts of changelogs."""
    words: dict[str, str] = {}
    return [part for path in paths for part in read(path, folder, sql_file, words)]
