"""What comes after the statement at hand: some statements are safe because of the next one.

In: a `RuleContext`. Out: nodes of the same file, or only of the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wgm_play.lint.context import RuleContext
from wgm_play.lint.tree import kind


def later(look: RuleContext, *, same_transaction: bool = False) -> Iterator[Any]:
    """Return the statements of the file that come after the one at hand."""
    if same_transaction and not look.session.transaction:
        return
    for one in look.coming:
        if same_transaction and kind(one) == "TransactionStmt" and one.kind.name not in _INSIDE:
            return
        yield one


_INSIDE = ("TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO")
