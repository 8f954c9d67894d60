"""pgroll's migrations: operations in JSON or YAML, files by name.

In: a folder. Out: `SourcePart`s; what moves rows (`up`, `down`) says nothing of the schema and is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wgm_play.document.load import load_text
from wgm_play.document.nodes import position_of
from wgm_play.errors import InputError, Position
from wgm_play.importing.parts import SourcePart, natural, text_of
from wgm_play.importing.translated import PartCollector, split_name
from wgm_play.sql import Sql, ident

Said = Mapping[str, Any]


def files(folder: Path) -> list[Path]:
    """Return the files that may be migrations."""
    if not folder.is_dir():
        return [folder]
    return sorted((one for one in folder.iterdir() if one.suffix in (".json", ".yaml", ".yml")), key=natural)


def is_pgroll(folder: Path) -> bool:
    """Tell whether a file of the folder has operations."""
    return any('"operations"' in text or "\noperations:" in f"\n{text}" for text in map(text_of, files(folder)))


def pgroll(folder: Path) -> list[SourcePart]:
    """Read the operations of all migrations."""
    made: list[SourcePart] = []
    for path in files(folder):
        text = text_of(path)
        loaded = load_text(text.replace("\t", "  ") if path.suffix == ".json" else text, str(path))
        if not isinstance(loaded, dict) or not isinstance(loaded.get("operations"), list):
            continue
        script = PartCollector(str(path))
        for number, operation in enumerate(loaded["operations"]):
            for word, said in operation.items() if isinstance(operation, dict) else ():
                where = position_of(loaded["operations"], number) or Position(str(path))
                _operation(script, word, said, where)
        made += script.parts
    return made


def _operation(script: PartCollector, word: str, said: Said, where: Position) -> None:
    work = _OPERATIONS.get(word)
    if work is None:
        script.left(f"the operation {word}", where.line)
        return
    try:
        work(script, said, where.line)
    except KeyError as error:
        raise InputError(f"{word} has no {error}", where=where, hint="correct the file; nothing was written") from None


def _column(said: Said) -> dict[str, Any]:
    spec: dict[str, Any] = {"type": said["type"]}
    if said.get("default") is not None:
        spec["default"] = said["default"]
    if not said.get("nullable") and not said.get("pk"):
        spec["not_null"] = True
    if said.get("generated"):
        generated = said["generated"]
        if generated.get("expression"):
            spec["generated"] = generated["expression"]
        elif generated.get("identity"):
            by = str(generated["identity"].get("user_specified_values", "ALWAYS")).lower().replace(" ", "_")
            spec["identity"] = by
    if said.get("comment"):
        spec["comment"] = said["comment"]
    return spec


def _of_column(script: PartCollector, table: str, name: str, said: Said, line: int) -> None:
    """Add the constraints of a column, with the names that are given."""
    if said.get("unique"):
        script.constraint(table, None, {"unique": [name]}, line)
    check = said.get("check")
    if check:
        script.constraint(table, check.get("name"), {"check": check["constraint"]}, line)
    if said.get("references"):
        script.constraint(table, said["references"].get("name"), _reference([name], said["references"]), line)


def _reference(columns: list[str], said: Said) -> dict[str, Any]:
    schema, table = split_name(said["table"])
    theirs = said.get("columns") or ([said["column"]] if said.get("column") else None)
    target = {"table": table, "schema": schema, **({"columns": list(theirs)} if theirs else {})}
    spec: dict[str, Any] = {"foreign_key": columns, "references": target}
    for word in ("on_delete", "on_update"):
        if said.get(word) and str(said[word]).upper() != "NO ACTION":
            spec[word] = str(said[word]).lower()
    if said.get("match_type") and str(said["match_type"]).lower() == "full":
        spec["match"] = "full"
    return spec


def _create_table(script: PartCollector, said: Said, line: int) -> None:
    columns = {one["name"]: _column(one) for one in said["columns"]}
    keys = [one["name"] for one in said["columns"] if one.get("pk")]
    schema, table = split_name(said["name"])
    spec: dict[str, Any] = {"name": table, "schema": schema, "columns": columns}
    if keys:
        spec["primary_key"] = keys
    if said.get("comment"):
        spec["comment"] = said["comment"]
    script.make("table", spec, line)
    for one in said["columns"]:
        _of_column(script, said["name"], one["name"], one, line)
    for one in said.get("constraints") or ():
        _create_constraint(script, {**one, "table": said["name"]}, line)


def _add_column(script: PartCollector, said: Said, line: int) -> None:
    one = said["column"]
    script.add_column(said["table"], one["name"], _column(one), line)
    if one.get("pk"):
        script.constraint(said["table"], None, {"primary_key": [one["name"]]}, line)
    _of_column(script, said["table"], one["name"], one, line)


def _alter_column(script: PartCollector, said: Said, line: int) -> None:
    table, name = split_name(said["table"]), said["column"]
    if said.get("type"):
        script.change(
            "column/type.sql.j2",
            line,
            table=table,
            name=name,
            type=Sql(said["type"]),
            collation=None,
            using=Sql(f"{ident(name)}::{said['type']}"),
            kept=None,
        )
    if "nullable" in said:
        script.change("column/set_not_null.sql.j2", line, table=table, name=name, not_null=not said["nullable"])
    if "default" in said:
        given = said["default"]
        script.change(
            "column/set_default.sql.j2",
            line,
            table=table,
            name=name,
            default=Sql(str(given)) if given is not None else None,
        )
    if said.get("comment") is not None:
        script.comment(f"COLUMN {ident(table)}.{ident(name)}", said["comment"], line)
    if said.get("unique"):
        script.constraint(said["table"], said["unique"].get("name"), {"unique": [name]}, line)
    _of_column(
        script, said["table"], name, {word: said[word] for word in ("check", "references") if said.get(word)}, line
    )
    if said.get("name"):
        _rename_column(script, {"table": said["table"], "from": name, "to": said["name"]}, line)


def _rename_column(script: PartCollector, said: Said, line: int) -> None:
    script.change(
        "column/rename.sql.j2",
        line,
        what=Sql("TABLE"),
        table=split_name(said["table"]),
        name=said["from"],
        to=said["to"],
    )


def _drop_column(script: PartCollector, said: Said, line: int) -> None:
    script.change("column/drop.sql.j2", line, table=split_name(said["table"]), name=said["column"])


def _create_index(script: PartCollector, said: Said, line: int) -> None:
    schema, table = split_name(said["table"])
    given = said["columns"]
    columns: list[Any] = []
    for one in given:
        settings = (given[one] if isinstance(given, Mapping) else None) or {}
        name = one["column"] if isinstance(one, Mapping) else one
        settings = one if isinstance(one, Mapping) else settings
        spec: dict[str, Any] = {"column": name}
        if str(settings.get("sort", "")).upper() == "DESC":
            spec["order"] = "desc"
        if settings.get("nulls"):
            spec["nulls"] = str(settings["nulls"]).lower()
        if settings.get("opclass"):
            opclass = settings["opclass"]
            spec["opclass"] = opclass["name"] if isinstance(opclass, Mapping) else opclass
        if settings.get("collate"):
            spec["collation"] = settings["collate"]
        columns.append(spec if len(spec) > 1 else name)
    made: dict[str, Any] = {"name": said["name"], "table": table, "schema": schema, "columns": columns}
    if said.get("unique"):
        made["unique"] = True
    if said.get("method"):
        made["method"] = said["method"]
    if said.get("predicate"):
        made["where"] = said["predicate"]
    script.make("index", made, line)


def _create_constraint(script: PartCollector, said: Said, line: int) -> None:
    kind, columns = said["type"], list(said.get("columns") or ())
    if kind == "check":
        spec: dict[str, Any] = {"check": said["check"]}
    elif kind == "foreign_key":
        spec = _reference(columns, said["references"])
    elif kind in ("unique", "primary_key"):
        spec = {kind: columns}
        if said.get("nulls_not_distinct"):
            spec["nulls_not_distinct"] = True
        if (said.get("index_parameters") or {}).get("include_columns"):
            spec["include"] = list(said["index_parameters"]["include_columns"])
    else:
        script.left(f"the constraint {said.get('name')} of type {kind}", line)
        return
    if said.get("deferrable"):
        spec["deferrable"] = True
    if said.get("initially_deferred"):
        spec["initially"] = "deferred"
    script.constraint(said["table"], said.get("name"), spec, line)


def _drop_constraint(script: PartCollector, said: Said, line: int) -> None:
    script.change("constraint/drop.sql.j2", line, table=split_name(said["table"]), name=said["name"])


def _rename_constraint(script: PartCollector, said: Said, line: int) -> None:
    script.change("constraint/rename.sql.j2", line, table=split_name(said["table"]), name=said["from"], to=said["to"])


def _replica_identity(script: PartCollector, said: Said, line: int) -> None:
    given = said["identity"]
    kind = str(given["type"]).upper()
    index = Sql(ident(given["index"])) if kind == "INDEX" else None
    script.change(
        "table/declare_replica_identity.sql.j2",
        line,
        table=Sql(ident(split_name(said["table"]))),
        identity=Sql("USING INDEX" if kind == "INDEX" else kind),
        index=index,
    )


_OPERATIONS: dict[str, Callable[[PartCollector, Said, int], None]] = {
    "create_table": _create_table,
    "drop_table": lambda script, said, line: script.drop("TABLE", said["name"], line),
    "rename_table": lambda script, said, line: script.rename("TABLE", said["from"], said["to"], line),
    "add_column": _add_column,
    "alter_column": _alter_column,
    "drop_column": _drop_column,
    "rename_column": _rename_column,
    "create_index": _create_index,
    "drop_index": lambda script, said, line: script.drop("INDEX", said["name"], line),
    "create_constraint": _create_constraint,
    "drop_constraint": _drop_constraint,
    "drop_multicolumn_constraint": _drop_constraint,
    "rename_constraint": _rename_constraint,
    "set_replica_identity": _replica_identity,
    "sql": lambda script, said, line: script.raw(said["up"], line),
}
