"""Function bodies: does every static statement of a function refer to what exists?

In: a connection to the shadow database, in which all objects exist, and the functions to check. Out: `BodyIssue`s:
an "error" is what the first call would raise, "unchecked" names what nobody can know before that call.
Everything runs in one transaction that is rolled back; no statement of a body is ever executed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row, dict_row, scalar_row

from wgm_play.checks.plpgsql import (
    EVENT_TRIGGER_VARIABLES,
    TABLE_NAMES,
    TRIGGER_VARIABLES,
    BlockScope,
    BodyVariable,
    Fragment,
    NotUnderstood,
    ParsedBody,
    Token,
    created_relations,
    parse_body,
    tokens_of,
)
from wgm_play.checks.probe import MOST_PARAMETERS, Rejection, attempt, make_shape, nearest, probe
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.sql import ident

Level = Literal["error", "unchecked"]

# What a statement is refused for although the server would run it from PL/pgSQL, or what our reading may cause:
# indeterminate type, our own wrapper's definition, no privilege.
_UNSURE = frozenset({"42P18", "42P13", "42501", "42P19"})
_SURE = frozenset({"22P02", "22007", "22008", "22023", "3F000", "0AW01"})


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A function of the shadow database."""

    schema: str
    name: str
    identity_arguments: str
    oid: int

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}({self.identity_arguments})"


@dataclass(frozen=True, slots=True)
class BodyIssue:
    """One finding. `line` counts from 1 in the body as pg_proc has it (its first line is the one after `AS $$`)."""

    function: FunctionRef
    line: int
    message: str
    sqlstate: str
    statement: str
    level: Level
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class _Function:
    """A row of checks/functions."""

    oid: int
    schema: str
    name: str
    language: str
    source: str
    kind: str
    returns_set: bool
    returns: str
    settings: Sequence[str] | None
    parsed: bool
    argument_names: Sequence[str] | None
    argument_modes: Sequence[str] | None
    argument_types: Sequence[str]
    argument_pseudo: Sequence[bool]


@dataclass(frozen=True, slots=True)
class _TriggerTable:
    """A row of checks/trigger_tables: a table whose triggers call the function."""

    function: int
    relation: int
    schema: str
    name: str
    old_tables: Sequence[str]
    new_tables: Sequence[str]
    columns: Sequence[Sequence[str]]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


def check_bodies(connection: Connection[Any], functions: Iterable[FunctionRef]) -> list[BodyIssue]:
    """Check the bodies of SQL and PL/pgSQL functions; return the issues in the order of functions and lines."""
    wanted = {function.oid: function for function in functions}
    if not wanted:
        return []
    with connection.transaction(force_rollback=True):
        _settings(connection, {"check_function_bodies": "on", "client_min_messages": "error"})
        extension = _plpgsql_check(connection)
        rows, tables = _read(connection, list(wanted))
        issues: list[BodyIssue] = []
        for oid, function in wanted.items():
            row = rows.get(oid)
            if row is None or row.parsed or row.language not in ("sql", "plpgsql"):
                continue
            with connection.transaction(force_rollback=True):
                _own_settings(connection, row)
                mine = [table for table in tables if table.function == oid]
                issues += _Check(connection, function, row, mine, extension).issues()
    return issues


def _settings(connection: Connection[Any], values: dict[str, str]) -> None:
    for name, value in values.items():
        connection.execute(render("checks/set_local.sql.j2", name=name, value=value).sql.encode())


def _own_settings(connection: Connection[Any], row: _Function) -> None:
    """Take over the function's own SET search_path: it decides which tables its names mean."""
    for setting in row.settings or ():
        name, _, value = setting.partition("=")
        if name == "search_path":
            _settings(connection, {name: value})


def _read(connection: Connection[Any], oids: list[int]) -> tuple[dict[int, _Function], list[_TriggerTable]]:
    """Read functions and their triggers' tables, types written with their schema."""
    version = connection.info.server_version
    with connection.transaction(force_rollback=True):
        _settings(connection, {"search_path": "pg_catalog"})
        with connection.cursor(row_factory=class_row(_Function)) as cursor:
            sql = render("checks/functions.sql.j2", version=version).sql
            rows = {row.oid: row for row in cursor.execute(sql.encode(), {"oids": oids})}
        with connection.cursor(row_factory=class_row(_TriggerTable)) as cursor:
            sql = render("checks/trigger_tables.sql.j2").sql
            tables = cursor.execute(sql.encode(), {"oids": oids}).fetchall()
    return rows, tables


def _plpgsql_check(connection: Connection[Any]) -> str | None:
    """Return the schema of the extension plpgsql_check, installed for this transaction where that is possible."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        find = render("checks/plpgsql_check_schema.sql.j2").sql.encode()
        found = cursor.execute(find).fetchone()
        if found:
            return str(found)
        if not cursor.execute(render("checks/plpgsql_check_available.sql.j2").sql.encode()).fetchone():
            return None
        from psycopg import Error

        try:
            with connection.transaction():
                cursor.execute(render("checks/plpgsql_check_create.sql.j2").sql.encode())
        except Error:
            return None
        return str(cursor.execute(find).fetchone())


@dataclass(slots=True)
class _AskedFragment:
    """A fragment as it is put to the server."""

    fragment: Fragment
    text: str
    parameters: dict[str, str]
    unknown: str | None


@dataclass(slots=True)
class _Check:
    """The check of one function."""

    connection: Connection[Any]
    function: FunctionRef
    row: _Function
    tables: list[_TriggerTable]
    extension: str | None
    found: list[BodyIssue] = field(default_factory=list)
    shapes: dict[int, str | None] = field(default_factory=dict)
    number: int = 0
    body: ParsedBody | None = None

    def issues(self) -> list[BodyIssue]:
        """Return the issues of the function, by line."""
        validator = "fmgr_sql_validator" if self.row.language == "sql" else "plpgsql_validator"
        refused = attempt(
            self.connection, render("checks/validate_function.sql.j2", validator=validator, oid=self.row.oid).sql
        )
        if self.row.language == "sql":
            self.sql(refused)
        elif refused:
            self.report(self.line(refused), self.row.source.strip(), refused, "error")
        else:
            self.plpgsql()
        unique = {(issue.line, issue.message, issue.level): issue for issue in reversed(self.found)}
        return sorted(unique.values(), key=lambda issue: (issue.line, issue.level, issue.message))

    def report(self, line: int, statement: str, refused: Rejection, level: Level) -> None:
        hint = refused.hint
        if refused.sqlstate == "42P01" and not hint:
            hint = self.nearest_relation(refused.message)
        self.found.append(BodyIssue(self.function, line, refused.message, refused.sqlstate, statement, level, hint))

    def unchecked(self, line: int, statement: str, message: str) -> None:
        self.found.append(BodyIssue(self.function, line, message, "00000", statement, "unchecked"))

    def nearest_relation(self, message: str) -> str | None:
        name = _named(message)
        if not name:
            return None
        with self.connection.cursor(row_factory=scalar_row) as cursor:
            names = cursor.execute(render("checks/relation_names.sql.j2").sql.encode()).fetchall()
        near = nearest(name, names)
        return f'Perhaps you meant the table "{near}".' if near else None

    def line(self, refused: Rejection) -> int:
        """Return the line of the body for a refusal by the language's validator."""
        if refused.offset is None:
            return _context_line(refused)
        return self.row.source.count("\n", 0, refused.offset) + 1

    # SQL

    def sql(self, refused: Rejection | None) -> None:
        """Judge a function in SQL: its validator analyses all of its statements."""
        if any(self.row.argument_pseudo):
            self.unchecked(1, self.row.source.strip(), "a polymorphic argument: the body is unchecked")
            return
        if not refused:
            return
        source = self.row.source
        try:
            created, statement = created_relations(tokens_of(source)), _statement_at(source, refused.offset)
        except NotUnderstood:  # a quote that is not closed
            created, statement = set(), source.strip()
        self.report(self.line(refused), statement, refused, self.level(refused, created))

    def level(self, refused: Rejection, created: Collection[str | None]) -> Level:
        """Say whether a refusal is certain to be met at run time too."""
        name = _named(refused.message)
        if refused.sqlstate in ("42P01", "3F000", "42883", "42704") and name in created:
            return "unchecked"
        if refused.sqlstate == "42P13" and self.row.language == "sql":
            return "error"
        if refused.sqlstate in _UNSURE:
            return "unchecked"
        if refused.sqlstate == "42601" and refused.message.startswith("syntax error") and self.row.language != "sql":
            return "unchecked"
        return "error" if refused.sqlstate.startswith("42") or refused.sqlstate in _SURE else "unchecked"

    # PL/pgSQL

    def plpgsql(self) -> None:
        root = BlockScope(None, (self.row.name,))
        trigger = self.row.returns == "trigger"
        self.declare(root)
        try:
            self.body = parse_body(self.row.source, root)
        except NotUnderstood as error:
            self.unchecked(1, self.row.source.strip(), f"the body is unchecked: {error}")
            return
        for fragment in self.body.fragments:
            if fragment.dynamic:
                self.unchecked(fragment.line, fragment.statement, "dynamic SQL is unchecked")
        if self.extension:
            self.with_extension(trigger)
        elif trigger:
            self.trigger(root)
        else:
            self.fragments(self.static(), None)

    def static(self) -> list[Fragment]:
        return [fragment for fragment in self.body.fragments if not fragment.dynamic] if self.body else []

    def declare(self, root: BlockScope) -> None:
        """Put the arguments, FOUND and the trigger's variables into the outermost scope."""
        root.variables["found"] = BodyVariable("found", "boolean")
        names = self.row.argument_names or [""] * len(self.row.argument_types)
        for index, (name, kind) in enumerate(zip(names, self.row.argument_types, strict=False)):
            record = kind == "record"
            known = None if record or self.row.argument_pseudo[index] else kind
            made = BodyVariable(name, known, record, [None] if record else [])
            root.variables[f"${index + 1}"] = made
            if name:
                root.variables[name] = made
        if self.row.returns == "trigger":
            for name, kind in TRIGGER_VARIABLES.items():
                root.variables[name] = BodyVariable(name, kind)
            for name in ("new", "old"):
                root.variables[name] = BodyVariable(name, None, False)
        if self.row.returns == "event_trigger":
            for name, kind in EVENT_TRIGGER_VARIABLES.items():
                root.variables[name] = BodyVariable(name, kind)

    def trigger(self, root: BlockScope) -> None:
        """Check a trigger function once, and what touches NEW, OLD and transition tables for every table."""
        rows = {"new", "old"}
        transitions = {name for table in self.tables for name in (*table.old_tables, *table.new_tables)}
        own = [one for one in self.static() if not self.depends(one, rows | transitions)]
        own_ids = {id(one) for one in own}
        touching = [one for one in self.static() if id(one) not in own_ids]
        self.fragments(own, None)
        if touching and not self.tables:
            first = touching[0]
            self.unchecked(first.line, first.statement, "NEW and OLD are unchecked: no trigger uses this function")
            return
        self.per_table(list(self.in_tables(root, touching)))

    def in_tables(self, root: BlockScope, fragments: list[Fragment]) -> Iterator[tuple[_TriggerTable, list[BodyIssue]]]:
        """Yield each table with its issues; tables that look alike to an accepted body are not asked for again."""
        seen = fields_of(fragments, ("new", "old"))
        accepted: set[Any] = set()
        for table in self.tables:
            shape = _shape(table, seen)
            if shape in accepted:
                yield table, []
                continue
            issues = self.in_table(root, table, fragments)
            if not issues and shape is not None:
                accepted.add(shape)
            yield table, issues

    def in_table(self, root: BlockScope, table: _TriggerTable, fragments: list[Fragment]) -> list[BodyIssue]:
        """Return the issues of the function as a trigger of one table."""
        before, self.found = self.found, []
        kept = dict(self.shapes)
        for name in ("new", "old"):
            root.variables[name].type = str(ident((table.schema, table.name)))
        with self.connection.transaction(force_rollback=True):
            for name in dict.fromkeys([*table.old_tables, *table.new_tables]):
                for template in ("transition_table", "transition_cast"):  # its rows are rows of the trigger's table
                    made = render(f"checks/{template}.sql.j2", name=name, table=(table.schema, table.name))
                    self.connection.execute(made.sql.encode())
            self.fragments(fragments, table)
        self.shapes = kept
        found, self.found = self.found, before
        return found

    def per_table(self, results: list[tuple[_TriggerTable, list[BodyIssue]]]) -> None:
        """Join the tables' issues: what fails in one of several tables may be guarded by TG_TABLE_NAME."""
        by_issue: dict[tuple[int, str, str], dict[int, tuple[_TriggerTable, BodyIssue]]] = {}
        for table, issues in results:
            for issue in issues:
                by_issue.setdefault((issue.line, issue.message, issue.level), {})[table.relation] = (table, issue)
        guarded = self.body is not None and bool(self.body.words & TABLE_NAMES)
        for by_table in by_issue.values():
            found = list(by_table.values())
            issue = found[0][1]
            if len(found) < len(results) and guarded and issue.level == "error":
                issue = replace(issue, level="unchecked")
            names = ", ".join(str(table) for table, _ in found)
            word = "table" if len(found) == 1 else "tables"
            self.found.append(replace(issue, message=f"{issue.message} (trigger of {word} {names})"))

    def depends(self, fragment: Fragment | None, names: set[str], seen: frozenset[int] = frozenset()) -> bool:
        """Say whether a fragment touches one of the names, itself or by the columns of a record that it uses."""
        if fragment is None or id(fragment) in seen:
            return False
        for token in fragment.tokens:
            if token.word in names:
                return True
            variable = fragment.scope.find(token.word) if token.word else None
            if variable and any(self.depends(one, names, seen | {id(fragment)}) for one in variable.sources):
                return True
        return False

    def fragments(self, fragments: list[Fragment], table: _TriggerTable | None) -> None:
        """Put fragments to the server: together first, one by one where they are refused together."""
        asked: list[_AskedFragment] = []
        for fragment in fragments:
            one = self.ask(fragment)
            if one.unknown:
                self.unchecked(fragment.line, fragment.statement, f"unchecked: {one.unknown}")
            else:
                asked.append(one)
        for group in _groups(asked):
            together = {key: kind for one in group for key, kind in one.parameters.items()}
            if len(group) > 1 and not self.probe(";\n".join(one.text for one in group), together):
                accepted = group
            else:
                accepted = [one for one in group if not self.judge(one)]
            if self.body and not self.body.prefer_column:
                for one in accepted:
                    self.ambiguous(one)

    def probe(self, text: str, parameters: dict[str, str]) -> Rejection | None:
        return probe(self.connection, text, parameters)

    def judge(self, one: _AskedFragment) -> bool:
        """Put one fragment to the server; report its refusal and return whether there was one."""
        refused = self.probe(one.text, one.parameters)
        if not refused:
            return False
        if refused.sqlstate in ("0A000", "42P10") and one.fragment.tokens[0].word == "call":
            return True
        line = one.fragment.line
        if refused.offset is not None:
            line += one.text.count("\n", 0, refused.offset)
        refused = self.field_missing(one, refused) or refused
        level = self.level(refused, self.excused())
        if one.fragment.guarded:
            level = "unchecked"
        self.report(line, one.fragment.statement, refused, level)
        return True

    def excused(self) -> frozenset[str]:
        """Return the names that the body makes itself, in dynamic SQL too, or asks the catalog for."""
        if self.body is None:
            return frozenset()
        dynamic = re.findall(r"\w+", self.body.dynamic_text)
        return self.body.created | self.body.strings | frozenset(dynamic)

    def field_missing(self, one: _AskedFragment, refused: Rejection) -> Rejection | None:
        """Say it in PL/pgSQL's words when a row variable lacks the field that is asked for."""
        if refused.sqlstate not in ("42P01", "42703"):
            return None
        tokens = one.fragment.tokens
        for index in range(len(tokens) - 2):
            name, field_name = tokens[index].word, tokens[index + 2].word
            if tokens[index + 1].text != "." or not field_name or name not in one.parameters:
                continue
            if index and tokens[index - 1].text == ".":
                continue
            columns = self.columns(one.parameters[name])
            if (
                columns
                and field_name not in columns
                and refused.message.count(f'"{name}"') + refused.message.count(f"{name}.{field_name}")
            ):
                near = nearest(field_name, columns)
                hint = f'Perhaps you meant the column "{name}.{near}".' if near else None
                return Rejection(f'record "{name}" has no field "{field_name}"', "42703", hint)
        return None

    def columns(self, kind: str) -> list[str]:
        if "%" in kind:
            return []
        with self.connection.cursor(row_factory=scalar_row) as cursor:
            return list(cursor.execute(render("checks/type_columns.sql.j2", type=kind).sql.encode()))

    def ambiguous(self, one: _AskedFragment) -> None:
        """Find names that are both a column and a variable: PL/pgSQL refuses them when it gets there."""
        for name in _bare_columns(one.text) & one.parameters.keys():
            rest = {key: kind for key, kind in one.parameters.items() if key != name}
            if not self.probe(one.text, rest):
                line = one.fragment.line
                for index, token in enumerate(one.fragment.tokens):
                    if token.word == name and (index == 0 or one.fragment.tokens[index - 1].text != "."):
                        line = one.fragment.source.count("\n", 0, token.start) + 1
                        break
                message = f'column reference "{name}" is ambiguous: a variable and a column have that name'
                self.report(line, one.fragment.statement, Rejection(message, "42702"), "error")

    # variables

    def ask(self, fragment: Fragment) -> _AskedFragment:
        """Return a fragment's text with the typed names that it may see."""
        parameters: dict[str, str] = {}
        unknown: list[str] = []

        def use(name: str, variable: BodyVariable) -> None:
            kind = self.type_of(variable)
            if kind is None:
                unknown.append(f"the type of {name} is not known before the call")
            else:
                parameters[name] = kind

        def replacement(token: Token, index: int) -> tuple[str, int] | None:
            after_dot = index > 0 and fragment.tokens[index - 1].text == "."
            if after_dot or (token.word is None and token.name != "PARAM"):
                return None
            name = token.word or token.text
            labelled = self.labelled(fragment, index)
            if labelled:
                use(labelled[0], labelled[1])
                return f'"{labelled[0]}"', 3
            variable = fragment.scope.find(name)
            if variable:
                use(name, variable)
            return (f'"{name}"', 1) if variable and token.name == "PARAM" else None

        text = fragment.prefix + "".join(fragment.pieces(replacement))
        return _AskedFragment(fragment, text, parameters, unknown[0] if unknown else None)

    def labelled(self, fragment: Fragment, index: int) -> tuple[str, BodyVariable] | None:
        """Return what `label.variable` means where a block or the function has that label."""
        tokens = fragment.tokens
        if index + 2 >= len(tokens) or tokens[index + 1].text != "." or not tokens[index].word:
            return None
        label, name = tokens[index].word or "", tokens[index + 2].word or ""
        found = fragment.scope.labelled(label, name)
        # The relation of a statement may have the label's name: there the label is not meant.
        if not found or (index and tokens[index - 1].word in ("from", "join", "into", "update", "table")):
            return None
        return f"{label}.{name}", found

    def type_of(self, variable: BodyVariable) -> str | None:
        """Return the type of a variable (a record has that of its queries' columns), None where it is not known."""
        if not variable.record:
            return variable.type
        if not variable.sources:
            return None
        kinds = {self.shape(source) for source in variable.sources}
        shapes = {self.shape_columns(kind) for kind in kinds if kind}
        return next(iter(kinds)) if None not in kinds and len(shapes) == 1 else None

    def shape(self, source: Fragment | None) -> str | None:
        """Return the temporary table's type that has the columns of a query; None where it has none."""
        if source is None:
            return None
        if id(source) not in self.shapes:
            self.shapes[id(source)] = None  # a record that is read by its own query
            asked = self.ask(source)
            self.number += 1
            table = f"wgm_shape_{self.number}"
            if not asked.unknown and make_shape(self.connection, table, asked.text, asked.parameters):
                self.shapes[id(source)] = f"pg_temp.{table}"
        return self.shapes[id(source)]

    def shape_columns(self, kind: str) -> tuple[tuple[str, str], ...]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(render("checks/columns.sql.j2", table=kind).sql.encode())
            return tuple((str(row["name"]), str(row["type"])) for row in rows)

    # the extension

    def with_extension(self, trigger: bool) -> None:
        """Let plpgsql_check do it, for every table of a trigger function."""
        if any(kind for kind in self.row.argument_pseudo):
            self.unchecked(1, self.row.source.strip(), "a polymorphic argument: the body is unchecked")
            return
        if not trigger:
            self.found += self.ask_extension(None)
        elif not self.tables:
            self.unchecked(1, self.row.source.strip(), "the body is unchecked: no trigger uses this function")
        else:
            self.per_table([(table, list(self.ask_extension(table))) for table in self.tables])

    def ask_extension(self, table: _TriggerTable | None) -> Iterator[BodyIssue]:
        old = table.old_tables if table else ()
        new = table.new_tables if table else ()
        sql = render(
            "checks/plpgsql_check.sql.j2",
            schema=self.extension,
            oid=self.row.oid,
            relation=table.relation if table else 0,
            old_table=old[0] if old else None,
            new_table=new[0] if new else None,
        ).sql
        with self.connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(sql.encode()).fetchall()
        for row in rows:
            # COMMIT and ROLLBACK are for procedures, and it does not know how a procedure will be called.
            if row["level"] != "error" or row["sqlstate"] == "2D000":
                continue
            refused = Rejection(row["message"], row["sqlstate"], row["hint"] or self.field_hint(row["message"], table))
            line = (row["line"] or 1) + (row["query"] or "").count("\n", 0, max((row["position"] or 1) - 1, 0))
            level = "unchecked" if self.guarded(line) else self.level(refused, self.excused())
            before, self.found = self.found, []
            self.report(line, row["query"] or row["statement"] or "", refused, level)
            made, self.found = self.found, before
            yield from made

    def field_hint(self, message: str, table: _TriggerTable | None) -> str | None:
        found = re.match(r'record "(\w+)" has no field "(\w+)"', message)
        if not found or table is None:
            return None
        near = nearest(found.group(2), self.columns(str(ident((table.schema, table.name)))))
        return f'Perhaps you meant the column "{found.group(1)}.{near}".' if near else None

    def guarded(self, line: int) -> bool:
        return any(one.guarded and one.line <= line <= one.line + one.text.count("\n") for one in self.static())


def fields_of(fragments: Iterable[Fragment], rows: Collection[str]) -> frozenset[str] | None:
    """Return the fields that fragments read of row variables; None where one is used as a whole."""
    found: set[str] = set()
    for fragment in fragments:
        tokens = fragment.tokens
        for index, token in enumerate(tokens):
            if token.word not in rows:
                continue
            name = tokens[index + 2].word if index + 2 < len(tokens) and tokens[index + 1].text == "." else None
            if name is None:
                return None
            found.add(name)
    return frozenset(found)


def _shape(table: _TriggerTable, fields: frozenset[str] | None) -> Any:
    """Return what a body that reads only `fields` sees of a table; None where it sees all of it."""
    if fields is None or table.old_tables or table.new_tables:
        return None
    return tuple(tuple(column) for column in table.columns if column[0] in fields)


def _groups(asked: list[_AskedFragment]) -> Iterator[list[_AskedFragment]]:
    """Put together what can be asked at once: no name may have two types."""
    group: list[_AskedFragment] = []
    known: dict[str, str] = {}
    for one in asked:
        clash = any(known.get(name, kind) != kind for name, kind in one.parameters.items())
        if group and (clash or len(known | one.parameters) > MOST_PARAMETERS):
            yield group
            group, known = [], {}
        group.append(one)
        known |= one.parameters
    if group:
        yield group


def _named(message: str) -> str | None:
    """Return the last part of the name that an error message quotes first."""
    found = re.search(r'[“"«„]([^"”»“]+)[”"»“]', message)
    return found.group(1).rsplit(".", 1)[-1] if found else None


def _context_line(refused: Rejection) -> int:
    found = re.findall(r"\bline (\d+)", refused.context or "")
    return int(found[-1]) if found else 1


def _statement_at(source: str, offset: int | None) -> str:
    """Return the statement of a script that holds an offset."""
    start = 0
    for token in tokens_of(source):
        if token.text == ";":
            if offset is None or token.start >= offset:
                return source[start : token.start].strip()
            start = token.end
    return source[start:].strip()


def _bare_columns(text: str) -> set[str]:
    """Return the unqualified column references of a statement, and the columns of ON CONFLICT.

    ORDER BY, GROUP BY and DISTINCT ON take a bare name for a column of the result first: they are left out.
    """
    from pglast import ast
    from pglast.parser import ParseError, parse_sql

    found: set[str] = set()

    def walk(node: Any, bare: bool) -> None:
        if isinstance(node, (tuple, list)):
            for one in node:
                walk(one, bare)
        elif isinstance(node, ast.ColumnRef):
            if bare and node.fields and len(node.fields) == 1 and isinstance(node.fields[0], ast.String):
                found.add(str(node.fields[0].sval))
        elif isinstance(node, ast.InferClause):
            found.update(one.name for one in node.indexElems or () if one.name)
        elif isinstance(node, ast.Node):
            for name in node:
                result = name in ("sortClause", "groupClause", "distinctClause")
                walk(getattr(node, name), bare and not result)

    try:
        walk([statement.stmt for statement in parse_sql(text)], True)
    except ParseError:
        return set()
    return found
