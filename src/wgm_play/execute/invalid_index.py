"""What a failed CREATE INDEX CONCURRENTLY leaves behind: an INVALID index that costs writes and serves nobody.

In: the statement that failed. Out: the index dropped, so that the statement can be sent again.
"""

from __future__ import annotations

import re

from wgm_play.execute.session import Session
from wgm_play.ledger.statements import send, text
from wgm_play.plan import Command
from wgm_play.sqltext.scan import NAME

_CREATE = re.compile(
    rf"\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{NAME})"
    rf"\s+ON\s+(?:ONLY\s+)?(?P<table>{NAME}(?:\.{NAME})?)",
    re.IGNORECASE,
)
# The table's lock is to be had at once or not at all: the plan of the next run finds the index as well.
_DROP = Command("DROP INDEX CONCURRENTLY", wait="long", transactional=False)


def drop_invalid_index(session: Session, sql: str) -> str | None:
    """Drop the INVALID index that `sql` left, where it is one; return its name."""
    found = _CREATE.match(sql)
    if found is None:
        return None
    name = _plain(found["name"])
    row = send(session.connection, text("execute/invalid_index"), found["table"], name).fetchone()
    if row is None:
        return None
    session.allow(_DROP)
    session.send(text("execute/drop_index", name=tuple(row)))
    return name


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
