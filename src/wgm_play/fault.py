"""A hook for tests: die after the n-th statement that this process sent on a changing connection.

In: the environment variable WGM_TEST_KILL_AFTER. `5` kills the process (SIGKILL) when the fifth statement was
answered; `5:sent` kills it when the fifth was sent and its answer not awaited (one with values dies answered in either
case); `5:change` kills it when the database was changed for the fifth time: a COMMIT, or a statement outside of a
transaction, of the plan. Every statement of a session and of the ledger counts, BEGIN and COMMIT too. Out: nothing, as
long as the variable is not set.
"""

from __future__ import annotations

import os
import re
import signal
from typing import Any

VARIABLE = "WGM_TEST_KILL_AFTER"
_CHANGES = re.compile(
    r"^(ALTER|COMMENT|CREATE|DELETE|DO|DROP|GRANT|INSERT|REFRESH|REINDEX|REVOKE|UPDATE)\b", re.MULTILINE
)


def _read() -> tuple[int, str]:
    number, _, moment = os.environ.get(VARIABLE, "").partition(":")
    return (int(number) if number.isdigit() else 0), moment


_last, _moment = _read()
_count = 0
_changing = False


def before_statement(connection: Any, sql: str) -> None:
    """Send `sql` and die without its answer, where it is the statement that the test named."""
    if _moment == "sent" and _count + 1 == _last:
        connection.pgconn.send_query(sql.encode())
        while connection.pgconn.flush():
            pass
        os.kill(os.getpid(), signal.SIGKILL)


def after_statement(connection: Any = None, sql: str = "") -> None:
    """Count one statement; die where it is the one that the test named. `connection` and `sql` are those of the plan."""
    global _count  # noqa: PLW0603 - one process, one count
    if _last:
        _count += _moment != "change" or _has_changed(connection, sql)
        if _count == _last:
            os.kill(os.getpid(), signal.SIGKILL)


def _has_changed(connection: Any, sql: str) -> bool:
    """Tell whether the database holds now what it did not hold before."""
    global _changing  # noqa: PLW0603
    _changing = _changing or _CHANGES.search(sql) is not None
    if not _changing or connection is None or connection.info.transaction_status.name != "IDLE":
        return False
    _changing = False
    return True
