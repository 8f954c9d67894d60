"""A hook for tests: die after the n-th statement that this process sent on a changing connection.

In: the environment variable WGM_TEST_KILL_AFTER. `5` kills the process (SIGKILL) when the fifth statement was
answered; `5:sent` kills it when the fifth was sent and its answer not awaited (one with values dies answered in either
case). Every statement of a session and of the ledger counts, BEGIN and COMMIT too. Out: nothing, as long as the
variable is not set.
"""

from __future__ import annotations

import os
import signal
from typing import Any

VARIABLE = "WGM_TEST_KILL_AFTER"


def _read() -> tuple[int, bool]:
    number, _, moment = os.environ.get(VARIABLE, "").partition(":")
    return (int(number) if number.isdigit() else 0), moment == "sent"


_last, _unanswered = _read()
_count = 0


def before_statement(connection: Any, sql: str) -> None:
    """Send `sql` and die without its answer, where it is the statement that the test named."""
    if _unanswered and _count + 1 == _last:
        connection.pgconn.send_query(sql.encode())
        while connection.pgconn.flush():
            pass
        os.kill(os.getpid(), signal.SIGKILL)


def after_statement() -> None:
    """Count one statement; die where it is the one that the test named."""
    global _count  # noqa: PLW0603 - one process, one count
    if _last:
        _count += 1
        if _count == _last:
            os.kill(os.getpid(), signal.SIGKILL)
