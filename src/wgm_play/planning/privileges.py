"""What the role or the server cannot give: steps with `required: false` are skipped, others stop the plan.

In: declarations, the shadow or the target to try them on. Out: `Skips`, each with the statement for an administrator.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.kinds import BY_METHOD, OF_SUPERUSERS, OPTIONAL
from wgm_play.catalog.model import Catalog, Extra, Key, Row, field_of, with_fields
from wgm_play.document.nodes import position_of
from wgm_play.errors import InputError, Unreachable, WgmError
from wgm_play.lazy_dataclass import dataclass
from wgm_play.playbook.model import Declaration, Declarations
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.shadow.blame import explain
from wgm_play.sql import reveal

if TYPE_CHECKING:
    import psycopg

    from wgm_play.asking.ask import Asker

_NOT_PERMITTED = "42501"


def _refusal(connection: psycopg.Connection[Any], declaration: Declaration) -> psycopg.Error | None:
    """Try a declaration's statements and take them back; return the server's refusal, or None."""
    import psycopg as library

    try:
        with connection.transaction(force_rollback=True):
            for statement in declaration.statements:
                connection.execute(statement.sql.encode())
    except library.Error as error:
        return error
    return None


def _kept(connection: psycopg.Connection[Any], declaration: Declaration) -> psycopg.Error | None:
    """Make what is declared, within a transaction that is taken back; return the server's refusal, or None."""
    import psycopg as library

    try:
        with connection.transaction():
            for statement in declaration.statements:
                connection.execute(statement.sql.encode())
    except library.Error as error:
        return error
    return None


def _for_superusers(declaration: Declaration) -> bool:
    """Tell whether only a superuser may make what is declared (manual: the notes of the CREATE statements)."""
    if declaration.key.kind == "publication":
        words = ("FOR ALL TABLES", "ADD TABLES IN SCHEMA")
        return any(word in statement.sql for statement in declaration.statements for word in words)
    return declaration.key.kind in (OF_SUPERUSERS - BY_METHOD)


@dataclass(slots=True)
class Skips:
    """Steps that are skipped: (step, reason, statement for an administrator, key); `recorded` extensions are not realised."""

    entries: list[tuple[int, str, str, Key]] = field(default_factory=list)
    recorded: dict[Key, Row] = field(default_factory=dict)
    versions: dict[Key, str] = field(default_factory=dict)

    def add(self, declaration: Declaration, reason: str, statement: str) -> None:
        """Skip a declaration."""
        self.entries.append((declaration.step, reason, statement, declaration.key))

    def listed(self) -> list[tuple[int, str, str]]:
        """Return what the plan shows."""
        return [(step, reason, statement) for step, reason, statement, _ in self.entries]

    def kept(self) -> list[Any]:
        """Return the entries as JSON data for the cache (settings are found out anew each time)."""
        return [
            [step, reason, text, key.kind, list(key.name)]
            for step, reason, text, key in self.entries
            if key.kind != "setting"
        ]

    def restore(self, kept: list[Any]) -> None:
        """Take entries from the cache."""
        self.entries += [(step, reason, text, Key(kind, tuple(name))) for step, reason, text, kind, name in kept]

    def remaining(self, folded: Declarations) -> Declarations:
        """Return what is declared and not skipped."""
        gone = {key for *_, key in self.entries}
        return replace(folded, declarations={key: one for key, one in folded.declarations.items() if key not in gone})

    def try_optional(
        self,
        connection: psycopg.Connection[Any],
        declarations: Mapping[Key, Declaration],
        live: Catalog,
        target: psycopg.Connection[Any],
        *,
        own: bool,
    ) -> dict[Key, Declaration]:
        """Try each optional declaration by itself; return all but those that the server does not give.

        Where the shadow is another server (not `own`), the target is asked for what it has and what its role may.
        """
        able = own or bool((target.execute(render("shadow/superuser.sql.j2").sql).fetchone() or (False,))[0])
        made: dict[Key, Declaration] = {}
        for key, declaration in declarations.items():
            if declaration.required or declaration.absent or key.kind not in OPTIONAL:
                made[key] = declaration
                continue
            if not able and key not in live.rows and _for_superusers(declaration):
                texts = [statement.sql for statement in declaration.statements]
                self.add(declaration, f"only a superuser may create {key}", "; ".join(texts))
                continue
            if not own and key.kind == "extension":
                refused = None if key in live.rows else _not_given(target, declaration)
                if refused is None:
                    made[key] = declaration
                else:
                    self.add(declaration, refused.message, declaration.statements[0].sql)
                continue
            if not own and _for_superusers(declaration):
                made[key] = declaration
                continue
            error = _refusal(connection, declaration)
            if error is None or (
                error.sqlstate != _NOT_PERMITTED and key.kind not in (OPTIONAL - OF_SUPERUSERS - {"publication"})
            ):
                made[key] = declaration  # it can be made, or what it needs is not there yet
            elif key in live.rows:
                self.recorded[key] = live.rows[key]
            else:
                reason = mask(str(error.diag.message_primary or error))
                self.add(declaration, reason, "; ".join(statement.sql for statement in declaration.statements))
        return made

    def without_missing_extensions(
        self,
        connection: psycopg.Connection[Any],
        declarations: Mapping[Key, Declaration],
        live: Catalog,
        target: psycopg.Connection[Any],
        *,
        own: bool,
    ) -> dict[Key, Declaration]:
        """Set aside required extensions that only the shadow lacks; stop at those that the target lacks or forbids."""
        made = dict(declarations)
        asked = [one for one in made.values() if one.key.kind == "extension" and not one.absent and one.statements]
        if not asked:
            return made
        if not own:
            return self._without_lacking(connection, made, asked, live, target)
        with connection.transaction(force_rollback=True):  # one may need another, or a schema
            for declaration in declarations.values():
                if declaration.key.kind == "schema" and not declaration.absent:
                    _kept(connection, declaration)
            for declaration in asked:
                failed = _kept(connection, declaration)
                if failed is not None:
                    self.recorded[declaration.key] = _row_without(failed, declaration, live)
                    del made[declaration.key]
        return made

    def _without_lacking(
        self,
        connection: psycopg.Connection[Any],
        made: dict[Key, Declaration],
        asked: list[Declaration],
        live: Catalog,
        target: psycopg.Connection[Any],
    ) -> dict[Key, Declaration]:
        """Set aside what another server than the target's lacks. The target is asked what it has, and in which version."""
        there = set(connection.execute(render("shadow/available.sql.j2").sql).fetchall())
        for declaration in asked:
            key = declaration.key
            said = str(reveal(declaration.attributes.get("version") or ""))
            if key in live.rows:
                row = live.rows[key]
            else:
                refused = _not_given(target, declaration)
                if refused is not None:
                    raise refused
                found = target.execute(render("shadow/extension_available.sql.j2", name=key.name[0], version=said).sql)
                version = said or str((found.fetchone() or ("",))[0])
                row = (str(declaration.attributes.get("schema") or "public"), version, None)
            lacks = (key.name[0], said) not in there if said else key.name[0] not in {name for name, _ in there}
            if lacks:
                self.recorded[key] = row
                del made[key]
            elif not said:
                self.versions[key] = str(field_of("extension", row, "version"))
        return made

    def add_recorded(self, catalog: Catalog) -> None:
        """Put the extensions that were set aside into the realised catalog, and the versions that the target gives."""
        for key, version in self.versions.items():
            if key in catalog.rows:
                catalog.rows[key] = with_fields("extension", catalog.rows[key], version=version)
        for key, row in self.recorded.items():
            catalog.rows[key] = row
            catalog.extras[key] = Extra()


def _row_without(failed: psycopg.Error, declaration: Declaration, live: Catalog) -> Row:
    """Return the row of an extension that this role may not make; raise where it is not there already."""
    if declaration.key in live.rows:
        return live.rows[declaration.key]
    if failed.sqlstate == _NOT_PERMITTED:
        raise _forbidden(declaration) from failed
    raise explain(failed, declaration.statements[0], declaration)


def _not_given(target: psycopg.Connection[Any], declaration: Declaration) -> WgmError | None:
    """Return why the target does not give an extension to this role; None where it does."""
    name, said = declaration.key.name[0], str(reveal(declaration.attributes.get("version") or ""))
    row = target.execute(render("shadow/extension_available.sql.j2", name=name, version=said).sql).fetchone()
    if row is None:
        version = f" in version {said!r}" if said else ""
        return InputError(
            f'extension "{name}" is not available{version}',
            where=declaration.position,
            hint="install it on the machine of the server, or correct the name",
        )
    _, may_create = row
    return None if may_create else _forbidden(declaration)


def _forbidden(declaration: Declaration) -> Unreachable:
    return Unreachable(
        f"this role may not create {declaration.key}",
        where=declaration.position,
        hint=f"let an administrator run {declaration.statements[0].sql}, or say `required: false`",
    )


def unprivileged_settings(
    connection: psycopg.Connection[Any],
    asker: Asker,
    folded: Declarations,
    live: Catalog,
    skips: Skips,
    hidden: Container[int] = (),
) -> Declarations:
    """Find the settings that the server does not know or this role may not set; skip the optional ones.

    Of the steps `hidden`, by their numbers, no value is shown.
    """
    settings = {
        key: one
        for key, one in folded.declarations.items()
        if key.kind == "setting" and not one.absent and live.rows.get(key) != (str(one.attributes["value"]),)
    }
    if not settings:
        return folded
    statement = render(
        "shadow/settings.sql.j2", names=[key.name[2] for key in settings], version=connection.info.server_version
    )
    known = {
        name.lower(): (context, bool(allowed))
        for name, context, allowed in connection.execute(statement.sql).fetchall()
    }
    for key, declaration in settings.items():
        name = key.name[2]
        where = position_of(declaration.attributes["name"])
        context, allowed = known.get(name.lower(), ("user", True) if "." in name else (None, False))
        if context is None:
            import difflib

            near = difflib.get_close_matches(
                name, [row[0] for row in connection.execute("SELECT name FROM pg_catalog.pg_settings").fetchall()], n=1
            )
            raise InputError(
                f"the server has no parameter {name!r}",
                where=where,
                hint=f"did you mean {near[0]!r}?" if near else "see pg_settings",
            )
        if context in ("postmaster", "sighup", "internal"):
            raise InputError(
                f"{name!r} cannot be set for a database or role ({context})",
                where=where,
                hint="set it in postgresql.conf",
            )
        if not allowed:
            text = _statement(connection, key, declaration)
            if declaration.required:
                raise Unreachable(
                    f"this role may not set {name!r}",
                    where=where,
                    hint=f"let an administrator run {text}, or say `required: false`",
                )
            skips.add(declaration, f"this role may not set {name!r}", text)
            continue
        _try_value(asker, name, declaration, private=declaration.step in hidden)
    return skips.remaining(folded)


def _try_value(asker: Asker, name: str, declaration: Declaration, *, private: bool) -> None:
    """Let the server read the value, for this transaction only; raise `InputError` where it refuses it."""
    import psycopg as library

    try:
        with asker.transaction(()) as connection:
            connection.execute(
                "SELECT pg_catalog.set_config(%s, %s, true)", [name, reveal(str(declaration.attributes["value"]))]
            )
    except library.Error as error:
        if error.sqlstate not in ("22023", "22P02"):
            return  # it can be set for a database, not in a session that runs
        told = f"invalid value for parameter {name!r}" if private else mask(str(error.diag.message_primary))
        refused = InputError(
            told,
            where=position_of(declaration.attributes["value"]),
            hint=mask(error.diag.message_hint or f"write a value as in the manual of {name!r}"),
        )
        refused.private = private
        raise refused from error


def _statement(connection: psycopg.Connection[Any], key: Key, declaration: Declaration) -> str:
    from wgm_play.environment import Policy
    from wgm_play.operations.base import Facts, PlanContext
    from wgm_play.operations.namespace import set_setting

    wanted = Catalog({key: (str(declaration.attributes["value"]),)})
    situation = PlanContext(Catalog(), wanted, Facts(Policy(), 0, database=connection.info.dbname))
    return set_setting(situation, key)[0].operation.commands[0].sql
