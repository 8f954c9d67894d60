"""Each entry that pg_restore could not make is known, whatever its parallel jobs write between one another's lines."""

from __future__ import annotations

import pytest

from wgm_play.backup.loading import Heard

ONE, TWO = "pg_restore: from TOC entry 7; 1259 1 INDEX a me", "pg_restore: from TOC entry 9; 3466 2 EVENT TRIGGER b me"
FIRST = "pg_restore: error: could not execute query: ERROR:  no such class"
SECOND = "pg_restore: error: could not execute query: ERROR:  permission denied"
AGAIN = "pg_restore: error: could not execute query: ERROR:  and one more of the same entry"


@pytest.mark.parametrize(
    ("lines", "failed"),
    [
        ([ONE, FIRST, TWO, SECOND], {7: "no such class", 9: "permission denied"}),
        ([ONE, TWO, FIRST, SECOND], {7: "no such class", 9: "permission denied"}),
        ([ONE, FIRST, AGAIN, TWO, SECOND], {7: "no such class", 9: "permission denied"}),
        ([f"pg_restore: {ONE} {TWO}", FIRST, SECOND], {7: "no such class", 9: "permission denied"}),
        ([ONE, TWO, f"pg_restore{SECOND}"], {7: "permission denied", 9: None}),
        (["pg_restore: error: connection failed"], {0: "connection failed"}),
        (["pg_restore: creating INDEX"], {}),
    ],
)
def test_what_failed_is_known(lines: list[str], failed: dict[int, str | None]) -> None:
    heard = Heard()
    for line in lines:
        heard(line)
    found = heard.end()
    assert found.keys() == failed.keys()
    assert all(found[number] == text for number, text in failed.items() if text is not None)
