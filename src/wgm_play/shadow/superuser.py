"""What only a superuser may make in a scratch database, made there by a session of its own.

In: statements that a play's declarations are made with. Out: those on the list below are done by the superuser of a
server of our own, each alone; all others are the role's, which has no rights and owns the scratch database.

None of the listed statements runs code of the playbook: they record names, and what would act is disarmed. Event
triggers are made disabled. Functions in C, internal and untrusted languages are stand-ins that raise. Extensions come
before anything else; what reaches out of the database (dblink, foreign data, files) is taken away from them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.kinds import BY_METHOD, WITH_BODY
from wgm_play.errors import Refused
from wgm_play.lazy_dataclass import dataclass
from wgm_play.render import render
from wgm_play.shadow.stand_in import can_stand_in, stand_in
from wgm_play.sqltext.scan import LITERAL, text_of

if TYPE_CHECKING:
    import psycopg

    from wgm_play.catalog.model import Catalog

# Languages in which a role without rights may write functions, where the server has them.
TRUSTED_LANGUAGES = frozenset(["sql", "plpgsql", "plperl", "pltcl"])
# Settings of functions that only superusers may choose (manual, "Server Configuration").
_SUPERUSER_SETTINGS = (
    "role|session_authorization|session_replication_role|log_\\w+|track_\\w+|lc_messages|deadlock_timeout|session_preload_libraries|"
    "zero_damaged_pages|ignore_\\w+|allow_\\w+|commit_delay|compute_query_id|temp_file_limit|update_process_title|jit_\\w+"
)
# A parameter of an extension, or of nobody: a role may set it for a function only where its session has loaded the library.
_CUSTOM = r"\"?[^\W\d]\w*\"?\.\"?[\w.]+\"?"
_COMMENTS = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_KINDS = r"(?:EXTENSION|EVENT\s+TRIGGER|FOREIGN\s+DATA\s+WRAPPER|OPERATOR\s+CLASS|OPERATOR\s+FAMILY|CAST|PUBLICATION)\b"
# The constructors of a range type belong to the bootstrap superuser, whoever made the type.
_CONSTRUCTOR = r"ALTER\s+FUNCTION\b.*\)\s+(?:RENAME\s+TO|SET\s+SCHEMA)\s+\S+\s*\Z"
_LISTED = re.compile(
    rf"{_COMMENTS}(?:(?:CREATE|ALTER|DROP|COMMENT\s+ON)\s+{_KINDS}|{_CONSTRUCTOR})", re.IGNORECASE | re.DOTALL
)
# The whole of templates/extension/own_comment.sql.j2, with nothing in it but the name.
_OWN_COMMENT = re.compile(
    r"DO \$wgm\$\nBEGIN\n    EXECUTE pg_catalog\.format\(\n        'COMMENT ON EXTENSION %I IS %L', '((?:[^'\\$]|'')*)',\n"
    r"        \(SELECT a\.comment FROM pg_catalog\.pg_available_extensions\(\) a WHERE a\.name = '\1'\)\n    \);\nEND\n\$wgm\$\s*"
)
_ROUTINE = re.compile(rf"{_COMMENTS}CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\b", re.IGNORECASE | re.DOTALL)
_LANGUAGE = re.compile(r"\bLANGUAGE\s+(?:'(\w+)'|\"(\w+)\"|(\w+))", re.IGNORECASE)
_NOT_FOR_ROLES = re.compile(
    rf"\bLEAKPROOF\b(?<!NOT LEAKPROOF)|\bSUPPORT\s+[\w\".]+|\bSET\s+(?:\"?(?:{_SUPERUSER_SETTINGS})\"?|{_CUSTOM})\s*(?:TO|=)",
    re.IGNORECASE,
)
# Transition data in memory that only C functions read.
_INTERNAL = re.compile(
    rf"{_COMMENTS}CREATE\s+(?:OR\s+REPLACE\s+)?AGGREGATE\b.*\bM?STYPE\s*=\s*\"?(?:pg_catalog\.)?\"?internal\b",
    re.IGNORECASE | re.DOTALL,
)
# The files of file_fdw: a name is recorded, no file is opened.
_FILES = re.compile(
    rf"{_COMMENTS}(?:CREATE|ALTER)\s+FOREIGN\s+TABLE\b.*\bOPTIONS\b.*\b\"?(?:filename|program)\"?\s+'",
    re.IGNORECASE | re.DOTALL,
)
_BODY = re.compile(r"\bAS\s+(?:\$|')")
# A function of the server that does nothing but raise: "cannot accept a value of a shell type".
_RAISES = "shell_in"

# The kinds of statements, as the parser calls them: nothing else is sent by the superuser.
_NODES = frozenset(
    [
        "CreateExtensionStmt",
        "AlterExtensionStmt",
        "CreateEventTrigStmt",
        "AlterEventTrigStmt",
        "CreateFdwStmt",
        "AlterFdwStmt",
        "CreateOpClassStmt",
        "CreateOpFamilyStmt",
        "AlterOpFamilyStmt",
        "CreateCastStmt",
        "CreatePublicationStmt",
        "AlterPublicationStmt",
        "CreateFunctionStmt",
        "CreateForeignTableStmt",
    ]
)
_OBJECTS = frozenset(
    [
        "OBJECT_EXTENSION",
        "OBJECT_EVENT_TRIGGER",
        "OBJECT_FDW",
        "OBJECT_OPCLASS",
        "OBJECT_OPFAMILY",
        "OBJECT_CAST",
        "OBJECT_PUBLICATION",
        "OBJECT_FUNCTION",
    ]
)
# The kinds of live objects that a declared one may need, and that such statements make.
MADE_FOR_OTHERS = BY_METHOD | {"extension"} | {"foreign_data_wrapper"} | {"cast"}
_ENABLED = {"O": "O", "D": "D", "R": "R", "A": "A"}


def listed(statement: str) -> bool:
    """Tell whether a statement is one that the superuser of a server of our own does."""
    if _LISTED.match(statement) or _OWN_COMMENT.fullmatch(statement):
        return True
    if _INTERNAL.match(statement) or _FILES.match(statement):
        return True
    if not _ROUTINE.match(statement):
        return False
    head = statement[: body.start()] if (body := _BODY.search(statement)) else statement
    return language_of(statement) not in TRUSTED_LANGUAGES or bool(_NOT_FOR_ROLES.search(head))


_RANGE = re.compile(rf"{_COMMENTS}CREATE\s+TYPE\b.*\bAS\s+RANGE\b", re.IGNORECASE | re.DOTALL)


def makes_range(statement: str) -> bool:
    """Tell whether a statement makes a range type: PostgreSQL makes its constructors as the superuser's."""
    return _RANGE.match(statement) is not None


def language_of(statement: str) -> str:
    """Return the language of the routine that a statement makes."""
    body = _BODY.search(statement)
    found = _LANGUAGE.search(statement[: body.start()] if body else statement) or _LANGUAGE.search(statement)
    return next(word for word in found.groups() if word).lower() if found else "sql"


@dataclass(slots=True)
class Superuser:
    """The superuser's session in one scratch database; `role` owns the database.

    `roles` are those that it made, to be dropped with the database; `enabled` are the event triggers as they are said to be, `stand_ins` the language and the text after AS of each
    function that is not itself here, by oid.
    """

    open: Callable[[], psycopg.Connection[Any]]
    role: str
    enabled: dict[str, str] = field(default_factory=dict)
    stand_ins: dict[int, tuple[str, str]] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)
    _session: psycopg.Connection[Any] | None = None
    _names: str = ""

    @property
    def session(self) -> psycopg.Connection[Any]:
        if self._session is None:
            self._session = self.open()
        return self._session

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def do(self, statement: str, path: str) -> None:
        """Do one listed statement; names without a schema mean those of `path`."""
        node: Any = None if _OWN_COMMENT.fullmatch(statement) else _parsed(statement)
        kind = type(node).__name__
        with self.session.transaction():
            self._names = path
            if kind == "CreateFunctionStmt":
                self._make_routine(statement)
            elif kind == "CreateForeignTableStmt":
                self._send(statement)
                on = node.base.relation
                name = (on.schemaname, on.relname) if on.schemaname else (on.relname,)
                self._send(render("shadow/give_foreign_table.sql.j2", name=name, role=self.role).sql)
            elif kind == "DefineStmt":
                self._send(statement)
                self._give(self._made())
            elif kind == "CreateFdwStmt":
                self._refuse_code(node)
                self._send(statement)
                self._grant_wrappers()
            elif kind == "CreateExtensionStmt":
                self._make_extension(node, statement)
            elif kind == "CreateEventTrigStmt":
                self._send(statement)
                self._send(render("shadow/disable_event_trigger.sql.j2", name=node.trigname).sql)
                self.enabled[node.trigname] = "O"
            elif kind == "AlterEventTrigStmt":
                self.enabled[node.trigname] = str(node.tgenabled)
            else:
                if kind == "AlterFdwStmt":
                    self._refuse_code(node)
                self._send(statement)
                self._renamed(node)

    def give_constructors(self) -> None:
        """Give the role the constructors of its range types, so that it renames and moves them with their types."""
        self.session.execute(render("shadow/give_constructors.sql.j2", role=self.role).sql)

    def make_roles(self, names: Iterable[str]) -> None:
        """Make roles that statements name: fresh ones, which are members of nothing, may not log in and own nothing."""
        import psycopg as library

        for name in names:
            with contextlib.suppress(library.errors.DuplicateObject, library.errors.ReservedName):
                self.session.execute(render("shadow/named_role.sql.j2", name=name).sql)
                self.roles.append(name)

    def _send(self, statement: str) -> None:
        """Send a statement of a step. Names mean what they mean to the role in this one alone, never in ours."""
        self.session.execute(render("shadow/local_path.sql.j2", path=self._names).sql)
        # The extended protocol takes one statement alone.
        self.session.execute(statement.encode(), prepare=True)
        self.session.execute(render("shadow/local_path.sql.j2", path="").sql)

    def _renamed(self, node: Any) -> None:
        if type(node).__name__ == "RenameStmt" and str(getattr(node.renameType, "name", "")) == "OBJECT_EVENT_TRIGGER":
            self.enabled[node.newname] = self.enabled.pop(node.object.sval, "O")
        if type(node).__name__ == "DropStmt" and str(getattr(node.removeType, "name", "")) == "OBJECT_EVENT_TRIGGER":
            for name in node.objects:
                self.enabled.pop(name.sval, None)

    def _refuse_code(self, node: Any) -> None:
        """Refuse a wrapper whose validator or handler would be the playbook's own function, called by the superuser."""
        for option in node.func_options or ():
            name = ".".join(part.sval for part in option.arg) if option.arg else ""
            row = self.session.execute(render("shadow/own_function.sql.j2", name=name).sql).fetchone() if name else None
            if row is not None and row[0]:
                raise Refused(
                    f"the foreign-data wrapper {node.fdwname!r} calls {name}, which the scratch server must not run",
                    hint="say `shadow: target` in the environment: then planning runs it on the target, as your role",
                )

    def _grant_wrappers(self) -> None:
        self.session.execute(render("shadow/grant_wrappers.sql.j2", role=self.role).sql)

    def _make_extension(self, node: Any, statement: str) -> None:
        """Make an extension; one whose script wants a server that was started for it is there in name alone."""
        import psycopg as library

        try:
            with self.session.transaction():
                self._send(statement)
        except library.Error as error:
            if not can_stand_in(error):
                raise
            given = {
                one.defname: one.arg.sval for one in node.options or () if one.defname in ("schema", "new_version")
            }
            stand_in(self.session, node.extname, given.get("schema"), given.get("new_version"))
        self._disarm()

    def _disarm(self) -> None:
        self.session.execute(render("shadow/disarm.sql.j2").sql)
        self._grant_wrappers()

    def _make_routine(self, statement: str) -> None:
        """Make a function that only a superuser may make: itself in SQL or PL/pgSQL, which is not run; else a stand-in."""
        language = language_of(statement)
        if language in TRUSTED_LANGUAGES:
            self._send(statement)
            oid = self._made()
        else:
            body = _BODY.search(statement)
            text = statement[body.end() - 1 :] if body else ""
            head = statement[: body.start()] if body else statement
            head = _LANGUAGE.sub("LANGUAGE internal", head, count=1)
            self._send(f"{head} AS '{_RAISES}'")
            oid = self._made()
            self.stand_ins[oid] = (language, text)
        self._give(oid)

    def _give(self, oid: int) -> None:
        self.session.execute(render("shadow/give_routine.sql.j2", oid=oid, role=self.role).sql)

    def _made(self) -> int:
        row = self.session.execute(render("shadow/made_routine.sql.j2").sql).fetchone()
        assert row is not None  # noqa: S101 - this transaction made one
        return int(row[0])

    def told(self, catalog: Catalog) -> None:
        """Put what is only said here into a catalog that was read from the scratch database."""
        for key in [key for key in catalog.rows if key.kind == "event_trigger" and key.name[0] in self.enabled]:
            row = catalog[key]
            catalog.rows[key] = _row(replace(row, enabled=_ENABLED[self.enabled[key.name[0]]]))
        if not self.stand_ins:
            return
        for key, extra in catalog.extras.items():
            if key.kind in WITH_BODY and extra.oid in self.stand_ins:
                language, text = self.stand_ins[extra.oid]
                row = catalog[key]
                definition = _as_written(row.definition, language, text)
                catalog.rows[key] = _row(replace(row, language=language, definition=definition))


def _row(made: Any) -> tuple[Any, ...]:
    return tuple(getattr(made, name) for name in type(made).__slots__)


_QUOTED = re.compile(rf"\s*({LITERAL})|\s*(\$\w*\$)(.*?)\2", re.DOTALL)


def _as_written(definition: str, language: str, text: str) -> str:
    """Return pg_get_functiondef's text for the real function, from that of its stand-in."""
    parts = [(text_of(first) if first else second) for first, _, second in _QUOTED.findall(text)]
    shown = [f"$function${part}$function$" for part in parts]
    if language == "c" and len(parts) == 2:
        shown[0] = "'" + parts[0].replace("'", "''") + "'"
    return definition.replace(" LANGUAGE internal\n", f" LANGUAGE {language}\n").replace(
        f"$function${_RAISES}$function$", ", ".join(shown)
    )


def _parsed(statement: str) -> Any:
    """Return the syntax tree of one listed statement. Raise `Refused` for anything else."""
    from pglast import parse_sql
    from pglast.parser import ParseError

    try:
        found = parse_sql(statement)
    except ParseError:
        found = ()
    node: Any = found[0].stmt if len(found) == 1 else None
    kind = type(node).__name__
    objects = {
        str(getattr(getattr(node, name, None), "name", ""))
        for name in ("removeType", "objtype", "objectType", "renameType")
    }
    if kind == "DefineStmt" and str(getattr(node.kind, "name", "")) == "OBJECT_AGGREGATE":
        return node
    if kind == "AlterTableStmt" and str(getattr(node.objtype, "name", "")) == "OBJECT_FOREIGN_TABLE":
        return node
    if kind in _NODES or (
        kind in ("DropStmt", "CommentStmt", "RenameStmt", "AlterObjectSchemaStmt", "AlterOwnerStmt")
        and objects & _OBJECTS
    ):
        return node
    raise Refused(
        "a statement that only a superuser may run is none that the scratch server knows",
        details=statement.splitlines()[:3],
        hint="declare the object by the keys of its kind, or say `shadow: target` in the environment",
    )
