"""How large tables are, where somebody says: `--rows TABLE=NUMBER`, or a file of statistics.

In: words of the command line. Out: rows by table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wgm_play.errors import InputError, Position
from wgm_play.lint.tree import Name

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_SAID = re.compile(
    r"(?:(?P<schema>[^.=\s]+)\.)?(?P<table>[^.=\s]+)=(?P<number>[\d_,.]+)(?P<unit>[kmg]?)\Z", re.IGNORECASE
)


def sizes(rows: Sequence[str], stats: str | None) -> dict[Name, float]:
    """Return rows by table; what is said by `--rows` wins. Raise `InputError`."""
    found = dict(_of_file(stats)) if stats else {}
    for word in rows:
        said = _SAID.match(word)
        if said is None:
            raise InputError(f"--rows {word!r} is no size", hint="--rows public.tasks=40000000, or =40M")
        number = float(re.sub(r"[_,]", "", said.group("number"))) * _UNITS[said.group("unit").lower()]
        found[(said.group("schema") or "public", said.group("table"))] = number
    return found


def remarks(stats: str | None, environment: str | None) -> list[str]:
    """Return what is odd about a file of statistics: another environment's, or old."""
    if stats is None or not _written_by_us(stats):
        return []
    from wgm_play.stats.file import load

    return list(load(stats).remarks(environment=environment))


def hold_to(stats: str | None, tables: Iterable[Name]) -> None:
    """Raise `InputError` where a file of statistics knows none of these tables: then it is of another database."""
    if stats is None or not _written_by_us(stats):
        return
    from wgm_play.stats.file import load

    load(stats).hold_to(tables)


def fits(stats: str | None, environment: str, tables: Iterable[Name], told: list[str]) -> bool:
    """Tell whether the statistics that an environment has may be used for these tables; `told` gets what is odd about them."""
    if stats is None or not _written_by_us(stats):
        return stats is not None
    from wgm_play.stats.file import load

    found = load(stats)
    foreign = found.foreign(tables)
    told += [f"{foreign}: they are not used"] if foreign else found.remarks(environment=environment)
    return not foreign


def _written_by_us(stats: str) -> bool:
    """Tell `wgm-play stats` from an object of tables and numbers; what cannot be read is told where sizes are."""
    try:
        return "format" in Path(stats).read_text(encoding="utf-8")[:200]
    except OSError:
        return False


def _of_file(stats: str) -> Iterator[tuple[Name, float]]:
    """Read rows from what `wgm-play stats` writes, or from an object of tables and numbers."""
    path = Path(stats)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{stats!r}: {error.strerror}", hint="--stats FILE") from error
    except ValueError as error:
        raise InputError(f"{stats!r} is no JSON: {error}", where=Position(stats)) from error
    if isinstance(document, Mapping) and "format" in document:
        from wgm_play.stats.file import load

        yield from ((name, size.rows) for name, size in load(stats).sizes().items())
        return
    tables = document.get("tables", document) if isinstance(document, Mapping) else document
    entries = tables.items() if isinstance(tables, Mapping) else ((_name_of(one), one) for one in tables)
    for name, one in entries:
        rows = one.get("rows", one.get("reltuples")) if isinstance(one, Mapping) else one
        if isinstance(rows, (int, float)) and name:
            schema, _, table = str(name).rpartition(".")
            yield (schema or "public", table), float(rows)


def _name_of(one: Any) -> str:
    if not isinstance(one, Mapping):
        return ""
    table = str(one.get("table") or one.get("name") or "")
    return f"{one['schema']}.{table}" if one.get("schema") and "." not in table else table
