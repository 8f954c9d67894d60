"""The kinds of steps: one file each, and this list.

In: nothing. Out: `KINDS`, by the key that a step has.
"""

from __future__ import annotations

from wgm_play.catalog.kinds import GRANTED, OWNED
from wgm_play.playbook.kinds import (
    aggregate,
    assert_,
    backfill,
    cast,
    collation,
    comment,
    composite,
    cron_job,
    default_privileges,
    domain,
    enum,
    event_trigger,
    extension,
    foreign_data_wrapper,
    foreign_table,
    function,
    grant,
    index,
    materialized_view,
    membership,
    operator,
    operator_class,
    operator_family,
    partition_set,
    policy,
    procedure,
    publication,
    range,
    role,
    rule,
    schema,
    security_label,
    seed,
    sequence,
    server,
    setting,
    sql,
    statistics,
    table,
    text_search_configuration,
    text_search_dictionary,
    trigger,
    user_mapping,
    view,
)
from wgm_play.playbook.kinds.base import Folding, Kind
from wgm_play.playbook.kinds.privileges import GRANTS, OWNER

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
    "policy": policy.KIND,
    "collation": collation.KIND,
    "composite": composite.KIND,
    "range": range.KIND,
    "aggregate": aggregate.KIND,
    "operator": operator.KIND,
    "operator_family": operator_family.KIND,
    "operator_class": operator_class.KIND,
    "cast": cast.KIND,
    "text_search_dictionary": text_search_dictionary.KIND,
    "text_search_configuration": text_search_configuration.KIND,
    "statistics": statistics.KIND,
    "rule": rule.KIND,
    "event_trigger": event_trigger.KIND,
    "foreign_data_wrapper": foreign_data_wrapper.KIND,
    "server": server.KIND,
    "user_mapping": user_mapping.KIND,
    "foreign_table": foreign_table.KIND,
    "publication": publication.KIND,
    "role": role.KIND,
    "membership": membership.KIND,
    "grant": grant.KIND,
    "default_privileges": default_privileges.KIND,
    "security_label": security_label.KIND,
    "comment": comment.KIND,
    "setting": setting.KIND,
    "cron_job": cron_job.KIND,
    "partition_set": partition_set.KIND,
    "seed": seed.KIND,
    "sql": sql.KIND,
    "backfill": backfill.KIND,
    "assert": assert_.KIND,
}

for _name in OWNED & KINDS.keys():
    KINDS[_name].schema["properties"].update(owner=OWNER)
for _name in GRANTED & KINDS.keys():
    KINDS[_name].schema["properties"].update(grants=GRANTS)
