"""What belongs to a range type by name: constructors and the multirange follow the type when it is renamed or moved.

In: a range type, its names before and after. Out: statements.
"""

from __future__ import annotations

from wgm_play.operations.base import command
from wgm_play.plan import Command
from wgm_play.sql import Sql, ident


def renames(subtype: str, schema: str, old: tuple[str, str | None], new: tuple[str, str | None]) -> list[Command]:
    """Return the statements that rename a range type, its multirange type and the constructors of both.

    PostgreSQL renames and moves only the type itself (manual: "ALTER TYPE"); `old` and `new` are both names.
    """
    made = []
    for function, to in _constructors(subtype, schema, old, new):
        if not function.startswith(f"{ident((schema, to))}("):
            made.append(command("object/rename", what=Sql(f"FUNCTION {function}"), to=to))
    for name, to_name in zip(old, new, strict=True):
        if name is not None and to_name is not None and name != to_name:
            made.append(command("object/rename", what=Sql(f"TYPE {ident((schema, name))}"), to=to_name))
    return made


def moves(subtype: str, schema: str, names: tuple[str, str | None], to: str) -> list[Command]:
    """Return the statements that move a range type, its multirange type and the constructors of both to a schema."""
    functions = [Sql(f"FUNCTION {function}") for function, _ in _constructors(subtype, schema, names, names)]
    types = [Sql(f"TYPE {ident((schema, name))}") for name in names if name is not None]
    return [command("object/set_schema", what=what, schema=to) for what in (*functions, *types)]


def _constructors(
    subtype: str, schema: str, old: tuple[str, str | None], new: tuple[str, str | None]
) -> list[tuple[str, str]]:
    name, multirange = old
    itself = ident((schema, name))
    found = [(f"{itself}({subtype}, {subtype})", new[0]), (f"{itself}({subtype}, {subtype}, text)", new[0])]
    if multirange is not None and new[1] is not None:
        several = ident((schema, multirange))
        found += [(f"{several}()", new[1]), (f"{several}({itself})", new[1]), (f"{several}({itself}[])", new[1])]
    return found
