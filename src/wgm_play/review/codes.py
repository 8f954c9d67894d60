"""The codes of what a review finds beside hazards, each with what it means.

In: nothing. Out: `CODES`, for the rules of SARIF and for the page of the guide.
"""

from __future__ import annotations

CODES = {
    "acts": "something new acts on statements that do not name it, or reaches another server",
    "blocks": "readers or writers of a table wait for as long as it is read or written anew",
    "blocks_briefly": "a table is locked for a moment",
    "data_goes": "a table, a column or a sequence goes",
    "environment": "an environment file lets more happen, or leads elsewhere",
    "error": "the playbook is wrong: nothing can be planned",
    "grant_narrower": "a role loses a privilege",
    "grant_option": "a role may pass privileges on",
    "grant_wider": "a role gets a privilege",
    "irreversible": "an operation cannot be undone",
    "membership": "a role gets the rights of another",
    "owner": "an object gets another owner",
    "play_goes": "a play is in no file any more: nothing looks after its database",
    "policy": "a policy is new or says something else",
    "policy_dropped": "a policy goes",
    "refused": "a run would be refused",
    "role": "a role is new or may do more",
    "role_dropped": "a role goes",
    "row_security_off": "row level security is switched off or no longer forced",
    "row_security_on": "row level security is switched on and no policy lets anybody see a row",
    "rows_go": "rows of a seed go",
    "security_definer": "a routine runs with the rights of its owner",
    "signer": "somebody may sign, or no longer: approvals of plans, evidence",
    "sql": "a step runs SQL of its own",
    "values_change": "values are converted and cannot be had back",
    "view_open": "a view no longer keeps rows from whoever reads it",
}
