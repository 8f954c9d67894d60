"""Passwords of roles: PostgreSQL is told a SCRAM verifier, never the password.

In: a password. Out: its verifier, or whether one is of that password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

# As PostgreSQL's own default (manual: scram_iterations).
ITERATIONS = 4096
_SALT_BYTES = 16


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
