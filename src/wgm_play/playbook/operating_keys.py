"""The JSON Schema of a play's `after_changes:`: what is watched after a run.

In: nothing. Out: `AFTER_CHANGES`, which the playbook's schema includes.
"""

from __future__ import annotations

from wgm_play.playbook.alert_keys import DURATION
from wgm_play.playbook.kinds.base import Schema, choice, flag, mapping, text

_LASTS = {"pattern": DURATION, "x-expected": "a duration, as 5m"}

AFTER_CHANGES: Schema = mapping(
    {
        "alerts": {
            "description": "Names of the play's alerts that are watched (all of them). Only those count that were silent before the run.",
            "type": "array",
            "items": text("The name of an alert of the play.", minLength=1),
        },
        "invariants": flag("Ask the play's invariants too, for as long as the alerts are watched.", True),
        "for": text("How long is watched after the last change (5m).", **_LASTS),
        "every": text("How often is looked (10s, or a tenth of `for` where that is less).", **_LASTS),
        "on_failure": choice(
            "What becomes of a run after which an alert fires or an invariant is broken: it is reported (exit 12), or taken back (exit 2).",
            "report",
            "rollback",
            default="report",
        ),
    },
    description="What is watched after a run that changed something.",
)
