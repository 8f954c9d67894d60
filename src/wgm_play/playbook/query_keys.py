"""The JSON Schemas of a play's `queries:`, `application:` and `gate:`: what the application sends, how its sessions are called, what must hold of plans.

In: nothing. Out: `QUERY`, `APPLICATION`, `GATE`, which the playbook's schema includes.
"""

from __future__ import annotations

from wgm_play.playbook.kinds.base import Schema, choice, mapping, text

_VALUE: Schema = {"type": ["string", "number", "boolean", "null", "array", "object"]}
QUERY: Schema = mapping(
    {
        "name": text("The query in words, as `A user's open tasks`.", minLength=1),
        "sql": text(
            "One SELECT, INSERT, UPDATE or DELETE, with parameters as `$1` or `:name`. It is never run: it is prepared"
            " with what the playbook makes, and its plan is asked for.",
            minLength=1,
        ),
        "values": {
            "description": "Example values of the parameters: a list for `$1, $2`, a mapping for `:name`."
            " Without them the plan is the one for any values.",
            "oneOf": [{"type": "array", "items": _VALUE}, {"type": "object", "additionalProperties": _VALUE}],
        },
    },
    ["name", "sql"],
    "A query of the application.",
)
GATE: Schema = choice(
    "Gate before a run: `plans` refuses a change with which a query of the play, or one of the server's dearest, gets a"
    " plan that costs at least twice as much. It is tried on a scratch server, and looked at again after the run.",
    "plans",
)
APPLICATION: Schema = text(
    "Name and version of the application that this play is for, as its sessions say them in `application_name`:"
    " `shop/2.4`. `wgm-play checklist` looks for it, and for sessions of other versions.",
    pattern=r"^[^/]+/[^/]+$|\{\{",
    **{"x-expected": "a name, a slash, a version, as shop/2.4"},
)
