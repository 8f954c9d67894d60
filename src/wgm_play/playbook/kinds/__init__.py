"""The kinds of steps: one file each, and this list.

In: nothing. Out: `KINDS`, by the key that a step has.
"""

from __future__ import annotations

from wgm_play.playbook.kinds import (
    assert_,
    comment,
    domain,
    enum,
    extension,
    function,
    index,
    materialized_view,
    procedure,
    schema,
    seed,
    sequence,
    setting,
    sql,
    table,
    trigger,
    view,
)
from wgm_play.playbook.kinds.base import Folding, Kind

__all__ = ["KINDS", "Folding", "Kind"]

KINDS: dict[str, Kind] = {
    "schema": schema.KIND,
    "extension": extension.KIND,
    "enum": enum.KIND,
    "domain": domain.KIND,
    "sequence": sequence.KIND,
    "table": table.KIND,
    "index": index.KIND,
    "view": view.KIND,
    "materialized_view": materialized_view.KIND,
    "function": function.KIND,
    "procedure": procedure.KIND,
    "trigger": trigger.KIND,
    "comment": comment.KIND,
    "setting": setting.KIND,
    "seed": seed.KIND,
    "sql": sql.KIND,
    "assert": assert_.KIND,
}
