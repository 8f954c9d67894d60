"""Passwords of roles: PostgreSQL is told a SCRAM verifier, never the password.

In: declarations of roles, a connection to the target. Out: verifiers of those whose password is to be set.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wgm_play.catalog.model import Catalog, Key
from wgm_play.playbook.model import Declaration
from wgm_play.render import render
from wgm_play.secret import register
from wgm_play.sql import reveal

if TYPE_CHECKING:
    import psycopg

# As PostgreSQL's own default (manual: scram_iterations).
ITERATIONS = 4096
_SALT_BYTES = 16


def to_set(
    connection: psycopg.Connection[Any], declarations: Mapping[Key, Declaration], live: Catalog
) -> dict[Key, str]:
    """Return a verifier for each role whose password is another, or whose password is not known and that is new."""
    wanted = {
        key: reveal(one.attributes["password"])
        for key, one in declarations.items()
        if key.kind == "role" and not one.absent and "password" in one.attributes
    }
    if not wanted:
        return {}
    known = _verifiers(connection)
    made = {}
    for key, password in wanted.items():
        there = key in live.rows
        if there and (known is None or fits(known.get(key.name[0]) or "", password)):
            continue
        made[key] = verifier(password)
        register(made[key], f"VERIFIER_OF_{key.name[0]}".upper())
    return made


def _verifiers(connection: psycopg.Connection[Any]) -> dict[str, str] | None:
    """Return role -> verifier; None where this role may not read them."""
    row = connection.execute(render("role/may_read.sql.j2").sql).fetchone()
    if not row or not row[0]:
        return None
    return {name: found for name, found in connection.execute(render("role/verifiers.sql.j2").sql).fetchall() if found}


def verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Return the SCRAM-SHA-256 verifier of a password (RFC 5802, RFC 7677), as pg_authid keeps it."""
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password).encode(), salt, iterations)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{text[0]}${text[1]}:{text[2]}"


def fits(found: str, password: str) -> bool:
    """Tell whether a verifier is that of a password; any other form of password (md5) does not fit."""
    try:
        method, numbers, _ = found.split("$")
        iterations, salt = numbers.split(":")
        return method == "SCRAM-SHA-256" and hmac.compare_digest(
            found, verifier(password, base64.b64decode(salt), int(iterations))
        )
    except ValueError:
        return False


def _prepared(password: str) -> str:
    """Return the password as SASLprep makes it, as far as passwords need it: compatibility forms joined (RFC 4013)."""
    import unicodedata

    return password if password.isascii() else unicodedata.normalize("NFKC", password)
