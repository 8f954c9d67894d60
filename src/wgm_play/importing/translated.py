"""What formats that are no SQL come to: steps of ours and changes of tables, made into SQL by the templates that runs use.

In: an object as a step says it, or a change. Out: `SourcePart`s at the line of the foreign file.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from wgm_play.document.nodes import Map, Seq, Text
from wgm_play.errors import InputError, Position
from wgm_play.importing.parts import SourcePart
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.kinds import KINDS, Folding
from wgm_play.playbook.kinds.constraint import constraint_of
from wgm_play.playbook.model import Step
from wgm_play.render import render
from wgm_play.sql import Sql, ident

Name = tuple[str, str]


def nodes(value: Any, where: Position) -> Any:
    """Return plain values as if they were read from a playbook at one place."""
    if isinstance(value, Mapping):
        made = Map(where)
        for key, one in value.items():
            made.put(str(key), nodes(one, where), where, where)
        return made
    if isinstance(value, (list, tuple)):
        listed = Seq(where)
        for one in value:
            listed.add(nodes(one, where), where)
        return listed
    return Text(value, where) if isinstance(value, str) else value


def split_name(name: str, schema: str | None = None) -> Name:
    """Return schema and name."""
    before, _, own = name.rpartition(".")
    return (schema or before or "public", own)


@dataclass(slots=True)
class PartCollector:
    """Collects the parts of one file, each at its line; `left` names what is not translated."""

    file: str
    parts: list[SourcePart] = field(default_factory=list)

    def make(self, kind: str, spec: Mapping[str, Any], line: int) -> None:
        """Add an object as a step says it."""
        where = Position(self.file, line, 1)
        given: Any = nodes(spec, where)
        folding = Folding()
        step = Step(0, f"{kind} at {where}", kind, given, where, variables={"schema": "public"})
        try:
            if KINDS[kind].merge is not None:
                merged = KINDS[kind].merge(None, step, folding)  # type: ignore[misc]
                step = Step(0, step.name, kind, merged, where, variables={"schema": "public"})
            declared = KINDS[kind].declare(step, folding)
            for statement in itertools.chain(declared.statements, declared.late):
                self.raw(statement.sql, line)
        except InputError as error:
            error.where = error.where or where
            raise

    def change(self, template: str, line: int, **values: Any) -> None:
        """Add a change of something that is there."""
        self.raw(render(template, **values).sql, line)

    def raw(self, sql: str, line: int) -> None:
        """Add SQL as it stands."""
        if sql.strip():
            self.parts.append(SourcePart(self.file, line, str.__str__(sql)))

    def left(self, what: str, line: int) -> None:
        """Name what is not translated."""
        self.parts.append(SourcePart(self.file, line, "", untold=what))

    # What several formats say

    def drop(self, what: str, name: str, line: int) -> None:
        """Drop an object: `what` is TABLE or the like."""
        self.change("object/drop.sql.j2", line, what=Sql(f"{what} {ident(split_name(name))}"))

    def rename(self, what: str, name: str, to: str, line: int) -> None:
        """Give an object another name."""
        self.change("object/rename.sql.j2", line, what=Sql(f"{what} {ident(split_name(name))}"), to=to)

    def add_column(self, table: str, name: str, column: Mapping[str, Any], line: int) -> None:
        """Add a column, and what is said of it, by steps of ours."""
        not_null, default = bool(column.get("not_null")), column.get("default")
        self.change(
            "column/add.sql.j2",
            line,
            table=split_name(table),
            name=name,
            type=Sql(str(column["type"])),
            collation=None,
            compression=None,
            expression=_sql(column.get("generated")),
            generated=Sql("STORED"),
            identity=None,
            sequence=None,
            identity_options=None,
            default=_sql(default),
            not_null=not_null,
        )
        self.constraints(table, name, column, line)
        if column.get("comment"):
            self.comment(f"COLUMN {_quoted(table)}.{_quoted_one(name)}", str(column["comment"]), line)

    def constraints(self, table: str, name: str, column: Mapping[str, Any], line: int) -> None:
        """Add the constraints of one column."""
        if column.get("primary_key"):
            self.constraint(table, None, {"primary_key": [name]}, line)
        if column.get("unique"):
            self.constraint(table, None, {"unique": [name]}, line)
        if column.get("check"):
            self.constraint(table, None, {"check": column["check"]}, line)
        if column.get("references"):
            extra = {word: column[word] for word in ("on_delete", "on_update") if column.get(word)}
            self.constraint(table, None, {"foreign_key": [name], "references": column["references"], **extra}, line)

    def constraint(self, table: str, name: str | None, spec: Mapping[str, Any], line: int) -> None:
        """Add a constraint as `constraints:` says it."""
        from wgm_play.playbook.kinds.base import statement

        where = Position(self.file, line, 1)
        made = constraint_of(nodes(spec, where), Text(name, where) if name else None, "public")
        done = statement(
            "table/declare_constraint.sql.j2", Folding(), where, table=Sql(ident(split_name(table))), constraint=made
        )
        self.raw(done.sql, line)

    def comment(self, what: str, text: str | None, line: int) -> None:
        """Put a comment on an object."""
        self.change("object/comment.sql.j2", line, what=Sql(what), text=text)


def _sql(value: Any) -> Sql | None:
    if value is None:
        return None
    return Sql({True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value))


def _quoted(name: str) -> str:
    return str(ident(split_name(name)))


def _quoted_one(name: str) -> str:
    return str(ident(name))
