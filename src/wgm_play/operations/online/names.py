"""Names of helper objects, and the queries that tell whether they are there.

In: what a helper is for. Out: a name of at most 63 bytes with a digest of it; SQL for `Command.done`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from wgm_play.render import render
from wgm_play.sql import shortened

NEW, OLD, SYNC, NOT_NULL = "wgm_new_", "wgm_old_", "wgm_sync_", "wgm_not_null_"
_DIGEST = 8


def helper(prefix: str, name: str, *purpose: object) -> str:
    """Return a helper's name: two helpers with the same name are for the same purpose."""
    mark = hashlib.sha256(repr((name, *purpose)).encode()).hexdigest()[:_DIGEST]
    return shortened(name, f"_{mark}", before=prefix)


def there(kind: str, table: Iterable[str], name: str, *, validated: bool = False) -> str:
    """Return the query that tells whether a helper (column, index, constraint, trigger, not_null, …) is there."""
    return render("online/there.sql.j2", kind=kind, table=list(table), name=name, validated=validated).sql


def gone(kind: str, table: Iterable[str], name: str) -> str:
    """Return the query that tells that a helper is not there (any more)."""
    return render("online/not_there.sql.j2", kind=kind, table=list(table), name=name, validated=False).sql
