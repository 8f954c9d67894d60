"""What changes each kind. `OPERATIONS_FOR` is the one list: kind -> (create, alter, drop), each (situation, key) -> changes."""

from __future__ import annotations

from collections.abc import Callable

from wgm_play.catalog.model import Key
from wgm_play.operations import (
    access,
    collation,
    column,
    composite,
    constraint,
    cron_job,
    foreign,
    function,
    index,
    namespace,
    operator,
    partition_set,
    policy,
    publication,
    rule,
    sequence,
    statistics,
    table,
    text_search,
    trigger,
    types,
    view,
)
from wgm_play.operations.base import Change, PlanContext
from wgm_play.operations.defined import Defined

Maker = Callable[[PlanContext, Key], list[Change]]

# Kinds of one statement each; `compare.py` asks them whether a change can be made in place.
DEFINED: dict[str, Defined] = {
    "aggregate": operator.AGGREGATE,
    "operator": operator.OPERATOR,
    "operator_family": operator.OPERATOR_FAMILY,
    "operator_class": operator.OPERATOR_CLASS,
    "cast": operator.CAST,
    "text_search_dictionary": text_search.TEXT_SEARCH_DICTIONARY,
    "text_search_configuration": text_search.TEXT_SEARCH_CONFIGURATION,
    "statistics": statistics.STATISTICS,
    "rule": rule.RULE,
    "event_trigger": rule.EVENT_TRIGGER,
    "publication": publication.PUBLICATION,
    "foreign_data_wrapper": foreign.FOREIGN_DATA_WRAPPER,
    "server": foreign.SERVER,
    "foreign_table": foreign.FOREIGN_TABLE,
}

OPERATIONS_FOR: dict[str, tuple[Maker, Maker, Maker]] = {
    "schema": (namespace.create_schema, namespace.alter_schema, namespace.drop_schema),
    "extension": (namespace.create_extension, namespace.alter_extension, namespace.drop_extension),
    "partition_set": (
        partition_set.create_partition_set,
        partition_set.alter_partition_set,
        partition_set.drop_partition_set,
    ),
    "cron_job": (cron_job.create_cron_job, cron_job.alter_cron_job, cron_job.drop_cron_job),
    "setting": (namespace.set_setting, namespace.set_setting, namespace.reset_setting),
    "enum": (types.create_enum, types.alter_enum, types.drop_enum),
    "domain": (types.create_domain, types.alter_domain, types.drop_domain),
    "domain_constraint": (
        types.create_domain_constraint,
        types.alter_domain_constraint,
        types.drop_domain_constraint,
    ),
    "sequence": (sequence.create_sequence, sequence.alter_sequence, sequence.drop_sequence),
    "table": (table.create_table, table.alter_table, table.drop_table),
    "column": (column.add_column, column.alter_column, column.drop_column),
    "constraint": (constraint.create_constraint, constraint.alter_constraint, constraint.drop_constraint),
    "index": (index.create_index, index.alter_index, index.drop_index),
    "view": (view.create_view, view.alter_view, view.drop_view),
    "materialized_view": (
        view.create_materialized_view,
        view.alter_materialized_view,
        view.drop_materialized_view,
    ),
    "function": (function.create_function, function.alter_function, function.drop_function),
    "procedure": (function.create_function, function.alter_function, function.drop_function),
    "policy": (policy.create_policy, policy.alter_policy, policy.drop_policy),
    "role": (access.create_role, access.alter_role, access.drop_role),
    "membership": (access.change_membership, access.change_membership, access.drop_membership),
    "owner": (access.change_owner, access.change_owner, access.keep_owner),
    "grant": (access.change_grant, access.change_grant, access.change_grant),
    "default_privileges": (access.change_default, access.change_default, access.change_default),
    "security_label": (access.change_label, access.change_label, access.change_label),
    "trigger": (trigger.create_trigger, trigger.alter_trigger, trigger.drop_trigger),
    "composite": (composite.create_type, composite.alter_type, composite.drop_type),
    "range": (composite.create_type, composite.alter_type, composite.drop_type),
    "collation": (collation.COLLATION.create, collation.swap_collation, collation.drop_collation),
    "publication_table": (publication.add_member, publication.alter_member, publication.drop_member),
    "publication_schema": (publication.add_member, publication.alter_member, publication.drop_member),
    "user_mapping": (foreign.create_mapping, foreign.alter_mapping, foreign.drop_mapping),
    **{kind: (made.create, made.alter, made.drop) for kind, made in DEFINED.items()},
}
