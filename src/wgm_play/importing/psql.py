"""What psql reads beside SQL, in dumps and in scripts: taken out where nothing of the schema is lost.

In: a part. Out: the part with blanks in its place, so that lines and columns stay, and parts that name the rows left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from wgm_play.errors import InputError
from wgm_play.importing.parts import SourcePart
from wgm_play.sqltext.dump import without_versions

# COPY with the rows that follow it, up to `\\.` (manual: "COPY", file formats).
_COPIED = re.compile(
    r"^COPY\s+([^\s(]+)[^;]*?\bFROM\s+stdin\b[^;]*;[^\n]*\n(.*?)^\\\.[ \t]*$", re.MULTILINE | re.DOTALL | re.IGNORECASE
)
# Commands that change nothing of what the SQL makes; `\\restrict` is written by pg_dump since 13.22, 14.19, 15.14, 16.10, 17.6.
_HARMLESS = re.compile(
    r"^\\(?:restrict|unrestrict|set|unset|echo|qecho|warn|pset|timing|encoding|x|a|t|q|errverbose)\b.*$", re.MULTILINE
)
_CONNECT = re.compile(r"^\\c(?:onnect)?\s+(?:-reuse-previous=\w+\s+)?\"?(?:dbname=)?'?([^\s'\"]+).*$", re.MULTILINE)
_ANY = re.compile(r"^\\", re.MULTILINE)
_OF_THE_SERVER = ("template1", "postgres")


def without_psql(part: SourcePart) -> Iterator[SourcePart]:
    """Yield a part as plain SQL. Raises `InputError` where it is about several databases."""
    part = replace(part, sql=without_versions(part.sql))
    if not _ANY.search(part.sql) or _is_sql(part.sql):
        yield part
        return
    targets = {found.group(1): found for found in _CONNECT.finditer(part.sql) if found.group(1) not in _OF_THE_SERVER}
    if len(targets) > 1:
        raise InputError(
            f"{part.file} is about {len(targets)} databases: {', '.join(targets)}",
            where=part.place(list(targets.values())[1].start()),
            hint="a playbook is one database's: write a file for each, as `pg_dump --schema-only DATABASE` does",
        )
    for found in _COPIED.finditer(part.sql):
        if found.group(2).strip():
            line = part.line + part.sql.count("\n", 0, found.start())
            yield SourcePart(part.file, line, "", untold=f"rows of {found.group(1)} (COPY)")
    text = part.sql
    for pattern in (_COPIED, _HARMLESS, _CONNECT):
        text = pattern.sub(lambda one: re.sub(r"[^\n]", " ", one.group()), text)
    yield replace(part, sql=text)


def _is_sql(text: str) -> bool:
    from pglast import split
    from pglast.parser import ParseError

    try:
        split(text, only_slices=True)
    except ParseError:
        return False
    return True
