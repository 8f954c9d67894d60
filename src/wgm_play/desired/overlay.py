"""The wanted catalog: the live one with what the playbook declares laid over it.

In: the live catalog, the realised declarations. Out: `DesiredState`: the catalog, which step asks for what, what would be
removed without having been said so, and what the playbook says about values.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from wgm_play.catalog.access import identity_column, left_over
from wgm_play.catalog.constraint import AUTOMATIC_NOT_NULL, NOT_NULL, not_null_column
from wgm_play.catalog.graph import (
    dependents,
    object_of,
    owner_column,
    parent_column,
    parts_of,
    parts_of_table,
    relation_of,
)
from wgm_play.catalog.kinds import ACCESS, AS_ROWS, IN_TABLE, INSIDE, OF_PUBLICATION, ON_TABLE, OVER_COLUMNS, ROUTINES
from wgm_play.catalog.model import CLASSES, Catalog, Extra, Key, Row, field_of, row_of, with_fields
from wgm_play.catalog.partition_set import EXTENSION, kept_by_partman
from wgm_play.catalog.sequence import numbering_of
from wgm_play.desired.access import lay_access, privileges_go
from wgm_play.desired.manage import Manage
from wgm_play.desired.match import match_constraints, match_domain
from wgm_play.desired.model import DesiredState, Removal
from wgm_play.errors import InputError, Position, Refused
from wgm_play.operations.composite import stored
from wgm_play.operations.foreign import hidden
from wgm_play.playbook.model import Declaration, Declarations
from wgm_play.shadow.realise import Realised
from wgm_play.sql import ident
from wgm_play.sqltext.scan import split_list

EVERYTHING = Manage()
# Names that are ours: left by a run that was cut short, removed without being asked.
OURS = re.compile(r"wgm_(not_null|new|old|sync)_")


def lay_over(
    live: Catalog, realised: Realised, folded: Declarations, *, prune: bool = False, manage: Manage = EVERYTHING
) -> DesiredState:
    """Lay declarations over the live catalog; `prune` removes whole objects that no step mentions, within `manage`."""
    made = DesiredState(live.copy())
    wanted, declared = made.catalog, realised.catalog
    declarations = folded.declarations
    tables = {key for key, declaration in declarations.items() if key.kind == "table" and not declaration.absent}
    names = {key for key in declared.rows} | {key for declaration in declarations.values() for key in declaration.named}
    _refuse_other_sequences(live, declared, declarations)
    renamed: dict[Key, Key] = {}
    for table in sorted(tables):
        indexes = _others_indexes(live, declarations, table) if table not in live.rows else ()
        renamed.update(match_constraints(live, declared, table, declarations[table].named, indexes))
    for key, declaration in declarations.items():
        if key.kind == "domain" and not declaration.absent:
            renamed.update(match_domain(live, declared, key, {*declaration.named, *declaration.parts}))
    for key, row in declared.rows.items():
        target = renamed.get(key, key)
        wanted.rows[target] = _adapted(live, declared, declarations, target, row, renamed)
        extra = declared.extras.get(key, Extra())
        live_extra = live.extras.get(target)
        wanted.extras[target] = _placed(target, live_extra, extra)
    made.managed = frozenset(renamed.get(key, key) for key in declared.rows)
    wanted.edges = _edges(live, declared, renamed)
    _settings(made, declarations)
    _steps(made, declarations, names)
    _absent(made, live, declarations)
    _keep_not_null(made, live, tables, prune=prune)
    lay_access(made, live, declarations, same_object)
    _unmentioned(made, live, declarations, tables)
    _follow_parents(made, live)
    _free_serials(made, live)
    made.outside = [key for key in made.unmanaged if not manage.covers(key)]
    made.unmanaged = [key for key in made.unmanaged if manage.covers(key)]
    if prune:
        _prune(made, live)
    _cascade(made, live, manage, declarations)
    _keep_shared_sequences(made, live)
    _sets_go(made)
    privileges_go(made.catalog, live)
    for key in left_over(wanted.rows):
        del wanted.rows[key]
    return made


def _others_indexes(live: Catalog, declarations: Mapping[Key, Declaration], table: Key) -> set[str]:
    """Return the names of the indexes of other tables that stay, in the schema of a new one."""
    found = {
        key.name[-1]: Key("table", relation_of(live, key) or ())
        for key in (*live.of("index", table.name[0]), *live.of("constraint", table.name[0]))
        if key.kind == "index" or live.value(key, "type") in ("p", "u", "x")
    }
    return {name for name, owner in found.items() if owner not in declarations or not declarations[owner].absent}


def _placed(key: Key, live: Extra | None, declared: Extra) -> Extra:
    """Return what is known of a wanted object: its position is the declared one."""
    sequence = declared.owner if key.kind == "column" else None
    if live is None:
        return Extra(number=declared.number, owner=sequence)
    return live._replace(number=declared.number, owner=live.owner or sequence)


def _refuse_other_sequences(live: Catalog, declared: Catalog, declarations: Mapping[Key, Declaration]) -> None:
    """Refuse the name of an identity column's sequence that is another in the live database."""
    for table, declaration in declarations.items():
        for key in (one for one in declaration.parts if one.kind == "column" and table.kind == "table"):
            name, there = declared.extra(key).owner, live.extra(key).owner
            both = key in live.rows and key in declared.rows and live[key].identity and declared[key].identity
            if both and name is not None and name != there:
                shown = there or f"{key.name[1]}_{key.name[2]}_seq"
                raise Refused(
                    f"the sequence of {key} is called {shown!r}, not {name!r}",
                    where=declaration.parts[key].position,
                    hint=f"write `sequence: {shown}`, or rename it: "
                    f"ALTER SEQUENCE {ident((key.name[0], shown))} RENAME TO {ident(name)}",
                )


def _adapted(
    live: Catalog,
    declared: Catalog,
    declarations: Mapping[Key, Declaration],
    key: Key,
    row: Row,
    renamed: Mapping[Key, Key],
) -> Row:
    """Return a declared row with what a playbook cannot say, or did not say, as it is live."""
    if key.kind == "table" and key in live.rows:
        was = live[key]
        new = CLASSES["table"](*row)
        cluster = _index_name(key, new.cluster_on, renamed)
        replica = _index_name(key, new.replica_index, renamed)
        new = replace(new, cluster_on=cluster, replica_index=replica)
        if new == was:
            return live.rows[key]
        said = declarations[key].attributes if key in declarations else {}
        if "access_method" not in said:
            new = replace(new, access_method=was.access_method)
        if "tablespace" not in said:
            new = replace(new, tablespace=was.tablespace)
        if "row_level_security" not in said:
            new = replace(new, row_security=was.row_security, force_row_security=was.force_row_security)
        return row_of(new)
    if key.kind == "table":
        return _beside_parent(live, declarations, key, row)
    if key.kind == "index" and key in live.rows:
        said = declarations[key].attributes if key in declarations else {}
        unsaid = {name: live.value(key, name) for name in ("tablespace", "statistics") if name not in said}
        return with_fields(key.kind, row, **unsaid)
    if key.kind == "constraint" and field_of(key.kind, row, "tablespace") is None and key in live.rows:
        return with_fields(key.kind, row, tablespace=live.value(key, "tablespace"))
    if key.kind == "publication_table" and (listed := field_of(key.kind, row, "columns")) is not None:
        return with_fields(key.kind, row, columns=None) if _lists_all(live, declared, key, listed) else row
    if key.kind == "policy" and key in declarations:
        return with_fields(key.kind, row, roles=list(declarations[key].attributes.get("roles") or ()))
    if key.kind == "materialized_view" and key in live.rows:
        was = live[key]
        new = CLASSES[key.kind](*row)
        return row_of(replace(new, access_method=was.access_method, tablespace=new.tablespace or was.tablespace))
    if key.kind == "extension" and key in live.rows:
        said = declarations[key].attributes if key in declarations else {}
        was = live[key]
        unsaid = {name: live.value(key, name) for name in ("schema", "version") if name not in said}
        return with_fields(key.kind, row, **unsaid)
    return row


def _beside_parent(live: Catalog, declarations: Mapping[Key, Declaration], key: Key, row: Row) -> Row:
    """Return the row of a new table: as PostgreSQL does it, a partition lies where its parent does."""
    new = CLASSES["table"](*row)
    parent = live.get(Key("table", tuple(new.parents[0]))) if new.bound is not None else None
    said = declarations[key].attributes if key in declarations else {}
    if parent is None or parent.tablespace is None or new.tablespace is not None or "tablespace" in said:
        return row
    return row_of(replace(new, tablespace=parent.tablespace))


def _lists_all(live: Catalog, declared: Catalog, key: Key, columns: Sequence[str]) -> bool:
    """Tell whether a list of all columns is to be as none is: some of ours come beside them, or are there.

    While a table has such columns, a list of all others is how a publication has the whole table.
    """
    table = Key("table", key.name[1:])
    if table not in live.rows or (key in live.rows and live[key].columns == list(columns)):
        return False
    own = {one.name[2] for one in declared.of("column", *table.name) if not declared[one].generated}
    return own == set(columns) and (
        key in live.rows or any(live.rows[one] != declared.rows.get(one) for one in live.of("column", *table.name))
    )


def _index_name(table: Key, name: str | None, renamed: Mapping[Key, Key]) -> str | None:
    if name is None:
        return None
    return renamed.get(Key("constraint", (*table.name, name)), Key("constraint", (*table.name, name))).name[2]


def _edges(live: Catalog, declared: Catalog, renamed: Mapping[Key, Key]) -> frozenset[tuple[Key, Key]]:
    made = {(renamed.get(a, a), renamed.get(b, b)) for a, b in declared.edges}
    made |= {(a, b) for a, b in live.edges if a not in declared.rows}
    return frozenset(made)


def _settings(made: DesiredState, declarations: Mapping[Key, Declaration]) -> None:
    for key, declaration in declarations.items():
        if key.kind == "setting" and not declaration.absent:
            made.catalog.rows[key] = (str(declaration.attributes["value"]),)
            made.managed |= {key}
        elif key.kind == "cron_job" and not declaration.absent:
            made.catalog.rows[key] = _job(made.catalog, declaration)
            made.managed |= {key}
        elif key.kind == "partition_set" and not declaration.absent:
            made.catalog.rows[key] = _partition_set(made.catalog, declaration)
            made.managed |= {key}
        elif key.kind == "user_mapping" and not declaration.absent:
            made.catalog.rows[key] = (hidden(key, declaration.attributes["options"]) or None,)
            made.catalog.edges |= {(key, Key("server", key.name[:1]))}
            made.given[key] = declaration.attributes
            made.managed |= {key}


def _job(catalog: Catalog, declaration: Declaration) -> Row:
    """Return the row of a job. Raises InputError where pg_cron is nowhere, or the SQL is none."""
    from pglast import parse_sql
    from pglast.parser import ParseError

    said = declaration.attributes
    if Key("extension", ("pg_cron",)) not in catalog.rows:
        raise InputError(
            f"{declaration.key} needs the extension 'pg_cron'",
            where=declaration.position,
            hint="declare it in a step: `extension: {name: pg_cron}`, in the database that cron.database_name names",
        )
    try:
        parse_sql(said["command"])
    except ParseError as error:
        raise InputError(
            f"the command of {declaration.key}: {error.args[0]}", where=said["written"], hint="correct the SQL"
        ) from None
    return tuple(said[name] for name in CLASSES["cron_job"].__slots__)


def _partition_set(catalog: Catalog, declaration: Declaration) -> Row:
    """Return the row of a partition set. Raises InputError where pg_partman or the table is nowhere."""
    key, said = declaration.key, declaration.attributes
    if EXTENSION not in catalog.rows:
        raise InputError(
            f"{key} needs the extension 'pg_partman'",
            where=declaration.position,
            hint="declare it in a step: `extension: {name: pg_partman, schema: partman}`",
        )
    table, column = Key("table", key.name), Key("column", (*key.name, said["control"]))
    strategy = str(catalog.value(table, "partition_by") or "") if table in catalog.rows else ""
    if strategy.replace('"', "") != f"RANGE ({said['control']})" or column not in catalog.rows:
        raise InputError(
            f"{table} is no table that is partitioned by range of {said['control']!r}",
            where=declaration.position,
            hint=f"say `partition_by: {{range: [{said['control']}]}}` in the step of the table",
        )
    of_numbers = str(catalog.value(column, "type")) in ("smallint", "integer", "bigint")
    if of_numbers != said["interval"].isdigit():
        raise InputError(
            f"{said['interval']} is no interval for a column of type {catalog.value(column, 'type')}",
            where=declaration.position,
            hint="say how many ids a partition holds" if of_numbers else "say a span as `1 week`",
        )
    return tuple(said[name] for name in CLASSES["partition_set"].__slots__)


def _sets_go(made: DesiredState) -> None:
    """Let pg_partman forget tables that go."""
    for key in made.catalog.of("partition_set"):
        if Key("table", key.name) not in made.catalog.rows:
            del made.catalog.rows[key]


def _steps(made: DesiredState, declarations: Mapping[Key, Declaration], names: set[Key]) -> None:
    """Say which step asks for which object."""
    by_name: dict[tuple[str, tuple[str, ...]], int] = {}
    for key, declaration in declarations.items():
        made.steps[key] = declaration.step
        by_name[(key.kind, key.name[:2])] = declaration.step
        for part_key, part in declaration.parts.items():
            made.steps[part_key] = part.step
            if part.convert:
                made.converts[part_key] = part.convert
            if part.backfill is not None:
                made.backfills[part_key] = part.backfill
    columns: dict[tuple[str, ...], dict[str, int]] = {}
    for key, step in made.steps.items():
        if key.kind == "column":
            columns.setdefault(key.name[:2], {})[f"{key.name[1]}_{key.name[2]}_"] = step
    for key in made.managed:
        if key in made.steps:
            continue
        if (key.kind, key.name[:2]) in by_name:
            made.steps[key] = by_name[(key.kind, key.name[:2])]
        elif key.kind == "constraint":
            found = [step for name, step in columns.get(key.name[:2], {}).items() if key.name[2].startswith(name)]
            made.steps[key] = max(found) if found else by_name.get(("table", key.name[:2]), -1)
        elif key.kind == "domain_constraint":
            made.steps[key] = by_name.get(("domain", key.name[:2]), -1)
        elif key.kind in OF_PUBLICATION:
            made.steps[key] = by_name.get(("publication", key.name[:1]), -1)
        elif key.kind == "operator_family":
            made.steps[key] = by_name.get(("operator_class", key.name[:2]), -1)
        elif key.kind == "cast":
            made.steps[key] = next(
                (step for (kind, name), step in by_name.items() if kind == "cast" and _same_types(name, key.name)), -1
            )
        elif key.kind == "sequence" and (owner := owner_column(made.catalog, key)):
            made.steps[key] = by_name.get(("table", owner.name[:2]), -1)


def _absent(made: DesiredState, live: Catalog, declarations: Mapping[Key, Declaration]) -> None:
    """Take out what the playbook declares absent."""
    for key, declaration in declarations.items():
        if declaration.absent:
            for gone in same_object(live, key):
                _remove(made, live, gone, declaration.step)
            continue
        for part_key, part in declaration.parts.items():
            if part.absent and part_key in made.catalog.rows:
                _remove(made, live, part_key, part.step)


def _free_serials(made: DesiredState, live: Catalog) -> None:
    """Let a serial's sequence belong to nobody once its column is an identity column, which has one of its own.

    Were it owned still, pg_get_serial_sequence() would go on naming it.
    """
    for key in live.of("sequence"):
        row = live[key]
        column = Key("column", tuple(row.owned_by)) if row.owned_by else None
        new = made.catalog.get(column) if column else None
        if new is None or not new.identity or key in made.managed or key not in made.catalog.rows:
            continue
        if column in live.rows and not live[column].identity:
            made.catalog.rows[key] = row_of(replace(row, owned_by=None))
            made.steps.setdefault(key, made.steps.get(column, -1))


def _keep_shared_sequences(made: DesiredState, live: Catalog) -> None:
    """Let a sequence stay, and belong to nobody, while its column goes: others go on taking their numbers from it."""
    rows = made.catalog.rows
    shared = {used for user, used in made.catalog.edges if used.kind == "sequence" and user in rows}
    for key in sorted(shared):
        owner = owner_column(live, key)
        if key in live.rows and key not in made.managed and owner is not None and owner not in rows:
            rows[key] = row_of(replace(live[key], owned_by=None))
            made.steps[key] = made.steps.get(owner, made.steps.get(Key("table", owner.name[:2]), -1))


def _keep_not_null(made: DesiredState, live: Catalog, tables: set[Key], *, prune: bool) -> None:
    """Let the NOT NULL of a column keep a name that no step gives.

    A playbook that says all there is (`prune`) takes it away, unless it is one that PostgreSQL made of another name.
    """
    rows = made.catalog.rows
    given = {
        (key.name[:2], not_null_column(made.catalog.value(key, "definition")))
        for key in made.managed
        if key.kind == "constraint" and made.catalog.value(key, "type") == NOT_NULL
    }
    for table in tables:
        for key in live.of("constraint", *table.name):
            row = live[key]
            if row.type != NOT_NULL or key in made.managed or key not in rows:
                continue
            column = Key("column", (*table.name, not_null_column(row.definition)))
            same = column in rows and made.catalog[column].not_null and (table.name, column.name[2]) not in given
            if same and (not prune or AUTOMATIC_NOT_NULL.search(key.name[2])):
                rows[key] = row_of(replace(row, validated=True))
                made.managed |= {key}
            else:
                del rows[key]
            made.steps.setdefault(key, made.steps.get(column, made.steps.get(table, -1)))


def same_object(live: Catalog, key: Key) -> list[Key]:
    """Return the live keys that a key of a playbook means: a function's arguments may be written in other words."""
    if key in live.rows:
        return [key]
    if key.kind == "cast":
        return [other for other in live.of("cast") if _same_types(other.name, key.name)]
    if key.kind == "operator":
        return [other for other in live.of("operator", *key.name[:2]) if _same_types(other.name[2:], key.name[2:])]
    if key.kind == "grant" and key.name[0] == "sequence" and (column := identity_column(live, object_of(key))):
        return [Key("grant", ("column", *column.name, key.name[-1]))]
    if key.kind not in ROUTINES:
        return []
    same = [other for other in live.of(key.kind, *key.name[:2])]
    spelled = _bare(key.name[2])
    exact = [other for other in same if spelled in (_bare(other.name[2]), _bare(_with_names(live, other)))]
    return exact or (same if len(same) == 1 else [])


def _with_names(live: Catalog, key: Key) -> str:
    """Return a routine's arguments with their names, without defaults: as a playbook may write them."""
    from wgm_play.playbook.kinds.function import without_default

    arguments = getattr(live[key], "arguments", "") or ""
    return ", ".join(without_default(part.removeprefix("IN ")) for part in split_list(arguments))


def _same_types(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    from wgm_play.type_names import plain_type

    return [plain_type(name) for name in one] == [plain_type(name) for name in other]


def _bare(arguments: str) -> str:
    return re.sub(r"\s+", "", arguments.lower().replace("public.", "").replace("pg_catalog.", ""))


def _remove(made: DesiredState, live: Catalog, key: Key, step: int) -> None:
    gone = [key, *(parts_of_table(live, key) if key.kind == "table" else ())]
    if key.kind == "domain":
        gone += live.of("domain_constraint", *key.name)
    if key.kind == "publication":
        gone += [*live.of("publication_table", *key.name), *live.of("publication_schema", *key.name)]
    for one in gone:
        if one in made.catalog.rows and one not in made.managed:
            del made.catalog.rows[one]
            made.steps.setdefault(one, step)


def _unmentioned(made: DesiredState, live: Catalog, declarations: Mapping[Key, Declaration], tables: set[Key]) -> None:
    """Columns and constraints of declared tables that no step mentions are removals; other objects are left alone."""
    gone = {key for key in live.rows if key not in made.catalog.rows}
    said = {dependent for dependent, referenced in live.edges if referenced in gone}  # it goes with what it is over
    for key in sorted(live.rows):
        if key.kind in IN_TABLE:
            owner = Key("table", key.name[:2])
        elif key.kind == "domain_constraint":
            owner = Key("domain", key.name[:2])
        elif key.kind in OF_PUBLICATION:
            owner = Key("publication", key.name[:1])
        else:
            continue
        declaration = declarations.get(owner)
        if declaration is None or declaration.absent or key in made.managed or key not in made.catalog.rows:
            continue
        _remove(made, live, key, made.steps.get(key, declaration.step))
        inherited = key.kind == "column" and live[key].inherited  # nothing goes but what it has otherwise
        if key.kind in OF_PUBLICATION:
            continue  # what a publication has is said in its step; no rows go
        if not inherited and not OURS.match(key.name[2]) and not (key.kind == "constraint" and key in said):
            made.unsaid.append(Removal(key, declaration.position, declaration.step))
    for key, declaration in declarations.items():
        if key.kind == "composite" and not declaration.absent and key in live.rows and stored(live, key):
            there = {str(one[0]) for one in made.catalog[key].attributes or ()}
            for one in live[key].attributes or ():
                attribute = Key("attribute", (*key.name, str(one[0])))
                if one[0] not in there and attribute not in declaration.parts:
                    made.unsaid.append(Removal(attribute, declaration.position, declaration.step))
    kept = kept_by_partman(live)
    kept |= set(parts_of(live, kept))
    made.unmanaged = sorted(
        key
        for key in live.rows
        if key.kind not in IN_TABLE | INSIDE | OF_PUBLICATION | ACCESS | AS_ROWS
        and key not in made.managed
        and key in made.catalog.rows
        and key not in kept
        and key != Key("schema", ("public",))
    )


def _follow_parents(made: DesiredState, live: Catalog) -> None:
    """Let the columns of children that no step says be of the type that their parents' get: that reaches them."""
    rows = made.catalog.rows
    for key in made.catalog.of("column"):
        if key in made.managed or key not in live.rows or not live.value(key, "inherited"):
            continue
        above = parent_column(made.catalog, key)
        if above is None or above not in live.rows:
            continue
        was, now, row = live[above], made.catalog[above], made.catalog[key]
        if (was.type, was.collation) == (now.type, now.collation) or (row.type, row.collation) != (
            was.type,
            was.collation,
        ):
            continue
        options = numbering_of(row.identity_options, was.type, now.type)
        rows[key] = row_of(replace(row, type=now.type, collation=now.collation, identity_options=options))


def _prune(made: DesiredState, live: Catalog) -> None:
    """Remove whole objects that no step mentions; a schema that still holds something stays."""
    for key in sorted(made.unmanaged, key=lambda one: one.kind == "schema"):
        if key.kind == "schema" and any(
            other.name[0] == key.name[0] for other in made.catalog.rows if len(other.name) > 1
        ):
            continue
        if key in made.catalog.rows:
            _remove(made, live, key, -1)
            made.unsaid.append(Removal(key, None, -1))
    made.unmanaged = []


def _cascade(made: DesiredState, live: Catalog, manage: Manage, declarations: Mapping[Key, Declaration]) -> None:
    """What depends on a removed object goes with it; its definition stays in the snapshot."""
    gone = [key for key in live.rows if key not in made.catalog.rows]
    for key in sorted(dependents(live, gone)):
        if key in made.managed or key not in made.catalog.rows:
            continue
        if (
            key.kind == "column" and not live[key].inherited
        ):  # a default or generated value that uses it: the column itself is declared or left
            continue
        if not manage.covers(key):
            raise Refused(
                f"{key} is outside of what this play manages, and depends on what is to be removed",
                hint="keep what it needs, or name it in the play's `manage:`",
            )
        made.steps.setdefault(key, max((made.steps.get(one, -1) for one in gone), default=-1))
        del made.catalog.rows[key]
    _taken(made, live, gone, declarations)


def _taken(made: DesiredState, live: Catalog, gone: list[Key], declarations: Mapping[Key, Declaration]) -> None:
    """Note what goes along with what is removed, is no part of it, and is in no step."""
    before = set(gone)
    for key in sorted(key for key in live.rows if key not in made.catalog.rows and key not in before):
        uses = sorted(one for one in live.directly_needed(key) if one not in made.catalog.rows and one in live.rows)
        if key.kind in ACCESS or _is_part(live, key, uses, live.directly_needed(key)):
            continue
        cause = next((one for one in uses if one in before), uses[0] if uses else None)
        position, step = _said_at(declarations, cause, made.steps.get(key, -1))
        made.taken.append(Removal(key, position, step, cause))


def _is_part(live: Catalog, key: Key, uses: list[Key], needs: Collection[Key]) -> bool:
    """Tell whether an object goes with what it uses as a part of it, as the index of a column does."""
    if key.kind in INSIDE:
        return True
    tables = {one.name[:2] for one in uses if one.kind in (IN_TABLE | {"table"})}
    if key.kind == "constraint":
        return key.name[:2] in tables
    if key.kind == "sequence":
        owner = owner_column(live, key)
        return owner is not None and owner.name[:2] in tables
    if key.kind in OVER_COLUMNS:  # all that it is over goes
        return all(one in uses for one in needs if one.kind == "column")
    return key.kind in ON_TABLE and Key("table", key.name[:2]) in uses


def _said_at(declarations: Mapping[Key, Declaration], key: Key | None, step: int) -> tuple[Position | None, int]:
    """Return where the removal of an object is said, and by which step."""
    for declaration in declarations.values():
        if key is not None and key in declaration.parts:
            return declaration.parts[key].position, declaration.parts[key].step
    found = declarations.get(key) if key is not None else None
    return (found.position, found.step) if found else (None, step)
