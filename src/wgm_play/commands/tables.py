"""`restore --table`: single tables of a backup, brought into the schema `wgm_restored` beside those that are there.

In: a play, a backup, names of tables. Out: tables with their rows and nothing else, made all or none; no table that is there is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgm_play.backup import target
from wgm_play.errors import InputError, Refused, StepFailed
from wgm_play.quantities import counted
from wgm_play.render import render
from wgm_play.secret import mask
from wgm_play.sql import Sql, ident

if TYPE_CHECKING:
    from wgm_play import backup as engines
    from wgm_play.backup.moment import Moment
    from wgm_play.reporter import Reporter
    from wgm_play.run.work import PlaySession

SCHEMA = "wgm_restored"
APPLICATION = "wgm-play restore"


def bring_tables(
    work: PlaySession,
    engine: engines.Engine,
    found: engines.Backup,
    moment: Moment | None,
    tables: Sequence[str],
    place: str | Path,
    reporter: Reporter,
) -> int:
    """Restore a backup on a scratch server and copy tables of it into the database at a URL."""
    import psycopg

    if isinstance(place, Path):
        raise InputError(
            "single tables come back into a database, not into a data directory",
            hint="--into NAME of a database that is there, or without --into",
        )
    work.check_marker()
    if why := engine.stranger(found):
        reporter.warn(f"the backup {found.id} is not of this database: {why}")
    with target.connect(place, APPLICATION) as here:
        _refuse_taken(here, tables)
        with engine.on_scratch(found, moment) as copy, target.connect(copy.admin, APPLICATION) as there:
            described = [_described(there, name, found) for name in tables]
            for note in copy.notes:
                reporter.note(note)
            try:
                with here.transaction():
                    here.execute(render("backup/restored_schema.sql.j2").sql)
                    rows = [_copied(there, here, *one) for one in described]
            except psycopg.Error as error:
                raise StepFailed(
                    f"the tables did not come back: {mask(str(error)).strip()}; nothing of them is left",
                    hint="a type that a column has must be there: bring the whole backup back instead, --into NAME",
                ) from error
            reached = copy.reached
    for (_relation, name, _columns), count in zip(described, rows, strict=True):
        reporter.note(f"{SCHEMA}.{ident(name)}: {counted(count, 'row')} of {reached}")
    reporter.note("they have their rows alone, no constraints and no indexes; drop them when you have what you need")
    reporter.data("tables", {name: count for (_, name, _), count in zip(described, rows, strict=True)})
    return 0


def _refuse_taken(here: Any, tables: Sequence[str]) -> None:
    """Refuse where an earlier restore has left a table of that name. Raise `Refused`."""
    names = [name.rpartition(".")[2].strip('"') for name in tables]
    if len(set(names)) < len(names):
        raise InputError("two of the tables have the same name", hint="bring them back one after another")
    there = [name for name in names if target.one(here, "restored_there.sql.j2", name=name)]
    if there:
        raise Refused(
            f"there is a table {SCHEMA}.{ident(there[0])} already; nothing was touched",
            hint=f"DROP TABLE {SCHEMA}.{ident(there[0])}, or move it away",
        )


def _described(there: Any, name: str, found: engines.Backup) -> tuple[str, str, list[tuple[str, str]]]:
    """Return a table of the backup as SQL writes it, its bare name, its columns with their types. Raise `InputError`."""
    rows = there.execute(render("backup/restored_columns.sql.j2", name=name).sql).fetchall()
    if not rows:
        raise InputError(
            f"there is no table {name!r} in the backup {found.id}", hint="name it as SQL does: --table schema.table"
        )
    relation, bare, *_ = rows[0]
    return relation, bare, [(column, kind) for _, _, column, kind in rows if column]


def _copied(there: Any, here: Any, relation: str, name: str, columns: list[tuple[str, str]]) -> int:
    """Make a table and copy the rows into it; return how many."""
    typed = [(column, Sql(kind)) for column, kind in columns]
    here.execute(render("backup/restored_table.sql.j2", name=name, columns=typed).sql)
    names = [column for column, _ in columns]
    out = render("backup/restored_out.sql.j2", table=Sql(relation), columns=names).sql
    into = render("backup/restored_in.sql.j2", name=name, columns=names).sql
    with there.cursor().copy(out) as read, here.cursor() as cursor:
        with cursor.copy(into) as written:
            for data in read:
                written.write(data)
        return int(cursor.rowcount)
