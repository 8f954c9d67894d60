"""Who saves a plan, and for which database: kept in its file, so that an approval is bound to it.

In: a connection that may only read, the project. Out: what the file says.
"""

from __future__ import annotations

import getpass
from pathlib import Path

from wgm_play.ledger.statements import Connection, run
from wgm_play.promotion.identity import identity_of
from wgm_play.promotion.revision import author


def saved_by(connection: Connection, project: Path) -> dict[str, str]:
    """Return the login that the server knows, the person as the repository knows it, and the database."""
    row = run(connection, "session_user").fetchone()
    try:
        os_user = getpass.getuser()
    except (OSError, KeyError):  # a container's user id need not have a name
        os_user = ""
    return {
        "role": str(row[0]) if row else "",
        "os_user": os_user,
        "database": identity_of(connection),
        **author(project),
    }
