"""The text of pg_dump, without what a server counts for itself.

In: what pg_dump wrote. Out: the same, line for line. A server of a minor version that counts the versions of columns in their
options (15.20 does) is dumped with them by a pg_dump of before; a server that does not count takes no such option.
"""

from __future__ import annotations

import re

_ALONE = re.compile(r"^ALTER (?:FOREIGN )?TABLE ONLY [^\n]* ALTER COLUMN [^\n]* SET \(pg_attver=\d+\);$", re.MULTILINE)
_AMONG = re.compile(r"(?<= SET \()pg_attver=\d+, (?=[^()\n]*\);$)|(?<=\d), pg_attver=\d+(?=[^()\n]*\);$)", re.MULTILINE)


def without_versions(dump: str) -> str:
    """Return a dump without the versions of columns; a line that says nothing else is empty."""
    if "pg_attver=" not in dump:
        return dump
    return _AMONG.sub("", _ALONE.sub("", dump))
